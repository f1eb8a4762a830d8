"""products: what stores sell, and for how much."""

from __future__ import annotations

from uuid import UUID

import click

from longshore.money import Money
from longshore_client.cli.actions import Amount
from longshore_client.cli.output import show_accepted
from longshore_client.cli.session import HubGroup, Session, pass_session
from longshore_client.models import CommandAccepted


@click.group(cls=HubGroup)
def products() -> None:
    """What stores sell."""


@products.command()
@click.argument("id", type=click.UUID)
@click.argument("integration", type=click.UUID)
@click.option("--idempotency-key", help="The same key again gives the same command.")
@pass_session
def publish(session: Session, id: UUID, integration: UUID, idempotency_key: str | None) -> None:
    """Put a product on its store's shelf."""
    with session.hub() as hub:
        _show(session, hub.products.publish(id, integration, idempotency_key=idempotency_key))


@products.command()
@click.argument("id", type=click.UUID)
@click.argument("integration", type=click.UUID)
@pass_session
def unpublish(session: Session, id: UUID, integration: UUID) -> None:
    """Take a product off the shelf."""
    with session.hub() as hub:
        _show(session, hub.products.unpublish(id, integration))


@products.command()
@click.argument("listing", type=click.UUID)
@click.argument("amount", type=Amount(), metavar="12.50EUR")
@click.option("--before", type=Amount(), metavar="15.00EUR", help="The price before a reduction.")
@click.option("--end-reduction", is_flag=True, help="There is no reduction any more.")
@click.option("--idempotency-key", help="The same key again gives the same command.")
@pass_session
def price(
    session: Session,
    listing: UUID,
    amount: Money,
    before: Money | None,
    end_reduction: bool,
    idempotency_key: str | None,
) -> None:
    """Set what a listing costs, in its store's currency."""
    with session.hub() as hub:
        accepted = hub.listings.set_price(
            listing,
            amount,
            compare_at_price=before,
            end_reduction=end_reduction,
            idempotency_key=idempotency_key,
        )
    _show(session, accepted)


def _show(session: Session, accepted: CommandAccepted) -> None:
    show_accepted(session, accepted, "longshore commands list")
