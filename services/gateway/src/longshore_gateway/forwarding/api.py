"""Routes that others serve. What they take and answer stands in the services; /openapi.json joins them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from longshore.contracts import CommandView, Contract
from longshore.ids import OrgId
from longshore.internal import PLATFORM_HEADER
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, read_cursor, write_cursor
from longshore.problems import Problem
from longshore_gateway.accounts.api import Org, org_needs
from longshore_gateway.forwarding.rules import FORWARDED, Forwarded
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.integrations.service import Integrations

router = APIRouter()


class CommandList(Contract):
    """A page of commands."""

    items: list[CommandView]
    next_cursor: str | None


@router.get("/api/v1/commands", tags=["commands"], response_model=CommandList)
async def list_commands(
    request: Request,
    org_id: Org,
    order_id: str | None = None,
    status: str | None = None,
    integration_id: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> CommandList:
    """What was pushed to stores, tried, refused: newest first. Fulfilments and stock are kept by different services."""
    read_cursor(cursor)
    given = {"order_id": order_id, "status": status, "integration_id": integration_id, "cursor": cursor}
    params = {name: value for name, value in given.items() if value is not None} | {"limit": str(limit)}
    services = ["order-sync"] if order_id is not None else ["order-sync", "inventory"]
    pages = await asyncio.gather(
        *[_forwarder(request).get_json(each, "/api/v1/commands", org_id, params) for each in services]
    )
    return merge_commands(pages, limit)


def merge_commands(pages: list[dict[str, Any]], limit: int) -> CommandList:
    """One page from those of several services, which share order and cursor: (created_at, id) descending."""
    commands = sorted(
        (CommandView.model_validate(item) for page in pages for item in page["items"]),
        key=lambda command: (command.created_at, command.id),
        reverse=True,
    )
    items = commands[:limit]
    more = len(commands) > limit or any(page["next_cursor"] for page in pages)
    return CommandList(
        items=items, next_cursor=write_cursor(items[-1].created_at, items[-1].id) if more and items else None
    )


def _forward(route: Forwarded) -> Any:
    allowed = org_needs(route.scope)

    # A default, for once: FastAPI could not look up an annotation that this function's own variable is part of.
    async def forward(request: Request, org_id: OrgId = allowed) -> Response:
        about = await _store_headers(request, org_id) if route.of_store else {}
        return await _forwarder(request).forward(route.service, request, org_id, about)

    return forward


async def _store_headers(request: Request, org_id: OrgId) -> dict[str, str]:
    """What a service has to know of the store in the path. Raises Problem 404, and 422 for what is no id."""
    try:
        id = UUID(request.path_params["id"])
    except ValueError:
        raise Problem(422, "id: not a UUID", type="invalid-input") from None
    integrations: Integrations = request.app.state.integrations
    row = await integrations.get(org_id, id)
    return {PLATFORM_HEADER: row.platform.value}


for _route in FORWARDED:
    router.add_api_route(
        _route.path, _forward(_route), methods=[_route.method], include_in_schema=False, response_class=Response
    )


def _forwarder(request: Request) -> Forwarder:
    forwarder: Forwarder = request.app.state.forwarder
    return forwarder
