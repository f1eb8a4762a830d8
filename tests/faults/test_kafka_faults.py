"""Kafka freezes and goes on, or refuses one topic: never a 2xx for what is not stored, and all comes back by itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from longshore.broker.topics import FOREVER, MAX_MESSAGE_BYTES
from longshore_devkit.loadgen import run_load
from longshore_devkit.testing import eventually

from .conftest import RATE

pytestmark = pytest.mark.e2e

SKUS = ("KAFKA-1", "KAFKA-2")
PROBE = 900_000


async def refused(store: Any, n: int) -> bool:
    """For `eventually`: a delivery is answered 503, and told when to come again."""
    answer = await store.post(store.body(n))
    assert answer.status_code == 503, answer.status_code
    assert int(answer.headers["retry-after"]) > 0
    return True


async def accepted(store: Any, n: int) -> bool:
    return bool((await store.post(store.body(n))).status_code == 200)


class TestFrozen:
    async def test_it_goes_on_after_a_pause(
        self, infra: Any, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        store = await mute("woocommerce", SKUS)
        progress = store.progress()
        frozen_s = 30.0 if long_form else 1.0
        starts = infra.starts("kafka")
        orders = range(int(RATE * (frozen_s + 5)))

        async def freeze() -> None:
            await progress.reached(100)
            await asyncio.to_thread(infra.signal, signal.SIGSTOP, "kafka")
            try:
                await eventually(lambda: refused(store, PROBE), timeout=30)
                await asyncio.sleep(frozen_s)
            finally:
                await asyncio.to_thread(infra.signal, signal.SIGCONT, "kafka")

        # One attempt each, on so many connections that those that wait for their time-out hold up no others.
        plan = store.plan(orders, rate=RATE, progress=progress, copies=1, connections=900, timeout_s=20)
        result, _ = await asyncio.gather(run_load(plan), freeze())
        assert result.status_counts["503"] > 0, result.as_dict()
        assert set(result.status_counts) == {"200", "503"}, result.as_dict()
        await eventually(lambda: accepted(store, PROBE), timeout=60)
        assert infra.starts("kafka") == starts
        untouched()
        await account.assert_nothing_lost_on_the_way()
        found = {int(external_id) for external_id in await account.orders(store)}
        assert result.accepted_ids <= found, sorted(result.accepted_ids - found)
        assert found <= result.accepted_ids | result.refused_ids | {store.order_id(PROBE)}
        first = store.order_id(0)
        await account.assert_exactly(store, sorted(order_id - first for order_id in found))


@pytest.fixture
async def oldest_taken(stack: Any) -> AsyncIterator[Callable[[str, int | None], Any]]:
    """`await oldest_taken("raw.woocommerce", 0)`: Kafka then refuses to write to this topic what is older than so many
    milliseconds, as everything is, with an error that does not pass (INVALID_TIMESTAMP). None: whatever its age."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    changed: set[str] = set()

    async def take(topic: str, milliseconds: int | None) -> None:
        changed.add(topic)
        # It sets all of a topic's settings, so those that it was made with have to be named.
        settings = {"retention.ms": str(FOREVER), "max.message.bytes": str(MAX_MESSAGE_BYTES)}
        if milliseconds is not None:
            settings["message.timestamp.before.max.ms"] = str(milliseconds)
        name = stack.topic_prefix + topic
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings)])

    yield take
    for topic in changed:
        await take(topic, None)
    await admin.close()


class TestRefusedByKafka:
    async def test_what_kafka_refuses_to_write_is_503_and_all_else_comes_through(
        self, mute: Any, account: Any, untouched: Any, oldest_taken: Any, long_form: bool
    ) -> None:
        woo, shopify = await mute("woocommerce", SKUS), await mute("shopify", SKUS)
        await woo.deliver(range(20), copies=1)
        await oldest_taken("raw.woocommerce", 0)
        await eventually(lambda: refused(woo, 20), timeout=30)
        orders = range(RATE * (40 if long_form else 2))
        # The other topic goes by the same producer, whose client is replaced at each refusal: its deliveries may have
        # to come again, as Shopify sends them.
        others, waiting = await asyncio.gather(
            run_load(shopify.plan(orders, rate=RATE, copies=1, timeout_s=20, retry_for_s=60)),
            run_load(woo.plan(range(20, 60), rate=10, copies=1, timeout_s=20)),
        )
        assert waiting.status_counts["503"] > 0, waiting.as_dict()
        assert set(waiting.status_counts) <= {"200", "503"}, waiting.as_dict()
        assert others.accepted == len(orders), others.as_dict()
        assert set(others.status_counts) <= {"200", "503"}, others.as_dict()
        await oldest_taken("raw.woocommerce", None)
        await eventually(lambda: accepted(woo, 60), timeout=60)
        untouched()
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(shopify, orders)
        # A record of the very millisecond is taken; nothing else is there, and nothing twice.
        first = woo.order_id(0)
        found = {int(external_id) for external_id in await account.orders(woo)}
        assert waiting.accepted_ids <= found <= {first + n for n in range(61)}
        await account.assert_exactly(woo, sorted(order_id - first for order_id in found))
