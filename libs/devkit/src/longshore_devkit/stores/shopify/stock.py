"""Stock of a simulated shop and the fulfilment orders that hold it. Units are whole articles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from longshore_devkit.stores.shopify.catalogue import Ids
from longshore_devkit.stores.shopify.model import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    Level,
    Line,
    Order,
    Product,
    Variant,
)


class Stock:
    """Moves units between available and committed; `changed` hears of each change of what is available."""

    def __init__(
        self,
        products: dict[int, Product],
        now: Callable[[], datetime],
        changed: Callable[[Variant, int, Level, str], None],
    ) -> None:
        self._products = products
        self._now = now
        self._changed = changed

    def commit(self, line: Line, units: int, event: str) -> None:
        """An order takes units: available falls, below zero if need be."""
        self._move(line, -units, units, event)

    def release(self, line: Line, units: int, event: str, *, restock: bool) -> None:
        """Units that will not ship after all; without restocking they are gone."""
        self._move(line, units if restock else 0, -units, event)

    def ship(self, line: Line, units: int) -> None:
        """Units leave: what was committed is no longer on hand, what is available stays."""
        self._move(line, 0, -units, "")

    def unship(self, line: Line, units: int) -> None:
        """A shipment was cancelled: its units are on hand again, and committed to their order."""
        self._move(line, 0, units, "")

    def take_back(self, line: Line, units: int, event: str) -> None:
        """Shipped units return to the shelf."""
        self._move(line, units, 0, event)

    def set_quantity(self, variant: Variant, location_id: int, quantity: int, name: str, event: str) -> int:
        """Set what is available or on hand; returns the change. KeyError when it is not stocked there."""
        level = variant.levels[location_id]
        before = level.available
        level.available = quantity if name == "available" else quantity - level.committed
        if level.available != before:
            self._note(variant, location_id, level, event)
        return level.available - before

    def routing(self, variants: Sequence[Variant], primary: int) -> dict[int, int]:
        """Location by variant: the primary one, unless it is empty and another is not."""
        out: dict[int, int] = {}
        for variant in variants:
            level = variant.levels.get(primary)
            stocked = [location_id for location_id, other in variant.levels.items() if other.available > 0]
            empty = level is None or level.available <= 0
            out[variant.id] = stocked[0] if empty and stocked else primary
        return out

    def _move(self, line: Line, available: int, committed: int, event: str) -> None:
        product = self._products.get(line.product_id or 0)
        variant = next((v for v in product.variants if v.id == line.variant_id), None) if product else None
        level = variant.levels.get(line.location_id) if variant else None
        if variant is None or level is None:
            return
        level.available += available
        level.committed += committed
        if available:
            self._note(variant, line.location_id, level, event)

    def _note(self, variant: Variant, location_id: int, level: Level, event: str) -> None:
        moment = self._now()
        level.updated_at = variant.updated_at = self._products[variant.product_id].updated_at = moment
        self._changed(variant, location_id, level, event)


def open_fulfillment_orders(order: Order, lines: Sequence[Line], ids: Ids, now: datetime) -> list[FulfillmentOrder]:
    """One new fulfilment order per location for lines that ship."""
    made: list[FulfillmentOrder] = []
    by_location: dict[int, list[Line]] = {}
    for line in lines:
        if line.requires_shipping:
            by_location.setdefault(line.location_id, []).append(line)
    for location_id, there in by_location.items():
        parts = [
            FulfillmentOrderLine(ids.next("fulfillment_order_line"), line, line.quantity, line.quantity)
            for line in there
        ]
        made.append(FulfillmentOrder(ids.next("fulfillment_order"), order.id, location_id, now, now, parts))
    order.fulfillment_orders += made
    return made


def reopen(
    order: Order, location_id: int, units: Sequence[tuple[Line, int]], ids: Ids, now: datetime
) -> FulfillmentOrder:
    """Units wait to be shipped again, in a fulfilment order of their own."""
    parts = [FulfillmentOrderLine(ids.next("fulfillment_order_line"), line, count, count) for line, count in units]
    made = FulfillmentOrder(ids.next("fulfillment_order"), order.id, location_id, now, now, parts)
    order.fulfillment_orders.append(made)
    return made


def drop_from_fulfillment_orders(order: Order, line: Line, units: int) -> None:
    """Units of a line are no longer to be shipped."""
    for fulfillment_order in order.fulfillment_orders:
        for part in fulfillment_order.lines:
            if part.line is line and units:
                taken = min(units, part.remaining)
                part.remaining -= taken
                part.total -= taken
                units -= taken
        close_if_done(fulfillment_order)


def close_if_done(fulfillment_order: FulfillmentOrder) -> None:
    """Closed when all has shipped, cancelled when nothing was left to ship."""
    if all(part.remaining == 0 for part in fulfillment_order.lines):
        shipped = any(part.total for part in fulfillment_order.lines)
        fulfillment_order.status = "closed" if shipped else "cancelled"
