"""orders: the canonical orders of all stores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click

from longshore.contracts import Order, OrderStatus, Platform, Tracking
from longshore_client.cli.output import page_size, show_list, show_one, text_of
from longshore_client.cli.session import HubGroup, Session, paged, pass_session


class Time(click.ParamType[datetime]):
    """A time in ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Called by click."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-11-28T09:30:00Z", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


class Pieces(click.ParamType[tuple[UUID, int]]):
    """LINE_ID=QUANTITY."""

    name = "line"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[UUID, int]:
        """Called by click."""
        if isinstance(value, tuple):
            return value
        id, _, quantity = str(value).partition("=")
        try:
            return UUID(id), int(quantity)
        except ValueError:
            self.fail(f"{value!r} is not LINE_ID=QUANTITY", param, ctx)


@click.group(cls=HubGroup)
def orders() -> None:
    """The orders of all stores."""


@orders.command("list")
@click.option("--status", type=click.Choice([each.value for each in OrderStatus]))
@click.option("--platform", type=click.Choice([each.value for each in Platform]))
@click.option("--integration", type=click.UUID, help="Of one store.")
@click.option("-q", "--search", help="Words that number, id, e-mail, name or SKU begin with.")
@click.option("--updated-after", type=Time(), help="What changed after this time; then oldest change first.")
@paged
@pass_session
def list_(
    session: Session,
    limit: int,
    everything: bool,
    status: str | None,
    platform: str | None,
    integration: UUID | None,
    search: str | None,
    updated_after: datetime | None,
) -> None:
    """List orders, newest first."""
    with session.hub() as hub:
        found = hub.orders.list(
            integration_id=integration,
            platform=platform,
            status=status,
            q=search,
            updated_after=updated_after,
            limit=page_size(limit, everything=everything),
        )
        show_list(
            session,
            found,
            {
                "id": lambda each: each.id,
                "number": lambda each: each.number,
                "platform": lambda each: each.platform,
                "status": lambda each: each.status,
                "total": lambda each: each.totals.total,
                "placed": lambda each: each.placed_at,
                "exact": lambda each: each.reconciled,
            },
            limit=limit,
            everything=everything,
            empty="No such order.",
        )


@orders.command()
@click.argument("id", type=click.UUID)
@click.option("--as-of", type=Time(), help="The order as its store had it at this time.")
@pass_session
def show(session: Session, id: UUID, as_of: datetime | None) -> None:
    """Show one order."""
    with session.hub() as hub:
        order = hub.orders.get(id, as_of=as_of)
    show_one(session, order, _fields(order))


@orders.command()
@click.argument("id", type=click.UUID)
@paged
@pass_session
def revisions(session: Session, id: UUID, limit: int, everything: bool) -> None:
    """List the states that an order was in, first to last."""
    with session.hub() as hub:
        show_list(
            session,
            hub.orders.revisions(id, limit=page_size(limit, everything=everything)),
            {
                "revision": lambda each: each.revision,
                "status": lambda each: each.status,
                "updated": lambda each: each.version.updated_at,
                "total": lambda each: each.content.totals.total if each.content else None,
                "raw record": lambda each: f"{each.raw.topic}/{each.raw.partition}/{each.raw.offset}",
                "by": lambda each: each.raw.origin,
            },
            limit=limit,
            everything=everything,
            empty="No revision.",
        )


@orders.command()
@click.argument("id", type=click.UUID)
@click.option("--line", "lines", type=Pieces(), multiple=True, metavar="LINE_ID=N", help="N pieces of a line; repeat.")
@click.option("--tracking-number")
@click.option("--carrier")
@click.option("--tracking-url")
@click.option("--no-notify", is_flag=True, help="The store sends the buyer no message.")
@click.option("--idempotency-key", help="The same key again gives the same fulfilment.")
@pass_session
def fulfil(
    session: Session,
    id: UUID,
    lines: tuple[tuple[UUID, int], ...],
    tracking_number: str | None,
    carrier: str | None,
    tracking_url: str | None,
    no_notify: bool,
    idempotency_key: str | None,
) -> None:
    """Ship an order: all that is open, or the lines that are named."""
    named = (tracking_number, carrier, tracking_url)
    with session.hub() as hub:
        accepted = hub.orders.fulfil(
            id,
            dict(lines) or None,
            tracking=Tracking(number=tracking_number, carrier=carrier, url=tracking_url) if any(named) else None,
            notify_customer=not no_notify,
            idempotency_key=idempotency_key,
        )
    show_one(
        session,
        accepted,
        {
            "fulfilment": accepted.fulfillment.id,
            "status": accepted.fulfillment.status,
            "command": accepted.command.id,
            "then": f"longshore commands list --order {id}",
        },
    )


def _fields(order: Order) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": order.id,
        "number": order.number,
        "store": f"{order.platform.value} {order.integration_id}",
        "external id": order.external_id,
        "status": f"{order.status.value} ({text_of(order.platform_status)})",
        "paid": order.financial_status,
        "shipped": order.fulfillment_status,
        "total": order.totals.total,
        "refunded": order.totals.refunded,
        "exact": order.reconciled,
        "placed": order.placed_at,
        "updated": order.updated_at,
    }
    for number, line in enumerate(order.lines, start=1):
        shipped = f"{line.fulfilled_quantity} of {line.quantity} shipped"
        fields[f"line {number}"] = f"{line.id}  {text_of(line.sku)}  {line.title}  {shipped}  {text_of(line.total)}"
    for number, each in enumerate(order.fulfillments, start=1):
        tracking = each.tracking.number if each.tracking else None
        fields[f"parcel {number}"] = f"{each.id}  {text_of(each.status)}  {text_of(tracking)}"
    return fields
