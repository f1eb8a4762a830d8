"""Connected stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from longshore.contracts import ConnectionTest, Platform, SyncMode, SyncResource, SyncRun
from longshore_client.aio.transport import AsyncConnection, AsyncPages
from longshore_client.models import ConnectLink, Integration, Platforms, SyncRuns, Webhooks


class AsyncIntegrations:
    """Connects stores, shows them, takes them down."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def platforms(self) -> Platforms:
        """What can be connected and what that takes, and what is still to come."""
        return await self._connection.get(Platforms, "/api/v1/platforms")

    async def create(
        self,
        platform: Platform | str,
        name: str,
        store_url: str | None = None,
        *,
        credentials: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Integration:
        """Connect a store. It is `connecting` until the hub has checked it; then `active`, or `error` with a reason."""
        body = {
            "platform": platform,
            "name": name,
            "store_url": store_url,
            "credentials": credentials,
            "settings": settings,
        }
        return await self._connection.post(
            Integration, "/api/v1/integrations", body=body, idempotency_key=idempotency_key
        )

    async def connect_link(
        self,
        platform: Platform | str,
        store_url: str,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> ConnectLink:
        """A link that connects a store (or connects it once more) when its owner follows it in a browser and agrees:
        a Shopify shop through the hub's app, a WooCommerce store without keys typed in."""
        body = {"platform": platform, "store_url": store_url, "name": name, "settings": settings}
        return await self._connection.post(
            ConnectLink, "/api/v1/integrations/connect-links", body=body, idempotency_key=idempotency_key
        )

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[Integration]:
        """Connected stores, oldest first."""
        return self._connection.pages(Integration, "/api/v1/integrations", limit=limit, cursor=cursor)

    async def get(self, id: UUID | str) -> Integration:
        """One connected store."""
        return await self._connection.get(Integration, "/api/v1/integrations/{id}", {"id": id})

    async def change(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        credentials: Mapping[str, str | None] | None = None,
    ) -> Integration:
        """Change what is given; the rest stays. Members of `settings` and `credentials` are merged; None in them takes
        one away. With `credentials` the hub checks the connection anew."""
        body = {"name": name, "settings": settings, "credentials": credentials}
        return await self._connection.patch(Integration, "/api/v1/integrations/{id}", {"id": id}, body=body)

    async def test(self, id: UUID | str, *, idempotency_key: str | None = None) -> ConnectionTest:
        """Test a store's connection: seven checks, each with what to do. It takes half a minute at most."""
        return await self._connection.post(
            ConnectionTest, "/api/v1/integrations/{id}/test", {"id": id}, idempotency_key=idempotency_key
        )

    async def webhooks(self, id: UUID | str) -> Webhooks:
        """What the store has of the webhooks that the hub needs, asked of it now."""
        return await self._connection.get(Webhooks, "/api/v1/integrations/{id}/webhooks", {"id": id})

    async def ensure_webhooks(self, id: UUID | str, *, idempotency_key: str | None = None) -> Webhooks:
        """Make sure that all webhooks are registered and alive; answers what the store has then."""
        return await self._connection.post(
            Webhooks, "/api/v1/integrations/{id}/webhooks", {"id": id}, idempotency_key=idempotency_key
        )

    async def sync(
        self,
        id: UUID | str,
        resources: Sequence[SyncResource] | None = None,
        *,
        mode: SyncMode | str = SyncMode.INCREMENTAL,
        idempotency_key: str | None = None,
    ) -> SyncRuns:
        """Read a store anew, in the background: one run per resource, the one under way where there is one."""
        body = {"resources": resources, "mode": mode}
        return await self._connection.post(
            SyncRuns, "/api/v1/integrations/{id}/sync", {"id": id}, body=body, idempotency_key=idempotency_key
        )

    def sync_runs(self, id: UUID | str, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[SyncRun]:
        """A store's sync runs, newest first."""
        return self._connection.pages(
            SyncRun, "/api/v1/integrations/{id}/sync-runs", {"id": id}, limit=limit, cursor=cursor
        )

    async def sync_run(self, run_id: UUID | str) -> SyncRun:
        """One sync run, with its progress."""
        return await self._connection.get(SyncRun, "/api/v1/sync-runs/{run_id}", {"run_id": run_id})

    async def cancel_sync(self, run_id: UUID | str, *, idempotency_key: str | None = None) -> SyncRun:
        """End a sync run after the page that is being read."""
        return await self._connection.post(
            SyncRun, "/api/v1/sync-runs/{run_id}/cancel", {"run_id": run_id}, idempotency_key=idempotency_key
        )

    async def retry_sync(self, run_id: UUID | str, *, idempotency_key: str | None = None) -> SyncRun:
        """Read what a run could not. Raises Conflict while the run is not over, and where nothing failed."""
        return await self._connection.post(
            SyncRun, "/api/v1/sync-runs/{run_id}/retry", {"run_id": run_id}, idempotency_key=idempotency_key
        )

    async def delete(self, id: UUID | str) -> None:
        """Disconnect a store: its webhooks and credentials go, its history stays."""
        await self._connection.delete("/api/v1/integrations/{id}", {"id": id})
