"""The state of the system, with services missing and with Kafka's own figures."""

from __future__ import annotations

from typing import Any

from longshore.broker import Message
from longshore_devkit.proxy import Proxy
from longshore_devkit.testing import eventually
from longshore_gateway.system.lag import LagReader


async def test_missing_services_are_named(gateway: Any) -> None:
    async def asked() -> Any:
        state = (await gateway.client.get("/api/v1/system")).json()
        # The first reading of Kafka's figures may take longer than anyone waits.
        return state if state["lag"] else None

    state = await eventually(asked, timeout=30)
    assert (state["ready"], state["settled"]) == (False, False)
    by_name = {service["name"]: service["ready"] for service in state["services"]}
    assert by_name == {
        "gateway": True, "order-sync": False, "inventory": False, "connector-shopify": False, "connector-woo": False,
    }  # fmt: skip
    assert state["dead_letters"] == 0
    assert state["lag"] == {"gateway.dead-letters": 0, "gateway.raw": 0, "gateway.commands": 0}
    assert state["refusing"] is None


async def test_forwarded_routes_say_that_their_service_is_away(gateway: Any) -> None:
    for path in ("orders", "orders/1/revisions", "inventory", "commands", "system/state-hash"):
        answer = await gateway.client.get(f"/api/v1/{path}")
        assert answer.status_code == 503, path
        assert "retry-after" in answer.headers


async def test_lag_is_what_is_written_and_not_applied(gateway: Any) -> None:
    settings = gateway.settings
    reader = LagReader(settings.kafka_bootstrap_servers, settings.topic_prefix, timeout_s=30.0)
    groups = {"nobody.reads": ["raw.shopify", "raw.woocommerce"]}
    try:
        before = await reader.read(groups)
        assert before is not None
        await gateway.service.producer.send_many([Message("raw.shopify", "k", b"{}") for _ in range(7)])
        after = await reader.read(groups)
        assert after is not None
        assert before.by_group["nobody.reads"] == 0
        assert after.by_group["nobody.reads"] == 7
        assert after.written == before.written + 7
    finally:
        await reader.close()


async def test_a_reading_that_takes_longer_than_anyone_waits_is_not_begun_anew(gateway: Any) -> None:
    """The first one does where CPU is short. Here the way to Kafka is slow until the clients know its address."""
    host, port = gateway.settings.kafka_bootstrap_servers.rsplit(":", 1)
    groups = {"nobody.reads": ["raw.shopify"]}
    async with Proxy((host, int(port))) as proxy:
        proxy.slow(latency_s=0.4)
        reader = LagReader(proxy.address, gateway.settings.topic_prefix, timeout_s=0.5)
        try:
            assert await reader.read(groups) is None
            lags: Any = await eventually(lambda: reader.read(groups), timeout=20)
        finally:
            await reader.close()
    assert lags.by_group == {"nobody.reads": 0}


async def test_without_kafka_lag_is_unknown(topic_prefix: str) -> None:
    reader = LagReader("127.0.0.1:1", topic_prefix)
    assert await reader.read({"a.b": ["raw.shopify"]}) is None
    await reader.close()
