"""Webhook bodies of products and stock, and what all REST-shaped bodies share.

Shopify still sends REST shapes, whatever API wrote the change. They were checked field by field against sample
payloads of 2024-01 to 2026-01; times carry the shop's offset.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from longshore_devkit.stores.shopify.model import Address, Customer, Level, Product, Variant
from longshore_devkit.stores.shopify.money import rest_amount

Json = dict[str, Any]

SHOP_ZONE = timezone(timedelta(hours=-5))


def gid(kind: str, number: int) -> str:
    """`gid://shopify/Order/1`."""
    return f"gid://shopify/{kind}/{number}"


def stamp(moment: datetime | None) -> str | None:
    """Shop-local time with its offset, to the second."""
    return moment.astimezone(SHOP_ZONE).isoformat(timespec="seconds") if moment else None


class MoneyWriter:
    """Spells amounts of one order in shop and presentment money."""

    def __init__(self, currency: str, presentment: tuple[str, int] | None) -> None:
        self._currency = currency
        self._presentment, self._factor = presentment or (currency, 1)

    def text(self, minor: int) -> str:
        """Shop money."""
        return rest_amount(minor, self._currency)

    def both(self, minor: int) -> Json:
        """A `*_set`."""
        return {
            "shop_money": {"amount": self.text(minor), "currency_code": self._currency},
            "presentment_money": {
                "amount": rest_amount(minor * self._factor, self._presentment),
                "currency_code": self._presentment,
            },
        }


def product_payload(product: Product, currency: str) -> Json:
    """Body of products/create and products/update."""
    return {
        "id": product.id,
        "admin_graphql_api_id": gid("Product", product.id),
        "title": product.title,
        "body_html": f"<p>{product.title}</p>",
        "vendor": product.vendor,
        "product_type": product.product_type,
        "handle": product.handle,
        "status": product.status,
        "tags": ", ".join(product.tags),
        "created_at": stamp(product.created_at),
        "updated_at": stamp(product.updated_at),
        "published_at": stamp(product.created_at),
        "published_scope": "global",
        "template_suffix": None,
        "variants": [_variant(variant, currency) for variant in product.variants],
        "options": [
            {
                "id": product.id + 1,
                "product_id": product.id,
                "name": product.option,
                "position": 1,
                "values": [variant.title for variant in product.variants],
            }
        ],
        "images": [],
        "image": None,
        "media": [],
        "variant_gids": [
            {"admin_graphql_api_id": gid("ProductVariant", variant.id), "updated_at": stamp(variant.updated_at)}
            for variant in product.variants
        ],
    }


def inventory_level_payload(variant: Variant, location_id: int, level: Level) -> Json:
    """Body of inventory_levels/*."""
    return {
        "inventory_item_id": variant.inventory_item_id,
        "location_id": location_id,
        "available": level.available,
        "updated_at": stamp(level.updated_at),
        "admin_graphql_api_id": gid("InventoryLevel", location_id) + f"?inventory_item_id={variant.inventory_item_id}",
    }


def inventory_item_payload(variant: Variant) -> Json:
    """Body of inventory_items/*."""
    return {
        "id": variant.inventory_item_id,
        "sku": variant.sku,
        "created_at": stamp(variant.created_at),
        "updated_at": stamp(variant.updated_at),
        "requires_shipping": True,
        "cost": None,
        "country_code_of_origin": None,
        "province_code_of_origin": None,
        "harmonized_system_code": None,
        "tracked": True,
        "country_harmonized_system_codes": [],
        "admin_graphql_api_id": gid("InventoryItem", variant.inventory_item_id),
    }


def address_payload(address: Address | None) -> Json | None:
    """An address inside another body."""
    if address is None:
        return None
    return {
        "first_name": address.first_name,
        "address1": address.address1,
        "phone": address.phone,
        "city": address.city,
        "zip": address.zip,
        "province": address.province,
        "country": address.country,
        "last_name": address.last_name,
        "address2": address.address2,
        "company": address.company,
        "latitude": None,
        "longitude": None,
        "name": f"{address.first_name} {address.last_name}",
        "country_code": address.country_code,
        "province_code": address.province_code,
    }


def customer_payload(customer: Customer | None, currency: str) -> Json | None:
    """A customer inside an order."""
    if customer is None:
        return None
    default = address_payload(customer.address)
    return {
        "id": customer.id,
        "admin_graphql_api_id": gid("Customer", customer.id),
        "created_at": stamp(customer.created_at),
        "updated_at": stamp(customer.created_at),
        "email": customer.email,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "state": "disabled",
        "note": None,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "phone": customer.phone,
        "currency": currency,
        "tax_exemptions": [],
        "default_address": default
        and default
        | {
            "id": customer.id + 1,
            "customer_id": customer.id,
            "country_name": default["country"],
            "default": True,
        },
    }


def _variant(variant: Variant, currency: str) -> Json:
    return {
        "id": variant.id,
        "admin_graphql_api_id": gid("ProductVariant", variant.id),
        "product_id": variant.product_id,
        "title": variant.title,
        "price": rest_amount(variant.price, currency),
        "position": variant.position,
        "inventory_policy": "deny",
        "compare_at_price": None if variant.compare_at is None else rest_amount(variant.compare_at, currency),
        "option1": variant.title,
        "option2": None,
        "option3": None,
        "created_at": stamp(variant.created_at),
        "updated_at": stamp(variant.updated_at),
        "taxable": variant.taxable,
        "barcode": None,
        "sku": variant.sku,
        "grams": variant.grams,
        "inventory_item_id": variant.inventory_item_id,
        "inventory_quantity": variant.available,
        "old_inventory_quantity": variant.available,
        "image_id": None,
    }
