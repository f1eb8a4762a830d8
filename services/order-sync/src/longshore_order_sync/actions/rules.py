"""What may be asked of a store about an order, and what its command says. Pure.

Everything here raises a 404, 409 or 422 problem that says why something is not done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from longshore.contracts import (
    CommandStatus,
    FinancialStatus,
    Fulfillment,
    FulfillmentCancel,
    FulfillmentState,
    FulfillmentTracking,
    Order,
    OrderAction,
    OrderCancel,
    OrderLine,
    OrderMarkPaid,
    OrderNote,
    OrderRefund,
    OrderStatus,
    OrderStatusSet,
    OrderTags,
    RefundPieces,
    Tracking,
)
from longshore.money import InvalidAmount, Money, to_minor
from longshore.platforms.declaration import Ability, must_be_able
from longshore.problems import Problem, not_found
from longshore_order_sync.actions.requests import (
    AddNote,
    CancelFulfillment,
    CancelOrder,
    ChangeTags,
    MarkPaid,
    RefundOrder,
    SetStatus,
    UpdateTracking,
    Wanted,
)
from longshore_order_sync.commands.rules import FINAL
from longshore_order_sync.orders.canonical import TRASH

_UNPAID = (FinancialStatus.PENDING, FinancialStatus.AUTHORIZED, FinancialStatus.VOIDED)
_PAID = (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that was asked for before. `lines` (pieces by line), `amount` and `full` are a refund's."""

    command_id: UUID
    action: str
    status: CommandStatus
    fulfillment_id: UUID | None = None
    tracking: Tracking | None = None
    lines: Mapping[UUID, int] = field(default_factory=dict)
    amount: Money | None = None
    full: bool = False
    external_id: str | None = None
    settled_at: datetime | None = None

    @property
    def under_way(self) -> bool:
        """Whether the store has not answered for it yet."""
        return self.status not in FINAL

    def unseen(self, order: Order, observed_at: datetime) -> bool:
        """Whether the order, read from its store at `observed_at`, may not show what this has done or will do."""
        if self.under_way:
            return True
        if self.status is not CommandStatus.SUCCEEDED or self.settled_at is None:
            return False
        if self.external_id is not None and any(each.external_id == self.external_id for each in order.refunds):
            return False
        return observed_at < self.settled_at


def asked_of(payload: OrderAction) -> dict[str, Any]:
    """What of a command decides what may be asked next, to be kept; no words of people."""
    if isinstance(payload, OrderRefund):
        kept = payload.model_dump(mode="json", include={"amount", "full"})
        return kept | {"lines": {str(each.line_id): each.quantity for each in payload.lines}}
    if isinstance(payload, FulfillmentTracking | FulfillmentCancel):
        return payload.model_dump(mode="json", include={"fulfillment_id", "tracking"})
    return {}


def superseded(payload: OrderAction, before: Iterable[Asked]) -> list[UUID]:
    """What was asked for earlier, set the same thing and is under way: the newest word counts."""
    if isinstance(payload, FulfillmentTracking):
        fulfillment_id: UUID | None = payload.fulfillment_id
    elif isinstance(payload, OrderStatusSet):
        fulfillment_id = None
    else:
        return []
    same = [each for each in before if (each.action, each.fulfillment_id) == (payload.type, fulfillment_id)]
    return [each.command_id for each in same if each.under_way]


def plan(
    order: Order,
    wanted: Wanted,
    before: Sequence[Asked],
    *,
    id: UUID,
    abilities: frozenset[Ability],
    observed_at: datetime,
    fulfillment_id: UUID | None = None,
) -> OrderAction:
    """The command for `wanted`. `id` is its idempotency key at the store; `before`: what was asked of this order.

    `observed_at`: when the order was read from its store. Raises Problem.
    """
    if order.platform_status == TRASH:
        raise Problem(409, "The order is deleted at its store.", type="order-deleted")
    unseen = [each for each in before if each.unseen(order, observed_at)]
    match wanted:
        case CancelOrder():
            action: OrderAction = _cancel(order, wanted, unseen)
        case AddNote():
            action = OrderNote(**_of(order), note_id=id, text=wanted.text, to_customer=wanted.to_customer)
        case RefundOrder():
            action = _refund(order, wanted, unseen, id)
        case ChangeTags():
            action = OrderTags(**_of(order), add=_once(wanted.add), remove=_once(wanted.remove))
        case MarkPaid():
            action = _mark_paid(order, unseen)
        case SetStatus():
            action = OrderStatusSet(**_of(order), status=wanted.status)
        case UpdateTracking():
            parcel = _parcel(order, fulfillment_id)
            action = FulfillmentTracking(
                **_of(order),
                fulfillment_id=parcel.id,
                fulfillment_external_id=parcel.external_id,
                tracking=wanted.tracking,
                previous=parcel.tracking,
                notify_customer=wanted.notify_customer,
            )
        case CancelFulfillment():
            parcel = _parcel(order, fulfillment_id)
            _not_twice(unseen, "fulfillment.cancel", parcel.id)
            action = FulfillmentCancel(
                **_of(order),
                fulfillment_id=parcel.id,
                fulfillment_external_id=parcel.external_id,
                tracking=parcel.tracking,
            )
    _must_be_able(order, action, abilities)
    return action


def _must_be_able(order: Order, action: OrderAction, abilities: frozenset[Ability]) -> None:
    needed = Ability(action.type)
    if isinstance(action, OrderNote) and action.to_customer:
        needed = Ability.NOTE_TO_CUSTOMER
    must_be_able(order.platform.value, needed, abilities)


def _cancel(order: Order, wanted: CancelOrder, unseen: Iterable[Asked]) -> OrderCancel:
    _must_stand(order)
    _not_twice(unseen, "order.cancel")
    if wanted.refund:
        # Both would pay back what is left, and neither knows of the other.
        _not_twice(unseen, "order.refund")
    return OrderCancel(
        **_of(order),
        reason=wanted.reason,
        note=wanted.note or None,
        refund=wanted.refund,
        restock=wanted.restock,
        notify_customer=wanted.notify_customer,
    )


def _refund(order: Order, wanted: RefundOrder, unseen: Sequence[Asked], id: UUID) -> OrderRefund:
    _not_twice(unseen, "order.cancel")
    if order.financial_status in _UNPAID:
        raise Problem(409, "Nothing of this order was paid: there is nothing to pay back.", type="not-paid")
    refunds = [each for each in unseen if each.action == "order.refund"]
    if (wanted.full and refunds) or any(each.full for each in refunds):
        raise _requested(refunds[0])
    left = order.totals.total - order.totals.refunded
    for each in refunds:
        if each.amount is not None:
            left -= each.amount
    if left.amount <= 0:
        raise Problem(409, "All of this order is paid back already.", type="nothing-to-refund")
    amount, shipping = (_in_order(order, each) for each in (wanted.amount, wanted.shipping_amount))
    for sum_ in (amount, shipping):
        if sum_ is not None and sum_.amount > left.amount:
            raise Problem(
                409, f"{sum_} asked for, but {left} left to pay back.", type="refund-above-rest", left=_written(left)
            )
    return OrderRefund(
        **_of(order),
        refund_id=id,
        lines=_pieces(order, wanted, refunds),
        full=wanted.full,
        shipping=wanted.shipping or wanted.full,
        shipping_amount=shipping,
        amount=amount,
        reason=wanted.reason or None,
        pay=wanted.pay,
        notify_customer=wanted.notify_customer,
    )


def _pieces(order: Order, wanted: RefundOrder, refunds: Iterable[Asked]) -> list[RefundPieces]:
    taken: Counter[UUID] = Counter()
    for each in refunds:
        taken.update(each.lines)
    free = {line.id: max(0, line.quantity - line.refunded_quantity - taken[line.id]) for line in order.lines}
    if wanted.full:
        return [_piece(line, free[line.id], restock=True) for line in order.lines if free[line.id]]
    lines = {line.id: line for line in order.lines}
    twice = [id for id, count in Counter(each.line_id for each in wanted.lines).items() if count > 1]
    if twice:
        raise Problem(422, f"Line {twice[0]} is named twice.", type="invalid-input")
    for piece in wanted.lines:
        if piece.line_id not in lines:
            raise Problem(422, f"Line {piece.line_id} is not a line of this order.", type="unknown-line")
        if piece.quantity > free[piece.line_id]:
            raise Problem(
                409,
                f"Line {piece.line_id}: {piece.quantity} asked for, but {free[piece.line_id]} left to pay back.",
                type="quantity-not-left",
                line_id=str(piece.line_id),
                left=free[piece.line_id],
            )
    return [_piece(lines[each.line_id], each.quantity, restock=each.restock) for each in wanted.lines]


def _piece(line: OrderLine, quantity: int, *, restock: bool) -> RefundPieces:
    return RefundPieces(line_id=line.id, external_id=line.external_id, quantity=quantity, restock=restock)


def _in_order(order: Order, money: Money | None) -> Money | None:
    """An amount in the order's own unit."""
    if money is None:
        return None
    if money.currency.upper() != order.currency.upper():
        raise Problem(
            422,
            f"The order is in {order.currency}, the amount in {money.currency}.",
            type="wrong-currency",
            currency=order.currency,
        )
    try:
        return Money(to_minor(money.decimal(), order.exponent), order.currency, order.exponent)
    except InvalidAmount as error:
        raise Problem(422, f"The amount is {error}.", type="invalid-input") from None


def _mark_paid(order: Order, unseen: Iterable[Asked]) -> OrderMarkPaid:
    _must_stand(order)
    _not_twice(unseen, "order.mark_paid")
    if order.financial_status in _PAID:
        raise Problem(409, "The order is paid already.", type="already-paid")
    return OrderMarkPaid(**_of(order))


def _parcel(order: Order, fulfillment_id: UUID | None) -> Fulfillment:
    found = next((each for each in order.fulfillments if each.id == fulfillment_id), None)
    if found is None:
        raise not_found("The fulfilment")
    if found.status is FulfillmentState.PENDING:
        raise Problem(409, "The store has not taken this fulfilment yet; ask again.", type="fulfillment-pending")
    if found.status is not FulfillmentState.SUCCESS:
        raise Problem(409, f"This fulfilment is {found.status.value}.", type="fulfillment-not-standing")
    return found


def _must_stand(order: Order) -> None:
    if order.status is OrderStatus.CANCELLED:
        raise Problem(409, "The order is cancelled.", type="order-cancelled")


def _not_twice(unseen: Iterable[Asked], action: str, fulfillment_id: UUID | None = None) -> None:
    for each in unseen:
        if each.action == action and each.fulfillment_id == fulfillment_id:
            raise _requested(each)


def _requested(earlier: Asked) -> Problem:
    return Problem(
        409,
        f"{earlier.action} was asked of this order already, and what came of it is not known here yet.",
        type="already-requested",
        command_id=str(earlier.command_id),
    )


def _of(order: Order) -> dict[str, Any]:
    return {"order_id": order.id, "order_external_id": order.external_id}


def _once(tags: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(tags))


def _written(money: Money) -> dict[str, Any]:
    return {"amount": money.amount, "currency": money.currency, "exponent": money.exponent}
