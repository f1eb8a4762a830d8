"""Prices and shelves by the API on a real database: one command for each key, its end told in the list of commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from longshore.commands import commands_router
from longshore.contracts import Command, CommandError, CommandOutcome, CommandStatus
from longshore.internal import internal_headers, internal_tokens
from longshore.platforms.declaration import Ability
from longshore.problems import install_problem_handlers
from longshore_inventory.listings.api import catalogue_router
from longshore_inventory.pushes.models import commands
from longshore_inventory.pushes.rules import STOCK_SET
from longshore_inventory.selling.api import selling_router
from longshore_inventory.selling.models import product_commands
from longshore_inventory.selling.service import Selling

from ..conftest import World  # noqa: TID252  (tests are no package of their own)

KEYS = ("k",)
EURO = {"amount": 1250, "currency": "EUR", "exponent": 2}


@pytest.fixture
def selling(world: World) -> Selling:
    return Selling(world.engine, {"shopify": frozenset(Ability)})


@pytest.fixture
async def client(world: World, selling: Selling) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.internal_tokens = internal_tokens(KEYS)
    install_problem_handlers(app)
    for router in (
        selling_router(selling),
        catalogue_router(world.engine),
        commands_router(world.engine, commands, STOCK_SET, product_commands),
    ):
        app.include_router(router)
    headers = internal_headers(KEYS, world.org)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inventory", headers=headers) as client:
        yield client


async def catalogue(client: httpx.AsyncClient) -> tuple[Any, Any]:
    """The one product, and its one listing."""
    product = (await client.get("/api/v1/products")).json()["items"][0]
    return product, product["listings"][0]


async def sent(world: World, kind: str) -> list[Command]:
    async with world.engine.connect() as conn:
        rows = await conn.execute(text("SELECT convert_from(value, 'UTF8') AS value FROM inventory.outbox ORDER BY id"))
        found = [Command.from_json(row.value) for row in rows if '"payload"' in row.value]
    return [each for each in found if each.payload.type.startswith(kind) and each.org_id == world.org]


def ended(command: Command, status: CommandStatus, error: CommandError | None = None) -> CommandOutcome:
    return CommandOutcome(
        command_id=command.id,
        type=command.payload.type,
        org_id=command.org_id,
        integration_id=command.integration_id,
        reply_to=command.reply_to,
        status=status,
        attempts=2,
        error=error,
        at=command.created_at,
    )


async def test_a_price_is_asked_for_once(client: httpx.AsyncClient, world: World, selling: Selling) -> None:
    store = world.store()
    await world.list_sku(store, "A", 3)
    _, listing = await catalogue(client)
    path, body = f"/api/v1/listings/{listing['id']}/price", {"price": EURO | {"amount": 999}}
    answers = await asyncio.gather(*(client.post(path, json=body, headers={"Idempotency-Key": "k1"}) for _ in range(4)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["command"]["id"] for each in answers}) == 1
    (command,) = await sent(world, "product.price")
    assert command.payload.type == "product.price"
    assert command.payload.price.amount == 999
    reused = await client.post(path, json={"price": EURO}, headers={"Idempotency-Key": "k1"})
    assert (reused.status_code, reused.json()["type"]) == (422, "/problems/idempotency-key-reused")

    error = CommandError(code="price-refused", detail="No.")
    for outcome in (ended(command, CommandStatus.FAILED, error), ended(command, CommandStatus.SUCCEEDED)):
        await selling.settle([outcome])
    listed = (await client.get("/api/v1/commands", params={"integration_id": str(store.id)})).json()["items"]
    (told,) = [each for each in listed if each["type"] == "product.price"]
    assert (told["status"], told["attempts"], told["error"]["code"]) == ("failed", 2, "price-refused")
    assert (await client.get("/api/v1/commands", params={"order_id": str(uuid4())})).json()["items"] == []


async def test_on_the_shelf_and_off_it(client: httpx.AsyncClient, world: World) -> None:
    store = world.store()
    await world.list_sku(store, "A", 3)
    product, _ = await catalogue(client)
    path = f"/api/v1/products/{product['id']}/publish"
    assert (await client.post(path, json={"integration_id": str(store.id)})).status_code == 202
    assert (await client.delete(f"{path}/{store.id}")).status_code == 202
    put, taken = await sent(world, "product.")
    assert [each.payload.type for each in (put, taken)] == ["product.publish", "product.unpublish"]
    # The newest word counts, whatever has become of the one before.
    assert (put.supersedes, taken.supersedes) == ([], [put.id])
    other = await client.post(path, json={"integration_id": str(uuid4())})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/product-of-another-store")


async def test_what_is_not_the_organisations(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.post(f"/api/v1/listings/{uuid4()}/price", json={"price": EURO})).status_code == 404
    gone = await client.delete(f"/api/v1/products/{uuid4()}/publish/{uuid4()}")
    assert gone.status_code == 404


async def test_commands_of_both_kinds_in_one_list(client: httpx.AsyncClient, world: World) -> None:
    a, b = world.store(), world.store()
    await world.list_sku(a, "A", 3)
    await world.list_sku(b, "A", 1)
    product, _ = await catalogue(client)
    for _ in range(3):
        await client.delete(f"/api/v1/products/{product['id']}/publish/{product['integration_id']}")
    whole = (await client.get("/api/v1/commands", params={"limit": 200})).json()["items"]
    paged, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/commands", params=params)).json()
        paged += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole
    assert {"stock.set", "product.unpublish"} == {each["type"] for each in whole}
