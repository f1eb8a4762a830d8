"""A gateway whose floor is above what any disk has."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from longshore_devkit.testing import eventually
from longshore_gateway.settings import GatewaySettings
from longshore_gateway.webhooks.rules import signature_of

SECRET = "wh"


@pytest.fixture
def settings(settings: GatewaySettings, tmp_path: Any) -> GatewaySettings:
    return settings.model_copy(update={"min_free_disk_mib": 2**30, "watched_disks": {"postgres": tmp_path}})


async def test_it_refuses_deliveries_and_says_why_and_stays_ready(gateway: Any) -> None:
    created = await gateway.client.post(
        "/api/v1/integrations",
        json={
            "platform": "woocommerce",
            "name": "Tea",
            "store_url": f"https://{uuid4().hex}.example",
            "credentials": {"consumer_key": "ck", "consumer_secret": "cs", "webhook_secret": SECRET},
        },
    )
    assert created.status_code == 201, created.text

    async def refusing() -> str:
        return str((await gateway.client.get("/api/v1/system")).json()["refusing"] or "")

    assert "Kafka's disk" in await eventually(refusing, timeout=20)
    body = b'{"id": 1}'
    answer = await gateway.stranger.post(
        f"/webhooks/woocommerce/{created.json()['id']}",
        content=body,
        headers={
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Signature": signature_of(SECRET.encode(), body).decode(),
        },
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert (await gateway.stranger.get("/readyz")).status_code == 200
    metrics = (await gateway.stranger.get("/metrics")).text
    assert "longshore_disk_full 1.0" in metrics
    assert 'longshore_disk_free_bytes{disk="kafka"}' in metrics
    assert 'longshore_disk_free_bytes{disk="postgres"}' in metrics
