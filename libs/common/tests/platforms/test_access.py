"""Tokens that expire, on real PostgreSQL and with a simulated Shopify's token endpoint."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from longshore.contracts import IntegrationChanged, IntegrationStatus, Platform
from longshore.platforms.access import MARGIN, NEEDS_REAUTH, YOUNG, FixedToken, GrantedTokens
from longshore.platforms.protocols import Integration, StoreError, StoreUnauthorized, StoreUnavailable
from longshore.platforms.token_endpoint import TokenEndpoint
from longshore.vault import GRANTED, IntegrationRow, Sealer, StoredTokens, TokenPair, TokenStore, Vault
from longshore_devkit.stores.shopify.grants import ACCESS_FOR
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig

from .conftest import ORG, SCHEMA, TABLES
from .toy import NOW

DOMAIN = "demo-shop.myshopify.com"


class Clock:
    """One for the shop and for all processes."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


class Hub:
    """One granted store, and as many processes (each with its own engine) as a test wants."""

    def __init__(self, url: str, sim: SimulatedShopify, clock: Clock) -> None:
        self.clock = clock
        self.url = url
        self.sim = sim
        self.grants = sim.shop().grants
        self.endpoint = f"{sim.url}/{DOMAIN}/admin/oauth/access_token"
        self.key = Fernet.generate_key().decode()
        self.vault = Vault(Sealer([self.key]))
        self.store = TokenStore(Sealer([self.key]))
        self.engines: list[AsyncEngine] = []
        # How each refresh ended.
        self.ended: list[str] = []
        self.integration: Integration
        self.row: IntegrationRow

    @property
    def now(self) -> datetime:
        return self.clock.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.clock.now = now

    def engine(self) -> AsyncEngine:
        self.engines.append(create_async_engine(self.url))
        return self.engines[-1]

    def process(self, engine: AsyncEngine | None = None) -> GrantedTokens:
        """What one process has."""
        return GrantedTokens(
            schema=SCHEMA,
            engine=engine or self.engine(),
            vault=self.vault,
            store=self.store,
            refresh=self.refresh,
            clock=self.clock,
            on_end=self.ended.append,
        )

    async def refresh(self, integration: Integration, token: str) -> TokenPair:
        endpoint = TokenEndpoint(
            self.endpoint, "simulated-client-id", "shpss_simulated", allow_private=True, clock=self.clock, timeout_s=2.0
        )
        return await endpoint.refresh(token)

    async def grant(self) -> None:
        """As the gateway does when a merchant has agreed."""
        redirect = self.grants.authorize({"client_id": "simulated-client-id", "redirect_uri": "x", "state": "s"})
        code = redirect.partition("code=")[2].partition("&")[0]
        pair = await TokenEndpoint(
            self.endpoint, "simulated-client-id", "shpss_simulated", allow_private=True, clock=self.clock
        ).exchange(code, expiring="1")
        async with self.engine().begin() as conn:
            self.row = await self.vault.create(
                conn,
                org_id=ORG,
                platform=Platform.SHOPIFY,
                name="Shop",
                store_url=f"https://{DOMAIN}",
                store_key=DOMAIN,
                credentials=GRANTED,
                settings={},
                now=self.now,
                status=IntegrationStatus.ACTIVE,
            )
            await self.store.put(conn, self.row.id, ORG, pair, self.now)
            opened = await self.vault.open(conn, self.row.id)
        assert opened is not None
        self.integration = opened[0]

    async def stored(self) -> StoredTokens:
        async with self.engines[0].connect() as conn:
            found = await self.store.get(conn, self.row.id)
        assert found is not None
        return found

    async def status(self) -> tuple[str, str | None]:
        async with self.engines[0].connect() as conn:
            row = await self.vault.get(conn, ORG, self.row.id)
        assert row is not None
        return row.status.value, row.status_reason

    async def events(self) -> list[IntegrationChanged]:
        async with self.engines[0].connect() as conn:
            rows = await conn.execute(text(f"SELECT value FROM {SCHEMA}.outbox ORDER BY id"))
            return [IntegrationChanged.from_json(bytes(row.value)) for row in rows]

    def later(self) -> None:
        """The access token has run out, here and at the shop."""
        self.now += ACCESS_FOR


@pytest.fixture
async def hub(url: str, engine: AsyncEngine) -> AsyncIterator[Hub]:
    async with engine.begin() as conn:
        await conn.execute(text(f"TRUNCATE {TABLES}, vault.tokens"))
    clock = Clock()
    async with SimulatedShopify(ShopConfig(domain=DOMAIN, products=1), now=clock) as sim:
        made = Hub(url, sim, clock)
        await made.grant()
        yield made
        for each in made.engines:
            await each.dispose()


class TestInTime:
    async def test_a_good_token_costs_nothing(self, hub: Hub) -> None:
        tokens = hub.process()
        given = {await tokens.get(hub.integration) for _ in range(5)}
        assert given == {(await hub.stored()).pair.access_token}
        assert hub.grants.calls["refresh"] == 0

    async def test_it_is_refreshed_before_it_runs_out(self, hub: Hub) -> None:
        tokens = hub.process()
        first = await tokens.get(hub.integration)
        hub.now += ACCESS_FOR - MARGIN
        second = await tokens.get(hub.integration)
        assert second != first
        assert hub.grants.accepts(second)
        assert (await hub.stored()).pair.access_token == second

    async def test_again_and_again(self, hub: Hub) -> None:
        tokens = hub.process()
        for version in range(1, 6):
            assert (await hub.stored()).version == version
            hub.later()
            assert hub.grants.accepts(await tokens.get(hub.integration))
        assert hub.grants.calls["refresh"] == 5

    async def test_a_refused_one_is_replaced(self, hub: Hub) -> None:
        source = hub.process().of(hub.integration)
        refused = await source.current()
        hub.grants.expire_access()
        hub.now += YOUNG
        renewed = await source.renew(refused)
        assert hub.grants.accepts(renewed)
        assert await source.current() == renewed

    async def test_what_another_process_has_fetched_is_taken(self, hub: Hub) -> None:
        one, other = hub.process().of(hub.integration), hub.process().of(hub.integration)
        refused = await one.current()
        assert await other.current() == refused
        hub.now += YOUNG
        newer = await other.renew(refused)
        assert await one.renew(refused) == newer
        assert hub.grants.calls["refresh"] == 1

    async def test_a_token_that_is_refused_at_once_is_no_reason_to_ask_on(self, hub: Hub) -> None:
        source = hub.process().of(hub.integration)
        refused = await source.current()
        with pytest.raises(StoreUnavailable) as error:
            await source.renew(refused)
        assert error.value.code == "token-refused"
        assert hub.grants.calls["refresh"] == 0

    async def test_a_fixed_token(self) -> None:
        token = FixedToken("shpat_fixed")
        assert (await token.current(), await token.renew("shpat_fixed")) == ("shpat_fixed", None)
        assert "shpat" not in repr(token)


class TestAtOnce:
    async def test_a_hundred_callers_in_four_processes_make_one_refresh(self, hub: Hub) -> None:
        processes = [hub.process() for _ in range(4)]
        hub.later()
        given = await asyncio.gather(*[processes[n % 4].get(hub.integration) for n in range(100)])
        assert hub.grants.calls["refresh"] == 1
        assert len(set(given)) == 1
        assert hub.grants.accepts(given[0])
        assert (await hub.stored()).version == 2

    async def test_a_hundred_refusals_at_once_make_one_refresh(self, hub: Hub) -> None:
        sources = [hub.process().of(hub.integration) for _ in range(4)]
        refused = await sources[0].current()
        hub.grants.expire_access()
        hub.now += YOUNG
        given = await asyncio.gather(*[sources[n % 4].renew(refused) for n in range(100)])
        assert (hub.grants.calls["refresh"], len(set(given))) == (1, 1)

    async def test_the_integration_is_not_locked_meanwhile(self, hub: Hub) -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def slow(integration: Integration, token: str) -> TokenPair:
            asked.set()
            await go_on.wait()
            return await hub.refresh(integration, token)

        tokens = hub.process()
        tokens._refresh = slow
        hub.later()
        task = asyncio.create_task(tokens.get(hub.integration))
        await asked.wait()
        async with asyncio.timeout(2), hub.engine().begin() as conn:
            await hub.vault.set_status(conn, hub.row.id, IntegrationStatus.ERROR, "Meanwhile.", hub.now)
        go_on.set()
        assert hub.grants.accepts(await task)


class TestLostAnswers:
    async def crash(self, hub: Hub) -> None:
        """A process asks, has the answer, and is killed before it commits."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).parent / "refreshing_process.py"),
            hub.url,
            hub.key,
            str(hub.row.id),
            hub.endpoint,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        try:
            async with asyncio.timeout(30):
                assert await child.stdout.readline() == b"answered\n"
        finally:
            child.kill()
            await child.wait()

    async def test_a_crash_between_answer_and_commit_loses_nothing(self, hub: Hub) -> None:
        before = (await hub.stored()).pair
        hub.later()
        await self.crash(hub)
        left = await hub.stored()
        # Whole, old, and with a note that an answer is missing.
        assert left.pair == before
        assert left.attempted_at is not None
        assert not hub.grants.accepts(before.access_token)
        assert hub.grants.accepts(await hub.process().get(hub.integration))
        assert hub.grants.calls["refresh"] == 2
        after = await hub.stored()
        assert (after.version, after.attempted_at) == (2, None)
        # And the chain goes on from there.
        hub.later()
        assert hub.grants.accepts(await hub.process().get(hub.integration))
        assert await hub.status() == ("active", None)

    async def test_where_the_old_token_dies_at_once_the_merchant_is_asked(self, hub: Hub) -> None:
        hub.grants.old_refresh = "dies_at_once"
        hub.later()
        await self.crash(hub)
        with pytest.raises(StoreUnauthorized) as error:
            await hub.process().get(hub.integration)
        assert error.value.code == NEEDS_REAUTH
        status, reason = await hub.status()
        assert status == "needs_reauth"
        assert reason is not None
        assert reason.startswith("The answer to an earlier refresh was lost.")

    async def test_an_answer_that_does_not_arrive_is_asked_for_again(self, hub: Hub) -> None:
        hub.later()
        hub.sim.faults.drop_after_write_rate = 1.0
        tokens = hub.process()
        with pytest.raises(StoreUnavailable):
            await tokens.get(hub.integration)
        hub.sim.faults.drop_after_write_rate = 0.0
        assert hub.grants.accepts(await tokens.get(hub.integration))
        assert hub.ended == ["failed", "refreshed"]

    async def test_an_old_token_that_is_still_good_is_used_meanwhile(self, hub: Hub) -> None:
        tokens = hub.process()
        first = await tokens.get(hub.integration)
        hub.now += ACCESS_FOR - timedelta(minutes=1)
        hub.sim.faults.error_rate_5xx = 1.0
        assert await tokens.get(hub.integration) == first
        hub.now += timedelta(minutes=1)
        with pytest.raises(StoreUnavailable):
            await tokens.get(hub.integration)

    async def test_an_answer_that_cannot_be_written_is_used_and_written_later(self, hub: Hub) -> None:
        engine = hub.engine()
        tokens = hub.process(engine)

        async def and_then_postgres_goes(integration: Integration, token: str) -> TokenPair:
            pair = await hub.refresh(integration, token)
            async with hub.engine().begin() as conn:
                # The connection that holds the lock.
                ended = await conn.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND state = 'idle in transaction'"
                    )
                )
                assert ended.rowcount >= 1
            return pair

        tokens._refresh = and_then_postgres_goes
        hub.later()
        given = await tokens.get(hub.integration)
        assert hub.grants.accepts(given)
        assert (await hub.stored()).version == 1
        assert await tokens.get(hub.integration) == given
        stored = await hub.stored()
        assert (stored.version, stored.pair.access_token) == (2, given)
        assert hub.grants.calls["refresh"] == 1


class TestRefused:
    async def test_the_integration_says_so_once_and_nobody_asks_on(self, hub: Hub) -> None:
        hub.grants.refuse_refresh = True
        hub.later()
        tokens = [hub.process() for _ in range(3)]
        results: list[Any] = await asyncio.gather(
            *[tokens[n % 3].get(hub.integration) for n in range(30)], return_exceptions=True
        )
        assert {each.code for each in results if isinstance(each, StoreError)} == {NEEDS_REAUTH}
        assert hub.grants.calls["refresh"] == 1
        (event,) = await hub.events()
        assert (event.integration_id, event.status.value) == (hub.row.id, "needs_reauth")
        assert await hub.status() == ("needs_reauth", event.reason)
        assert hub.ended == ["refused"]

    async def test_an_app_that_was_uninstalled(self, hub: Hub) -> None:
        source = hub.process().of(hub.integration)
        refused = await source.current()
        hub.sim.shop().uninstall()
        hub.now += YOUNG
        with pytest.raises(StoreUnauthorized) as error:
            await source.renew(refused)
        assert error.value.code == NEEDS_REAUTH
        assert (await hub.status())[0] == "needs_reauth"
        assert len(await hub.events()) == 1

    async def test_a_new_grant_goes_on(self, hub: Hub) -> None:
        hub.grants.refuse_refresh = True
        hub.later()
        tokens = hub.process()
        with pytest.raises(StoreUnauthorized):
            await tokens.get(hub.integration)
        hub.grants.refuse_refresh = False
        redirect = hub.grants.authorize({"client_id": "simulated-client-id", "redirect_uri": "x", "state": "s"})
        code = redirect.partition("code=")[2].partition("&")[0]
        pair = await TokenEndpoint(
            hub.endpoint, "simulated-client-id", "shpss_simulated", allow_private=True, clock=hub.clock
        ).exchange(code, expiring="1")
        async with hub.engine().begin() as conn:
            assert await hub.vault.reconnect(conn, hub.row.id, GRANTED, hub.now)
            await hub.store.put(conn, hub.row.id, ORG, pair, hub.now)
        assert await tokens.get(hub.integration) == pair.access_token

    async def test_a_wrong_client_secret_is_not_the_merchants_fault(self, hub: Hub) -> None:
        object.__setattr__(hub.sim.shop().config, "api_secret", "rotated away")
        hub.later()
        with pytest.raises(StoreUnauthorized) as error:
            await hub.process().get(hub.integration)
        assert error.value.code == "app-credentials"
        assert await hub.status() == ("active", None)
        object.__setattr__(hub.sim.shop().config, "api_secret", "shpss_simulated")
        assert hub.grants.accepts(await hub.process().get(hub.integration))

    async def test_disconnecting_destroys_the_pair(self, hub: Hub) -> None:
        async with hub.engine().begin() as conn:
            await hub.vault.destroy_credentials(conn, hub.row.id)
        assert (await hub.stored()).version == 1  # it is connected still
        async with hub.engine().begin() as conn:
            await hub.vault.delete(conn, ORG, hub.row.id, hub.now)
            await hub.vault.destroy_credentials(conn, hub.row.id)
            assert await hub.store.get(conn, hub.row.id) is None
