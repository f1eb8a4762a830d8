"""Routes about a store's connection."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from longshore.contracts import ConnectionTest
from longshore.platforms.inspection import WebhookList
from longshore_gateway.accounts.api import Org, OrgOperating
from longshore_gateway.connections.service import Connections

router = APIRouter(prefix="/api/v1/integrations", tags=["integrations"])


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {}}}


_NO_STORE: dict[int | str, dict[str, Any]] = {404: _problem("There is no such integration")}
_STORE_SAYS_NO: dict[int | str, dict[str, Any]] = {
    **_NO_STORE,
    409: _problem("The store refuses; `code` says what"),
    502: _problem("The store does not answer as it should; `code` says what"),
}


@router.post("/{id}/test", response_model=ConnectionTest, responses=_NO_STORE)
async def test_integration(request: Request, org_id: OrgOperating, id: UUID) -> ConnectionTest:
    """Test a store's connection: seven checks, each with what to do. It changes nothing and takes up to 35 s."""
    return await _service(request).test(org_id, id)


@router.get("/{id}/webhooks", response_model=WebhookList, responses=_STORE_SAYS_NO)
async def list_webhooks(request: Request, org_id: Org, id: UUID) -> WebhookList:
    """What the store has of the webhooks that we need, asked of it now."""
    return await _service(request).webhooks(org_id, id, repair=False)


@router.post("/{id}/webhooks", response_model=WebhookList, responses=_STORE_SAYS_NO)
async def ensure_webhooks(request: Request, org_id: OrgOperating, id: UUID) -> WebhookList:
    """Make sure that all webhooks are registered and alive; answers what the store has then."""
    return await _service(request).webhooks(org_id, id, repair=True)


def _service(request: Request) -> Connections:
    service: Connections = request.app.state.connections
    return service
