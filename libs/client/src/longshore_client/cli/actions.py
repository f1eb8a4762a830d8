"""orders: what is asked of the store about an order, besides a shipment."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import click

from longshore.contracts import CancelReason
from longshore.money import InvalidAmount, Money, money
from longshore_client.cli.orders import Pieces, orders
from longshore_client.cli.output import show_accepted
from longshore_client.cli.session import Session, pass_session
from longshore_client.models import CommandAccepted

__all__ = ["orders"]


class Amount(click.ParamType[Money]):
    """12.50EUR: a decimal number and its currency."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Money:
        """Called by click."""
        if isinstance(value, Money):
            return value
        found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]{3})\s*", str(value))
        try:
            return money(Decimal(found[1]), found[2].upper()) if found else _fail()
        except (ArithmeticError, InvalidAmount):
            self.fail(f"{value!r} is no amount such as 12.50EUR", param, ctx)


def _fail() -> Money:
    raise InvalidAmount("no amount")


def _asked(*more: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The order, and the key under which something is asked once."""

    def decorate(function: Any) -> Any:
        function = pass_session(function)
        function = click.option("--idempotency-key", help="The same key again gives the same command.")(function)
        for each in reversed(more):
            function = each(function)
        return click.argument("id", type=click.UUID)(function)

    return decorate


@orders.command()
@_asked(
    click.option("--reason", type=click.Choice(get_args(CancelReason)), default="other", show_default=True),
    click.option("--note", help="For the store's people."),
    click.option("--refund", is_flag=True, help="Pay back what is left."),
    click.option("--no-restock", is_flag=True, help="What has not shipped does not go back on the shelf."),
    click.option("--notify", is_flag=True, help="The store sends the buyer a message."),
)
def cancel(
    session: Session,
    id: UUID,
    reason: CancelReason,
    note: str | None,
    refund: bool,
    no_restock: bool,
    notify: bool,
    idempotency_key: str | None,
) -> None:
    """Cancel an order at its store."""
    with session.hub() as hub:
        accepted = hub.orders.cancel(
            id,
            reason=reason,
            note=note,
            refund=refund,
            restock=not no_restock,
            notify_customer=notify,
            idempotency_key=idempotency_key,
        )
    _show(session, id, accepted)


@orders.command()
@_asked(click.argument("text"), click.option("--to-customer", is_flag=True, help="The buyer reads it, too."))
def note(session: Session, id: UUID, text: str, to_customer: bool, idempotency_key: str | None) -> None:
    """Add a note to an order."""
    with session.hub() as hub:
        accepted = hub.orders.add_note(id, text, to_customer=to_customer, idempotency_key=idempotency_key)
    _show(session, id, accepted)


@orders.command()
@_asked(
    click.option("--full", is_flag=True, help="All that is left."),
    click.option("--line", "lines", type=Pieces(), multiple=True, metavar="LINE_ID=N", help="N pieces; repeat."),
    click.option("--no-restock", is_flag=True, help="The pieces do not go back on the shelf."),
    click.option("--shipping", is_flag=True, help="All shipping that is left."),
    click.option("--shipping-amount", type=Amount(), metavar="12.50EUR", help="So much of the shipping."),
    click.option("--amount", type=Amount(), metavar="12.50EUR", help="Exactly this sum."),
    click.option("--reason"),
    click.option("--no-pay", is_flag=True, help="Only write it down."),
    click.option("--notify", is_flag=True, help="The store sends the buyer a message."),
)
def refund(
    session: Session,
    id: UUID,
    full: bool,
    lines: tuple[tuple[UUID, int], ...],
    no_restock: bool,
    shipping: bool,
    shipping_amount: Money | None,
    amount: Money | None,
    reason: str | None,
    no_pay: bool,
    notify: bool,
    idempotency_key: str | None,
) -> None:
    """Pay back an order, or a part of it."""
    with session.hub() as hub:
        accepted = hub.orders.refund(
            id,
            dict(lines) or None,
            full=full,
            restock=not no_restock,
            shipping=shipping,
            shipping_amount=shipping_amount,
            amount=amount,
            reason=reason,
            pay=not no_pay,
            notify_customer=notify,
            idempotency_key=idempotency_key,
        )
    _show(session, id, accepted)


@orders.command()
@_asked(
    click.option("--add", multiple=True, metavar="TAG", help="Repeat for more."),
    click.option("--remove", multiple=True, metavar="TAG", help="Repeat for more."),
)
def tag(session: Session, id: UUID, add: tuple[str, ...], remove: tuple[str, ...], idempotency_key: str | None) -> None:
    """Add tags to an order and take tags from it."""
    with session.hub() as hub:
        accepted = hub.orders.change_tags(id, add=add, remove=remove, idempotency_key=idempotency_key)
    _show(session, id, accepted)


@orders.command("mark-paid")
@_asked()
def mark_paid(session: Session, id: UUID, idempotency_key: str | None) -> None:
    """Write down that an order was paid outside of its store."""
    with session.hub() as hub:
        accepted = hub.orders.mark_paid(id, idempotency_key=idempotency_key)
    _show(session, id, accepted)


@orders.command("set-status")
@_asked(click.argument("status"))
def set_status(session: Session, id: UUID, status: str, idempotency_key: str | None) -> None:
    """Put an order into a state of its store's own (WooCommerce: on-hold, completed, ...)."""
    with session.hub() as hub:
        accepted = hub.orders.set_status(id, status, idempotency_key=idempotency_key)
    _show(session, id, accepted)


@orders.command()
@_asked(
    click.argument("parcel", type=click.UUID),
    click.option("--tracking-number"),
    click.option("--carrier"),
    click.option("--tracking-url"),
    click.option("--notify", is_flag=True, help="The store sends the buyer a message."),
)
def track(
    session: Session,
    id: UUID,
    parcel: UUID,
    tracking_number: str | None,
    carrier: str | None,
    tracking_url: str | None,
    notify: bool,
    idempotency_key: str | None,
) -> None:
    """Change how a parcel of an order is followed."""
    with session.hub() as hub:
        accepted = hub.orders.update_tracking(
            id,
            parcel,
            number=tracking_number,
            carrier=carrier,
            url=tracking_url,
            notify_customer=notify,
            idempotency_key=idempotency_key,
        )
    _show(session, id, accepted)


@orders.command("take-back")
@_asked(click.argument("parcel", type=click.UUID))
def take_back(session: Session, id: UUID, parcel: UUID, idempotency_key: str | None) -> None:
    """Take a shipment of an order back: its pieces wait to be shipped again."""
    with session.hub() as hub:
        accepted = hub.orders.cancel_fulfillment(id, parcel, idempotency_key=idempotency_key)
    _show(session, id, accepted)


def _show(session: Session, order_id: UUID, accepted: CommandAccepted) -> None:
    show_accepted(session, accepted, f"longshore commands list --order {order_id}")
