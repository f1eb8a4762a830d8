"""Use cases of integrations: one transaction each, with the event that says what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus
from longshore.ids import OrgId
from longshore.paging import Place
from longshore.platforms.declaration import Declaration
from longshore.platforms.outcomes import row_message
from longshore.problems import Problem, not_found
from longshore.vault import AlreadyConnected, IntegrationRow, Vault
from longshore_gateway.audit import trail
from longshore_gateway.audit.rules import difference
from longshore_gateway.integrations.rules import (
    IntegrationCreate,
    IntegrationPatch,
    change,
    read_credentials,
    read_store,
)
from longshore_gateway.models import SCHEMA
from longshore_gateway.webhooks.rules import with_old_secret


class Integrations:
    """Connects stores, lists them, changes them, takes them down."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        platforms: Mapping[str, Declaration],
        *,
        allow_private: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._platforms = platforms
        self._allow_private = allow_private
        self._clock = clock

    async def create(self, org_id: OrgId, request: IntegrationCreate) -> IntegrationRow:
        """Connect a store; its connector does the rest. Raises Problem 409 or 422."""
        platform = self._platforms[request.platform.value]
        credentials = read_credentials(platform, request.credentials)
        store = read_store(platform, request, allow_private=self._allow_private)
        now = self._clock()
        async with self._engine.begin() as conn:
            try:
                row = await self._vault.create(
                    conn,
                    org_id=org_id,
                    platform=request.platform,
                    name=request.name,
                    store_url=store.url,
                    store_key=store.key,
                    credentials=credentials,
                    settings=request.settings.model_dump(),
                    now=now,
                    # Without a connector there is no store to check.
                    status=IntegrationStatus.CONNECTING if platform.service else IntegrationStatus.ACTIVE,
                )
            except AlreadyConnected as error:
                raise Problem(
                    409, "This store is connected already.", type="already-connected", integration_id=str(error.id)
                ) from None
            await trail.record(conn, org_id, "integration.created", row.id, now, after=_told(row))
            await outbox.add(conn, SCHEMA, [row_message(row)])
        return row

    async def get(self, org_id: OrgId, id: UUID) -> IntegrationRow:
        """One store. Raises Problem 404."""
        async with self._engine.connect() as conn:
            row = await self._vault.get(conn, org_id, id)
        if row is None:
            raise not_found("This integration")
        return row

    async def list(self, org_id: OrgId, after: Place | None, limit: int) -> tuple[IntegrationRow, ...]:
        """Up to `limit` stores, oldest first."""
        async with self._engine.connect() as conn:
            return tuple(await self._vault.list_for(conn, org_id, after, limit))

    async def change(self, org_id: OrgId, id: UUID, patch: IntegrationPatch) -> IntegrationRow:
        """Change a store; its connector looks at it anew when that matters. Raises Problem 404 or 422."""
        now = self._clock()
        async with self._engine.begin() as conn:
            found = await self._vault.lock(conn, org_id, id)
            if found is None:
                raise not_found("This integration")
            row, credentials = found
            told = _told(row)
            platform = self._platforms[row.platform.value]
            after = change(platform, patch, name=row.name, settings=row.settings, credentials=credentials)
            row = await self._vault.update(
                conn,
                row.id,
                name=after.name,
                settings=after.settings,
                credentials=None if after.credentials is None else with_old_secret(after.credentials, credentials, now),
                status=IntegrationStatus.CONNECTING if after.recheck else row.status,
                status_reason=None if after.recheck else row.status_reason,
                now=now,
            )
            was, became = difference(told, _told(row))
            if after.credentials is not None:
                became["credentials"] = "changed"
            await trail.record(conn, org_id, "integration.changed", row.id, now, before=was, after=became)
            await outbox.add(conn, SCHEMA, [row_message(row)])
        return row

    async def delete(self, org_id: OrgId, id: UUID) -> None:
        """Disconnect: history stays. Raises Problem 404."""
        async with self._engine.begin() as conn:
            now = self._clock()
            row = await self._vault.delete(conn, org_id, id, now)
            if row is None:
                raise not_found("This integration")
            await trail.record(conn, org_id, "integration.deleted", row.id, now, before=_told(row))
            await outbox.add(conn, SCHEMA, [row_message(row)])


def _told(row: IntegrationRow) -> dict[str, Any]:
    """What the audit log says of a store."""
    return {
        "platform": row.platform.value,
        "name": row.name,
        "store_url": row.store_url,
        "settings": dict(row.settings),
    }
