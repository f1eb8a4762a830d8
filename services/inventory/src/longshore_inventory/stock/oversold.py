"""Whom stock does not cover: lines marked, the event told, an alert raised. What `rules.shortfalls` says, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import OrderOversold
from longshore.ids import uuid7
from longshore_inventory.stock.book import Book
from longshore_inventory.stock.rules import Level

# unscoped: by canonical ids, each of one organisation
_ALLOCATE = text(
    """
    WITH ranked AS (
        SELECT l.order_id, l.id, greatest(0, least(l.reserved, s.short - (sum(l.reserved) OVER (
            PARTITION BY l.variant_id ORDER BY l.placed_at DESC, l.order_id DESC, l.id DESC) - l.reserved))) AS short
        FROM unnest(CAST(:variants AS uuid[]), CAST(:shorts AS bigint[])) AS s (variant_id, short)
        JOIN inventory.order_lines l ON l.variant_id = s.variant_id
        WHERE l.reserved > 0 OR l.oversold > 0
    )
    UPDATE inventory.order_lines l SET oversold = r.short
    FROM ranked r, inventory.orders o
    WHERE r.order_id = l.order_id AND r.id = l.id AND o.id = l.order_id AND l.oversold <> r.short
    RETURNING l.id, l.order_id, l.org_id, l.integration_id, l.variant_id, l.oversold, o.external_id
    """
)

# unscoped: by canonical ids, each of one organisation
_SHORT_ORDERS = text(
    """
    SELECT l.order_id, l.variant_id, l.org_id, l.integration_id, sum(l.oversold) AS short
    FROM inventory.order_lines l
    JOIN unnest(CAST(:orders AS uuid[]), CAST(:variants AS uuid[])) AS q (order_id, variant_id)
        ON l.order_id = q.order_id AND l.variant_id = q.variant_id
    GROUP BY l.order_id, l.variant_id, l.org_id, l.integration_id
    ORDER BY l.order_id, l.variant_id
    """
)

_RAISE = text(
    """
    INSERT INTO inventory.alerts AS a (id, org_id, kind, subject, sku, variant_id, order_id, integration_id, quantity,
        detail, created_at)
    SELECT n.*, CAST(:now AS timestamptz) FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]),
        CAST(:kinds AS text[]), CAST(:subjects AS text[]), CAST(:skus AS text[]), CAST(:variants AS uuid[]),
        CAST(:orders AS uuid[]), CAST(:integrations AS uuid[]), CAST(:quantities AS int[]), CAST(:details AS text[]))
        AS n
    ON CONFLICT (org_id, kind, subject) DO UPDATE SET quantity = EXCLUDED.quantity, detail = EXCLUDED.detail
    """
)

_DROP = text(
    """
    DELETE FROM inventory.alerts a
    USING unnest(CAST(:orgs AS uuid[]), CAST(:kinds AS text[]), CAST(:subjects AS text[])) AS q (org_id, kind, subject)
    WHERE a.org_id = q.org_id AND a.kind = q.kind AND a.subject = q.subject
    """
)

# What the column holds: the lines of one order may sum to more.
_MOST = 2**31 - 1

OVERSOLD = "oversold"
PUSH_FAILED = "push_failed"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know. `subject`: what it is about; one alert of a kind for each."""

    org_id: UUID
    kind: str
    subject: str
    detail: str
    sku: str | None = None
    variant_id: UUID | None = None
    order_id: UUID | None = None
    integration_id: UUID | None = None
    quantity: int | None = None


async def raise_alerts(conn: AsyncConnection, alerts: Sequence[Alert], now: datetime) -> None:
    """Write alerts; one that stands is brought up to date."""
    if alerts:
        await conn.execute(
            _RAISE,
            {
                "ids": [uuid7() for _ in alerts],
                "orgs": [each.org_id for each in alerts],
                "kinds": [each.kind for each in alerts],
                "subjects": [each.subject for each in alerts],
                "skus": [each.sku for each in alerts],
                "variants": [each.variant_id for each in alerts],
                "orders": [each.order_id for each in alerts],
                "integrations": [each.integration_id for each in alerts],
                "quantities": [None if each.quantity is None else min(each.quantity, _MOST) for each in alerts],
                "details": [each.detail for each in alerts],
                "now": now,
            },
        )


async def drop_alerts(conn: AsyncConnection, alerts: Sequence[tuple[UUID, str, str]]) -> None:
    """Remove (org, kind, subject): it is no longer so."""
    if alerts:
        await conn.execute(
            _DROP,
            {
                "orgs": [each[0] for each in alerts],
                "kinds": [each[1] for each in alerts],
                "subjects": [each[2] for each in alerts],
            },
        )


def uncertain(book: Book) -> list[Level]:
    """Levels of a book whose shortage may have changed."""
    found = []
    for id in sorted(book.touched):
        level = book.levels[id]
        on_hand, reserved = book.before[id]
        if level.counted and (level.available < 0 or on_hand - reserved < 0):
            found.append(level)
    return found


async def allocate(conn: AsyncConnection, book: Book, now: datetime) -> list[OrderOversold]:
    """Mark which lines go short now that book and lines are saved; answers the orders for which that changed."""
    levels = uncertain(book)
    if not levels:
        return []
    rows = (
        await conn.execute(
            _ALLOCATE,
            {
                "variants": [level.variant_id for level in levels],
                "shorts": [max(0, -level.available) for level in levels],
            },
        )
    ).all()
    if not rows:
        return []
    await _alert(conn, rows, {level.variant_id: level.sku for level in levels}, now)
    events: dict[UUID, OrderOversold] = {}
    for row in sorted(rows, key=lambda each: (each.order_id, each.id)):
        event = events.get(row.order_id)
        if event is None:
            event = events[row.order_id] = OrderOversold(
                org_id=row.org_id,
                integration_id=row.integration_id,
                order_id=row.order_id,
                order_external_id=row.external_id,
                lines={},
                at=now,
            )
        event.lines[row.id] = row.oversold
    return list(events.values())


async def _alert(
    conn: AsyncConnection, rows: Sequence[Row[tuple[object, ...]]], skus: dict[UUID, str], now: datetime
) -> None:
    pairs = sorted({(row.order_id, row.variant_id): row.external_id for row in rows}.items())
    numbers = dict(pairs)
    found = await conn.execute(
        _SHORT_ORDERS, {"orders": [pair[0] for pair, _ in pairs], "variants": [pair[1] for pair, _ in pairs]}
    )
    raised: list[Alert] = []
    dropped: list[tuple[UUID, str, str]] = []
    for row in found:
        subject = f"{row.order_id}:{row.variant_id}"
        if row.short > 0:
            sku = skus[row.variant_id]
            detail = f"Order {numbers[row.order_id, row.variant_id]}: {row.short} of {sku} are not in stock."
            raised.append(
                Alert(
                    row.org_id,
                    OVERSOLD,
                    subject,
                    detail,
                    sku=sku,
                    variant_id=row.variant_id,
                    order_id=row.order_id,
                    integration_id=row.integration_id,
                    quantity=int(row.short),
                )
            )
        else:
            dropped.append((row.org_id, OVERSOLD, subject))
    await raise_alerts(conn, raised, now)
    await drop_alerts(conn, dropped)
