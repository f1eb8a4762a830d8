"""A hub's inventory on a real PostgreSQL, with stores that are played by the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import ids
from longshore.contracts import (
    Command,
    CommandError,
    CommandOutcome,
    CommandStatus,
    EntityFetch,
    FinancialStatus,
    Fulfillment,
    FulfillmentStatus,
    IntegrationChanged,
    IntegrationStatus,
    OrderDeleted,
    OrderLine,
    OrderSnapshot,
    OrderStatus,
    Origin,
    Platform,
    ProductDeleted,
    ProductSnapshot,
    ProductStatus,
    ProductVariant,
    RawRef,
    StockLevel,
    StockSet,
    Totals,
    Version,
)
from longshore.db import make_engine, migrate, migrations_path
from longshore.money import Money
from longshore_devkit.testing import MakeDatabase
from longshore_inventory import app as app_module
from longshore_inventory.channels.service import Channels
from longshore_inventory.database import SCHEMA
from longshore_inventory.listings.rules import VariantIds
from longshore_inventory.listings.service import Catalogue
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.service import OrderStock
from longshore_inventory.pushes.service import Pushes
from longshore_inventory.stock.reports import Reports
from longshore_inventory.stock.rules import ONE_AT_A_TIME_S
from longshore_inventory.stock.service import Adjustment, Ledger
from longshore_inventory.stock.views import LevelView, MovementView, level_of, list_movements
from longshore_inventory.system.store import state_hash

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SETTLE_S = 30.0
ZERO = Money(0, "EUR", 2)
TOTALS = Totals(subtotal=ZERO, discount=ZERO, shipping=ZERO, fees=ZERO, tip=ZERO, tax=ZERO, total=ZERO, refunded=ZERO)


@dataclass(frozen=True)
class DatabaseSettings:
    database_url: str
    database_pool_size: int = 8


@dataclass
class Store:
    """A store as the test plays it: what it has per variant, as it would answer."""

    id: UUID
    platform: Platform
    stock: dict[str, int] = field(default_factory=dict)


def at(seconds: float) -> datetime:
    """So many seconds after the beginning."""
    return T0 + timedelta(seconds=seconds)


def line(
    external_id: str,
    sku: str | None,
    quantity: int,
    *,
    fulfilled: int = 0,
    refunded: int = 0,
    restocked: int = 0,
    variant: str | None = "",
    taken: int | None = None,
) -> dict[str, Any]:
    """A line of an order. Its variant's external id is that of `World.list_sku` unless told."""
    return {
        "external_id": external_id,
        "sku": sku,
        "quantity": quantity,
        "fulfilled_quantity": fulfilled,
        "refunded_quantity": refunded,
        "restocked_quantity": restocked,
        "stock_taken": taken,
        "variant_external_id": f"v-{sku}" if variant == "" else variant,
    }


class World:
    """One organisation's inventory. `now` is the hub's clock."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.org = ids.OrgId(uuid4())
        self.now = at(1000)
        self.metrics = InventoryMetrics(CollectorRegistry())
        variant_ids = VariantIds()
        clock = self._clock
        self.orders = OrderStock(engine, self.metrics, variant_ids, clock)
        self.catalogue = Catalogue(engine, self.metrics, variant_ids, clock)
        self.reports = Reports(engine, self.metrics, SETTLE_S, clock)
        self.pushes = Pushes(engine, self.metrics, clock)
        self.ledger = Ledger(engine, self.metrics, variant_ids, clock)
        self.channels = Channels(engine, self.metrics, clock)
        self._seen = 0
        self._asked: list[Command] = []
        self._answered: set[UUID] = set()

    def _clock(self) -> datetime:
        return self.now

    def store(self, platform: Platform = Platform.SHOPIFY) -> Store:
        return Store(uuid4(), platform)

    # What connectors say

    def snapshot(
        self,
        store: Store,
        number: str,
        lines: Sequence[dict[str, Any]],
        *,
        placed: float = 100,
        updated: float | None = None,
        observed: float | None = None,
        offset: int = 0,
        status: OrderStatus = OrderStatus.PROCESSING,
        word: str = "processing",
        cancelled: float | None = None,
        fulfillments: Sequence[Fulfillment] = (),
        digest: str | None = None,
    ) -> OrderFacts:
        """An order, read as a subscriber reads it."""
        updated = placed if updated is None else updated
        observed = updated if observed is None else observed
        order = ids.order_id(ids.IntegrationId(store.id), number)
        snapshot = OrderSnapshot(
            org_id=self.org,
            integration_id=store.id,
            platform=store.platform,
            external_id=number,
            version=Version(updated_at=at(updated), observed_at=at(observed), offset=offset),
            raw=RawRef(topic="raw.test", partition=0, offset=offset),
            number=number,
            status=status,
            platform_status=word,
            financial_status=FinancialStatus.PAID,
            fulfillment_status=FulfillmentStatus.UNFULFILLED,
            currency="EUR",
            exponent=2,
            totals=TOTALS,
            taxes_included=True,
            lines=[
                OrderLine(
                    id=ids.line_id(order, each["external_id"]),
                    title="A thing",
                    unit_price=ZERO,
                    discount=ZERO,
                    total=ZERO,
                    tax=ZERO,
                    **each,
                )
                for each in lines
            ],
            fulfillments=list(fulfillments),
            placed_at=at(placed),
            updated_at=at(updated),
            cancelled_at=None if cancelled is None else at(cancelled),
        )
        content = snapshot.model_dump_json(exclude={"version", "raw", "updated_at"})
        snapshot.digest = f"{hash(content):x}" if digest is None else digest
        return OrderFacts.from_json(snapshot.to_json())

    def deletion(self, store: Store, number: str, observed: float) -> OrderDeleted:
        return OrderDeleted(
            org_id=self.org,
            integration_id=store.id,
            platform=store.platform,
            external_id=number,
            observed_at=at(observed),
            raw=RawRef(topic="raw.test", partition=0, offset=0),
        )

    def product(
        self,
        store: Store,
        number: str,
        variants: Sequence[tuple[str, str | None]],
        *,
        updated: float = 0,
        tracked: bool = True,
    ) -> ProductSnapshot:
        """A product of (external id, SKU) variants; what stock is kept under is `i-` and that id."""
        snapshot = ProductSnapshot(
            org_id=self.org,
            integration_id=store.id,
            platform=store.platform,
            external_id=number,
            version=Version(updated_at=at(updated), observed_at=at(updated), offset=0),
            raw=RawRef(topic="raw.test", partition=0, offset=0),
            title="A thing",
            status=ProductStatus.ACTIVE,
            platform_status="active",
            variants=[
                ProductVariant(
                    external_id=external_id,
                    inventory_external_id=f"i-{external_id}",
                    sku=sku,
                    title="One size",
                    price=Money(1999, "EUR", 2),
                    tracked=tracked,
                )
                for external_id, sku in variants
            ],
            updated_at=at(updated),
        )
        snapshot.digest = repr(sorted(variants, key=repr)) + str(tracked)
        return snapshot

    def product_gone(self, store: Store, number: str, observed: float) -> ProductDeleted:
        return ProductDeleted(
            org_id=self.org,
            integration_id=store.id,
            platform=store.platform,
            external_id=number,
            observed_at=at(observed),
            raw=RawRef(topic="raw.test", partition=0, offset=0),
        )

    def level(
        self,
        store: Store,
        sku: str,
        quantity: int,
        *,
        updated: float = 10,
        observed: float | None = None,
        location: str | None = None,
        origin: Origin = Origin.WEBHOOK,
        offset: int = 0,
        stocked: bool = True,
    ) -> StockLevel:
        observed = updated if observed is None else observed
        return StockLevel(
            org_id=self.org,
            integration_id=store.id,
            platform=store.platform,
            external_id=f"i-v-{sku}@{location}",
            version=Version(updated_at=at(updated), observed_at=at(observed), offset=offset),
            raw=RawRef(topic="raw.test", partition=0, offset=offset, origin=origin),
            inventory_external_id=f"i-v-{sku}",
            location_external_id=location,
            quantity=quantity,
            stocked=stocked,
            updated_at=at(updated),
        )

    # What happens

    async def list_sku(self, store: Store, sku: str, quantity: int | None = None, *, updated: float = 10) -> None:
        """The store begins to sell a SKU, and says what it has of it."""
        await self.catalogue.apply([self.product(store, f"p-{sku}", [(f"v-{sku}", sku)])], [])
        if quantity is not None:
            store.stock[sku] = quantity
            await self.reports.apply([self.level(store, sku, quantity, updated=updated)])

    async def order(self, store: Store, number: str, lines: Sequence[dict[str, Any]], **more: Any) -> None:
        await self.orders.apply([self.snapshot(store, number, lines, **more)], [])

    async def adjust(self, sku: str, *, delta: int | None = None, to: int | None = None) -> UUID:
        return await self.ledger.adjust(self.org, Adjustment(sku, "default", delta, to, "counted"))

    async def set_channel(
        self, store: Store, settings: dict[str, Any], *, deleted: bool = False, when: float = 0
    ) -> None:
        event = IntegrationChanged(
            integration_id=store.id,
            org_id=self.org,
            platform=store.platform,
            status=IntegrationStatus.DELETED if deleted else IntegrationStatus.ACTIVE,
            settings={"stock": settings},
            at=at(when),
        )
        await self.channels.apply([event])

    # What comes of it

    async def show(self, sku: str) -> LevelView:
        async with self.engine.connect() as conn:
            return await level_of(conn, self.org, sku)

    async def figures(self, sku: str) -> tuple[int, int, int]:
        """(on hand, reserved, available)."""
        level = await self.show(sku)
        return (level.on_hand, level.reserved, level.available)

    async def movements(self, sku: str) -> list[MovementView]:
        async with self.engine.connect() as conn:
            variant = ids.variant_id(self.org, sku)
            return await list_movements(conn, self.org, variant_id=variant, before=None, limit=1000)

    async def hashes(self) -> dict[str, str]:
        async with self.engine.connect() as conn, conn.begin():
            return await state_hash(conn, self.org)

    async def said(self, event_type: str | None = None) -> list[tuple[str, bytes]]:
        """(type, body) of what was said since the last call, oldest first."""
        async with self.engine.begin() as conn:
            rows = await conn.execute(
                text(
                    "SELECT id, headers->>'ce_type' AS type, value FROM inventory.outbox"
                    " WHERE org_id = :org AND id > :seen ORDER BY id"
                ),
                {"org": self.org, "seen": self._seen},
            )
            found = list(rows)
        if found:
            self._seen = found[-1].id
        return [(row.type, row.value) for row in found if event_type in (None, row.type)]

    async def told(self) -> list[Command]:
        """Commands to stores since the last look at what was said; what waits to be told has waited long enough."""
        async with self.engine.connect() as conn:
            query = "SELECT count(*) FROM inventory.store_levels WHERE org_id = :org AND waiting_since IS NOT NULL"
            waiting = await conn.scalar(text(query), {"org": self.org})
        if waiting:
            self.now += timedelta(seconds=ONE_AT_A_TIME_S)
            # However long this process stood still since something had to wait.
            self.metrics.waited_at = time.monotonic()
            await self.pushes.push_waiting()
        commands = [Command.from_json(body) for _, body in await self.said(Command.event_type)]
        self._asked += [each for each in commands if isinstance(each.payload, EntityFetch)]
        return [each for each in commands if not isinstance(each.payload, EntityFetch)]

    async def asked(self) -> list[Command]:
        """What stores were asked since the last look, beside what they were told (which is left to be looked at)."""
        seen = self._seen
        await self.told()
        self._seen = seen
        known = self._answered
        found = {each.id: each for each in self._asked if each.id not in known}
        known.update(found)
        self._asked.clear()
        return list(found.values())

    async def answer(self) -> int:
        """Stores that were asked say again what they said last; answers how many were."""
        commands = await self.asked()
        async with self.engine.connect() as conn:
            rows = (
                await conn.execute(text("SELECT * FROM inventory.reports WHERE org_id = :org"), {"org": self.org})
            ).all()
        for command in commands:
            assert isinstance(command.payload, EntityFetch)
            levels = [
                self.level(
                    Store(row.integration_id, command.platform),
                    row.inventory_external_id.removeprefix("i-v-"),
                    row.quantity,
                    updated=(row.updated_at - T0).total_seconds(),
                    observed=(row.updated_at - T0).total_seconds() + SETTLE_S + 1,
                    location=row.location or None,
                    origin=Origin.FETCH,
                    stocked=row.stocked,
                )
                for row in rows
                if (row.integration_id, row.inventory_external_id)
                == (command.integration_id, command.payload.external_id)
            ]
            await self.reports.apply(levels)
        return len(commands)

    async def quantities(self) -> list[tuple[UUID, str, int, int | None]]:
        """(store, SKU, quantity, expected) of the commands since the last look."""
        payloads = [(command.integration_id, command.payload) for command in await self.told()]
        return [
            (store, each.sku, each.quantity, each.expected) for store, each in payloads if isinstance(each, StockSet)
        ]

    def outcome(
        self,
        command: Command,
        *,
        when: float | None = None,
        store_ahead_s: float = 0,
        status: CommandStatus = CommandStatus.SUCCEEDED,
        quantity: int | None = None,
        code: str | None = None,
    ) -> CommandOutcome:
        payload = command.payload
        assert isinstance(payload, StockSet)
        if quantity is None and status is CommandStatus.SUCCEEDED:
            quantity = payload.quantity
        return CommandOutcome(
            command_id=command.id,
            type=payload.type,
            org_id=command.org_id,
            integration_id=command.integration_id,
            reply_to=command.reply_to,
            status=status,
            attempts=1,
            error=None if code is None else CommandError(code=code, detail="No."),
            at=self.now if when is None else at(when),
            at_store=at(when + store_ahead_s) if when is not None and store_ahead_s else None,
            listing_id=payload.listing_id,
            quantity=quantity,
            sequence=payload.sequence,
            caused_at=payload.caused_at,
        )

    async def deliver(self, *stores: Store, when: float | None = None) -> int:
        """Stores take all that they are told until nothing is left to tell; answers how many commands that were."""
        count = 0
        known = {store.id: store for store in stores}
        while commands := await self.told():
            count += len(commands)
            for command in commands:
                if isinstance(command.payload, StockSet) and command.integration_id in known:
                    known[command.integration_id].stock[command.payload.sku] = command.payload.quantity
            await self.pushes.apply([self.outcome(each, when=when) for each in commands])
        return count


@pytest.fixture(scope="session")
def inventory_url(make_database: MakeDatabase) -> str:
    """A database with this service's tables. Tests share it: each has an organisation of its own."""
    url = make_database()
    asyncio.run(migrate(url, migrations_path(app_module.__file__), SCHEMA))
    return url


@pytest.fixture
async def engine(inventory_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(DatabaseSettings(inventory_url), "test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def world(engine: AsyncEngine) -> AsyncIterator[World]:
    world = World(engine)
    yield world
    # Differences are looked for in all organisations: leave none to other tests.
    async with engine.begin() as conn:
        await conn.execute(text("DELETE FROM inventory.store_levels WHERE org_id = :org"), {"org": world.org})
