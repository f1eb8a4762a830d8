"""Queries of what stores were asked about their products."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.commands import command_view
from longshore.contracts import Command, CommandOutcome, CommandStatus, CommandView
from longshore.db import for_org
from longshore.ids import OrgId
from longshore.money import Money
from longshore.pruning import Past
from longshore_inventory.listings.models import listings, products
from longshore_inventory.selling.models import product_commands
from longshore_inventory.selling.rules import Listing, Product

_FINAL = (CommandStatus.SUCCEEDED.value, CommandStatus.FAILED.value, CommandStatus.SUPERSEDED.value)


def past(history_days: int) -> list[Past]:
    """Commands that may go: ended so long ago."""
    return [Past("inventory.product_commands", "finished_at < :before", timedelta(days=history_days))]


async def find_product(conn: AsyncConnection, org_id: OrgId, product_id: UUID) -> Product | None:
    """A product that its store has."""
    query = for_org(select(products), products, org_id).where(products.c.id == product_id, ~products.c.deleted)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    return Product(row.id, row.integration_id, row.platform, row.external_id, row.parent_external_id)


async def find_listing(conn: AsyncConnection, org_id: OrgId, listing_id: UUID) -> Listing | None:
    """A listing, active or not."""
    row = (
        await conn.execute(for_org(select(listings), listings, org_id).where(listings.c.id == listing_id))
    ).one_or_none()
    if row is None:
        return None
    return Listing(
        id=row.id,
        integration_id=row.integration_id,
        platform=row.platform,
        product_external_id=row.product_external_id,
        parent_external_id=row.parent_external_id,
        variant_external_id=row.variant_external_id,
        sku=row.sku,
        price=None if row.price is None else Money(**row.price),
        active=row.active,
    )


async def open_commands(conn: AsyncConnection, org_id: OrgId, subject_id: UUID, types: Sequence[str]) -> list[UUID]:
    """Commands about a subject that have not ended, oldest first; the subject is locked until the transaction ends."""
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(subject_id), 0))))
    query = for_org(select(product_commands.c.id), product_commands, org_id).where(
        product_commands.c.subject_id == subject_id,
        product_commands.c.type.in_(types),
        product_commands.c.status.not_in(_FINAL),
    )
    return [row.id for row in await conn.execute(query.order_by(product_commands.c.created_at))]


async def add_command(conn: AsyncConnection, command: Command, subject_id: UUID, key: str | None, digest: str) -> bool:
    """Write a new command; False if there is one with this key already."""
    made = await conn.execute(
        insert(product_commands)
        .values(
            id=command.id,
            org_id=command.org_id,
            integration_id=command.integration_id,
            type=command.payload.type,
            subject_id=subject_id,
            status=CommandStatus.PENDING.value,
            attempts=0,
            idempotency_key=key,
            request_digest=digest,
            created_at=command.created_at,
        )
        .on_conflict_do_nothing()
        .returning(product_commands.c.id)
    )
    return made.one_or_none() is not None


async def find_by_key(
    conn: AsyncConnection, org_id: OrgId, subject_id: UUID, type: str, key: str
) -> tuple[CommandView, str]:
    """The command that was asked for with this key, and the digest of that request."""
    query = for_org(select(product_commands), product_commands, org_id).where(
        product_commands.c.subject_id == subject_id,
        product_commands.c.type == type,
        product_commands.c.idempotency_key == key,
    )
    row: Any = (await conn.execute(query)).one()
    return command_view(row), row.request_digest


async def settle(conn: AsyncConnection, outcome: CommandOutcome) -> None:
    """Write what became of a command; one that has ended stays as it is, tries only count up."""
    error = outcome.error if outcome.status is not CommandStatus.SUCCEEDED else None
    # unscoped: by ids of commands that were ours to send
    await conn.execute(
        update(product_commands)
        .where(
            product_commands.c.id == outcome.command_id,
            product_commands.c.status.not_in(_FINAL),
            product_commands.c.attempts <= outcome.attempts,
        )
        .values(
            status=outcome.status.value,
            attempts=outcome.attempts,
            error=None if error is None else error.model_dump(mode="json"),
            finished_at=outcome.at if outcome.status.value in _FINAL else None,
        )
    )
