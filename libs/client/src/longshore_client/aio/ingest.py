"""What a custom channel sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from longshore_client.aio.transport import AsyncConnection
from longshore_client.models import Accepted


class AsyncIngest:
    """Sends orders, products, stock and customers of an own shop: up to 1,000 at a time, all or none of them.

    An item is a mapping as the custom channel's guide has it; amounts are decimal strings or money.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def orders(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send orders, each whole as it is now."""
        return await self._send("orders", integration_id, items, idempotency_key)

    async def products(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send products, each with all its variants."""
        return await self._send("products", integration_id, items, idempotency_key)

    async def stock(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send what can be sold of variants."""
        return await self._send("stock", integration_id, items, idempotency_key)

    async def customers(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send customers."""
        return await self._send("customers", integration_id, items, idempotency_key)

    async def _send(
        self, kind: str, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], idempotency_key: str | None
    ) -> Accepted:
        return await self._connection.post(
            Accepted,
            f"/api/v1/ingest/{{integration_id}}/{kind}",
            {"integration_id": integration_id},
            body=list(items),
            idempotency_key=idempotency_key,
        )
