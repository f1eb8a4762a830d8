"""What makes a variant ours: its SKU. And what of a product's snapshots counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from longshore import ids
from longshore.contracts import ProductSnapshot, ProductVariant, digest_base, has_detail, same_content


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


@dataclass(frozen=True, slots=True)
class Content:
    """What a product holds: `newest`, and its detail (prices, whether stock is counted) from `detailed`.

    Both are one snapshot where the newest tells all. Without `detailed` what is known of detail stays.
    """

    newest: ProductSnapshot
    detailed: ProductSnapshot | None
    keeps_detail: bool

    def variants(self) -> Iterator[tuple[ProductVariant, bool]]:
        """Each variant, and whether the detail that is known of it stays."""
        if self.detailed is self.newest:
            yield from ((each, False) for each in self.newest.variants)
            return
        told = {each.external_id: each for each in self.detailed.variants} if self.detailed is not None else {}
        for each in self.newest.variants:
            detail = told.get(each.external_id)
            if detail is None:
                yield each, self.keeps_detail
            else:
                yield each.model_copy(update={"price": detail.price, "tracked": detail.tracked}), False


def content_of(rank: Any, digest: str, newest: ProductSnapshot, detailed: ProductSnapshot | None) -> Content | None:
    """What a product of this rank and digest holds once these are taken in; None when they tell nothing new.

    A webhook of a Shopify product knows no prices: those of the last look at it hold (contracts.Snapshot).
    """
    if rank is not None and newest.version.key() <= rank:
        late = detailed is not None and not has_detail(digest) and same_content(detailed.digest, digest)
        return Content(detailed, detailed, False) if late and detailed is not None else None
    if has_detail(newest.digest):
        return Content(newest, newest, False)
    if detailed is not None and rank is not None and detailed.version.key() <= rank and has_detail(digest):
        detailed = None
    return Content(newest, detailed, has_detail(digest) or detailed is not None)


def digest_of(before: str, content: Content) -> str:
    """The digest of a product: of the newest snapshot's content, and of the detail that is known, however old."""
    known = content.detailed.digest if content.detailed is not None else before
    base = digest_base(content.newest.digest)
    return f"{base}+{known.partition('+')[2]}" if base and has_detail(known) else content.newest.digest
