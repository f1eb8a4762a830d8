"""One client per store, made anew when its credentials change, closed when nobody needs it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from longshore.contracts import Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.clients import IDLE_S, Clients
from longshore.platforms.jobs import RetryLater
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.protocols import Integration, StoreClient, StoreRefused, StoreThrottled, StoreUnavailable
from longshore.platforms.usage import StoreUsage, UsageCollector

from .toy import Shop, ToyClient

AWAY = StoreUnavailable("timeout", "The store did not answer.")


def integration(key: str = "t") -> Integration:
    return Integration(IntegrationId(uuid4()), OrgId(uuid4()), Platform.API, "a", "https://a.example", {"token": key})


class Bench:
    def __init__(self, idle_s: float = IDLE_S) -> None:
        self.made: list[ToyClient] = []
        self.registry = CollectorRegistry()
        self.clients = Clients(self.make, ConnectorMetrics(self.registry), idle_s)

    def make(self, _: Integration) -> StoreClient:
        client = ToyClient(Shop())
        self.made.append(client)
        return client

    async def fail(self, store: Integration, error: Exception, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(type(error)):
                async with self.clients.calling(store):
                    raise error

    def open_breakers(self) -> float | None:
        return self.registry.get_sample_value("longshore_store_breakers_open", {"platform": "api"})


async def test_one_client_serves_many_tasks() -> None:
    bench, store = Bench(), integration()
    async with bench.clients.calling(store) as one, bench.clients.calling(store) as two:
        assert one is two
    assert len(bench.made) == 1


async def test_new_credentials_make_a_new_client_and_close_the_old() -> None:
    bench, store = Bench(), integration()
    async with bench.clients.calling(store):
        pass
    async with bench.clients.calling(replace(store, credentials={"token": "new"})):
        pass
    assert [each.closed for each in bench.made] == [True, False]


async def test_a_client_in_use_is_closed_by_its_last_user() -> None:
    bench, store = Bench(), integration()
    async with bench.clients.calling(store), bench.clients.calling(store):
        async with bench.clients.calling(replace(store, credentials={"token": "new"})):
            pass
        assert not bench.made[0].closed
    assert [each.closed for each in bench.made] == [True, False]


async def test_many_at_once_with_new_credentials_make_one_client() -> None:
    bench, store = Bench(), integration()
    async with bench.clients.calling(store):
        pass
    renewed = replace(store, credentials={"token": "new"})
    await asyncio.gather(*[bench.clients.stock_batch(renewed) for _ in range(5)])
    assert len(bench.made) == 2


async def test_idle_clients_are_closed_when_another_is_made() -> None:
    bench = Bench(idle_s=0)
    busy, idle, new = integration(), integration(), integration()
    async with bench.clients.calling(busy):
        async with bench.clients.calling(idle):
            pass
        await bench.clients.stock_batch(new)
        assert [each.closed for each in bench.made] == [False, True, False]


async def test_close_closes_all() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.clients.stock_batch(integration())
    await bench.clients.close()
    assert all(each.closed for each in bench.made)


async def test_failures_open_the_breaker_of_that_store_only() -> None:
    bench, store, other = Bench(), integration(), integration()
    await bench.fail(store, AWAY, 5)
    with pytest.raises(RetryLater):
        async with bench.clients.calling(store):
            pass
    async with bench.clients.calling(other):
        pass
    assert set(bench.clients.paused()) == {store.id}
    assert bench.open_breakers() == 1


async def test_a_refusal_shows_that_the_store_is_there() -> None:
    bench, store = Bench(), integration()
    await bench.fail(store, AWAY, 4)
    await bench.fail(store, StoreRefused("no", "No."))
    await bench.fail(store, AWAY, 4)
    assert bench.clients.paused() == {}


async def test_throttling_pauses_for_as_long_as_the_store_asks_and_is_no_failure() -> None:
    bench, store = Bench(), integration()
    for _ in range(8):
        await bench.fail(store, StoreThrottled("http-429", "Slow down."))
    assert bench.clients.paused() == {}
    await bench.fail(store, StoreThrottled("http-429", "Slow down.", 30))
    assert 29 < bench.clients.paused()[store.id] <= 30
    with pytest.raises(RetryLater) as later:
        async with bench.clients.calling(store):
            pass
    assert 29 < later.value.delay_s <= 30
    assert bench.open_breakers() == 0


async def test_new_credentials_begin_with_a_closed_breaker() -> None:
    bench, store = Bench(), integration()
    await bench.fail(store, AWAY, 5)
    async with bench.clients.calling(replace(store, credentials={"token": "new"})):
        pass
    assert bench.clients.paused() == {}


async def test_what_a_store_repeats_of_its_credentials_goes_no_further() -> None:
    bench, store = Bench(), integration("a-secret-of-the-store")
    error = StoreRefused("code-a-secret-of-the-store", "You sent X-Token: a-secret-of-the-store!")
    with pytest.raises(StoreRefused) as raised:
        async with bench.clients.calling(store):
            raise error
    assert raised.value is error
    assert "a-secret" not in repr((error.code, error.detail, str(error)))
    assert error.detail == "You sent X-Token: [redacted]!"


class MeteredClient(ToyClient):
    usage = StoreUsage(calls=3, points=40.5, waited_s=1.5, throttled=2, other_version=True)


async def test_what_calling_each_store_costs_is_shown_while_it_is_called() -> None:
    registry = CollectorRegistry()
    clients = Clients(lambda _: MeteredClient(Shop()), ConnectorMetrics(CollectorRegistry()), idle_s=0)
    registry.register(UsageCollector(Platform.API, clients.readings))
    first, second = integration(), integration()

    def shown(name: str, store: Integration) -> float | None:
        return registry.get_sample_value(name, {"platform": "api", "store": str(store.id)})

    async with clients.calling(first):
        pass
    names = ["calls_total", "cost_points_total", "wait_seconds_total", "throttled_total", "other_version"]
    assert [shown(f"longshore_store_{each}", first) for each in names] == [3, 40.5, 1.5, 2, 1]
    assert shown("longshore_store_breaker_open", first) == 0
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            async with clients.calling(first):
                raise AWAY
    assert shown("longshore_store_breaker_open", first) == 1
    async with clients.calling(second):
        pass
    # Nobody calls it any more.
    assert shown("longshore_store_calls_total", first) is None
    assert shown("longshore_store_calls_total", second) == 3


async def test_a_client_that_does_not_count_shows_its_breaker_alone() -> None:
    bench, store = Bench(), integration()
    registry = CollectorRegistry()
    registry.register(UsageCollector(Platform.API, bench.clients.readings))
    async with bench.clients.calling(store):
        pass
    labels = {"platform": "api", "store": str(store.id)}
    assert registry.get_sample_value("longshore_store_breaker_open", labels) == 0
    assert registry.get_sample_value("longshore_store_calls_total", labels) is None


def test_a_stores_own_words_are_counted_as_other() -> None:
    registry = CollectorRegistry()
    metrics = ConnectorMetrics(registry)
    for code in ("timeout", "woocommerce_rest_plugin_7", "another plugin's word", "timeout"):
        metrics.failed("api", code)
    shown = {
        sample.labels["code"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "longshore_store_failures_total"
    }
    assert shown == {"timeout": 2, "other": 2}
