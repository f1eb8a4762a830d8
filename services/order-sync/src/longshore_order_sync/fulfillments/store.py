"""Queries of fulfilments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import FulfillmentState, Tracking
from longshore_order_sync.fulfillments.models import fulfillments
from longshore_order_sync.orders.canonical import HubFulfillment


@dataclass(frozen=True, slots=True)
class NewFulfillment:
    """A fulfilment as it is written when it is asked for."""

    id: UUID
    org_id: UUID
    order_id: UUID
    command_id: UUID
    lines: Mapping[UUID, int]
    tracking: Tracking | None
    notify_customer: bool
    idempotency_key: str | None
    request_digest: str
    created_at: datetime


async def create_fulfillment(conn: AsyncConnection, new: NewFulfillment) -> HubFulfillment:
    """Write a new fulfilment, pending; one that is there already stays as it is."""
    await conn.execute(
        insert(fulfillments)
        .values(
            id=new.id,
            org_id=new.org_id,
            order_id=new.order_id,
            command_id=new.command_id,
            status=FulfillmentState.PENDING.value,
            lines={str(line): quantity for line, quantity in new.lines.items()},
            tracking=None if new.tracking is None else new.tracking.model_dump(mode="json"),
            notify_customer=new.notify_customer,
            idempotency_key=new.idempotency_key,
            request_digest=new.request_digest,
            created_at=new.created_at,
        )
        .on_conflict_do_nothing(index_elements=[fulfillments.c.id])
    )
    return HubFulfillment(
        id=new.id,
        command_id=new.command_id,
        status=FulfillmentState.PENDING,
        lines=dict(new.lines),
        tracking=new.tracking,
        external_id=None,
        created_at=new.created_at,
    )


async def get_hub_fulfillments(conn: AsyncConnection, order_ids: Sequence[UUID]) -> dict[UUID, list[HubFulfillment]]:
    """Those of these orders, by order, oldest first."""
    # unscoped: by ids of orders and commands, each of one organisation
    query = (
        select(fulfillments)
        .where(fulfillments.c.order_id.in_(order_ids))
        .order_by(fulfillments.c.created_at, fulfillments.c.id)
    )
    found: dict[UUID, list[HubFulfillment]] = {}
    for row in await conn.execute(query):
        found.setdefault(row.order_id, []).append(_hub(row))
    return found


async def get_by_key(conn: AsyncConnection, order_id: UUID, key: str) -> tuple[HubFulfillment, str] | None:
    """The fulfilment of an order that was asked for with this idempotency key, and the digest of that request."""
    # unscoped: by ids of orders and commands, each of one organisation
    query = select(fulfillments).where(fulfillments.c.order_id == order_id, fulfillments.c.idempotency_key == key)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else (_hub(row), row.request_digest)


async def get_orders_of(conn: AsyncConnection, command_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The order of each of these commands; those that are not of a fulfilment are left out."""
    # unscoped: by ids of orders and commands, each of one organisation
    query = select(fulfillments.c.command_id, fulfillments.c.order_id).where(fulfillments.c.command_id.in_(command_ids))
    return {row.command_id: row.order_id for row in await conn.execute(query)}


async def settle_fulfillment(
    conn: AsyncConnection,
    command_id: UUID,
    status: FulfillmentState,
    external_id: str | None,
    at: datetime,
    more_external_ids: Sequence[str] = (),
) -> None:
    """Write the end of a fulfilment; one that is settled stays as it is."""
    # unscoped: by ids of orders and commands, each of one organisation
    await conn.execute(
        update(fulfillments)
        .where(fulfillments.c.command_id == command_id, fulfillments.c.status == FulfillmentState.PENDING.value)
        .values(status=status.value, external_id=external_id, more_external_ids=list(more_external_ids), settled_at=at)
    )


async def name_fulfillment(conn: AsyncConnection, fulfillment_id: UUID, external_id: str) -> None:
    """Keep the store's id of a fulfilment of ours that the store told of before its command's outcome came."""
    # unscoped: by ids of orders and commands, each of one organisation
    await conn.execute(
        update(fulfillments)
        .where(fulfillments.c.id == fulfillment_id, fulfillments.c.status == FulfillmentState.PENDING.value)
        .values(external_id=external_id)
    )


async def cancel_fulfillment(conn: AsyncConnection, fulfillment_id: UUID, at: datetime) -> bool:
    """A fulfilment of ours was taken back; whether it was one that stood."""
    # unscoped: by ids of orders and commands, each of one organisation
    found = await conn.execute(
        update(fulfillments)
        .where(fulfillments.c.id == fulfillment_id, fulfillments.c.status == FulfillmentState.SUCCESS.value)
        .values(status=FulfillmentState.CANCELLED.value, settled_at=at)
    )
    return found.rowcount > 0


async def track_fulfillment(conn: AsyncConnection, fulfillment_id: UUID, tracking: Tracking | None) -> bool:
    """A fulfilment of ours is followed otherwise from now on; whether it is one."""
    # unscoped: by ids of orders and commands, each of one organisation
    found = await conn.execute(
        update(fulfillments)
        .where(fulfillments.c.id == fulfillment_id)
        .values(tracking=None if tracking is None else tracking.model_dump(mode="json"))
    )
    return found.rowcount > 0


def _hub(row: Row[tuple[object, ...]]) -> HubFulfillment:
    return HubFulfillment(
        id=row.id,
        command_id=row.command_id,
        status=FulfillmentState(row.status),
        lines={UUID(line): quantity for line, quantity in row.lines.items()},
        tracking=None if row.tracking is None else Tracking.model_validate(row.tracking),
        external_id=row.external_id,
        more_external_ids=tuple(row.more_external_ids),
        created_at=row.created_at,
        settled_at=row.settled_at,
    )
