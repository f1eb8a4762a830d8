"""Pieces of order lines that stock does not cover: told by inventory, shown on the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.clock import Clock, utc_now
from longshore.contracts import OrderChanged, OrderOversold, OrderSnapshot, OrderStatus
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.orders import store
from longshore_order_sync.orders.changes import changed
from longshore_order_sync.orders.messages import order_changed
from longshore_order_sync.orders.state import Head, summary_of

# By line id: pieces short, and since when that is known.
Oversold = dict[str, tuple[int, str]]


def merge_oversold(known: Mapping[str, tuple[int, str]], events: Iterable[OrderOversold]) -> Oversold:
    """The newest word on each line, whatever the order in which they come."""
    merged: Oversold = {line: (each[0], each[1]) for line, each in known.items()}
    for event in events:
        for line, short in event.lines.items():
            before = merged.get(str(line))
            if before is None or (event.at, short) > (datetime.fromisoformat(before[1]), before[0]):
                merged[str(line)] = (short, event.at.isoformat())
    return merged


class MarkOversold:
    """Keeps what is oversold, also of orders that have not come yet, and tells of orders that changed by it."""

    def __init__(self, engine: AsyncEngine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    async def apply(self, events: Sequence[OrderOversold]) -> None:
        """One transaction for all."""
        by_order: dict[UUID, list[OrderOversold]] = {}
        for event in events:
            by_order.setdefault(event.order_id, []).append(event)
        if not by_order:
            return
        order_ids = sorted(by_order)
        async with self._engine.begin() as conn:
            await store.lock_facts(conn, [(each, by_order[each][0].org_id) for each in order_ids])
            known = await store.get_known(conn, order_ids)
            news = {}
            for order_id in order_ids:
                merged = merge_oversold(known[order_id].oversold, by_order[order_id])
                if merged != merge_oversold(known[order_id].oversold, ()):
                    news[order_id] = merged
            if not news:
                return
            await store.write_oversold(
                conn, [(order_id, by_order[order_id][0].org_id, merged) for order_id, merged in news.items()]
            )
            heads = {order_id: head for order_id in news if (head := known[order_id].head) is not None}
            snapshots = await store.get_snapshots(conn, {each: heads[each].content for each in heads})
            now = self._clock()
            await outbox.add(
                conn,
                SCHEMA,
                [
                    order_changed(
                        _changed(snapshot, heads[order_id]),
                        f"oversold:{max(at for _, at in news[order_id].values())}",
                        now,
                    )
                    for order_id, snapshot in snapshots.items()
                ],
            )


def _changed(snapshot: OrderSnapshot, head: Head) -> OrderChanged:
    return changed(summary_of(snapshot), head.id, OrderStatus(head.status), head.newest, head)
