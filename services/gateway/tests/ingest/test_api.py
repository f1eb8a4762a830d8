"""The custom channel's routes, on real PostgreSQL and Kafka."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from longshore_devkit.testing import eventually

from .test_rules import ORDER


async def channel(client: Any, platform: str = "api", **fields: Any) -> str:
    answer = await client.post("/api/v1/integrations", json={"platform": platform, "name": "Till"} | fields)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


async def test_accepted_is_translated_and_settled(gateway: Any) -> None:
    id = await channel(gateway.client)
    answer = await gateway.client.post(f"/api/v1/ingest/{id}/orders", json=[ORDER, ORDER | {"external_id": 2}])
    assert answer.status_code == 202
    assert [each["external_id"] for each in answer.json()["items"]] == ["1", "2"]

    def translated() -> bool:
        labels = {"platform": "api", "result": "translated"}
        count = gateway.service.registry.get_sample_value("longshore_raw_translated_total", labels)
        return bool(count == 2)

    await eventually(translated, timeout=10)


@pytest.mark.parametrize(
    ("body", "status", "type"),
    [
        (b"", 400, "malformed-body"),
        (b'{"external_id": 1}', 422, "invalid-input"),
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", 413, "too-many-items"),
        (b" " * (8 * 1024 * 1024 + 1), 413, "too-large"),
    ],
)
async def test_refusals(quiet: Any, body: bytes, status: int, type: str) -> None:
    id = await channel(quiet.client)
    answer = await quiet.client.post(f"/api/v1/ingest/{id}/orders", content=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{type}")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_only_custom_channels_of_ones_own(quiet: Any) -> None:
    id = await channel(quiet.client)
    shop = await channel(
        quiet.client,
        "shopify",
        store_url="https://a-shop.myshopify.com",
        credentials={"access_token": "t"},
    )
    for client, target, status in (
        (quiet.stranger, id, 401),
        (quiet.other, id, 404),
        (quiet.client, uuid4(), 404),
        (quiet.client, shop, 409),
    ):
        assert (await client.post(f"/api/v1/ingest/{target}/orders", json=ORDER)).status_code == status
    assert (await quiet.client.post(f"/api/v1/ingest/{id}/refunds", json=ORDER)).status_code == 404


async def test_no_room_no_acceptance(quiet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    id = await channel(quiet.client)
    monkeypatch.setattr(quiet.app.state.disks, "_full", True)
    answer = await quiet.client.post(f"/api/v1/ingest/{id}/orders", json=ORDER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
