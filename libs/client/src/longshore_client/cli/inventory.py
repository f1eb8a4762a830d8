"""inventory: stock by SKU."""

from __future__ import annotations

from uuid import UUID

import click

from longshore_client.cli.exits import ExitCode, Failure
from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubGroup, Session, paged, pass_session
from longshore_client.models import Level


@click.group(cls=HubGroup)
def inventory() -> None:
    """Stock of all stores, by SKU."""


@inventory.command()
@click.argument("sku", required=False)
@paged
@pass_session
def show(session: Session, sku: str | None, limit: int, everything: bool) -> None:
    """Show stock: of SKU, or of all of them. Exit code 5 if there is no such SKU."""
    with session.hub() as hub:
        found = hub.inventory.levels(sku=sku, limit=page_size(limit, everything=everything))
        if sku is None:
            columns = {
                "sku": lambda each: each.sku,
                "on hand": lambda each: each.on_hand,
                "reserved": lambda each: each.reserved,
                "available": lambda each: each.available,
                "in sync": _in_sync,
            }
            show_list(session, found, columns, limit=limit, everything=everything, empty="The catalogue is empty.")
            return
        level = next(iter(found), None)
    if level is None:
        raise Failure(f"There is no SKU {sku}.", ExitCode.NOT_FOUND)
    _show(session, level)


@inventory.command()
@click.argument("sku")
@click.option("--delta", type=int, help="Pieces more, or less (--delta=-2).")
@click.option("--set", "to", type=int, help="So many pieces are on hand.")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--location", help="Where; the default location if not given.")
@click.option("--idempotency-key", help="The same key again changes nothing more.")
@pass_session
def adjust(
    session: Session,
    sku: str,
    delta: int | None,
    to: int | None,
    reason: str,
    location: str | None,
    idempotency_key: str | None,
) -> None:
    """Change what is on hand of SKU, by --delta or to --set. Every store that lists it is told."""
    if (delta is None) == (to is None):
        raise click.UsageError("Give exactly one of --delta and --set.")
    with session.hub() as hub:
        adjusted = hub.inventory.adjust(
            sku, delta=delta, to=to, reason=reason, location=location, idempotency_key=idempotency_key
        )
    level = adjusted.level
    show_one(
        session,
        adjusted,
        {
            "movement": adjusted.movement.number,
            "delta": adjusted.movement.delta,
            "on hand": level.on_hand,
            "reserved": level.reserved,
            "available": level.available,
        },
    )


@inventory.command()
@click.option("--sku", help="Of one SKU.")
@paged
@pass_session
def movements(session: Session, sku: str | None, limit: int, everything: bool) -> None:
    """List what moved stock and why, the last entered first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.inventory.movements(sku=sku, limit=page_size(limit, everything=everything)),
            {
                "number": lambda each: each.number,
                "at": lambda each: each.at,
                "sku": lambda each: each.sku,
                "kind": lambda each: each.kind,
                "delta": lambda each: f"{each.delta:+d}",
                "reason": lambda each: each.reason,
            },
            limit=limit,
            everything=everything,
            empty="Nothing moved.",
        )


@inventory.command()
@paged
@pass_session
def alerts(session: Session, limit: int, everything: bool) -> None:
    """List alerts about stock, newest first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.inventory.alerts(limit=page_size(limit, everything=everything)),
            {
                "id": lambda each: each.id,
                "kind": lambda each: each.kind,
                "sku": lambda each: each.sku,
                "since": lambda each: each.created_at,
                "detail": lambda each: each.detail,
            },
            limit=limit,
            everything=everything,
            empty="No alert.",
        )


@inventory.command()
@click.argument("alert_id", type=click.UUID)
@pass_session
def dismiss(session: Session, alert_id: UUID) -> None:
    """Dismiss an alert."""
    with session.hub() as hub:
        hub.inventory.dismiss_alert(alert_id)
    if not session.as_json:
        click.echo("Dismissed.")


def _in_sync(level: Level) -> str:
    return f"{sum(each.in_sync for each in level.channels)} of {len(level.channels)}"


def _show(session: Session, level: Level) -> None:
    fields: dict[str, object] = {
        "sku": level.sku,
        "location": level.location,
        "on hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
    }
    for number, each in enumerate(level.channels, start=1):
        state = "in sync" if each.in_sync else "not in sync"
        fields[f"store {number}"] = f"{each.integration_id}  {each.quantity}  {state}"
    show_one(session, level, fields)
