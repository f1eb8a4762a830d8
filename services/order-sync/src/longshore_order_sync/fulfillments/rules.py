"""What may be shipped of an order, and what a fulfilment's command says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from longshore.contracts import (
    CommandLine,
    CommandStatus,
    FulfillmentCreate,
    FulfillmentState,
    Order,
    OrderStatus,
    Tracking,
)
from longshore.problems import Problem
from longshore_order_sync.orders.canonical import HubFulfillment, nothing_left_to_ship, open_quantities, parcel_lines

SETTLED = {
    CommandStatus.SUCCEEDED: FulfillmentState.SUCCESS,
    CommandStatus.FAILED: FulfillmentState.FAILED,
    CommandStatus.SUPERSEDED: FulfillmentState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Shipment:
    """What somebody asks to be shipped: pieces by line id, and how it is followed.

    No lines: all that is open and goes into a parcel.
    """

    lines: Sequence[tuple[UUID, int]] = ()
    tracking: Tracking | None = None
    notify_customer: bool = True
    # Pieces by line id, each line once.
    pieces: Mapping[UUID, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", dict(self.lines))

    def digest(self) -> str:
        """The same for the same request."""
        tracking = self.tracking.model_dump_json() if self.tracking else ""
        lines = sorted(f"{line}={quantity}" for line, quantity in self.lines)
        return sha256("\n".join([*lines, tracking, str(self.notify_customer)]).encode()).hexdigest()


def plan(order: Order, wanted: Shipment, known: Iterable[HubFulfillment]) -> dict[UUID, int]:
    """The pieces of each line that are shipped for `wanted`.

    Raises a 409 or 422 problem that says why nothing may be shipped.
    """
    if order.status is OrderStatus.CANCELLED:
        raise Problem(409, "The order is cancelled.", type="order-cancelled")
    twice = [line for line, count in Counter(line for line, _ in wanted.lines).items() if count > 1]
    if twice:
        raise Problem(422, f"Line {twice[0]} is named twice.", type="invalid-input")
    unknown = wanted.pieces.keys() - {line.id for line in order.lines}
    if unknown:
        raise Problem(422, f"Line {min(unknown)} is not a line of this order.", type="unknown-line")
    free = open_quantities(order)
    if not wanted.lines:
        # A gift wrap or a licence is in no parcel: a store that does not ship it would refuse the whole.
        everything = {line.id: free[line.id] for line in parcel_lines(order.lines) if free[line.id] > 0}
        if not everything:
            raise Problem(409, "Nothing of this order is left to ship.", type="nothing-open")
        return everything
    for line, quantity in wanted.lines:
        if quantity < 1:
            raise Problem(422, f"Line {line}: at least one piece has to be shipped.", type="invalid-input")
        if quantity > free[line]:
            raise Problem(
                409,
                f"Line {line}: {quantity} asked for, but {free[line]} left to ship.",
                type="quantity-not-open",
                line_id=str(line),
                open=free[line],
            )
    number = wanted.tracking.number if wanted.tracking else None
    for each in known:
        if (
            number
            and each.tracking
            and each.tracking.number == number
            and _stands(each)
            and each.lines == wanted.pieces
        ):
            raise Problem(
                409,
                "The same lines with this tracking number are on their way already.",
                type="already-requested",
                fulfillment_id=str(each.id),
            )
    return dict(wanted.pieces)


def payload(order: Order, fulfillment_id: UUID, pieces: Mapping[UUID, int], wanted: Shipment) -> FulfillmentCreate:
    """What the store is told."""
    pending: Counter[UUID] = Counter(pieces)
    for each in order.fulfillments:
        if each.command_id is not None and each.status is FulfillmentState.PENDING:
            pending.update({line.line_id: line.quantity for line in each.lines})
    return FulfillmentCreate(
        order_id=order.id,
        order_external_id=order.external_id,
        fulfillment_id=fulfillment_id,
        lines=[
            CommandLine(line_id=line.id, external_id=line.external_id, quantity=pieces[line.id])
            for line in order.lines
            if line.id in pieces
        ],
        tracking=wanted.tracking,
        notify_customer=wanted.notify_customer,
        completes_order=nothing_left_to_ship(order.lines, pending),
    )


def _stands(fulfillment: HubFulfillment) -> bool:
    return fulfillment.status not in (FulfillmentState.FAILED, FulfillmentState.CANCELLED)
