"""Shopify's search syntax, as far as we use it, and its counts."""

from __future__ import annotations

from datetime import UTC, datetime

from longshore.platforms.protocols import SyncRequest
from longshore_connector_shopify.client.admin_api import AdminApi


def search(since: datetime | None, after_id: str | None) -> str | None:
    """Shopify's search for what is behind an id and has changed since; None: everything."""
    parts = []
    if after_id is not None:
        parts.append(f"id:>{after_id}")
    if since is not None:
        parts.append(f"updated_at:>='{since.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}'")
    return " ".join(parts) or None


async def count(api: AdminApi, request: SyncRequest) -> int | None:
    """How many a run will read, by the store's own count; None where it keeps none (stock that has changed since)."""
    if request.resource == "inventory" and request.since is not None:
        return None
    variables = {} if request.resource == "inventory" else {"query": search(request.since, None)}
    data = (await api.query(f"count_{request.resource}", variables)).data
    for value in data.values():
        counted = value.get("count") if isinstance(value, dict) else None
        if isinstance(counted, int):
            return counted
    return None
