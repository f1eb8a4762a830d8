"""Buyers' and stores' data: handed out, erased, and the record of it. Needs a key with the scope admin."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from longshore_client.aio.transport import AsyncConnection, AsyncPages
from longshore_client.models import PrivacyExport, PrivacyRequest


class AsyncPrivacy:
    """A buyer is named by at least one of: the store's id of the customer, an e-mail address, the store's order ids."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def requests(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[PrivacyRequest]:
        """Requests and what was done, newest first."""
        return self._connection.pages(PrivacyRequest, "/api/v1/privacy/requests", limit=limit, cursor=cursor)

    async def answer(self, id: UUID | str, *, idempotency_key: str | None = None) -> PrivacyExport:
        """The data that a recorded request asks for; with that it is done."""
        return await self._connection.post(
            PrivacyExport, "/api/v1/privacy/requests/{id}/export", {"id": id}, idempotency_key=idempotency_key
        )

    async def export(
        self,
        integration_id: UUID | str,
        *,
        customer_external_id: str | None = None,
        email: str | None = None,
        order_external_ids: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> PrivacyExport:
        """All that is kept of a buyer in one store."""
        body = {
            "integration_id": integration_id,
            "customer_external_id": customer_external_id,
            "email": email,
            "order_external_ids": None if order_external_ids is None else [*order_external_ids],
        }
        return await self._connection.post(
            PrivacyExport, "/api/v1/privacy/exports", body=body, idempotency_key=idempotency_key
        )

    async def erase_buyer(
        self,
        integration_id: UUID | str,
        *,
        customer_external_id: str | None = None,
        email: str | None = None,
        order_external_ids: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> PrivacyRequest:
        """Erase a buyer in one store for ever. It cannot be taken back."""
        body = {
            "integration_id": integration_id,
            "customer_external_id": customer_external_id,
            "email": email,
            "order_external_ids": None if order_external_ids is None else [*order_external_ids],
        }
        return await self._connection.post(
            PrivacyRequest, "/api/v1/privacy/erasures", body=body, idempotency_key=idempotency_key
        )

    async def erase_store(self, integration_id: UUID | str) -> None:
        """Erase all orders and customers of a store that is disconnected. It cannot be taken back."""
        await self._connection.delete("/api/v1/integrations/{id}/data", {"id": integration_id})
