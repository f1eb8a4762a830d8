"""API keys through the API: made, shown once, used within their scopes, revoked."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

KEYS = "/api/v1/api-keys"


async def make(client: httpx.AsyncClient, *scopes: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post(KEYS, json={"name": "Till", "scopes": list(scopes)} | fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bearer(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}


async def test_made_shown_once_used_revoked(quiet: Any) -> None:
    made = await make(quiet.client, "read", "orders:write", expires_at="2099-01-01T00:00:00Z")
    assert made["key"].startswith(made["prefix"])
    assert made["prefix"].startswith("lsk_")
    listed = (await quiet.client.get(KEYS)).json()
    assert [each["name"] for each in listed["items"]] == ["bootstrap", "Till"]
    assert listed["items"][1] == {name: value for name, value in made.items() if name != "key"}
    assert (await quiet.stranger.get("/api/v1/integrations", headers=bearer(made))).status_code == 200
    assert (await quiet.client.delete(f"{KEYS}/{made['id']}")).status_code == 204
    assert (await quiet.stranger.get("/api/v1/integrations", headers=bearer(made))).status_code == 401
    assert (await quiet.client.delete(f"{KEYS}/{made['id']}")).status_code == 404
    assert len((await quiet.client.get(KEYS)).json()["items"]) == 1


async def test_the_key_is_nowhere_in_the_database(quiet: Any) -> None:
    made = await make(quiet.client, "read")
    async with quiet.service.engine.connect() as conn:
        dump = str((await conn.execute(text("SELECT k::text FROM gateway.api_keys k"))).all())
    assert made["prefix"] in dump
    assert made["key"] not in dump


async def test_a_key_does_what_its_scopes_allow_and_the_rest_is_named(quiet: Any) -> None:
    reader = bearer(await make(quiet.client, "read"))
    for method, path, scope in (
        ("POST", "/api/v1/integrations", "integrations:write"),
        ("DELETE", f"/api/v1/integrations/{uuid4()}", "integrations:write"),
        ("POST", "/api/v1/dead-letters/replay", "deadletters:write"),
        ("POST", f"/api/v1/orders/{uuid4()}/fulfillments", "orders:write"),
        ("POST", "/api/v1/inventory/adjustments", "inventory:write"),
        ("GET", KEYS, "admin"),
        ("POST", KEYS, "admin"),
    ):
        answer = await quiet.stranger.request(method, path, headers=reader)
        assert answer.status_code == 403, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["scope"] == scope
    writer = bearer(await make(quiet.client, "deadletters:write"))
    assert (await quiet.stranger.get("/api/v1/dead-letters", headers=writer)).status_code == 403
    replay = await quiet.stranger.post("/api/v1/dead-letters/replay", headers=writer, json={"all": True})
    assert replay.status_code == 202


async def test_no_key_makes_a_mightier_one(quiet: Any) -> None:
    admin = bearer(await make(quiet.client, "admin"))
    answer = await quiet.stranger.post(KEYS, headers=admin, json={"name": "x", "scopes": ["admin", "orders:write"]})
    assert (answer.status_code, answer.json()["scope"]) == (403, "orders:write")
    assert (await quiet.stranger.post(KEYS, headers=admin, json={"name": "x", "scopes": ["admin", "read"]})).is_success
    viewer = {"email": "vic@shop.example", "role": "viewer"}
    assert (await quiet.stranger.post("/api/v1/users", headers=admin, json=viewer)).status_code == 201
    operator = {"email": "otto@shop.example", "role": "operator"}
    assert (await quiet.stranger.post("/api/v1/users", headers=admin, json=operator)).status_code == 403


async def test_no_organisation_sees_or_ends_anothers(quiet: Any) -> None:
    made = await make(quiet.client, "read")
    assert (await quiet.other.delete(f"{KEYS}/{made['id']}")).status_code == 404
    assert [each["name"] for each in (await quiet.other.get(KEYS)).json()["items"]] == ["bootstrap"]
    assert (await quiet.stranger.get("/api/v1/integrations", headers=bearer(made))).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "  ", "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "expire_at": "2099-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00"},
    ],
)
async def test_bad_input(quiet: Any, body: dict[str, Any]) -> None:
    assert (await quiet.client.post(KEYS, json=body)).status_code == 422


async def test_pages(quiet: Any) -> None:
    for n in range(4):
        await make(quiet.client, "read", name=f"k{n}")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await quiet.client.get(f"{KEYS}?limit=2{cursor}")).json()
        seen += [each["name"] for each in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert seen == ["bootstrap", "k0", "k1", "k2", "k3"]
