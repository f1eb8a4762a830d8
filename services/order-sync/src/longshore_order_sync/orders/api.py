"""GET /api/v1/orders, one of them, and its revisions. Another organisation's order does not exist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.contracts import (
    Contract,
    Order,
    OrderContent,
    OrderRevision,
    OrderSnapshot,
    OrderStatus,
    Platform,
    RawRef,
    UtcDatetime,
    Version,
)
from longshore.internal import OrgDep
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, read_number_cursor, write_cursor
from longshore.problems import not_found
from longshore_order_sync.orders.listing import (
    OrderFilter,
    StoredRevision,
    cursor_of,
    get_bodies,
    get_newest,
    get_order,
    list_orders,
    list_revisions,
)
from longshore_order_sync.orders.rules import Seen, revision_order


def _written_out(value: object) -> object:
    # Pydantic would read "0.5" as half a second past 1970, which nobody means.
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9.]+", value.strip()):
        raise PydanticCustomError("time", "Input should be a time such as 2026-11-28T09:30:00Z")
    return value


Time = Annotated[UtcDatetime, BeforeValidator(_written_out)]


class OrderPage(BaseModel):
    """A page of orders."""

    items: list[Order]
    next_cursor: str | None


class RevisionPage(BaseModel):
    """A page of an order's revisions, first to last."""

    items: list[OrderRevision]
    next_cursor: str | None


def orders_router(engine: AsyncEngine) -> APIRouter:
    """Routes of orders."""
    router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

    @router.get("", response_model=OrderPage, summary="List orders")
    async def get_orders(
        org_id: OrgDep,
        integration_id: UUID | None = None,
        platform: Platform | None = None,
        status: OrderStatus | None = None,
        q: Annotated[
            str | None, Query(max_length=200, description="Words that number, id, e-mail, name or SKU begin with.")
        ] = None,
        updated_after: Annotated[
            Time | None, Query(description="Only what its store changed after this; then oldest change first.")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Response:
        """Newest order first, by (placed_at, id); with `updated_after` by (updated_at, id), ascending."""
        wanted = OrderFilter(integration_id, platform, status, q, updated_after)
        async with engine.connect() as conn:
            found = await list_orders(conn, org_id, wanted, read_cursor(cursor), limit + 1)
        return _page(*page(found, limit, lambda each: cursor_of(each, wanted)))

    @router.get("/{order_id}", response_model=Order, summary="One order, now or as of a time")
    async def get_one(
        org_id: OrgDep,
        order_id: UUID,
        as_of: Annotated[Time | None, Query(description="The order as its store had it at this time.")] = None,
    ) -> Response:
        """404 for an order that is not the organisation's, or was not yet there."""
        async with engine.connect() as conn:
            order = await get_order(conn, org_id, order_id, as_of)
        if order is None:
            raise not_found("The order")
        return Response(order.to_json(), media_type="application/json")

    @router.get("/{order_id}/revisions", response_model=RevisionPage, summary="The states that an order was in")
    async def get_revisions(
        org_id: OrgDep, order_id: UUID, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Response:
        """First to last, each with the raw record that brought it."""
        after = read_number_cursor(cursor) or 0
        async with engine.connect() as conn:
            newest = await get_newest(conn, org_id, order_id)
            if newest is None:
                raise not_found("The order")
            shown = _shown(await list_revisions(conn, order_id, newest), newest)
            chosen = shown[after : after + limit]
            bodies = await get_bodies(conn, order_id, [each.seen.revision for each in chosen])
        items = [
            _revision(number, each, bodies[each.seen.revision]) for number, each in enumerate(chosen, start=after + 1)
        ]
        return _page(items, write_cursor(after + limit, order_id) if len(shown) > after + limit else None)

    return router


def _shown(revisions: Sequence[StoredRevision], newest: Seen) -> list[StoredRevision]:
    keep = {each.revision for each in revision_order([each.seen for each in revisions], newest)}
    return [each for each in revisions if each.seen.revision in keep]


def _revision(number: int, stored: StoredRevision, body: str) -> OrderRevision:
    seen = stored.seen
    return OrderRevision(
        revision=number,
        version=Version(updated_at=seen.updated_at, observed_at=seen.observed_at, offset=seen.offset),
        raw=RawRef(topic=stored.raw_topic, partition=stored.raw_partition, offset=seen.offset, origin=stored.origin),
        digest=seen.digest,
        status=stored.status,
        recorded_at=stored.recorded_at,
        content=OrderContent.model_validate(OrderSnapshot.from_json(body), from_attributes=True),
    )


def _page(items: Sequence[Contract], next_cursor: str | None) -> Response:
    # Written by hand: FastAPI would validate and dump each order once more.
    cursor = b"null" if next_cursor is None else b'"' + next_cursor.encode() + b'"'
    body = b'{"items":[' + b",".join(each.to_json() for each in items) + b'],"next_cursor":' + cursor + b"}"
    return Response(body, media_type="application/json")
