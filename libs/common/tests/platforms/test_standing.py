"""A key that a store has revoked shows on its integration; when the store lets us in again, that shows too."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from longshore.contracts import IntegrationStatus
from longshore.ids import IntegrationId
from longshore.platforms.jobs import RetryLater
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore.platforms.standing import CHECK_AGAIN_S, PROBE_EVERY_S, REFUSALS, SHUT_OUT
from longshore.platforms.work import CheckWork, ProbeWork

from .conftest import ORG, SCHEMA, Connector, fulfilment
from .toy import Shop

REVOKED = StoreUnauthorized("bad-key", "The store does not accept the key.")


@pytest.fixture
async def store(connector: Connector) -> tuple[IntegrationId, Shop]:
    return await connector.add_store(status=IntegrationStatus.ACTIVE)


Store = tuple[IntegrationId, Shop]


async def status(connector: Connector, id: IntegrationId) -> tuple[str, str | None]:
    async with connector.engine.connect() as conn:
        row = await connector.vault.get(conn, ORG, id)
    assert row is not None
    return row.status.value, row.status_reason


async def probes(connector: Connector) -> int:
    async with connector.engine.connect() as conn:
        query = text(f"SELECT count(*) FROM {SCHEMA}.pgqueuer WHERE dedupe_key LIKE 'probe/%'")
        return int(await conn.scalar(query) or 0)


async def shut_out(connector: Connector, store: Store) -> None:
    store[1].troubles += [REVOKED] * REFUSALS
    for _ in range(REFUSALS):
        await connector.do(fulfilment(store[0]))


class TestShutOut:
    async def test_repeated_refusals_are_an_error_with_the_stores_reason(
        self, connector: Connector, store: Store
    ) -> None:
        store[1].troubles += [REVOKED] * REFUSALS
        for _ in range(REFUSALS - 1):
            await connector.do(fulfilment(store[0]))
            assert await status(connector, store[0]) == ("active", None)
        await connector.do(fulfilment(store[0]))
        expected = ("error", SHUT_OUT + REVOKED.detail)
        assert await status(connector, store[0]) == expected
        (event,) = await connector.events()
        assert (event.status.value, event.reason) == expected
        assert await probes(connector) == 1
        # Told once, however often it happens.
        store[1].troubles += [REVOKED] * 3
        for _ in range(3):
            await connector.do(fulfilment(store[0]))
        assert len(await connector.events()) == 1
        assert {each.status.value for each in await connector.outcomes()} == {"failed"}

    @pytest.mark.parametrize("between", [None, StoreRefused("order-closed", "The order is cancelled.")])
    async def test_a_call_that_was_let_in_begins_the_count_anew(
        self, connector: Connector, store: Store, between: Exception | None
    ) -> None:
        for _ in range(3):
            store[1].troubles += [REVOKED] * (REFUSALS - 1) + ([between] if between else [])
            for _ in range(REFUSALS):
                await connector.do(fulfilment(store[0]))
        assert await status(connector, store[0]) == ("active", None)

    async def test_an_outage_neither_counts_nor_mends(self, connector: Connector, store: Store) -> None:
        away = StoreUnavailable("timeout", "The store did not answer.")
        store[1].troubles += [REVOKED, away, REVOKED, away, REVOKED]
        for _ in range(5):
            try:
                await connector.do(fulfilment(store[0]))
            except RetryLater:
                continue
        assert (await status(connector, store[0]))[0] == "error"

    async def test_one_permission_that_is_lacking_is_no_revoked_key(self, connector: Connector, store: Store) -> None:
        denied = StoreUnauthorized("access-denied", "The token may not write: order.", partial=True)
        store[1].troubles += [denied] * 5
        for _ in range(5):
            await connector.do(fulfilment(store[0]))
        assert await status(connector, store[0]) == ("active", None)


class TestLetIn:
    async def test_by_the_next_call_that_goes_through(self, connector: Connector, store: Store) -> None:
        await shut_out(connector, store)
        await connector.do(fulfilment(store[0]))
        assert await status(connector, store[0]) == ("active", None)
        assert [each.status.value for each in await connector.events()] == ["error", "active"]

    async def test_by_a_probe_when_nothing_else_is_asked(self, connector: Connector, store: Store) -> None:
        await shut_out(connector, store)
        store[1].troubles.append(REVOKED)
        with pytest.raises(RetryLater) as later:
            await connector.work(store[0], ProbeWork())
        assert later.value.delay_s == PROBE_EVERY_S
        assert (await status(connector, store[0]))[0] == "error"
        store[1].missing = ("write",)
        with pytest.raises(RetryLater):
            await connector.work(store[0], ProbeWork())
        store[1].missing = ()
        await connector.work(store[0], ProbeWork())
        assert await status(connector, store[0]) == ("active", None)

    async def test_by_a_process_that_has_not_seen_the_refusals(
        self, connector: Connector, store: Store, url: str
    ) -> None:
        await shut_out(connector, store)
        other = Connector(url, connector.engine, connector.vault)
        await other.work(store[0], ProbeWork())
        assert await status(connector, store[0]) == ("active", None)
        await other.clients.close()

    async def test_another_error_is_not_taken_away(self, connector: Connector, store: Store) -> None:
        async with connector.engine.begin() as conn:
            await connector.vault.set_status(
                conn, store[0], IntegrationStatus.ERROR, "The store's key lacks permissions: write.", connector.now
            )
        await connector.work(store[0], ProbeWork())
        assert (await status(connector, store[0]))[0] == "error"
        assert await connector.events() == []

    async def test_a_store_that_was_connected_anew_needs_no_probe(self, connector: Connector, store: Store) -> None:
        await shut_out(connector, store)
        async with connector.engine.begin() as conn:
            await connector.vault.set_status(conn, store[0], IntegrationStatus.CONNECTING, None, connector.now)
        asked = len(store[1].calls)
        await connector.work(store[0], ProbeWork())
        assert len(store[1].calls) == asked
        assert (await status(connector, store[0]))[0] == "connecting"


class TestCheck:
    async def test_an_app_that_was_removed_is_an_error_at_once(self, connector: Connector, store: Store) -> None:
        """No command and no poll has to fail first."""
        store[1].troubles += [REVOKED] * REFUSALS
        for _ in range(REFUSALS - 1):
            with pytest.raises(RetryLater) as later:
                await connector.work(store[0], CheckWork())
            assert later.value.delay_s == CHECK_AGAIN_S
        await connector.work(store[0], CheckWork())
        assert await status(connector, store[0]) == ("error", SHUT_OUT + REVOKED.detail)
        await connector.work(store[0], CheckWork())

    async def test_a_permission_that_was_taken_back(self, connector: Connector, store: Store) -> None:
        store[1].missing = ("read_orders",)
        await connector.work(store[0], CheckWork())
        assert await status(connector, store[0]) == (
            "error",
            SHUT_OUT + "these permissions are missing: read_orders.",
        )
        with pytest.raises(RetryLater):
            await connector.work(store[0], ProbeWork())
        store[1].missing = ()
        await connector.work(store[0], ProbeWork())
        assert await status(connector, store[0]) == ("active", None)

    async def test_all_is_well(self, connector: Connector, store: Store) -> None:
        await connector.work(store[0], CheckWork())
        assert await status(connector, store[0]) == ("active", None)
        assert store[1].calls == ["check"]

    async def test_a_store_that_is_away_is_asked_again(self, connector: Connector, store: Store) -> None:
        store[1].troubles.append(StoreUnavailable("timeout", "No answer."))
        with pytest.raises(RetryLater):
            await connector.work(store[0], CheckWork())
        assert await status(connector, store[0]) == ("active", None)
