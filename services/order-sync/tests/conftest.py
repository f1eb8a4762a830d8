"""A shop to write snapshots of, and order-sync's use cases on a real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from longshore import ids
from longshore.broker import Record, Transient
from longshore.contracts import (
    Command,
    CommandOutcome,
    CommandStatus,
    CustomerDeleted,
    CustomerRef,
    CustomerSnapshot,
    FinancialStatus,
    Fulfillment,
    FulfillmentLine,
    FulfillmentState,
    FulfillmentStatus,
    OrderDeleted,
    OrderLine,
    OrderSnapshot,
    OrderStatus,
    Origin,
    Platform,
    RawRef,
    Refund,
    RefundLine,
    Totals,
    Tracking,
    Version,
)
from longshore.db import migrate
from longshore.money import Money
from longshore.platforms.declaration import Ability
from longshore_devkit.testing import MakeDatabase
from longshore_order_sync.actions.restore import RestoreActions
from longshore_order_sync.actions.service import Actions
from longshore_order_sync.customers.service import ApplyCustomers
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.consumers import DecisionsConsumer
from longshore_order_sync.fulfillments.restore import RestoreFulfillments
from longshore_order_sync.fulfillments.service import Fulfillments
from longshore_order_sync.metrics import OrderMetrics
from longshore_order_sync.orders.consumers import OrdersConsumer
from longshore_order_sync.orders.oversold import MarkOversold
from longshore_order_sync.orders.service import ApplyOrders
from longshore_order_sync.privacy.service import Privacy

MIGRATIONS = Path(__file__).parents[1] / "migrations"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def euros(cents: int) -> Money:
    return Money(cents, "EUR", 2)


@dataclass
class Shop:
    """One store of one organisation, whose snapshots are numbered by seconds after noon."""

    platform: Platform = Platform.WOOCOMMERCE
    org_id: UUID = field(default_factory=uuid4)
    integration_id: UUID = field(default_factory=uuid4)

    def order_id(self, external_id: str = "1001") -> ids.OrderId:
        return ids.order_id(ids.IntegrationId(self.integration_id), external_id)

    def line_id(self, number: int = 0, external_id: str = "1001") -> UUID:
        return ids.line_id(self.order_id(external_id), f"line-{number}")

    def raw(self, offset: int, origin: Origin = Origin.WEBHOOK) -> RawRef:
        return RawRef(topic=f"raw.{self.platform.value}", partition=0, offset=offset, origin=origin)

    def snapshot(
        self,
        external_id: str = "1001",
        *,
        at: float = 0,
        seen: float | None = None,
        offset: int = 0,
        fetched: bool = False,
        quantities: Sequence[int] = (2, 1),
        fulfilled: Sequence[int] | None = None,
        refunded: Sequence[int] | None = None,
        fulfillments: Sequence[Fulfillment] = (),
        skus: Sequence[str | None] | None = None,
        number: str | None = None,
        customer: CustomerRef | None = None,
        status: OrderStatus = OrderStatus.PROCESSING,
        placed: float = 0,
        ships: Sequence[bool] | None = None,
        detail: int | None = None,
        **more: Any,
    ) -> OrderSnapshot:
        """`at`: the store's updated-at, `seen`: the delivery, in seconds after noon.

        `detail` is for a store whose webhooks do not hold what its refunds paid back: 0 for such a webhook of an order
        with a refund, else as fetched: so many pieces of the first line.
        """
        lines = [
            OrderLine(
                id=self.line_id(index, external_id),
                external_id=f"line-{index}",
                sku=skus[index] if skus else f"SKU-{index}",
                title=f"Thing {index}",
                quantity=quantity,
                unit_price=euros(500),
                discount=euros(0),
                total=euros(500 * quantity),
                tax=euros(0),
                fulfilled_quantity=fulfilled[index] if fulfilled else 0,
                refunded_quantity=refunded[index] if refunded else 0,
                requires_shipping=ships[index] if ships else True,
            )
            for index, quantity in enumerate(quantities)
        ]
        total = euros(500 * sum(quantities))
        nothing = euros(0)
        fields: dict[str, Any] = {
            "org_id": self.org_id,
            "integration_id": self.integration_id,
            "platform": self.platform,
            "external_id": external_id,
            "version": Version(
                updated_at=NOON + timedelta(seconds=at),
                observed_at=NOON + timedelta(seconds=at + 0.5 if seen is None else seen),
                offset=offset,
            ),
            "raw": self.raw(offset, Origin.FETCH if fetched else Origin.WEBHOOK),
            "number": number or f"#{external_id}",
            "status": status,
            "platform_status": status.value,
            "financial_status": FinancialStatus.PAID,
            "fulfillment_status": FulfillmentStatus.UNFULFILLED,
            "currency": "EUR",
            "exponent": 2,
            "totals": Totals(
                subtotal=total,
                discount=nothing,
                shipping=nothing,
                fees=nothing,
                tip=nothing,
                tax=nothing,
                total=total,
                refunded=nothing,
            ),
            "taxes_included": True,
            "customer": customer,
            "lines": lines,
            "refunds": [] if detail is None else [Refund(id=UUID(int=1), external_id="r-1", amount=euros(1))],
            "fulfillments": list(fulfillments),
            "placed_at": NOON + timedelta(seconds=placed),
            "updated_at": NOON + timedelta(seconds=at),
        }
        snapshot = OrderSnapshot(**fields | more)
        beside = {"org_id", "integration_id", "version", "raw", "digest", "updated_at"}
        content = snapshot.model_dump_json(exclude=beside).encode()
        snapshot.digest = blake2b(content, digest_size=16).hexdigest()
        if detail:
            snapshot.digest += f"+{detail}"
            snapshot.lines[0].refunded_quantity = detail
            piece = RefundLine(line_id=lines[0].id, quantity=detail, amount=euros(1), tax=nothing)
            snapshot.refunds[0].lines.append(piece)
        return snapshot

    def fulfillment(
        self,
        pieces: dict[int, int],
        external_id: str | None = "f-1",
        *,
        order: str = "1001",
        tracking: str | None = None,
        status: FulfillmentState = FulfillmentState.SUCCESS,
    ) -> Fulfillment:
        """A shipment as the store lists it; `pieces` by the line's number."""
        return Fulfillment(
            id=ids.part_id(self.order_id(order), "fulfillment", external_id or "?"),
            external_id=external_id,
            status=status,
            lines=[FulfillmentLine(line_id=self.line_id(line, order), quantity=n) for line, n in pieces.items()],
            tracking=Tracking(number=tracking) if tracking else None,
        )

    def deleted(self, external_id: str = "1001", *, seen: float, offset: int = 0) -> OrderDeleted:
        return OrderDeleted(
            org_id=self.org_id,
            integration_id=self.integration_id,
            platform=self.platform,
            external_id=external_id,
            observed_at=NOON + timedelta(seconds=seen),
            raw=self.raw(offset),
        )

    def customer_deleted(self, external_id: str = "7", *, at: float, offset: int = 0) -> CustomerDeleted:
        return CustomerDeleted(
            org_id=self.org_id,
            integration_id=self.integration_id,
            platform=self.platform,
            external_id=external_id,
            observed_at=NOON + timedelta(seconds=at),
            raw=self.raw(offset),
        )

    def customer(
        self,
        external_id: str = "7",
        *,
        at: float = 0,
        seen: float = 0,
        fetched: bool = False,
        offset: int = 0,
        **more: Any,
    ) -> CustomerSnapshot:
        snapshot = CustomerSnapshot(
            org_id=self.org_id,
            integration_id=self.integration_id,
            platform=self.platform,
            external_id=external_id,
            version=Version(
                updated_at=NOON + timedelta(seconds=at), observed_at=NOON + timedelta(seconds=seen), offset=offset
            ),
            raw=self.raw(offset, Origin.FETCH if fetched else Origin.WEBHOOK),
            updated_at=NOON + timedelta(seconds=at),
            **more,
        )
        snapshot.digest = blake2b(repr(sorted(more.items())).encode(), digest_size=16).hexdigest()
        return snapshot

    @staticmethod
    def record(entity: OrderSnapshot | OrderDeleted | CustomerSnapshot | CommandOutcome, offset: int = 0) -> Record:
        """As it comes from its topic."""
        return Record("commerce.orders", 0, offset, 0, "key", entity.to_json(), {"ce_type": entity.event_type})

    @staticmethod
    def outcome(command: Command, status: CommandStatus, *, attempts: int = 1, **more: Any) -> CommandOutcome:
        return CommandOutcome(
            command_id=command.id,
            type=command.payload.type,
            org_id=command.org_id,
            integration_id=command.integration_id,
            reply_to=command.reply_to,
            status=status,
            attempts=attempts,
            at=command.created_at + timedelta(seconds=5),
            **more,
        )


@dataclass
class Hub:
    """order-sync without Kafka: its use cases on a database, and what it would have said."""

    engine: AsyncEngine
    metrics: OrderMetrics
    orders: ApplyOrders
    fulfillments: Fulfillments
    actions: Actions
    oversold: MarkOversold
    customers: ApplyCustomers
    privacy: Privacy

    async def deliver(self, *entities: OrderSnapshot | OrderDeleted) -> None:
        """One batch, as it comes from commerce.orders."""
        records = [Shop.record(each, offset) for offset, each in enumerate(entities)]
        consumer = OrdersConsumer(self.orders)
        while True:
            # Others may write the same orders first, again and again: the stream gives such a batch once more.
            with contextlib.suppress(Transient):
                assert not await consumer.apply(records)
                return

    def decisions(self) -> DecisionsConsumer:
        """What makes fulfilments and actions again from orders.events."""
        return DecisionsConsumer(
            RestoreFulfillments(self.engine, self.fulfillments), RestoreActions(self.engine, self.actions), self.privacy
        )

    async def said(self, kind: str = "") -> list[dict[str, Any]]:
        """Rows of the outbox whose type holds `kind`, first to last."""
        query = f"SELECT topic, key, convert_from(value, 'UTF8') AS value, headers FROM {SCHEMA}.outbox ORDER BY id"
        async with self.engine.connect() as conn:
            rows = (await conn.execute(text(query))).mappings().all()
        return [dict(row) for row in rows if kind in row["headers"]["ce_type"]]

    async def commands(self) -> list[Command]:
        return [Command.from_json(each["value"]) for each in await self.said("longshore.command.v1")]

    async def count(self, table: str) -> int:
        async with self.engine.connect() as conn:
            return int(await conn.scalar(text(f"SELECT count(*) FROM {SCHEMA}.{table}")) or 0)

    async def empty(self) -> None:
        tables = (
            "orders order_revisions order_facts order_search customers fulfillments order_actions commands outbox"
            " erasures erased_orders erased_customers erased_stores gone_customers"
        )
        async with self.engine.begin() as conn:
            await conn.execute(text("TRUNCATE " + ", ".join(f"{SCHEMA}.{each}" for each in tables.split())))


@pytest.fixture(scope="session")
def make_shop() -> type[Shop]:
    return Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session")
def with_tables(make_database: MakeDatabase) -> str:
    """A database with order-sync's tables, to copy: to make them takes a second."""
    url = make_database()
    asyncio.run(migrate(url, MIGRATIONS, SCHEMA))
    return url


@pytest.fixture(scope="module")
def migrated(make_database: MakeDatabase, with_tables: str) -> str:
    """A database with order-sync's tables, for the tests of a module."""
    return make_database(with_tables)


@pytest.fixture
async def hub(migrated: str) -> AsyncIterator[Hub]:
    """A database with order-sync's schema, empty at the start of each test."""
    engine = create_async_engine(migrated, pool_size=8)
    metrics = OrderMetrics(CollectorRegistry())
    hub = Hub(
        engine,
        metrics,
        ApplyOrders(engine, metrics),
        Fulfillments(engine, metrics),
        Actions(engine, metrics, dict.fromkeys([each.value for each in Platform], frozenset(Ability))),
        MarkOversold(engine),
        ApplyCustomers(engine),
        Privacy(engine),
    )
    await hub.empty()
    yield hub
    await engine.dispose()
