"""Queries on the vault. Each takes the caller's connection, so that an event can be written in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore import ids
from longshore.contracts import IntegrationStatus, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import Integration
from longshore.vault.crypto import Sealer
from longshore.vault.models import CHANNEL, integrations, tokens


@dataclass(frozen=True, slots=True)
class IntegrationRow:
    """An integration as the API shows it: without credentials."""

    id: IntegrationId
    org_id: OrgId
    platform: Platform
    name: str
    store_url: str
    store_key: str
    status: IntegrationStatus
    status_reason: str | None
    settings: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has, or had, a store."""

    id: IntegrationId
    org_id: OrgId
    status: IntegrationStatus


class AlreadyConnected(Exception):
    """The organisation has this store already; `id` is its integration."""

    def __init__(self, id: IntegrationId) -> None:
        super().__init__(str(id))
        self.id = id


_SHOWN = [
    integrations.c[name]
    for name in (
        "id org_id platform name store_url store_key status status_reason settings created_at updated_at".split()
    )
]


def _row(row: Row[*tuple[Any, ...]]) -> IntegrationRow:
    return IntegrationRow(
        id=IntegrationId(row.id),
        org_id=OrgId(row.org_id),
        platform=Platform(row.platform),
        name=row.name,
        store_url=row.store_url,
        store_key=row.store_key,
        status=IntegrationStatus(row.status),
        status_reason=row.status_reason,
        settings=row.settings,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class Vault:
    """Integrations with their credentials sealed. Every read for the API is scoped to an organisation."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def create(
        self,
        conn: AsyncConnection,
        *,
        org_id: OrgId,
        platform: Platform,
        name: str,
        store_url: str,
        store_key: str,
        credentials: Mapping[str, str],
        settings: Mapping[str, Any],
        now: datetime,
        status: IntegrationStatus = IntegrationStatus.CONNECTING,
    ) -> IntegrationRow:
        """Connect a store; one that was disconnected goes on under its old id. Raises AlreadyConnected."""
        id = ids.integration_id(org_id, platform.value, store_key)
        values = {
            "name": name,
            "store_url": store_url,
            "status": status.value,
            "status_reason": None,
            "settings": dict(settings),
            "credentials": self._sealer.seal(credentials),
            "updated_at": now,
            "deleted_at": None,
        }
        statement = (
            insert(integrations)
            .values(id=id, org_id=org_id, platform=platform.value, store_key=store_key, created_at=now, **values)
            .on_conflict_do_update(index_elements=["id"], set_=values, where=integrations.c.deleted_at.is_not(None))
            .returning(*_SHOWN)
        )
        row = (await conn.execute(statement)).one_or_none()
        if row is None:
            raise AlreadyConnected(id)
        await self._changed(conn, id)
        return _row(row)

    async def reconnect(
        self, conn: AsyncConnection, id: UUID, credentials: Mapping[str, str], now: datetime
    ) -> IntegrationRow | None:
        """New credentials for a store that is connected: it is checked again, and keeps its name, settings, history."""
        # unscoped: by the integration that was found for the organisation
        statement = (
            update(integrations)
            .where(integrations.c.id == id, integrations.c.deleted_at.is_(None))
            .values(
                credentials=self._sealer.seal(credentials),
                status=IntegrationStatus.CONNECTING.value,
                status_reason=None,
                updated_at=now,
            )
            .returning(*_SHOWN)
        )
        row = (await conn.execute(statement)).one_or_none()
        if row is None:
            return None
        await self._changed(conn, id)
        return _row(row)

    async def get(self, conn: AsyncConnection, org_id: OrgId, id: UUID) -> IntegrationRow | None:
        """One integration of an organisation that is not deleted."""
        statement = select(*_SHOWN).where(
            integrations.c.id == id, integrations.c.org_id == org_id, integrations.c.deleted_at.is_(None)
        )
        row = (await conn.execute(statement)).one_or_none()
        return _row(row) if row else None

    async def list_for(
        self, conn: AsyncConnection, org_id: OrgId, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[IntegrationRow]:
        """An organisation's integrations, oldest first, after a place in that order."""
        statement = (
            select(*_SHOWN)
            .where(integrations.c.org_id == org_id, integrations.c.deleted_at.is_(None))
            .order_by(integrations.c.created_at, integrations.c.id)
            .limit(limit)
        )
        if after is not None:
            created_at, id = after
            statement = statement.where(
                (integrations.c.created_at > created_at)
                | ((integrations.c.created_at == created_at) & (integrations.c.id > id))
            )
        return [_row(row) for row in await conn.execute(statement)]

    async def list_ids(self, conn: AsyncConnection, platform: Platform) -> Sequence[IntegrationId]:
        """For connectors: every connected store of a platform, whoever's."""
        # unscoped: a connector is of all organisations
        statement = select(integrations.c.id).where(
            integrations.c.platform == platform.value, integrations.c.deleted_at.is_(None)
        )
        return [IntegrationId(id) for id in (await conn.execute(statement)).scalars()]

    async def lock(
        self, conn: AsyncConnection, org_id: OrgId, id: UUID
    ) -> tuple[IntegrationRow, Mapping[str, str]] | None:
        """An integration and its credentials, to be changed in this transaction (see `update`). Raises InvalidKey."""
        statement = (
            select(*_SHOWN, integrations.c.credentials)
            .where(integrations.c.id == id, integrations.c.org_id == org_id, integrations.c.deleted_at.is_(None))
            .with_for_update()
        )
        row = (await conn.execute(statement)).one_or_none()
        if row is None:
            return None
        return _row(row), {} if row.credentials is None else self._sealer.open(row.credentials)

    async def update(
        self,
        conn: AsyncConnection,
        id: UUID,
        *,
        name: str,
        settings: Mapping[str, Any],
        credentials: Mapping[str, str] | None,
        status: IntegrationStatus,
        status_reason: str | None,
        now: datetime,
    ) -> IntegrationRow:
        """Change an integration that this transaction has locked. `credentials`: None where they stay."""
        values: dict[str, Any] = {
            "name": name,
            "settings": dict(settings),
            "status": status.value,
            "status_reason": status_reason,
            "updated_at": now,
        }
        if credentials is not None:
            values["credentials"] = self._sealer.seal(credentials)
        # unscoped: the row that this transaction has locked for its organisation
        statement = update(integrations).where(integrations.c.id == id).values(**values).returning(*_SHOWN)
        row = (await conn.execute(statement)).one()
        await self._changed(conn, id)
        return _row(row)

    async def delete(self, conn: AsyncConnection, org_id: OrgId, id: UUID, now: datetime) -> IntegrationRow | None:
        """Disconnect: no delivery is taken any more. Credentials stay until the connector has cleaned up at the store
        (see `destroy_credentials`)."""
        statement = (
            update(integrations)
            .where(integrations.c.id == id, integrations.c.org_id == org_id, integrations.c.deleted_at.is_(None))
            .values(status=IntegrationStatus.DELETED.value, deleted_at=now, updated_at=now)
            .returning(*_SHOWN)
        )
        row = (await conn.execute(statement)).one_or_none()
        if row is None:
            return None
        await self._changed(conn, id)
        return _row(row)

    async def destroy_credentials(self, conn: AsyncConnection, id: UUID) -> None:
        """Forget the credentials of a deleted integration."""
        # unscoped: by the integration, for its connector
        await conn.execute(
            update(integrations)
            .where(integrations.c.id == id, integrations.c.deleted_at.is_not(None))
            .values(credentials=None)
        )
        # unscoped: by the integration, for its connector
        gone = select(integrations.c.id).where(integrations.c.id == id, integrations.c.deleted_at.is_not(None))
        # unscoped: by the integration, for its connector
        await conn.execute(delete(tokens).where(tokens.c.integration_id.in_(gone)))

    async def open(
        self, conn: AsyncConnection, id: UUID, *, deleted: bool = False
    ) -> tuple[Integration, IntegrationStatus] | None:
        """For connectors: an integration with its credentials. `deleted`: also one that is being taken down.

        Raises InvalidKey if its credentials cannot be opened.
        """
        # unscoped: by the integration, for its connector
        statement = select(*_SHOWN, integrations.c.credentials).where(
            integrations.c.id == id, integrations.c.credentials.is_not(None)
        )
        if not deleted:
            statement = statement.where(integrations.c.deleted_at.is_(None))
        row = (await conn.execute(statement)).one_or_none()
        return (self._opened(row), IntegrationStatus(row.status)) if row else None

    async def open_by_store(self, conn: AsyncConnection, platform: Platform, store_key: str) -> Sequence[Integration]:
        """For the gateway: who has connected this store (one organisation, as a rule)."""
        # unscoped: a store that may be several organisations': each row says whose it is
        statement = select(*_SHOWN, integrations.c.credentials).where(
            integrations.c.platform == platform.value,
            integrations.c.store_key == store_key,
            integrations.c.credentials.is_not(None),
            integrations.c.deleted_at.is_(None),
        )
        return [self._opened(row) for row in await conn.execute(statement)]

    async def owners(self, conn: AsyncConnection, platform: Platform, store_key: str) -> Sequence[Owner]:
        """Who has or had this store, disconnected ones too."""
        return await self._owners(
            conn, integrations.c.platform == platform.value, integrations.c.store_key == store_key
        )

    async def owner(self, conn: AsyncConnection, org_id: OrgId, id: UUID) -> Owner | None:
        """An integration of an organisation, a disconnected one too."""
        found = await self._owners(conn, integrations.c.id == id, integrations.c.org_id == org_id)
        return found[0] if found else None

    @staticmethod
    async def _owners(conn: AsyncConnection, *conditions: ColumnElement[bool]) -> Sequence[Owner]:
        # unscoped: its two callers name the organisation, or the shop whose signature was checked
        query = select(integrations.c.id, integrations.c.org_id, integrations.c.status).where(*conditions)
        return [
            Owner(IntegrationId(row.id), OrgId(row.org_id), IntegrationStatus(row.status))
            for row in await conn.execute(query)
        ]

    async def set_status(
        self, conn: AsyncConnection, id: UUID, status: IntegrationStatus, reason: str | None, now: datetime
    ) -> bool:
        """Record how a connection fares; answers whether that was news. A deleted integration stays deleted."""
        # unscoped: by the integration, for its connector
        statement = (
            update(integrations)
            .where(
                integrations.c.id == id,
                integrations.c.deleted_at.is_(None),
                (integrations.c.status != status.value) | (integrations.c.status_reason.is_distinct_from(reason)),
            )
            .values(status=status.value, status_reason=reason, updated_at=now)
            .returning(integrations.c.id)
        )
        return (await conn.execute(statement)).one_or_none() is not None

    async def turn(
        self,
        conn: AsyncConnection,
        id: UUID,
        before: IntegrationStatus,
        after: IntegrationStatus,
        reason: str | None,
        now: datetime,
        *,
        reason_begins: str = "",
    ) -> bool:
        """From one status to another, if it is in the first (and its reason begins so); answers whether it was."""
        # unscoped: by the integration, for its connector
        statement = (
            update(integrations)
            .where(
                integrations.c.id == id,
                integrations.c.deleted_at.is_(None),
                integrations.c.status == before.value,
                func.coalesce(integrations.c.status_reason, "").startswith(reason_begins, autoescape=True),
            )
            .values(status=after.value, status_reason=reason, updated_at=now)
            .returning(integrations.c.id)
        )
        return (await conn.execute(statement)).one_or_none() is not None

    def _opened(self, row: Row[*tuple[Any, ...]]) -> Integration:
        return Integration(
            id=IntegrationId(row.id),
            org_id=OrgId(row.org_id),
            platform=Platform(row.platform),
            name=row.name,
            store_url=row.store_url,
            credentials=self._sealer.open(row.credentials),
            settings=row.settings,
        )

    @staticmethod
    async def _changed(conn: AsyncConnection, id: UUID) -> None:
        # Gateways listen, and drop what they remember of this integration.
        await conn.execute(select(func.pg_notify(CHANNEL, str(id))))
