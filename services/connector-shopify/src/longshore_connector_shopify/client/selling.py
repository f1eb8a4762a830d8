"""Whether a product is sold, and for how much.

A product's status decides whether it can be sold at all: ACTIVE products are, in the sales channels that the merchant
has put them into; DRAFT ones nowhere. The channels stay the merchant's own: `publishablePublish` would need another
scope, and undo what was chosen there.
"""

from __future__ import annotations

from typing import Any

from longshore.contracts import PriceSet, ProductPublish, ProductUnpublish
from longshore.money import Money, parse_decimal
from longshore.platforms.protocols import Done, StoreRefused
from longshore_connector_shopify.client.admin_api import AdminApi, gid
from longshore_connector_shopify.client.ordering import Turns
from longshore_connector_shopify.client.writing import refused, write
from longshore_connector_shopify.permissions import WRITE_PRODUCTS


class ProductChanger:
    """Changes what is sold at one store."""

    def __init__(self, api: AdminApi, turns: Turns) -> None:
        self._api = api
        self._turns = turns

    async def publish(self, command: ProductPublish | ProductUnpublish) -> Done:
        """Put a product on the shelf, or take it off. Raises StoreError."""
        async with self._turns.of(f"product/{command.product_external_id}"):
            return await self._publish(command)

    async def set_price(self, command: PriceSet) -> Done:
        """Set what a variant costs. Raises StoreError."""
        async with self._turns.of(f"variant/{command.variant_external_id}"):
            return await self._set_price(command)

    async def _publish(self, command: ProductPublish | ProductUnpublish) -> Done:
        product = gid("Product", command.product_external_id)
        found = (await self._api.query("product_now", {"id": product})).data.get("product")
        if not isinstance(found, dict):
            raise StoreRefused("product-not-found", "The store has no such product.")
        sold = found.get("status") in {"ACTIVE", "UNLISTED"}
        wanted = isinstance(command, ProductPublish)
        if sold == wanted:
            return Done(command.product_external_id, existed=True)
        variables = {"id": product, "status": "ACTIVE" if wanted else "DRAFT"}
        _, errors = await write(self._api, "product_status", variables, "productUpdate", WRITE_PRODUCTS)
        if errors:
            raise refused("product-refused", "change the product", errors)
        return Done(command.product_external_id)

    async def _set_price(self, command: PriceSet) -> Done:
        variant = gid("ProductVariant", command.variant_external_id)
        found = (await self._api.query("price_now", {"id": variant})).data.get("productVariant")
        if not isinstance(found, dict):
            raise StoreRefused("variant-not-found", "The store has no such variant.")
        change: dict[str, Any] = {}
        if not _costs(found.get("price"), command.price):
            change["price"] = str(command.price.decimal())
        if command.end_reduction and found.get("compareAtPrice") is not None:
            change["compareAtPrice"] = None
        elif command.compare_at is not None and not _costs(found.get("compareAtPrice"), command.compare_at):
            change["compareAtPrice"] = str(command.compare_at.decimal())
        if not change:
            return Done(command.variant_external_id, existed=True)
        variables = {
            "product": gid("Product", command.product_external_id),
            "variants": [{"id": variant} | change],
        }
        _, errors = await write(self._api, "price_set", variables, "productVariantsBulkUpdate", WRITE_PRODUCTS)
        if errors:
            raise refused("price-refused", "take the price", errors)
        return Done(command.variant_external_id)


def _costs(told: object, price: Money) -> bool:
    return isinstance(told, str) and parse_decimal(told) == price.decimal()
