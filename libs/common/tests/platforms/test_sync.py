"""Runs on real PostgreSQL: page by page, from the last checkpoint, to an end that says what could not be read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from longshore.broker import Message
from longshore.contracts import Command, SyncCancel, SyncRunChanged, SyncStart, SyncStatus
from longshore.platforms.jobs import Lane, NewJob, RetryLater
from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    StoreRefused,
    StoreThrottled,
    StoreUnavailable,
    SyncFailure,
    SyncPage,
)
from longshore.platforms.running import FEWEST_TRIES, LONGEST_TRY
from longshore.platforms.sync.rules import OVERLAP
from longshore.platforms.work import CommandWork, SyncWork
from longshore_devkit.testing import eventually

from .conftest import SCHEMA, Connector, command, fulfilment

AWAY = StoreUnavailable("timeout", "The store did not answer.")


def order(id: int) -> FetchedEntity:
    return FetchedEntity("order", str(id), b'{"id": "%d"}' % id)


def orders(*pages: Sequence[int], total: int | None = None) -> list[SyncPage]:
    """Pages of orders; the toy gives them their cursors."""
    return [SyncPage([order(id) for id in page], len(page), None, total) for page in pages]


async def start(connector: Connector, store: UUID, mode: str = "full", resource: str = "orders") -> Command:
    """A run that was asked for; its command's id is its own."""
    asked = command(store, SyncStart.model_validate({"resource": resource, "mode": mode}))
    await connector.accept.apply(connector.records(asked))
    return asked


async def go(connector: Connector, run: Command) -> SyncRunChanged:
    """What the run's job does; what was last said of the run."""
    await connector.work(run.integration_id, SyncWork(run_id=run.id))
    return [each for each in await connector.runs() if each.id == run.id][-1]


def read(connector: Connector) -> list[str]:
    """What went into the raw log, by the store's ids."""
    return [each.key.partition(":")[2] for each in connector.raw.sent]


class TestRun:
    async def test_all_pages_become_raw_records_and_progress_is_told(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = orders([1, 2], [3, 4], [5], total=5)
        run = await go(connector, await start(connector, store))
        assert read(connector) == ["1", "2", "3", "4", "5"]
        assert {each.topic for each in connector.raw.sent} == {"raw.api"}
        assert (run.status, run.progress.done, run.progress.total, run.progress.eta_s) == ("succeeded", 5, 5, 0.0)
        assert run.progress.rate_per_s is not None
        assert run.started_at is not None
        assert run.finished_at is not None
        told = await connector.runs()
        assert [each.sequence for each in told] == list(range(1, len(told) + 1))
        assert told[0].status is SyncStatus.RUNNING

    async def test_who_asked_is_answered_once(self, connector: Connector) -> None:
        store, _ = await connector.add_store()
        asked = await start(connector, store)
        await go(connector, asked)
        await connector.accept.apply(connector.records(asked))
        await connector.work(store, SyncWork(run_id=asked.id))
        assert await connector.statuses(asked) == ["succeeded"]
        assert await connector.count("sync_runs") == 1

    async def test_it_goes_on_where_its_process_died(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = orders([1, 2], [3, 4], [5], total=5)
        asked = await start(connector, store)
        died = connector.raw.send_many

        async def die_at_the_third(messages: Sequence[Message]) -> None:
            if messages[0].key.endswith(":5"):
                raise asyncio.CancelledError
            await died(messages)

        connector.raw.send_many = die_at_the_third  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await connector.work(store, SyncWork(run_id=asked.id))
        connector.raw.send_many = died  # type: ignore[method-assign]
        run = await go(connector, asked)
        assert read(connector) == ["1", "2", "3", "4", "5"]
        assert [cursor for _, cursor in shop.synced] == [None, "1", "2", "2"]
        assert (run.status, run.progress.done) == ("succeeded", 5)

    async def test_another_process_that_has_gone_on_with_it_is_left_to_it(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = orders([1], [2])
        asked = await start(connector, store)
        sent = connector.raw.send_many

        async def meanwhile(messages: Sequence[Message]) -> None:
            await sent(messages)
            async with connector.engine.begin() as conn:
                await conn.execute(text(f"UPDATE {SCHEMA}.sync_runs SET cursor = '1', done = 1"))

        connector.raw.send_many = meanwhile  # type: ignore[method-assign]
        run = await go(connector, asked)
        assert (run.status, len(shop.synced)) == ("running", 1)

    async def test_a_store_that_prepares_its_answer_is_left_alone_meanwhile(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        asked = await start(connector, store)
        shop.pages["orders"] = [SyncPage([], 0, None, 3, again_in_s=7.0), *orders([1, 2], [3])]
        with pytest.raises(RetryLater) as later:
            await connector.work(store, SyncWork(run_id=asked.id))
        assert later.value.delay_s == 7.0
        run = await go(connector, asked)
        assert read(connector) == ["1", "2", "3"]
        assert [cursor for _, cursor in shop.synced] == [None, "1", "2"]
        assert {request.key for request, _ in shop.synced} == {str(asked.id)}
        assert (run.status, run.progress.total) == ("succeeded", 3)

    async def test_a_store_that_is_away_is_asked_again_for_the_same_page(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = orders([1], [2])
        asked = await start(connector, store)
        shop.troubles.append(AWAY)
        with pytest.raises(RetryLater):
            await connector.work(store, SyncWork(run_id=asked.id))
        assert (await connector.runs())[-1].error is not None
        run = await go(connector, asked)
        assert (run.status, run.error, read(connector)) == ("succeeded", None, ["1", "2"])

    async def test_a_throttle_is_no_trouble(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        asked = await start(connector, store)
        shop.troubles.append(StoreThrottled("throttled", "Too fast.", 0.0))
        with pytest.raises(RetryLater) as later:
            await connector.work(store, SyncWork(run_id=asked.id))
        assert later.value.delay_s == 0.0
        assert (await go(connector, asked)).status == "succeeded"

    async def test_a_store_that_stays_away_fails_the_run_in_the_end(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        asked = await start(connector, store)
        for _ in range(FEWEST_TRIES - 1):
            shop.troubles.append(StoreThrottled("throttled", "Too fast.", 0.0))
            with pytest.raises(RetryLater):
                await connector.work(store, SyncWork(run_id=asked.id))
        async with connector.engine.begin() as conn:
            run = await connector.syncs.get(conn, asked.id)
            assert run is not None
            assert run.attempts == 0
        connector.now += LONGEST_TRY
        for _ in range(FEWEST_TRIES - 1):
            shop.troubles.append(AWAY)
            with pytest.raises(RetryLater):
                await connector.work(store, SyncWork(run_id=asked.id))
            connector.clients._entries.clear()  # its breaker has opened: as if it had closed again
        shop.troubles.append(AWAY)
        ended = await go(connector, asked)
        assert (ended.status, ended.error.code if ended.error else None) == ("failed", "timeout")
        assert await connector.statuses(asked) == ["failed"]

    async def test_a_refusal_ends_it(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.troubles.append(StoreRefused("no-access", "The key may not read orders."))
        run = await go(connector, await start(connector, store))
        assert (run.status, run.error.detail if run.error else None) == ("failed", "The key may not read orders.")

    async def test_a_store_that_is_gone_ends_it(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        asked = await start(connector, store)
        await connector.delete_store(store)
        assert (await go(connector, asked)).status == "cancelled"
        assert shop.synced == []


class TestFailedItems:
    def page(self, *ids: int) -> SyncPage:
        failures = [SyncFailure(FetchRequest("order", str(id)), "http-500", "The store failed.") for id in ids]
        return SyncPage([order(1)], 1, None, failed=failures)

    async def test_they_are_asked_for_once_more(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = [self.page(7)]
        shop.entities["7"] = b'{"id": "7"}'
        run = await go(connector, await start(connector, store))
        assert (run.status, run.failed_items, read(connector)) == ("succeeded", [], ["1", "7"])

    async def test_what_stays_unread_is_named_and_tried_by_the_next_run(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = [self.page(7)]
        asked = await start(connector, store)
        shop.later.append(StoreRefused("broken", "A plugin cannot show it."))
        run = await go(connector, asked)
        assert run.status == "partial"
        assert [(each.external_id, each.code) for each in run.failed_items] == [("7", "broken")]
        shop.pages["orders"] = orders([2])
        shop.entities["7"] = b'{"id": "7"}'
        healed = await go(connector, await start(connector, store, "incremental"))
        assert (healed.status, read(connector)[-2:]) == ("succeeded", ["2", "7"])

    async def test_they_are_read_alone_when_somebody_asks(self, connector: Connector) -> None:
        """Of a run that is not the last one, too; where the next incremental run begins stays as it was."""
        store, shop = await connector.add_store()
        shop.pages["orders"] = [self.page(7, 8)]
        asked = await start(connector, store)
        shop.later += [StoreRefused("broken", "A plugin cannot show it.")] * 2
        assert len((await go(connector, asked)).failed_items) == 2
        shop.entities |= {"7": b'{"id": "7"}', "8": b'{"id": "8"}'}
        shop.later += [StoreRefused("broken", "Still not."), AWAY]
        again = command(store, SyncStart(resource="orders", mode="incremental", items_of=asked.id))
        await connector.accept.apply(connector.records(again))
        with pytest.raises(RetryLater):
            await connector.work(store, SyncWork(run_id=again.id))
        run = await go(connector, again)
        assert (run.status, run.items_of, run.failed_items, read(connector)) == (
            "succeeded",
            asked.id,
            [],
            ["1", "7", "8"],
        )
        assert (run.progress.done, run.progress.total) == (2, 2)
        assert len(shop.synced) == 1
        await go(connector, await start(connector, store, "incremental"))
        assert shop.synced[-1][0].since == connector.now - OVERLAP

    async def test_what_a_store_repeats_of_its_key_is_not_told(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        failure = SyncFailure(FetchRequest("order", "7"), "http-500", "Debug: secret of a")
        shop.pages["orders"] = [SyncPage([], 0, None, failed=[failure])]
        shop.later.append(StoreRefused("broken", "Debug: secret of a"))
        run = await go(connector, await start(connector, store))
        assert run.failed_items
        assert not [each for each in await connector.runs() if "secret of a" in each.model_dump_json()]


class TestIncremental:
    async def test_it_asks_for_what_has_changed_since_the_last_began(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.clock_ahead_s = 3600.0
        began = connector.now
        await go(connector, await start(connector, store, "incremental"))
        connector.now += timedelta(minutes=10)
        await go(connector, await start(connector, store, "incremental"))
        await go(connector, await start(connector, store, "full"))
        # By the store's clock, with an overlap; without an earlier run, and for a full one, everything.
        expected = began + timedelta(hours=1) - OVERLAP
        assert [request.since for request, _ in shop.synced] == [None, expected, None]

    async def test_a_failed_run_moves_nothing(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.troubles.append(StoreRefused("no", "No."))
        await go(connector, await start(connector, store, "incremental"))
        await go(connector, await start(connector, store, "incremental"))
        assert [request.since for request, _ in shop.synced] == [None, None]

    async def test_a_clients_own_mark_is_handed_on(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["customers"] = [SyncPage([], 0, None, mark="up to 9")]
        for _ in range(2):
            await go(connector, await start(connector, store, "incremental", "customers"))
        assert [request.mark for request, _ in shop.synced] == [None, "up to 9"]


class TestCancel:
    async def test_it_ends_after_its_page(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.pages["orders"] = orders([1], [2], [3])
        asked = await start(connector, store)
        shop.troubles.append(AWAY)
        with pytest.raises(RetryLater):
            await connector.work(store, SyncWork(run_id=asked.id))
        await connector.accept.apply(connector.records(command(store, SyncCancel(run_id=asked.id))))
        run = await go(connector, asked)
        assert (run.status, read(connector)) == ("cancelled", [])
        assert await connector.statuses(asked) == ["failed"]

    @pytest.mark.parametrize("away", [False, True])
    async def test_the_store_need_not_prepare_what_nobody_waits_for(self, connector: Connector, away: bool) -> None:
        store, shop = await connector.add_store()
        asked = await start(connector, store)
        shop.pages["orders"] = [SyncPage([], 0, None, 3, again_in_s=7.0), *orders([1])]
        with pytest.raises(RetryLater):
            await connector.work(store, SyncWork(run_id=asked.id))
        await connector.accept.apply(connector.records(command(store, SyncCancel(run_id=asked.id))))
        shop.troubles += [AWAY] * away
        assert (await go(connector, asked)).status == "cancelled"
        assert [(request.key, cursor) for request, cursor in shop.ended] == ([] if away else [(str(asked.id), "1")])

    async def test_one_that_has_ended_stays(self, connector: Connector) -> None:
        store, _ = await connector.add_store()
        asked = await start(connector, store)
        await go(connector, asked)
        await connector.accept.apply(connector.records(command(store, SyncCancel(run_id=asked.id))))
        assert (await go(connector, asked)).status == "succeeded"


class TestLiveTrafficFirst:
    async def test_a_page_waits_for_the_stores_other_jobs(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        asked = await start(connector, store)
        shipment = fulfilment(store)
        async with connector.engine.begin() as conn:
            work = CommandWork(command=shipment).to_json()
            await connector.jobs.add(conn, [NewJob(store, Lane.WORK, work, f"command/{shipment.id}")])
        task = asyncio.create_task(connector.jobs.run())
        try:
            await asyncio.wait_for(shop.asked.wait(), 10)
            await eventually(lambda: connector.statuses(asked))
        finally:
            await connector.jobs.stop()
            await task
        assert shop.calls == ["create_fulfillment", "sync_page"]
