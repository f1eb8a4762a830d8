"""What makes a variant ours: its SKU."""

from __future__ import annotations

from uuid import UUID

from longshore import ids


def clean_sku(sku: str | None) -> str | None:
    """A SKU as it is compared: without spaces around it; none if nothing is left. Case counts, as in the stores."""
    if sku is None:
        return None
    return sku.strip() or None


class VariantIds:
    """Ids of variants by (organisation, SKU), remembered: hashing is the dearest thing on an order line."""

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._ids: dict[tuple[UUID, str], UUID] = {}

    def of(self, org_id: UUID, sku: str) -> UUID:
        """The id of a variant."""
        key = (org_id, sku)
        found = self._ids.get(key)
        if found is None:
            if len(self._ids) >= self._limit:
                self._ids.clear()
            found = self._ids[key] = ids.variant_id(ids.OrgId(org_id), sku)
        return found
