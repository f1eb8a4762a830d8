"""The behaviours that every connector must show. Nothing here names a platform.

A connector's `tests/test_conformance.py` inherits the class, says what its connector is and where its stores come from,
and is run by pytest like any test: each behaviour against a store of its own, all on one running connector.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from longshore.contracts import (
    CommandLine,
    CommandStatus,
    EntityFetch,
    FulfillmentCreate,
    IntegrationStatus,
    OrderCancel,
    OrderNote,
    OrderRefund,
    OrderSnapshot,
    OrderStatus,
    Origin,
    RefundPieces,
    StockSet,
    SyncRunChanged,
    SyncStart,
    SyncStatus,
    Tracking,
    WebhooksRepaired,
)
from longshore.contracts.commands import STALE
from longshore.ids import uuid7
from longshore.money import money
from longshore.platforms.connector import Connector, ConnectorSettings
from longshore.platforms.declaration import Ability as Asking
from longshore.platforms.declaration import find_platforms
from longshore.platforms.protocols import SyncRequest
from longshore.runtime import Service
from longshore.vault import Vault
from longshore_devkit.conformance.door import Taken
from longshore_devkit.conformance.harness import FINAL, Connected, Product, RunningConnector
from longshore_devkit.conformance.store import Ability, Knob, Store, Stores
from longshore_devkit.testing import MakeDatabase, eventually, unique_prefix

# What standing.py takes for proof that a store does not let us in.
REFUSALS = 3


@pytest.mark.asyncio(loop_scope="class")
class ConnectorConformance(ABC):
    """Inherit as `TestConformance`, set `settings`, and say the rest."""

    settings: ClassVar[type[ConnectorSettings]]

    @classmethod
    @abstractmethod
    def connector(cls, settings: Any) -> Connector:
        """The connector as its app.py declares it."""

    @classmethod
    @abstractmethod
    def stores(cls) -> Stores:
        """Where its stores come from."""

    @classmethod
    @abstractmethod
    def route(cls, service: Service, vault: Vault) -> ASGIApp:
        """The gateway's route for deliveries."""

    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    @classmethod
    async def running(
        cls, bootstrap_servers: str, make_database: MakeDatabase
    ) -> AsyncIterator[tuple[RunningConnector, Stores]]:
        """The connector, up."""
        async with cls.stores() as stores:
            running = RunningConnector(
                cls.connector,
                cls.settings,
                cls.route,
                bootstrap_servers=bootstrap_servers,
                database_url=make_database(),
                topic_prefix=unique_prefix(),
                more=stores.settings,
            )
            try:
                await running.start()
                yield running, stores
            finally:
                await running.stop()

    @pytest_asyncio.fixture(loop_scope="class")
    async def store(self, running: tuple[RunningConnector, Stores]) -> AsyncIterator[Store]:
        """A store of this test's own."""
        async with running[1].open(f"t{secrets.token_hex(4)}") as store:
            yield store

    @pytest_asyncio.fixture(loop_scope="class")
    async def shop(self, running: tuple[RunningConnector, Stores], store: Store) -> AsyncIterator[Connected]:
        """It, connected."""
        connected = await running[0].connect(store)
        yield connected
        await self._leave(connected)

    @staticmethod
    async def _leave(shop: Connected) -> None:
        for knob in shop.store.knobs:
            await shop.store.turn(knob, False)
        await (shop.disconnect() if shop.store.stays else shop.abandon())

    # Connecting

    async def test_a_store_is_connected_and_its_webhooks_registered_once(self, shop: Connected) -> None:
        registered = await shop.store.webhooks()
        assert registered, "no webhooks"
        assert set(registered.values()) == {1}
        await shop.connect_again()
        assert await shop.store.webhooks() == registered

    async def test_its_catalogue_is_read(self, shop: Connected) -> None:
        for sku in shop.store.skus:
            found = await shop.product(sku)
            assert found.level.quantity == await shop.store.stock(sku)

    async def test_webhooks_that_end_are_put_right(self, shop: Connected) -> None:
        before = await shop.store.webhooks()
        ended = await shop.store.end_webhook()
        assert await shop.store.webhooks() != before
        await shop.put_webhooks_right()
        assert await shop.store.webhooks() == before
        repaired = await eventually(lambda: shop.all(WebhooksRepaired), timeout=30)
        assert [each.topic for each in repaired[0].webhooks] == [ended]

    async def test_a_store_that_is_taken_down_keeps_nothing_of_ours(self, shop: Connected) -> None:
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        await shop.disconnect()
        assert not await shop.store.webhooks()
        refused = await shop.finish(EntityFetch(resource="order", external_id=order.external_id))
        assert refused.status is CommandStatus.FAILED
        assert refused.error is not None
        assert refused.error.code == "integration-deleted"

    # Receiving

    async def test_an_order_arrives_as_the_store_has_it(self, shop: Connected) -> None:
        sku = shop.store.skus[0]
        order = await shop.store.place_order(sku, 2)
        snapshot = await shop.order(order.external_id, lambda each: each.raw.origin is Origin.WEBHOOK)
        assert snapshot.reconciled, snapshot.discrepancies
        assert snapshot.problems == []
        assert snapshot.totals.total == money(order.total, snapshot.currency, snapshot.exponent)
        assert [(each.sku, each.quantity) for each in snapshot.lines] == [(sku, 2)]
        fetched = await shop.finish(EntityFetch(resource="order", external_id=order.external_id))
        assert fetched.status is CommandStatus.SUCCEEDED
        asked = await shop.order(order.external_id, lambda each: each.raw.origin is Origin.FETCH)
        assert asked.totals == snapshot.totals
        assert [each.id for each in asked.lines] == [each.id for each in snapshot.lines]

    async def test_what_the_merchant_pays_back_arrives(self, shop: Connected) -> None:
        order = await shop.store.place_order(shop.store.skus[0], 2)
        await shop.order(order.external_id)
        refund = await shop.store.refund_order(order.external_id)
        told = await shop.order(order.external_id, lambda each: any(one.lines for one in each.refunds))
        assert [each.external_id for each in told.refunds] == [refund]
        assert told.refunds[0].amount == told.totals.refunded
        assert sum(each.quantity for each in told.refunds[0].lines) == 1
        assert told.reconciled, told.discrepancies

    async def test_deliveries_that_come_twice_change_nothing(self, shop: Connected) -> None:
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        before = await self._delivered(shop, order.external_id)
        newest = await shop.newest(order.external_id)
        for delivery in (*before, *before):
            assert await shop.running.door.deliver(delivery) == 200
        await self._all_translated(shop)
        again = await shop.newest(order.external_id)
        assert again.digest == newest.digest
        assert [each.id for each in again.lines] == [each.id for each in newest.lines]

    async def test_deliveries_in_the_wrong_order_end_in_the_newest_state(self, shop: Connected) -> None:
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        await shop.store.cancel_order(order.external_id)
        await shop.order(order.external_id, lambda each: each.status is OrderStatus.CANCELLED)
        for delivery in reversed(await self._delivered(shop, order.external_id)):
            assert await shop.running.door.deliver(delivery) == 200
        await self._all_translated(shop)
        assert (await shop.newest(order.external_id)).status is OrderStatus.CANCELLED

    async def test_what_was_never_delivered_is_found_by_polling(
        self, running: tuple[RunningConnector, Stores], store: Store
    ) -> None:
        shop = await running[0].connect(store, poll_interval_s=1)
        try:
            shop.running.door.losing = True
            order = await store.place_order(store.skus[0], 1)
            await eventually(lambda: _of_order(shop.running.door.lost, order.external_id), timeout=30)
            found = await shop.order(order.external_id)
            assert found.raw.origin is Origin.FETCH
            assert found.reconciled, found.discrepancies
        finally:
            await self._leave(shop)

    async def test_a_delivery_that_cannot_be_read_is_set_aside(self, shop: Connected) -> None:
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        delivery = (await self._delivered(shop, order.external_id))[0]
        credentials = (await shop.integration()).credentials
        broken = b'{"id": %s, }' % order.external_id.encode()
        assert await shop.running.door.deliver(delivery.with_body(broken)) == 401  # its signature is another's
        assert await shop.running.door.deliver(shop.store.signed(delivery, broken, credentials)) == 200
        letters = await eventually(shop.letters, timeout=30)
        assert [each.value for each in letters] == [broken]
        # Fields of another kind than they should be: the order still arrives, and says what could not be read.
        odd = orjson.dumps(_odd(orjson.loads(delivery.body)))
        known = len(shop.orders(order.external_id))
        assert await shop.running.door.deliver(shop.store.signed(delivery, odd, credentials)) == 200
        arrived = await eventually(lambda: shop.orders(order.external_id)[known:], timeout=30)
        assert arrived[-1].problems
        assert arrived[-1].reconciled, arrived[-1].discrepancies
        await self._all_translated(shop)

    # Reading

    async def test_all_orders_are_read(self, shop: Connected) -> None:
        placed = {(await shop.store.place_order(shop.store.skus[0], 1)).external_id for _ in range(3)}
        run = await shop.send(SyncStart(resource="orders", mode="full"))
        assert (await shop.outcome(run, *FINAL)).status is CommandStatus.SUCCEEDED
        ended = await eventually(
            lambda: [each for each in shop.all(SyncRunChanged) if each.id == run and each.finished_at], timeout=30
        )
        assert ended[-1].status is SyncStatus.SUCCEEDED
        assert ended[-1].progress.done >= len(placed)
        read = await eventually(lambda: self._read(shop, placed), timeout=30)
        assert all(each.reconciled for each in read)

    async def test_a_reading_goes_on_elsewhere_where_it_was_broken_off(self, shop: Connected) -> None:
        shop.running.door.losing = True
        many = shop.store.many
        placed = [(await shop.store.place_order(shop.store.skus[1], 1)).external_id for _ in range(many)]
        cursor: str | None = None
        read: list[str] = []
        pages = 0
        while pages == 0 or cursor is not None:
            # Each page by a client that knows nothing of the others, while the store's rows change.
            async with shop.client() as client:
                page = await client.sync_page(SyncRequest("orders"), cursor)
            read += [each.external_id for each in page.entities if each.resource == "order"]
            assert not page.failed
            if pages == 0:
                await shop.store.cancel_order(placed[0])
                await shop.store.place_order(shop.store.skus[0], 1)
            cursor = page.cursor
            pages += 1
        assert pages > 1, "all in one page: give it more"
        # (A store that stays has others, too.)
        assert sorted(each for each in read if each in set(placed)) == sorted(placed)

    # Writing

    async def test_a_shipment_is_written_once(self, shop: Connected) -> None:
        order = await shop.store.place_order(shop.store.skus[0], 2)
        snapshot = await shop.order(order.external_id)
        payload = _shipment(snapshot)
        outcome = await shop.finish_through(Knob.LOSE_ANSWERS, payload)
        assert outcome.status is CommandStatus.SUCCEEDED, outcome.error
        # Asked for once more, by another command: the shipment is known by its own id.
        again = await shop.finish(payload)
        assert again.status is CommandStatus.SUCCEEDED, again.error
        assert again.fulfillment_external_id == outcome.fulfillment_external_id
        assert await shop.store.shipments(order.external_id) == ["CONFORM-1"]
        shipped = await shop.order(order.external_id, lambda each: bool(each.fulfillments))
        assert [each.tracking.number for each in shipped.fulfillments if each.tracking] == ["CONFORM-1"]
        assert sum(line.fulfilled_quantity for line in shipped.lines) == 2

    async def test_stock_is_set(self, shop: Connected) -> None:
        sku = shop.store.skus[0]
        product = await shop.product(sku)
        outcome = await shop.finish_through(Knob.LOSE_ANSWERS, _stock(product, sku, 41))
        assert (outcome.status, outcome.quantity) == (CommandStatus.SUCCEEDED, 41), outcome.error
        assert await shop.store.stock(sku) == 41

    async def test_a_sale_that_we_have_not_heard_of_is_not_overwritten(self, shop: Connected) -> None:
        self._can(shop, Ability.COMPARE_AND_SET)
        sku = shop.store.skus[0]
        product = await shop.product(sku)
        await shop.store.set_stock(sku, 7)
        outcome = await shop.finish(_stock(product, sku, 41, expected=product.level.quantity))
        assert outcome.status is CommandStatus.FAILED
        assert (outcome.error.code if outcome.error else None, outcome.quantity) == (STALE, 7)
        assert await shop.store.stock(sku) == 7

    async def test_a_refund_is_paid_once(self, shop: Connected) -> None:
        self._takes(shop, Asking.REFUND)
        order = await shop.store.place_order(shop.store.skus[0], 3)
        line = (await shop.order(order.external_id)).lines[0]
        before = await shop.store.stock(shop.store.skus[0])
        payload = OrderRefund(
            order_id=uuid4(),
            order_external_id=order.external_id,
            refund_id=uuid7(),
            lines=[RefundPieces(line_id=line.id, external_id=line.external_id, quantity=1)],
            reason="Broken",
        )
        outcome = await shop.finish_through(Knob.LOSE_ANSWERS, payload)
        assert outcome.status is CommandStatus.SUCCEEDED, outcome.error
        again = await shop.finish(payload)
        assert (again.status, again.made_external_id) == (CommandStatus.SUCCEEDED, outcome.made_external_id), (
            again.error
        )
        assert await shop.store.refunds(order.external_id) == [outcome.made_external_id]
        assert await shop.store.stock(shop.store.skus[0]) == before + 1
        told = await shop.order(order.external_id, lambda each: any(one.lines for one in each.refunds))
        assert [(each.line_id, each.quantity) for each in told.refunds[0].lines] == [(line.id, 1)]
        assert told.refunds[0].amount == told.totals.refunded
        assert told.reconciled, told.discrepancies

    async def test_an_order_is_cancelled(self, shop: Connected) -> None:
        self._takes(shop, Asking.CANCEL_ORDER)
        sku = shop.store.skus[0]
        before = await shop.store.stock(sku)
        order = await shop.store.place_order(sku, 2)
        await shop.order(order.external_id)
        payload = OrderCancel(order_id=uuid4(), order_external_id=order.external_id)
        outcome = await shop.finish_through(Knob.LOSE_ANSWERS, payload)
        assert outcome.status is CommandStatus.SUCCEEDED, outcome.error
        assert (await shop.finish(payload)).status is CommandStatus.SUCCEEDED
        assert await shop.store.stock(sku) == before
        await shop.order(order.external_id, lambda each: each.status is OrderStatus.CANCELLED)

    async def test_a_note_is_written_once(self, shop: Connected) -> None:
        self._takes(shop, Asking.ADD_NOTE)
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        payload = OrderNote(
            order_id=uuid4(), order_external_id=order.external_id, note_id=uuid7(), text="Packed in green paper"
        )
        outcome = await shop.finish_through(Knob.LOSE_ANSWERS, payload)
        assert outcome.status is CommandStatus.SUCCEEDED, outcome.error
        assert (await shop.finish(payload)).status is CommandStatus.SUCCEEDED
        notes = "\n".join(await shop.store.notes(order.external_id))
        assert notes.count("Packed in green paper") == 1

    # A store in trouble

    async def test_a_store_that_asks_for_a_pause_gets_it(self, shop: Connected) -> None:
        self._needs(shop, Knob.THROTTLE)
        sku = shop.store.skus[0]
        outcome = await shop.finish_through(Knob.THROTTLE, _stock(await shop.product(sku), sku, 41))
        assert outcome.status is CommandStatus.SUCCEEDED, outcome.error
        assert await shop.store.stock(sku) == 41
        assert shop.statuses()[-1] is IntegrationStatus.ACTIVE

    async def test_a_store_that_answers_with_a_page_is_asked_again(self, shop: Connected) -> None:
        self._needs(shop, Knob.GARBLE)
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        fetch = EntityFetch(resource="order", external_id=order.external_id)
        outcome = await shop.finish_through(Knob.GARBLE, fetch)
        assert outcome.status is CommandStatus.SUCCEEDED, outcome.error
        await shop.order(order.external_id, lambda each: each.raw.origin is Origin.FETCH)
        assert shop.statuses()[-1] is IntegrationStatus.ACTIVE

    async def test_a_store_that_shuts_us_out_is_in_error_until_it_lets_us_in(self, shop: Connected) -> None:
        self._needs(shop, Knob.SHUT_OUT)
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        fetch = EntityFetch(resource="order", external_id=order.external_id)
        await shop.store.turn(Knob.SHUT_OUT, True)
        for _ in range(REFUSALS):
            refused = await shop.finish(fetch)
            assert refused.status is CommandStatus.FAILED
        await shop.is_now(IntegrationStatus.ERROR, 1)
        await shop.store.turn(Knob.SHUT_OUT, False)
        assert (await shop.finish(fetch)).status is CommandStatus.SUCCEEDED
        await shop.is_now(IntegrationStatus.ACTIVE, 2)

    async def test_a_token_that_expires_is_refreshed_until_the_grant_is_taken_back(self, shop: Connected) -> None:
        self._can(shop, Ability.TOKENS)
        order = await shop.store.place_order(shop.store.skus[0], 1)
        await shop.order(order.external_id)
        fetch = EntityFetch(resource="order", external_id=order.external_id)
        await shop.grant()
        shop.store.expire_token()
        assert (await shop.finish(fetch)).status is CommandStatus.SUCCEEDED
        await shop.grant()
        shop.store.take_grant_back()
        assert (await shop.finish(fetch)).status is CommandStatus.FAILED
        await shop.is_now(IntegrationStatus.NEEDS_REAUTH, 1)
        await shop.grant()
        assert (await shop.finish(fetch)).status is CommandStatus.SUCCEEDED

    # Helpers

    @staticmethod
    def _needs(shop: Connected, knob: Knob) -> None:
        if knob not in shop.store.knobs:
            pytest.skip(f"this store cannot be made to: {knob.value}")

    @staticmethod
    def _takes(shop: Connected, asking: Asking) -> None:
        """Whether the platform says that it can be asked so (`Declaration.commands`)."""
        if asking not in find_platforms()[shop.row.platform.value].commands:
            pytest.skip(f"the platform does not take {asking.value}")

    @staticmethod
    def _can(shop: Connected, ability: Ability) -> None:
        if ability not in shop.store.abilities:
            pytest.skip(f"the platform has no {ability.value}")

    @staticmethod
    async def _delivered(shop: Connected, external_id: str) -> list[Taken]:
        """The deliveries of an order so far, in the order of their coming; waits for the first."""
        return await eventually(lambda: _of_order(shop.running.door.taken, external_id), timeout=30)

    @staticmethod
    async def _all_translated(shop: Connected) -> None:
        """Wait until what was delivered before now has been translated: its log has one partition, and a later order
        has come through."""
        order = await shop.store.place_order(shop.store.skus[1], 1)
        await shop.order(order.external_id, lambda each: each.raw.origin is Origin.WEBHOOK)

    @staticmethod
    def _read(shop: Connected, ids: Iterable[str]) -> list[OrderSnapshot]:
        found = [[each for each in shop.orders(id) if each.raw.origin is Origin.FETCH] for id in ids]
        assert all(found)
        return [each[0] for each in found]


def _of_order(deliveries: Iterable[Taken], external_id: str) -> list[Taken]:
    """Those whose body is the order."""

    def is_of(body: bytes) -> bool:
        try:
            parsed = orjson.loads(body)
        except ValueError:
            return False
        return isinstance(parsed, dict) and str(parsed.get("id")) == external_id and "line_items" in parsed

    return [each for each in deliveries if is_of(each.body)]


def _odd(order: dict[str, Any]) -> dict[str, Any]:
    """An order whose names, dates and addresses are of no kind that a store should send; what it costs is left."""

    def is_left(name: str) -> bool:
        return name == "id" or any(word in name for word in ("currency", "total", "price", "tax", "shipping"))

    return {
        name: value if is_left(name) or not isinstance(value, str | dict) else ["?"] for name, value in order.items()
    }


def _shipment(snapshot: OrderSnapshot) -> FulfillmentCreate:
    return FulfillmentCreate(
        order_id=uuid4(),
        order_external_id=snapshot.external_id,
        fulfillment_id=uuid7(),
        lines=[
            CommandLine(line_id=each.id, external_id=each.external_id, quantity=each.quantity)
            for each in snapshot.lines
        ],
        tracking=Tracking(number="CONFORM-1", carrier="UPS", url="https://parcels.example/CONFORM-1"),
        completes_order=True,
    )


def _stock(product: Product, sku: str, quantity: int, expected: int | None = None) -> StockSet:
    return StockSet(
        listing_id=uuid4(),
        sku=sku,
        product_external_id=product.product.external_id,
        parent_external_id=product.product.parent_external_id,
        variant_external_id=product.variant_external_id,
        inventory_external_id=product.inventory_external_id,
        location_external_id=product.level.location_external_id,
        quantity=quantity,
        expected=product.level.quantity if expected is None else expected,
        sequence=1,
    )
