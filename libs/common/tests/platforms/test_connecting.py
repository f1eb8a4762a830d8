"""A store from `connecting` to `active`, or to an error that a person can act on; and how it is taken down."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from longshore.contracts import IntegrationStatus
from longshore.ids import IntegrationId
from longshore.platforms.access import NEEDS_REAUTH
from longshore.platforms.jobs import Lane, RetryLater, RunningJob
from longshore.platforms.protocols import FetchedEntity, StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore.platforms.running import FEWEST_TRIES, LONGEST_TRY, MOST_FAREWELLS
from longshore.platforms.work import ConnectWork, DisconnectWork

from .conftest import ORG, Connector

AWAY = StoreUnavailable("timeout", "The store did not answer.")


async def status(connector: Connector, id: IntegrationId) -> tuple[IntegrationStatus, str | None]:
    async with connector.engine.connect() as conn:
        row = await connector.vault.get(conn, ORG, id)
    assert row is not None
    return row.status, row.status_reason


async def has_credentials(connector: Connector, id: UUID) -> bool:
    async with connector.engine.connect() as conn:
        found = text("SELECT credentials IS NOT NULL FROM vault.integrations WHERE id = :id")
        return bool(await conn.scalar(found, {"id": id}))


class TestConnect:
    async def test_checked_registered_active_and_told(self, connector: Connector) -> None:
        store, shop = await connector.add_store(settings={"stock": {"mode": "shared"}})
        await connector.work(store, ConnectWork())
        assert await status(connector, store) == (IntegrationStatus.ACTIVE, None)
        assert shop.calls == ["check", "ensure_webhooks", "import_catalogue"]
        assert shop.webhooks == {f"https://hub.example/webhooks/api/{store}"}
        (event,) = await connector.events()
        assert (event.integration_id, event.status) == (store, IntegrationStatus.ACTIVE)
        assert event.settings == {"stock": {"mode": "shared"}}

    async def test_webhooks_can_be_left_to_the_merchant(self, connector: Connector) -> None:
        store, shop = await connector.add_store(settings={"manage_webhooks": False})
        await connector.work(store, ConnectWork())
        assert shop.webhooks == set()
        assert (await status(connector, store))[0] is IntegrationStatus.ACTIVE

    async def test_the_catalogue_goes_to_the_raw_topic(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.catalogue = [
            [FetchedEntity("product", "1", b'{"price": 1.10}'), FetchedEntity("stock", "1", b"{}")],
            [FetchedEntity("product", "2", b"{}")],
        ]
        await connector.work(store, ConnectWork())
        assert [(each.topic, each.key, each.value) for each in connector.raw.sent] == [
            ("raw.api", f"{store}:1", b'{"price": 1.10}'),
            ("raw.api", f"{store}:1", b"{}"),
            ("raw.api", f"{store}:2", b"{}"),
        ]

    async def test_a_refusal_is_an_error_with_its_reason(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.troubles.append(StoreUnauthorized("http-401", "The store does not accept the key."))
        await connector.work(store, ConnectWork())
        expected = (IntegrationStatus.ERROR, "The store does not accept the key.")
        assert await status(connector, store) == expected
        (event,) = await connector.events()
        assert (event.status, event.reason) == expected

    async def test_a_store_that_is_never_reached_is_an_error_in_the_end(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.troubles += [AWAY, AWAY]
        work = ConnectWork().to_json()
        with pytest.raises(RetryLater):
            await connector.run(RunningJob(store, Lane.CONNECT, work, FEWEST_TRIES, connector.now))
        assert (await status(connector, store))[0] is IntegrationStatus.CONNECTING
        created = connector.now - LONGEST_TRY
        await connector.run(RunningJob(store, Lane.CONNECT, work, FEWEST_TRIES, created))
        assert await status(connector, store) == (IntegrationStatus.ERROR, AWAY.detail)
        assert [each.status for each in await connector.events()] == [IntegrationStatus.ERROR]

    async def test_missing_permissions_are_named(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.missing = ("write_inventory", "read_orders")
        await connector.work(store, ConnectWork())
        state, reason = await status(connector, store)
        assert state is IntegrationStatus.ERROR
        assert reason is not None
        assert "write_inventory, read_orders" in reason
        assert shop.webhooks == set()

    async def test_permissions_that_would_be_useful_are_named_too(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.lacking = ("read_customers",)
        await connector.work(store, ConnectWork())
        state, reason = await status(connector, store)
        assert state is IntegrationStatus.ACTIVE
        assert reason == "Less is known of the store: its key lacks read_customers."

    async def test_needs_reauth_is_not_said_over(self, connector: Connector) -> None:
        store, shop = await connector.add_store(status=IntegrationStatus.NEEDS_REAUTH)
        shop.troubles.append(StoreUnauthorized(NEEDS_REAUTH, "The store has taken our access back."))
        await connector.work(store, ConnectWork())
        assert (await status(connector, store))[0] is IntegrationStatus.NEEDS_REAUTH
        assert await connector.events() == []

    async def test_a_store_that_is_away_stays_connecting_and_is_tried_again(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.troubles.append(AWAY)
        with pytest.raises(RetryLater):
            await connector.work(store, ConnectWork())
        assert await status(connector, store) == (IntegrationStatus.CONNECTING, AWAY.detail)
        assert await connector.events() == []
        await connector.work(store, ConnectWork(), attempts=1)
        assert await status(connector, store) == (IntegrationStatus.ACTIVE, None)

    async def test_a_catalogue_that_breaks_off_is_read_again(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.catalogue = [[FetchedEntity("product", "1", b"{}")]]
        await connector.work(store, ConnectWork())
        shop.troubles = []
        shop.calls.clear()
        await connector.work(store, ConnectWork())
        assert shop.calls == ["check", "ensure_webhooks", "import_catalogue"]
        # Active already: nothing new to tell.
        assert len(await connector.events()) == 1

    async def test_a_refused_catalogue_does_not_hinder_the_connection(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        shop.catalogue = [[FetchedEntity("product", "1", b"{}")]]
        await connector.work(store, ConnectWork())
        connector.raw.sent.clear()

        class Refusing(list[list[FetchedEntity]]):
            def __iter__(self) -> object:  # type: ignore[override]
                raise StoreRefused("http-403", "No products for this key.")

        shop.catalogue = Refusing()
        await connector.work(store, ConnectWork())
        assert (await status(connector, store))[0] is IntegrationStatus.ACTIVE
        assert connector.raw.sent == []

    async def test_a_store_that_was_deleted_meanwhile_stays_so(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.delete_store(store)
        await connector.work(store, ConnectWork())
        assert shop.calls == []
        assert await connector.events() == []


class TestDisconnect:
    async def test_webhooks_are_removed_and_credentials_destroyed(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.work(store, ConnectWork())
        await connector.delete_store(store)
        assert await has_credentials(connector, store)
        await connector.work(store, DisconnectWork())
        assert shop.webhooks == set()
        assert not await has_credentials(connector, store)
        shop.calls.clear()
        await connector.work(store, DisconnectWork())
        assert shop.calls == []

    async def test_a_store_that_refuses_does_not_keep_its_key_with_us(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.delete_store(store)
        shop.troubles.append(StoreUnauthorized("http-401", "revoked"))
        await connector.work(store, DisconnectWork())
        assert not await has_credentials(connector, store)

    async def test_a_store_that_is_away_is_asked_again_but_not_for_ever(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.delete_store(store)
        shop.troubles = [AWAY] * MOST_FAREWELLS
        for attempts in range(MOST_FAREWELLS - 1):
            with pytest.raises(RetryLater):
                await connector.work(store, DisconnectWork(), attempts)
        assert await has_credentials(connector, store)
        await connector.work(store, DisconnectWork(), MOST_FAREWELLS - 1)
        assert not await has_credentials(connector, store)

    async def test_a_store_that_was_connected_again_is_not_taken_down(self, connector: Connector) -> None:
        store, shop = await connector.add_store()
        await connector.work(store, ConnectWork())
        await connector.delete_store(store)
        again, _ = await connector.add_store()
        assert again == store
        await connector.work(store, DisconnectWork())
        assert len(shop.webhooks) == 1
        assert await has_credentials(connector, store)
