"""Routes of sync runs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from longshore.contracts import Platform, SyncMode, SyncResource, SyncRun
from longshore.internal import PLATFORM_HEADER, OrgDep
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore.problems import Problem
from longshore_order_sync.syncs.service import Syncs

RESOURCES: tuple[SyncResource, ...] = ("products", "inventory", "orders", "customers")


class SyncRequest(BaseModel):
    """What is to be read, and whether whole."""

    resources: list[SyncResource] = Field(default=list(RESOURCES), min_length=1, max_length=20)
    mode: SyncMode = SyncMode.INCREMENTAL


class SyncRunList(BaseModel):
    """The runs that were asked for, one per resource."""

    items: list[SyncRun]


class SyncRunPage(BaseModel):
    """A page of runs, the newest first."""

    items: list[SyncRun]
    next_cursor: str | None


def syncs_router(service: Syncs) -> APIRouter:
    """Routes of sync runs. The gateway has looked that the store is the organisation's, and names its platform."""
    router = APIRouter(prefix="/api/v1", tags=["sync"])

    @router.post("/integrations/{id}/sync", status_code=202, summary="Read a store anew")
    async def sync_integration(org_id: OrgDep, id: UUID, wanted: SyncRequest, request: Request) -> SyncRunList:
        """One run per resource, in the background; where one is under way that reads the same, that one is answered.

        `incremental` reads what has changed since the last run (all, if there was none), `full` all.
        """
        platform = _platform(request)
        if platform is Platform.API:
            raise Problem(409, "A custom channel sends what it has; there is nothing to read.", type="nothing-to-read")
        return SyncRunList(items=await service.request(org_id, id, platform, wanted.resources, wanted.mode))

    @router.get("/integrations/{id}/sync-runs", summary="List a store's sync runs")
    async def list_sync_runs(
        org_id: OrgDep, id: UUID, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> SyncRunPage:
        """Ordered by (created_at, id), newest first."""
        found = await service.list(org_id, id, read_cursor(cursor), limit + 1)
        items, following = page(found, limit, lambda each: write_cursor(each.created_at, each.id))
        return SyncRunPage(items=items, next_cursor=following)

    @router.get("/sync-runs/{run_id}", summary="Show a sync run")
    async def get_sync_run(org_id: OrgDep, run_id: UUID) -> SyncRun:
        """With its progress and what it could not read."""
        return await service.get(org_id, run_id)

    @router.post("/sync-runs/{run_id}/cancel", status_code=202, summary="Cancel a sync run")
    async def cancel_sync_run(org_id: OrgDep, run_id: UUID) -> SyncRun:
        """It ends after the page that is being read; what was read stays. One that has ended stays as it is."""
        return await service.cancel(org_id, run_id)

    @router.post("/sync-runs/{run_id}/retry", status_code=202, summary="Read what a sync run could not")
    async def retry_sync_run(org_id: OrgDep, run_id: UUID) -> SyncRun:
        """A new run of the failed items alone. 409 while the run is not over, and where nothing failed."""
        return await service.retry(org_id, run_id)

    return router


def _platform(request: Request) -> Platform:
    try:
        return Platform(request.headers.get(PLATFORM_HEADER, ""))
    except ValueError:
        raise Problem(401, "The request names no platform; call the gateway.", type="not-authenticated") from None
