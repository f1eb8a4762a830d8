"""Fulfilments at the simulated stores: buyers who order, a user who has it shipped, and how often the stores did it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.testing import eventually

PIECES = {"0001": 1, "0003": 2}
"""What each order holds, by the end of its SKU."""


async def sim(url: str, path: str, method: str = "GET", body: object = None) -> Any:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.request(method, f"{url}/_sim/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


async def place(store: Any, n: int, **more: Any) -> dict[str, str]:
    """Buyers order `n` times; the orders' ids, each with the tracking number that it will get."""
    prefix = sku_prefix(store)
    lines = [{"sku": prefix + sku, "quantity": quantity} for sku, quantity in PIECES.items()]
    placed = await sim(store.url, "orders", "POST", {"n": n, "lines": lines} | more)
    return {str(order["id"]): f"TRACK-{order['id']}" for order in placed["orders"]}


async def shipped(stores: Any) -> int:
    """Shipments at the stores by now."""
    woo, shopify = await asyncio.gather(sim(stores.woo.url, "fulfilments"), sim(stores.shopify.url, "fulfillments"))
    return int(woo["shipped"] + shopify["count"])


async def ask(hub: Any, order: dict[str, Any], number: str) -> None:
    """Have an order shipped as a careful user does: with a key, and again for as long as there is no answer."""

    async def accepted() -> bool:
        try:
            answer = await hub.client.post(
                f"/api/v1/orders/{order['id']}/fulfillments",
                json={"tracking": {"number": number, "carrier": "DHL", "url": f"https://track.example/{number}"}},
                # Each test's stores begin to count anew, and all tests are one organisation.
                headers={"Idempotency-Key": f"{order['id']} {number}"},
            )
        except httpx.HTTPError:
            return False
        if answer.status_code not in (202, 409, 502, 503, 504):
            # Not an assertion, which `eventually` would take for "not yet".
            raise RuntimeError(f"{answer.status_code}: {answer.text}")
        return bool(answer.status_code == 202)

    await eventually(accepted, timeout=120, interval=0.2)


async def assert_woo_shipped_once(store: Any, wanted: dict[str, str]) -> None:
    state = await sim(store.url, "fulfilments")
    assert state["twice"] == []
    assert state["shipped"] == len(wanted)
    for external_id, number in wanted.items():
        found = state["orders"][external_id]
        assert (found["tracking_numbers"], found["completed_count"]) == ([number], 1), found
        assert len([note for note in found["customer_notes"] if number in note]) == 1, found


async def assert_shopify_shipped_once(store: Any, wanted: dict[str, str]) -> None:
    state = await sim(store.url, "fulfillments")
    assert state["count"] == len(wanted)
    assert state["units"] == len(wanted) * sum(PIECES.values())
    for external_id, number in wanted.items():
        (shipment,) = state["by_order"][external_id]
        assert number in str(shipment)


def sku_prefix(store: Any) -> str:
    """What a simulated store's SKUs begin with."""
    config = store.shop.config if isinstance(store, SimulatedWoo) else store.shop().config
    return str(config.sku_prefix)


def each_of(wanted: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    """(integration, the store's order id, tracking number) of all."""
    return [(integration, each, number) for integration, ids in wanted.items() for each, number in ids.items()]
