"""The gateway without PostgreSQL: it goes on taking deliveries of stores that it remembers, and says what it lacks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from longshore.contracts import Platform
from longshore_devkit.infra.postgres import asyncpg_dsn, with_database
from longshore_devkit.testing import eventually
from longshore_gateway.webhooks.rules import signature_of

SECRET = "wh-secret"
Switch = Callable[[bool], Awaitable[None]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Switch]:
    """`await database(False)`: this test's database takes no connections, and has none; True lets them in again."""
    name = database_url.partition("?")[0].rpartition("/")[2]
    connection = await asyncpg.connect(asyncpg_dsn(with_database(database_url, "postgres")))

    async def switch(on: bool) -> None:
        await connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {"true" if on else "false"}')
        if not on:
            await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)

    yield switch
    await switch(True)
    await connection.close()


async def connect_store(gateway: Any) -> str:
    credentials = {"consumer_key": "ck", "consumer_secret": "cs", "webhook_secret": SECRET}
    body = {"platform": Platform.WOOCOMMERCE.value, "name": "Tea", "store_url": "https://tea.example.com"}
    answer = await gateway.client.post("/api/v1/integrations", json=body | {"credentials": credentials})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def deliver(gateway: Any, store: str, number: int) -> httpx.Response:
    body = json.dumps({"id": number}).encode()
    headers = {
        "X-WC-Webhook-Topic": "order.created",
        "X-WC-Webhook-Signature": signature_of(SECRET.encode(), body).decode(),
    }
    answer: httpx.Response = await gateway.stranger.post(
        f"/webhooks/woocommerce/{store}", content=body, headers=headers
    )
    return answer


async def readyz(gateway: Any) -> tuple[int, set[str]]:
    answer = await gateway.stranger.get("/readyz")
    return answer.status_code, set(answer.json()["missing"])


async def test_a_balancer_keeps_a_gateway_that_can_take_deliveries(gateway: Any, database: Switch) -> None:
    known, unknown = await connect_store(gateway), "00000000-0000-0000-0000-000000000001"
    assert (await deliver(gateway, known, 1)).status_code == 200
    assert await readyz(gateway) == (200, set())
    await database(False)

    async def noticed() -> bool:
        status, missing = await readyz(gateway)
        assert status == 200
        return "database" in missing

    await eventually(noticed, timeout=30)
    assert (await deliver(gateway, known, 2)).status_code == 200
    assert (await deliver(gateway, unknown, 3)).status_code == 503
    # It is to be seen, though: by people, and by whoever watches the metrics.
    state = (await gateway.client.get("/api/v1/system")).json()
    (own,) = [service for service in state["services"] if service["name"] == "gateway"]
    assert (state["ready"], own["ready"]) == (False, False)
    assert "database" in own["missing"]
    metrics = (await gateway.stranger.get("/metrics")).text
    assert 'longshore_dependency_up{dependency="database"} 0.0' in metrics
    assert 'longshore_dependency_up{dependency="kafka"} 1.0' in metrics
    # Who was never let in is not let in now.
    assert (await gateway.other.get("/api/v1/system")).status_code == 503

    await database(True)

    async def well() -> bool:
        return await readyz(gateway) == (200, set())

    await eventually(well, timeout=30)
    assert (await deliver(gateway, known, 4)).status_code == 200
    assert 'longshore_dependency_up{dependency="database"} 1.0' in (await gateway.stranger.get("/metrics")).text


async def test_missing_services_say_so(gateway: Any) -> None:
    state = (await gateway.client.get("/api/v1/system")).json()
    by_name = {service["name"]: service["missing"] for service in state["services"]}
    assert by_name["gateway"] == {}
    assert by_name["inventory"] == {"process": "it does not answer"}
