"""Routes of integrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from longshore.contracts import Contract, IntegrationStatus, Platform, UtcDatetime
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore.platforms.declaration import Declaration
from longshore.vault import IntegrationRow
from longshore_gateway.accounts.api import Org, OrgConnecting
from longshore_gateway.integrations.rules import IntegrationCreate, IntegrationPatch
from longshore_gateway.integrations.service import Integrations

router = APIRouter(prefix="/api/v1/integrations", tags=["integrations"])


class IntegrationView(Contract):
    """A connected store. `webhook_url` is where it delivers. Credentials are never shown."""

    id: UUID
    org_id: UUID
    platform: Platform
    name: str
    store_url: str
    status: IntegrationStatus
    status_reason: str | None
    settings: dict[str, Any]
    webhook_url: str | None
    created_at: UtcDatetime
    updated_at: UtcDatetime


class IntegrationList(Contract):
    """A page of integrations."""

    items: list[IntegrationView]
    next_cursor: str | None


@router.post("", status_code=201, response_model=IntegrationView)
async def create_integration(request: Request, org_id: OrgConnecting, body: IntegrationCreate) -> IntegrationView:
    """Connect a store. It is `connecting` until its connector has checked it and registered webhooks."""
    return _view(request, await _service(request).create(org_id, body))


@router.get("", response_model=IntegrationList)
async def list_integrations(
    request: Request, org_id: Org, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> IntegrationList:
    """Connected stores, oldest first."""
    rows = await _service(request).list(org_id, read_cursor(cursor), limit + 1)
    items, following = page(rows, limit, lambda each: write_cursor(each.created_at, each.id))
    return IntegrationList(items=[_view(request, row) for row in items], next_cursor=following)


@router.get("/{id}", response_model=IntegrationView)
async def get_integration(request: Request, org_id: Org, id: UUID) -> IntegrationView:
    """One connected store."""
    return _view(request, await _service(request).get(org_id, id))


@router.patch("/{id}", response_model=IntegrationView)
async def change_integration(
    request: Request, org_id: OrgConnecting, id: UUID, body: IntegrationPatch
) -> IntegrationView:
    """Change a store's name, settings or credentials; what is left out stays (JSON merge patch, RFC 7396).

    With `credentials` (even `{}`) the store is `connecting` until its connector has checked them, as when it was new.
    """
    return _view(request, await _service(request).change(org_id, id, body))


@router.delete("/{id}", status_code=204)
async def delete_integration(request: Request, org_id: OrgConnecting, id: UUID) -> Response:
    """Disconnect a store: its webhooks and credentials go, its history stays."""
    await _service(request).delete(org_id, id)
    return Response(status_code=204)


def _service(request: Request) -> Integrations:
    service: Integrations = request.app.state.integrations
    return service


def _view(request: Request, row: IntegrationRow) -> IntegrationView:
    platforms: Mapping[str, Declaration] = request.app.state.platforms
    return IntegrationView(
        id=row.id,
        org_id=row.org_id,
        platform=row.platform,
        name=row.name,
        store_url=row.store_url,
        status=row.status,
        status_reason=row.status_reason,
        settings=dict(row.settings),
        webhook_url=platforms[row.platform.value].webhook_url(request.app.state.public_url, row.id),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
