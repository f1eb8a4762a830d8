"""Subscriber of commerce.products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longshore.broker import COMMERCE_PRODUCTS, NOBODY_WAITS, Record, Rejected, read_contracts
from longshore.contracts import ProductDeleted, ProductSnapshot
from longshore.runtime import Service
from longshore_inventory.listings.service import Catalogue

_TYPES: Mapping[str, type[ProductSnapshot | ProductDeleted]] = {
    ProductSnapshot.event_type: ProductSnapshot,
    ProductDeleted.event_type: ProductDeleted,
}


def subscribe_products(service: Service, catalogue: Catalogue) -> None:
    """Variants and listings follow the newest snapshot of each product."""

    async def apply_products(records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        read = list(read_contracts(records, _TYPES, rejected))
        await catalogue.apply(
            [each for _, each in read if isinstance(each, ProductSnapshot)],
            [each for _, each in read if isinstance(each, ProductDeleted)],
        )
        return rejected

    service.subscribe(
        topics=[COMMERCE_PRODUCTS],
        group="inventory.products",
        apply=apply_products,
        policy=NOBODY_WAITS,
        schema=ProductSnapshot,
        description="Keeps the catalogue: variants by SKU, and where they are listed.",
    )
