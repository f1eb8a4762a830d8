# Made of aio/ingest.py: see the package.
"""What a custom channel sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from longshore_client.models import Accepted
from longshore_client.sync.transport import Connection


class Ingest:
    """Sends orders, products, stock and customers of an own shop: up to 1,000 at a time, all or none of them.

    An item is a mapping as the custom channel's guide has it; amounts are decimal strings or money.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def orders(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send orders, each whole as it is now."""
        return self._send("orders", integration_id, items, idempotency_key)

    def products(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send products, each with all its variants."""
        return self._send("products", integration_id, items, idempotency_key)

    def stock(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send what can be sold of variants."""
        return self._send("stock", integration_id, items, idempotency_key)

    def customers(
        self, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send customers."""
        return self._send("customers", integration_id, items, idempotency_key)

    def _send(
        self, kind: str, integration_id: UUID | str, items: Sequence[Mapping[str, Any]], idempotency_key: str | None
    ) -> Accepted:
        return self._connection.post(
            Accepted,
            f"/api/v1/ingest/{{integration_id}}/{kind}",
            {"integration_id": integration_id},
            body=list(items),
            idempotency_key=idempotency_key,
        )
