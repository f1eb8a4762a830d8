"""/internal/state-hash: what two hubs that saw the same store records agree on."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.internal import require_internal
from longshore_inventory.system.store import state_hash


def system_router(engine: AsyncEngine) -> APIRouter:
    """Routes for the gateway."""
    router = APIRouter(prefix="/internal", include_in_schema=False, dependencies=[Depends(require_internal)])

    @router.get("/state-hash")
    async def get_state_hash(org_id: UUID | None = None) -> dict[str, str]:
        async with engine.connect() as conn, conn.begin():
            return await state_hash(conn, org_id)

    return router
