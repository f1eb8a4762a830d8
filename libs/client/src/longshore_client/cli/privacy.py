"""privacy: buyers' and stores' data handed out and erased, and the record of it."""

from __future__ import annotations

from uuid import UUID

import click

from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubGroup, Session, paged, pass_session
from longshore_client.models import PrivacyExport, PrivacyRequest


@click.group(cls=HubGroup)
def privacy() -> None:
    """Buyers' data: hand out, erase, and who has asked. Needs the scope admin."""


@privacy.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not done.")
@paged
@pass_session
def list_(session: Session, only_open: bool, limit: int, everything: bool) -> None:
    """List requests and what was done, newest first."""
    with session.hub() as hub:
        found = hub.privacy.requests(limit=page_size(limit, everything=everything))
        show_list(
            session,
            (each for each in found if not (only_open and each.done_at)),
            {
                "id": lambda each: each.id,
                "kind": lambda each: each.kind,
                "from": lambda each: each.source,
                "store": lambda each: each.integration_id,
                "received": lambda each: each.received_at,
                "done": lambda each: each.done_at,
                "outcome": lambda each: each.outcome,
            },
            limit=limit,
            everything=everything,
            empty="No request.",
        )


@privacy.command()
@click.argument("store", type=click.UUID)
@click.option("--customer", help="The store's own id of the customer.")
@click.option("--order", "orders", multiple=True, help="The store's own id of an order; repeat.")
@click.option("--email", help="Their e-mail address. It is not kept.")
@pass_session
def export(session: Session, store: UUID, customer: str | None, orders: tuple[str, ...], email: str | None) -> None:
    """Hand out all that is kept of a buyer in STORE (its id); with --json the data themselves."""
    _named(customer, orders, email)
    with session.hub() as hub:
        found = hub.privacy.export(
            store, customer_external_id=customer, email=email, order_external_ids=list(orders) or None
        )
    _show_export(session, found)


@privacy.command()
@click.argument("request", type=click.UUID)
@pass_session
def answer(session: Session, request: UUID) -> None:
    """Hand out what REQUEST (its id) asks for, and mark it done; with --json the data themselves."""
    with session.hub() as hub:
        found = hub.privacy.answer(request)
    _show_export(session, found)


@privacy.command()
@click.argument("store", type=click.UUID)
@click.option("--customer", help="The store's own id of the customer.")
@click.option("--order", "orders", multiple=True, help="The store's own id of an order; repeat.")
@click.option("--email", help="Their e-mail address. It is not kept.")
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be taken back.")
@pass_session
def erase(
    session: Session, store: UUID, customer: str | None, orders: tuple[str, ...], email: str | None, yes: bool
) -> None:
    """Erase a buyer in STORE (its id) for ever. Orders stay as the books need them."""
    _named(customer, orders, email)
    _sure("Erase this buyer for ever?", yes=yes)
    with session.hub() as hub:
        done = hub.privacy.erase_buyer(
            store, customer_external_id=customer, email=email, order_external_ids=list(orders) or None
        )
    show_one(session, done, _fields(done))


@privacy.command("erase-store")
@click.argument("store", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be taken back.")
@pass_session
def erase_store(session: Session, store: UUID, yes: bool) -> None:
    """Erase all orders and customers of STORE (its id), which has to be disconnected. `privacy list` tells the end."""
    _sure("Erase all orders and customers of this store for ever?", yes=yes)
    with session.hub() as hub:
        hub.privacy.erase_store(store)
    if not session.as_json:
        click.echo("Begun.")


def _named(customer: str | None, orders: tuple[str, ...], email: str | None) -> None:
    if not (customer or orders or email):
        raise click.UsageError("Say who: --customer, --order or --email.")


def _sure(question: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _fields(request: PrivacyRequest) -> dict[str, object]:
    return {"id": request.id, "kind": request.kind, "done": request.done_at, "outcome": request.outcome}


def _show_export(session: Session, found: PrivacyExport) -> None:
    counts = {"customers": len(found.customers), "states of orders": len(found.orders)}
    show_one(session, found, _fields(found.request) | counts)
