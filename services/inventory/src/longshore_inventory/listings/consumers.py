"""Subscriber of commerce.products."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.broker import COMMERCE_PRODUCTS, Record, Rejected
from longshore.contracts import Contract, ProductDeleted, ProductSnapshot
from longshore.runtime import Service
from longshore_inventory.consuming import parse
from longshore_inventory.listings.service import Catalogue

_TYPES: dict[str, type[Contract]] = {
    ProductSnapshot.event_type: ProductSnapshot,
    ProductDeleted.event_type: ProductDeleted,
}


def subscribe_products(service: Service, catalogue: Catalogue) -> None:
    """Variants and listings follow the newest snapshot of each product."""

    async def apply_products(records: Sequence[Record]) -> list[Rejected]:
        read, rejected = parse(records, _TYPES)
        await catalogue.apply(
            [each for _, each in read if isinstance(each, ProductSnapshot)],
            [each for _, each in read if isinstance(each, ProductDeleted)],
        )
        return rejected

    service.subscribe(
        topics=[COMMERCE_PRODUCTS],
        group="inventory.products",
        apply=apply_products,
        schema=ProductSnapshot,
        description="Keeps the catalogue: variants by SKU, and where they are listed.",
    )
