"""Who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from longshore_client.aio.transport import AsyncConnection, AsyncPages
from longshore_client.models import ApiKey, ApiKeyCreated


class AsyncApiKeys:
    """Keys for programs, each with the scopes that it needs and no more."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> ApiKeyCreated:
        """Make a key. `key` of the answer is shown this once; the hub keeps a digest."""
        body = {"name": name, "scopes": [*scopes], "expires_at": expires_at}
        return await self._connection.post(
            ApiKeyCreated, "/api/v1/api-keys", body=body, idempotency_key=idempotency_key
        )

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[ApiKey]:
        """Keys that are not revoked, oldest first."""
        return self._connection.pages(ApiKey, "/api/v1/api-keys", limit=limit, cursor=cursor)

    async def revoke(self, id: UUID | str) -> None:
        """End a key."""
        await self._connection.delete("/api/v1/api-keys/{id}", {"id": id})
