"""The canonical order: the store's newest snapshot and what only the hub knows of it, brought together without counting
anything twice. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from longshore import ids
from longshore.contracts import (
    Fulfillment,
    FulfillmentLine,
    FulfillmentState,
    FulfillmentStatus,
    Order,
    OrderContent,
    OrderLine,
    OrderSnapshot,
    OrderStatus,
    Tracking,
)

TRASH = "trash"
_CONTENT_FIELDS = tuple(OrderContent.model_fields)
_NOT_SHIPPED_YET = (OrderStatus.PROCESSING, OrderStatus.PARTIALLY_FULFILLED)
_DEAD = (FulfillmentState.FAILED, FulfillmentState.CANCELLED)


@dataclass(frozen=True, slots=True)
class HubFulfillment:
    """A fulfilment that was asked for through Longshore; `lines` in pieces by line id.

    `more_external_ids`: a store that ships it from several places has a parcel for each.
    """

    id: UUID
    command_id: UUID
    status: FulfillmentState
    lines: Mapping[UUID, int]
    tracking: Tracking | None
    external_id: str | None
    created_at: datetime
    settled_at: datetime | None = None
    more_external_ids: tuple[str, ...] = ()

    def as_of(self, moment: datetime) -> HubFulfillment:
        """As it was then: not settled before its time."""
        if self.settled_at is None or self.settled_at <= moment:
            return self
        return replace(self, status=FulfillmentState.PENDING, external_id=None, settled_at=None, more_external_ids=())


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hub adds to the store's word. `oversold`: pieces short, by line id."""

    deleted: bool = False
    oversold: Mapping[UUID, int] = field(default_factory=dict)
    fulfillments: Sequence[HubFulfillment] = ()

    @property
    def none(self) -> bool:
        """Whether the store's word stands alone."""
        return not (self.deleted or self.oversold or self.fulfillments)


NO_FACTS = Facts()


def order_id_of(snapshot: OrderSnapshot) -> ids.OrderId:
    """The canonical id of the order that a snapshot shows."""
    return ids.order_id(ids.IntegrationId(snapshot.integration_id), snapshot.external_id)


def status_of(snapshot: OrderSnapshot, facts: Facts) -> OrderStatus:
    """Where the order stands."""
    if facts.deleted:
        return OrderStatus.CANCELLED
    return snapshot.status if not facts.fulfillments else canonical(snapshot, facts).status


def canonical(snapshot: OrderSnapshot, facts: Facts = NO_FACTS) -> Order:
    """The order as the API answers it."""
    # The snapshot was validated when it came in: it is not validated again.
    order = Order.model_construct(
        id=order_id_of(snapshot),
        org_id=snapshot.org_id,
        integration_id=snapshot.integration_id,
        **{name: getattr(snapshot, name) for name in _CONTENT_FIELDS},
    )
    if facts.none:
        return order
    fulfillments, ours = merge_fulfillments(snapshot.fulfillments, facts.fulfillments)
    order.fulfillments = fulfillments
    order.lines = _lines(snapshot, ours, facts.oversold)
    if any(
        line.fulfilled_quantity > was.fulfilled_quantity for line, was in zip(order.lines, snapshot.lines, strict=True)
    ):
        complete = nothing_left_to_ship(order.lines, {})
        order.fulfillment_status = FulfillmentStatus.FULFILLED if complete else FulfillmentStatus.PARTIAL
        if order.status in _NOT_SHIPPED_YET:
            order.status = OrderStatus.FULFILLED if complete else OrderStatus.PARTIALLY_FULFILLED
    if facts.deleted:
        order.status = OrderStatus.CANCELLED
        order.platform_status = TRASH
    return order


def merge_fulfillments(
    stores: Sequence[Fulfillment], hubs: Sequence[HubFulfillment]
) -> tuple[list[Fulfillment], Counter[UUID]]:
    """All fulfilments once each, and the pieces by line that only our own successful ones account for.

    One of ours is one of the store's by our id or its external id; before (or without) that, by tracking number and
    lines. Where it took several parcels they are all its command's: the first has our id, the others their own.
    """
    matches = _match(stores, hubs)
    others = {id: hub for hub in hubs for id in hub.more_external_ids}
    merged: list[Fulfillment] = []
    ours: Counter[UUID] = Counter()
    for store in stores:
        hub = matches.get(id(store))
        if hub is None:
            other = others.get(store.external_id or "")
            merged.append(store if other is None else store.model_copy(update={"command_id": other.command_id}))
            continue
        lines = store.lines or _as_lines(hub)
        merged.append(store.model_copy(update={"id": hub.id, "command_id": hub.command_id, "lines": lines}))
        if not store.lines and store.status is FulfillmentState.SUCCESS:
            # The store tells of the parcel, but not of what is in it.
            ours.update(hub.lines)
    matched = {hub.id for hub in matches.values()}
    for hub in sorted(hubs, key=lambda each: (each.created_at, each.id)):
        if hub.id in matched:
            continue
        merged.append(as_contract(hub))
        if hub.status is FulfillmentState.SUCCESS:
            ours.update(_not_told_yet(hub, stores) if hub.more_external_ids else hub.lines)
    for hub in hubs:
        if hub.more_external_ids and hub.status is FulfillmentState.SUCCESS and hub.id in matched:
            ours.update(_not_told_yet(hub, stores))
    return merged, ours


def as_contract(hub: HubFulfillment) -> Fulfillment:
    """One of ours as the API shows it."""
    return Fulfillment(
        id=hub.id,
        external_id=hub.external_id,
        status=hub.status,
        lines=_as_lines(hub),
        tracking=hub.tracking,
        created_at=hub.created_at,
        command_id=hub.command_id,
    )


def open_quantities(order: Order) -> dict[UUID, int]:
    """Pieces of each line that can still be shipped: not shipped, not paid back, not on their way to the store.

    A refund takes pieces that were not shipped first: better one parcel less than goods for nothing.
    """
    pending: Counter[UUID] = Counter()
    for each in order.fulfillments:
        if each.command_id is not None and each.status is FulfillmentState.PENDING:
            pending.update({line.line_id: line.quantity for line in each.lines})
    return {
        line.id: max(0, line.quantity - line.fulfilled_quantity - line.refunded_quantity - pending[line.id])
        for line in order.lines
    }


def parcel_lines(lines: Sequence[OrderLine]) -> Sequence[OrderLine]:
    """The lines that go into a parcel; all, if none does."""
    return [line for line in lines if line.requires_shipping] or lines


def nothing_left_to_ship(lines: Sequence[OrderLine], shipping: Mapping[UUID, int]) -> bool:
    """Whether after `shipping` (pieces by line) no piece is left that goes into a parcel; without such lines, none."""
    return all(
        line.quantity - line.fulfilled_quantity - line.refunded_quantity - shipping.get(line.id, 0) <= 0
        for line in parcel_lines(lines)
    )


def _lines(snapshot: OrderSnapshot, ours: Counter[UUID], oversold: Mapping[UUID, int]) -> list[OrderLine]:
    listed: Counter[UUID] = Counter()
    for each in snapshot.fulfillments:
        if each.status is FulfillmentState.SUCCESS:
            listed.update({line.line_id: line.quantity for line in each.lines})
    lines = []
    for line in snapshot.lines:
        # Pieces that the store counts as shipped without naming a parcel may be ours.
        unlisted = max(0, line.fulfilled_quantity - listed[line.id])
        shipped = line.fulfilled_quantity + max(0, ours[line.id] - unlisted)
        shipped = max(line.fulfilled_quantity, min(shipped, line.quantity))
        short = min(oversold.get(line.id, 0), line.quantity)
        if shipped != line.fulfilled_quantity or short != line.oversold_quantity:
            line = line.model_copy(update={"fulfilled_quantity": shipped, "oversold_quantity": short})  # noqa: PLW2901
        lines.append(line)
    return lines


def _match(stores: Sequence[Fulfillment], hubs: Sequence[HubFulfillment]) -> dict[int, HubFulfillment]:
    """Which of ours each of the store's is, by the identity of the object in `stores`."""
    everything = {hub.id: hub for hub in sorted(hubs, key=lambda each: (each.created_at, each.id))}
    matches: dict[int, HubFulfillment] = {}
    for store in stores:
        # Where the connector keeps our id at the store. It counts even if we believe that the store refused.
        if (hub := everything.pop(store.id, None)) is not None:
            matches[id(store)] = hub
    # So does the store's id of it: one that was taken back is the same one, whatever the store's last word was.
    by_external_id = {hub.external_id: hub for hub in everything.values() if hub.external_id is not None}
    for store in stores:
        if id(store) in matches or store.external_id is None:
            continue
        if (hub := by_external_id.pop(store.external_id, None)) is not None:
            matches[id(store)] = everything.pop(hub.id)
    free = {hub.id: hub for hub in everything.values() if hub.status not in _DEAD}
    for store in stores:
        if id(store) in matches or store.status in _DEAD:
            continue
        numbers = set(_numbers([store.tracking, *store.more_tracking]))
        for hub in free.values():
            number = hub.tracking.number if hub.tracking else None
            if number and number in numbers and _same_lines(store, hub):
                matches[id(store)] = free.pop(hub.id)
                break
    return matches


def _same_lines(store: Fulfillment, hub: HubFulfillment) -> bool:
    pieces: Counter[UUID] = Counter()
    for line in store.lines:
        pieces[line.line_id] += line.quantity
    return not pieces or pieces == Counter(hub.lines)


def _numbers(trackings: Iterable[Tracking | None]) -> list[str]:
    return [each.number for each in trackings if each is not None and each.number]


def _not_told_yet(hub: HubFulfillment, stores: Sequence[Fulfillment]) -> Counter[UUID]:
    """Pieces of ours that are in a parcel of which the store has not told: it was made after the others."""
    parcels = {hub.external_id, *hub.more_external_ids}
    told = [each for each in stores if each.external_id in parcels]
    if len(told) == len(parcels):
        return Counter()
    listed: Counter[UUID] = Counter()
    for each in told:
        listed.update({line.line_id: line.quantity for line in each.lines})
    return Counter(hub.lines) - listed


def _as_lines(hub: HubFulfillment) -> list[FulfillmentLine]:
    return [FulfillmentLine(line_id=line, quantity=quantity) for line, quantity in sorted(hub.lines.items())]
