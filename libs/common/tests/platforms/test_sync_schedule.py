"""Runs that nobody asks for: of a new store, and the polls."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from longshore.contracts import IntegrationStatus
from longshore.platforms.jobs import RetryLater
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized
from longshore.platforms.sync.rules import JITTER, MISSING_PERMISSION, OVERLAP
from longshore.platforms.work import CheckWork, ConnectWork, PollWork

from .conftest import Connector

CONNECTION = [("orders", "full", "connection"), ("customers", "full", "connection")]


async def poll(connector: Connector, store: UUID) -> float:
    """A round; the seconds until the next."""
    with pytest.raises(RetryLater) as later:
        await connector.work(store, PollWork())
    return later.value.delay_s


class TestConnection:
    async def test_a_new_stores_history_is_read(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.work(store, ConnectWork())
        assert await connector.open_runs() == CONNECTION
        # The catalogue has been read, and a job that comes again begins nothing anew.
        assert shop.calls[-1] == "import_catalogue"
        await connector.work(store, ConnectWork())
        assert await connector.open_runs() == CONNECTION

    async def test_unless_the_merchant_does_not_want_it(self, connector: Connector) -> None:
        store, shop = await connector.add_store(settings={"backfill": False})
        await connector.work(store, ConnectWork())
        assert await connector.open_runs() == []
        connector.now += timedelta(hours=1)
        await poll(connector, store)
        await connector.run_syncs()
        assert {request.since for request, _ in shop.synced} == {connector.now - timedelta(hours=1) - OVERLAP}

    async def test_of_one_that_is_connected_anew_only_what_has_changed(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.work(store, ConnectWork())
        await connector.run_syncs()
        first = connector.now
        connector.now += timedelta(days=1)
        await connector.work(store, ConnectWork())
        assert [(resource, mode) for resource, mode, _ in await connector.open_runs()] == [
            ("orders", "incremental"),
            ("customers", "incremental"),
        ]
        await connector.run_syncs()
        assert [request.since for request, _ in shop.synced] == [None, None, first - OVERLAP, first - OVERLAP]

    async def test_a_history_that_was_refused_is_read_by_a_poll(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.work(store, ConnectWork())
        shop.troubles += [StoreRefused("no", "Not now."), StoreRefused("no", "Not now.")]
        await connector.run_syncs()
        connector.now += timedelta(hours=1)
        await poll(connector, store)
        await connector.run_syncs()
        orders = [request for request, _ in shop.synced if request.resource == "orders"]
        assert [request.since for request in orders] == [None, None]


class TestPolls:
    @pytest.fixture
    async def store(self, connector: Connector) -> UUID:
        id, _ = await connector.add_store(settings={"poll_interval_s": 60})
        await connector.work(id, ConnectWork())
        await connector.run_syncs()
        return id

    async def test_nothing_that_has_just_been_read(self, connector: Connector, store: UUID) -> None:
        delay = await poll(connector, store)
        assert 60 * (1 - JITTER) <= delay <= 60 * (1 + JITTER)
        assert await connector.open_runs() == []

    async def test_what_is_due_and_once(self, connector: Connector, store: UUID) -> None:
        connector.now += timedelta(seconds=60)
        await poll(connector, store)
        await poll(connector, store)
        assert await connector.open_runs() == [
            (resource, "incremental", "schedule") for resource in ("products", "orders", "customers")
        ]

    async def test_a_store_in_error_is_left_alone(self, connector: Connector, store: UUID) -> None:
        async with connector.engine.begin() as conn:
            await connector.vault.set_status(conn, store, IntegrationStatus.ERROR, "no", connector.now)
        connector.now += timedelta(hours=1)
        await poll(connector, store)
        assert await connector.open_runs() == []

    async def test_one_that_an_older_version_connected_is_followed_from_now_on(self, connector: Connector) -> None:
        id, _ = await connector.add_store("old", status=IntegrationStatus.ACTIVE)
        await poll(connector, id)
        assert await connector.open_runs() == []
        connector.now += timedelta(hours=1)
        await poll(connector, id)
        assert len(await connector.open_runs()) == 3

    async def test_one_that_is_gone_is_polled_no_more(self, connector: Connector, store: UUID) -> None:
        await connector.delete_store(store)
        await connector.work(store, PollWork())


class TestWhatMayNotBeRead:
    DENIED = StoreUnauthorized("missing-scope", "The token may not read customers.", partial=True)

    async def test_it_is_told_once_and_asked_for_when_something_changes(self, connector: Connector) -> None:
        store, shop = await connector.add_store(settings={"poll_interval_s": 60}, status=IntegrationStatus.CONNECTING)
        await connector.work(store, ConnectWork())
        shop.denied = {"customers": self.DENIED}
        await connector.run_syncs()
        (failed,) = [each for each in await connector.runs() if each.status == "failed"]
        assert failed.error is not None
        assert (failed.resource, failed.error.code) == ("customers", MISSING_PERMISSION)
        assert failed.error.detail == self.DENIED.detail

        # Polls let it rest, and read the others.
        for _ in range(3):
            connector.now += timedelta(seconds=60)
            await poll(connector, store)
            assert {resource for resource, _, _ in await connector.open_runs()} == {"products", "orders"}
            await connector.run_syncs()

        connector.now += timedelta(seconds=1)
        # The store says that its permissions have changed. They have not: it is told once more.
        await connector.work(store, CheckWork())
        assert await connector.open_runs() == [("customers", "incremental", "connection")]
        await connector.run_syncs()
        shop.denied = {}
        connector.now += timedelta(seconds=1)
        await connector.work(store, CheckWork())
        await connector.run_syncs()
        # All of them: none was ever read.
        assert [request.since for request, _ in shop.synced if request.resource == "customers"] == [None] * 3
        connector.now += timedelta(seconds=60)
        await poll(connector, store)
        assert ("customers", "incremental", "schedule") in await connector.open_runs()
