"""People of the organisation, and oneself."""

from __future__ import annotations

from uuid import UUID

from longshore_client.aio.transport import AsyncConnection, AsyncPages
from longshore_client.models import AuditEntry, Caller, Invitation, User, UserCreated


class AsyncUsers:
    """People: owners do all, operators all but credentials, keys and people, viewers read."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(
        self,
        email: str,
        role: str,
        *,
        name: str = "",
        password: str | None = None,
        idempotency_key: str | None = None,
    ) -> UserCreated:
        """Make a person. Without a password the answer has an invitation for them, shown this once."""
        body = {"email": email, "role": role, "name": name, "password": password}
        return await self._connection.post(UserCreated, "/api/v1/users", body=body, idempotency_key=idempotency_key)

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[User]:
        """People, oldest first, also those who are disabled."""
        return self._connection.pages(User, "/api/v1/users", limit=limit, cursor=cursor)

    async def get(self, id: UUID | str) -> User:
        """One person."""
        return await self._connection.get(User, "/api/v1/users/{id}", {"id": id})

    async def change(
        self, id: UUID | str, *, name: str | None = None, role: str | None = None, disabled: bool | None = None
    ) -> User:
        """Change a name or a role, disable or enable; what is left out stays."""
        body = {"name": name, "role": role, "disabled": disabled}
        return await self._connection.patch(User, "/api/v1/users/{id}", {"id": id}, body=body)

    async def invite(self, id: UUID | str, *, idempotency_key: str | None = None) -> Invitation:
        """A new invitation, also for somebody who has forgotten their password."""
        return await self._connection.post(
            Invitation, "/api/v1/users/{id}/invitation", {"id": id}, idempotency_key=idempotency_key
        )


class AsyncAudit:
    """Who changed what."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[AuditEntry]:
        """Changes, newest first. `actor` is `user:<id>` or `api_key:<id>`."""
        return self._connection.pages(
            AuditEntry,
            "/api/v1/audit",
            actor=actor,
            action=action,
            subject=subject,
            limit=limit,
            cursor=cursor,
        )


class AsyncMe:
    """Who is asking."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self) -> Caller:
        """Whom the key speaks for, and what it may do."""
        return await self._connection.get(Caller, "/api/v1/me")
