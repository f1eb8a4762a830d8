"""Routes of the system."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from longshore.contracts import Contract
from longshore_gateway.accounts.api import Org
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.system.service import System, SystemState

router = APIRouter(prefix="/api/v1/system", tags=["system"])


class StateHash(Contract):
    """SHA-256 over the canonical content of the organisation, per kind. Two hubs that saw the same have the same."""

    orders: str
    customers: str
    products: str
    stock: str
    reservations: str


@router.get("", response_model=SystemState)
async def get_system(request: Request, org_id: Org) -> SystemState:
    """Services, lag, outboxes, jobs; `settled` when nothing is under way anywhere."""
    system: System = request.app.state.system
    return await system.state()


@router.get("/state-hash", response_model=StateHash)
async def get_state_hash(request: Request, org_id: Org) -> StateHash:
    """Hashes of the canonical state: equal before and after a rebuild from the raw log."""
    forwarder: Forwarder = request.app.state.forwarder
    parts = await asyncio.gather(
        forwarder.get_json("order-sync", "/internal/state-hash", org_id, {"org_id": str(org_id)}),
        forwarder.get_json("inventory", "/internal/state-hash", org_id, {"org_id": str(org_id)}),
    )
    return StateHash(**parts[0], **parts[1])
