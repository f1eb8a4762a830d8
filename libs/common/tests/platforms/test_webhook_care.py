"""A store's webhooks: what is not as it must be is put right and told of, by a job that comes again for ever."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from longshore.contracts import IntegrationStatus, WebhooksRepaired, WebhookStatus
from longshore.platforms.jobs import Lane, RetryLater, RunningJob
from longshore.platforms.protocols import StoreUnauthorized, StoreUnavailable
from longshore.platforms.work import WatchWork

from .conftest import SCHEMA


async def watch(connector: Any, id: Any, attempts: int = 1) -> float:
    """One round of the watchdog; in how many seconds it comes again."""
    job = RunningJob(id, Lane.CONNECT, WatchWork().to_json(), attempts)
    with pytest.raises(RetryLater) as later:
        await connector.run(job)
    return later.value.delay_s


async def told(connector: Any) -> list[WebhooksRepaired]:
    async with connector.engine.connect() as conn:
        rows = await conn.execute(
            text(f"SELECT value FROM {SCHEMA}.outbox WHERE headers->>'ce_type' = :type ORDER BY id"),
            {"type": WebhooksRepaired.event_type},
        )
    return [WebhooksRepaired.from_json(bytes(row.value)) for row in rows]


def repaired(connector: Any, was: str) -> float:
    labels = {"platform": "api", "was": was}
    return connector.registry.get_sample_value("longshore_webhooks_repaired_total", labels) or 0.0


async def test_what_is_missing_is_put_back_and_told(connector: Any) -> None:
    id, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
    await watch(connector, id)
    assert len(shop.webhooks) == 1
    (event,) = await told(connector)
    assert (event.integration_id, [(each.topic, each.was) for each in event.webhooks]) == (
        id,
        [("order", WebhookStatus.MISSING)],
    )
    assert repaired(connector, "missing") == 1
    # Nothing to do, nothing to say.
    await watch(connector, id)
    assert len(await told(connector)) == 1
    assert shop.calls.count("ensure_webhooks") == 1


async def test_it_comes_again_at_a_moment_of_its_own(connector: Any) -> None:
    id, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
    first = await watch(connector, id, attempts=0)
    # A hub that starts does not ask all its stores at once.
    assert shop.calls == []
    delays = {first, *[await watch(connector, id) for _ in range(5)]}
    assert len(delays) == 6
    assert all(225 <= delay <= 375 for delay in delays)


@pytest.mark.parametrize(
    ("status", "settings"),
    [
        (IntegrationStatus.CONNECTING, {}),
        (IntegrationStatus.ERROR, {}),
        (IntegrationStatus.ACTIVE, {"manage_webhooks": False}),
    ],
)
async def test_stores_that_are_not_to_be_asked(
    connector: Any, status: IntegrationStatus, settings: dict[str, Any]
) -> None:
    id, shop = await connector.add_store(status=status, settings=settings)
    await watch(connector, id)
    assert shop.calls == []


@pytest.mark.parametrize("error", [StoreUnavailable("timeout", "away"), StoreUnauthorized("bad-key", "no")])
async def test_a_store_in_trouble_is_looked_at_the_next_time(connector: Any, error: Exception) -> None:
    id, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
    shop.troubles.append(error)
    assert await watch(connector, id) > 200
    assert shop.webhooks == set()
    await watch(connector, id)
    assert len(shop.webhooks) == 1


async def test_it_ends_with_its_store(connector: Any) -> None:
    id, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
    await connector.delete_store(id)
    await connector.run(RunningJob(id, Lane.CONNECT, WatchWork().to_json(), 3))
    assert shop.calls == []


async def test_each_store_has_one_job_however_often_it_begins(connector: Any) -> None:
    for name in "abc":
        await connector.add_store(name)
    gone, _ = await connector.add_store("gone")
    await connector.delete_store(gone)
    for _ in range(2):
        await connector.watchdog.begin()
    async with connector.engine.connect() as conn:
        queued = (await conn.execute(text(f"SELECT entrypoint FROM {SCHEMA}.pgqueuer"))).scalars().all()
    assert len(queued) == len(set(queued)) == 3
