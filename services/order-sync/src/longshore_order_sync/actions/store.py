"""Queries of what was asked of stores about orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import CommandStatus, Tracking
from longshore.money import Money
from longshore_order_sync.actions.models import order_actions
from longshore_order_sync.actions.rules import Asked
from longshore_order_sync.commands.rules import FINAL


@dataclass(frozen=True, slots=True)
class NewAction:
    """Something that is asked for, as it is written."""

    command_id: UUID
    org_id: UUID
    order_id: UUID
    action: str
    asked: dict[str, Any]
    idempotency_key: str | None
    request_digest: str
    created_at: datetime


async def create_action(conn: AsyncConnection, new: NewAction) -> None:
    """Write what is asked for; one that is there already stays as it is."""
    await conn.execute(
        insert(order_actions)
        .values(
            command_id=new.command_id,
            org_id=new.org_id,
            order_id=new.order_id,
            action=new.action,
            status=CommandStatus.PENDING.value,
            asked=new.asked,
            idempotency_key=new.idempotency_key,
            request_digest=new.request_digest,
            created_at=new.created_at,
        )
        .on_conflict_do_nothing(index_elements=[order_actions.c.command_id])
    )


async def get_actions(conn: AsyncConnection, order_id: UUID) -> list[Asked]:
    """What was asked of an order, oldest first."""
    # unscoped: by ids of orders and commands, each of one organisation
    query = (
        select(order_actions)
        .where(order_actions.c.order_id == order_id)
        .order_by(order_actions.c.created_at, order_actions.c.command_id)
    )
    return [_asked(row) for row in await conn.execute(query)]


async def get_by_key(
    conn: AsyncConnection, order_id: UUID, action: str, key: str
) -> tuple[Asked, str, datetime] | None:
    """What was asked of an order with this idempotency key, the digest of that request, and when it was."""
    # unscoped: by ids of orders and commands, each of one organisation
    query = select(order_actions).where(
        order_actions.c.order_id == order_id,
        order_actions.c.action == action,
        order_actions.c.idempotency_key == key,
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else (_asked(row), row.request_digest, row.created_at)


async def get_orders_of(conn: AsyncConnection, command_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The order of each of these commands; those that are not of an action are left out."""
    # unscoped: by ids of orders and commands, each of one organisation
    query = select(order_actions.c.command_id, order_actions.c.order_id).where(
        order_actions.c.command_id.in_(command_ids)
    )
    return {row.command_id: row.order_id for row in await conn.execute(query)}


async def settle_action(
    conn: AsyncConnection, command_id: UUID, status: CommandStatus, external_id: str | None, at: datetime
) -> Asked | None:
    """Write the end of an action; None if it had ended before."""
    # unscoped: by ids of orders and commands, each of one organisation
    row = (
        await conn.execute(
            update(order_actions)
            .where(
                order_actions.c.command_id == command_id,
                order_actions.c.status.not_in([each.value for each in FINAL]),
            )
            .values(status=status.value, external_id=external_id, settled_at=at)
            .returning(order_actions)
        )
    ).one_or_none()
    return None if row is None else _asked(row)


def _asked(row: Row[Any]) -> Asked:
    kept = row.asked
    return Asked(
        command_id=row.command_id,
        action=row.action,
        status=CommandStatus(row.status),
        fulfillment_id=UUID(kept["fulfillment_id"]) if kept.get("fulfillment_id") else None,
        tracking=Tracking.model_validate(kept["tracking"]) if kept.get("tracking") else None,
        lines={UUID(line): quantity for line, quantity in (kept.get("lines") or {}).items()},
        amount=Money(**kept["amount"]) if kept.get("amount") else None,
        full=bool(kept.get("full")),
        external_id=row.external_id,
        settled_at=row.settled_at,
    )
