"""Connecting stores through the API, on real PostgreSQL and Kafka."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from longshore_devkit.testing import eventually
from longshore_gateway.webhooks.rules import signature_of

WOO: dict[str, Any] = {
    "platform": "woocommerce",
    "name": "Shop",
    "store_url": "https://shop.example",
    "credentials": {"consumer_key": "ck_planted", "consumer_secret": "cs_planted", "webhook_secret": "wh_planted"},
}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/integrations", json=WOO | fields)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def deliver(client: httpx.AsyncClient, created: dict[str, Any], secret: bytes = b"wh_planted") -> int:
    body = b'{"id":1}'
    headers = {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signature_of(secret, body).decode()}
    path = created["webhook_url"].removeprefix("https://hub.example")
    return (await client.post(path, content=body, headers=headers)).status_code


async def test_create_get_list_delete(quiet: Any) -> None:
    created = await create(quiet.client)
    assert created["status"] == "connecting"
    assert created["webhook_url"] == f"https://hub.example/webhooks/woocommerce/{created['id']}"
    assert created["settings"]["manage_webhooks"] is True
    assert (await quiet.client.get(f"/api/v1/integrations/{created['id']}")).json() == created
    assert (await quiet.client.get("/api/v1/integrations")).json() == {"items": [created], "next_cursor": None}
    assert (await quiet.client.delete(f"/api/v1/integrations/{created['id']}")).status_code == 204
    assert (await quiet.client.get(f"/api/v1/integrations/{created['id']}")).status_code == 404
    assert (await quiet.client.delete(f"/api/v1/integrations/{created['id']}")).status_code == 404
    assert (await quiet.client.get("/api/v1/integrations")).json()["items"] == []


async def test_credentials_are_nowhere_in_clear(quiet: Any) -> None:
    created = await create(quiet.client)
    listed = (await quiet.client.get("/api/v1/integrations")).text
    async with quiet.service.engine.connect() as conn:
        tables = await conn.execute(
            text("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('vault', 'gateway')")
        )
        dump = listed + str(created)
        for schema, table in tables.all():
            dump += str((await conn.execute(text(f'SELECT t::text FROM "{schema}"."{table}" t'))).all())
    assert str(created["id"]) in dump
    assert "_planted" not in dump


async def test_deliveries_are_taken_at_once_and_until_it_is_deleted(gateway: Any) -> None:
    assert await deliver(gateway.stranger, {"webhook_url": f"/webhooks/woocommerce/{uuid4()}"}) == 404
    created = await create(gateway.client)
    assert await deliver(gateway.stranger, created) == 200
    assert await deliver(gateway.stranger, created, b"wrong") == 401
    await gateway.client.delete(f"/api/v1/integrations/{created['id']}")

    async def refused() -> bool:
        return await deliver(gateway.stranger, created) == 404

    await eventually(refused, timeout=5)


async def test_a_store_that_was_unknown_a_moment_ago(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await create(gateway.client)
    await gateway.client.delete(f"/api/v1/integrations/{created['id']}")

    async def refused() -> bool:
        return await deliver(gateway.stranger, created) == 404

    await eventually(refused, timeout=5)
    # By itself an unknown store is forgotten after two seconds, which never pass now.
    now = time.monotonic()
    monkeypatch.setattr(gateway.app.state.stores, "_clock", lambda: now)
    again = await create(gateway.client, name="Back again")
    # The same store goes on under its id.
    assert again["id"] == created["id"]

    async def taken() -> bool:
        return await deliver(gateway.stranger, again) == 200

    await eventually(taken)


async def test_a_store_is_connected_once(quiet: Any) -> None:
    created = await create(quiet.client)
    answer = await quiet.client.post("/api/v1/integrations", json=WOO | {"store_url": "https://SHOP.example/"})
    assert answer.status_code == 409
    assert answer.json()["integration_id"] == created["id"]


async def test_no_organisation_sees_anothers(quiet: Any) -> None:
    created = await create(quiet.client)
    assert (await quiet.other.get(f"/api/v1/integrations/{created['id']}")).status_code == 404
    assert (await quiet.other.delete(f"/api/v1/integrations/{created['id']}")).status_code == 404
    assert (await quiet.other.get("/api/v1/integrations")).json()["items"] == []
    # The same store for another organisation is another integration.
    assert (await create(quiet.other))["id"] != created["id"]


async def test_pages(quiet: Any) -> None:
    ids = [(await create(quiet.client, store_url=f"https://s{n}.example"))["id"] for n in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await quiet.client.get(f"/api/v1/integrations?limit=2{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert seen == ids


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x"])
async def test_bad_limits(quiet: Any, query: str) -> None:
    assert (await quiet.client.get(f"/api/v1/integrations?{query}")).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "!!!", "AAAA", "MjAyNi0wMS0wMXwx"])
async def test_bad_cursors(quiet: Any, cursor: str) -> None:
    answer = await quiet.client.get("/api/v1/integrations", params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_bad_input_changes_nothing(quiet: Any) -> None:
    for fields in ({"platform": "nope"}, {"store_url": "http://127.0.0.1"}, {"credentials": {}}):
        answer = await quiet.client.post("/api/v1/integrations", json=WOO | fields)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert "_planted" not in answer.text
    assert (await quiet.client.post("/api/v1/integrations", content=b"{")).status_code == 422
    assert (await quiet.client.get("/api/v1/integrations")).json()["items"] == []


async def test_routes_need_a_key(quiet: Any) -> None:
    for path in ("integrations", "dead-letters", "system", "system/state-hash", "commands", "orders", "inventory"):
        answer = await quiet.stranger.get(f"/api/v1/{path}")
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        wrong = await quiet.stranger.get(f"/api/v1/{path}", headers={"Authorization": "Bearer lsk_wrong"})
        assert wrong.status_code == 401, path


async def test_an_event_tells_of_a_new_store(quiet: Any) -> None:
    created = await create(quiet.client)
    async with quiet.service.engine.connect() as conn:
        # Relayed or waiting: it was written with the row.
        waiting = (await conn.execute(text("SELECT key FROM gateway.outbox"))).scalars().all()
    published = quiet.service.registry.get_sample_value("longshore_outbox_published_total", {"service": "gateway"})
    assert created["id"] in waiting or published


async def test_the_custom_channel_is_active_at_once(quiet: Any) -> None:
    answer = await quiet.client.post("/api/v1/integrations", json={"platform": "api", "name": "Till"})
    assert (answer.status_code, answer.json()["status"]) == (201, "active")


class TestChange:
    async def test_a_name_and_settings(self, quiet: Any) -> None:
        created = await create(quiet.client)
        path = f"/api/v1/integrations/{created['id']}"
        answer = await quiet.client.patch(path, json={"name": "Tea", "settings": {"stock": {"buffer": 3}}})
        assert answer.status_code == 200, answer.text
        changed = answer.json()
        assert changed["name"] == "Tea"
        assert changed["settings"] == created["settings"] | {"stock": {"mode": "shared", "buffer": 3}}
        assert changed["status"] == created["status"]
        assert (await quiet.client.get(path)).json() == changed

    async def test_a_new_secret_holds_at_once(self, gateway: Any) -> None:
        created = await create(gateway.client)
        assert await deliver(gateway.stranger, created) == 200
        patch = {"credentials": {"webhook_secret": "wh_changed"}}
        answer = await gateway.client.patch(f"/api/v1/integrations/{created['id']}", json=patch)
        assert (answer.status_code, answer.json()["status"]) == (200, "connecting")
        assert "wh_changed" not in answer.text

        async def taken() -> bool:
            return await deliver(gateway.stranger, created, b"wh_changed") == 200

        await eventually(taken, timeout=5)
        # The store learns of it a moment later; what it signs until then is not lost.
        assert await deliver(gateway.stranger, created) == 200
        assert await deliver(gateway.stranger, created, b"wrong") == 401

    async def test_nobody_elses_and_nothing_wrong(self, quiet: Any) -> None:
        created = await create(quiet.client)
        path = f"/api/v1/integrations/{created['id']}"
        assert (await quiet.other.patch(path, json={"name": "Mine"})).status_code == 404
        for patch in ({"store_url": "https://other.example"}, {"credentials": {"nope": "x"}}, {"settings": {"x": 1}}):
            assert (await quiet.client.patch(path, json=patch)).status_code == 422, patch
        assert (await quiet.client.get(path)).json() == created
