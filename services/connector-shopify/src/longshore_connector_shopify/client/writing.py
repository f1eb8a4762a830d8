"""What every write has in common: its payload, and what a refusal says to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_shopify.client.admin_api import AdminApi

_LONGEST = 300


async def write(
    api: AdminApi, name: str, variables: Mapping[str, Any], field: str, scope: str, errors: str = "userErrors"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a mutation of ours; its payload and its user errors. Raises StoreError.

    `field` is the mutation's name in the schema, `scope` what the token needs for it.
    """
    try:
        answer = await api.query(name, variables)
    except StoreUnauthorized as error:
        if not error.partial:
            raise
        raise StoreUnauthorized(
            "missing-scope",
            f"The access token lacks {scope}. Give the app that scope in Shopify, then connect the store again.",
            partial=True,
        ) from None
    payload = answer.data.get(field)
    if not isinstance(payload, dict):
        raise StoreUnavailable("no-data", "The store's answer holds no result.")
    return payload, [each for each in payload.get(errors) or () if isinstance(each, dict)]


def refused(code: str, what: str, errors: Sequence[Mapping[str, Any]]) -> StoreRefused:
    """The store's own words for why it does not do `what`."""
    words = "; ".join(str(each.get("message")) for each in errors)[:_LONGEST] or "it gave no reason"
    return StoreRefused(code, f"The store does not {what}: {words}")
