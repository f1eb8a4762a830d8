"""GraphQL objects of shop, products and stock: dictionaries of field values; callables take the field's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from longshore_devkit.stores.shopify.model import Address, Level, Location, Product, Variant
from longshore_devkit.stores.shopify.money import graphql_amount, rest_amount
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.search import Item, connection, matches
from longshore_devkit.stores.shopify.shop import API_VERSION, Shop
from longshore_devkit.stores.shopify.webhooks import Subscription, enum_of

Node = dict[str, Any]
Args = dict[str, Any]

_STATES: dict[str, Callable[[Level], int]] = {
    "available": lambda level: level.available,
    "committed": lambda level: level.committed,
    "on_hand": lambda level: level.on_hand,
}
_EMPTY_STATES = ("incoming", "reserved", "damaged", "safety_stock", "quality_control")


def iso(moment: datetime | None) -> str | None:
    """UTC with Z, as GraphQL has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def money_v2(minor: int, currency: str) -> Node:
    """A MoneyV2."""
    return {"amount": graphql_amount(minor, currency), "currencyCode": currency}


class CatalogueNodes:
    """Builds the nodes of one shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def shop_node(self) -> Node:
        config = self.shop.config
        return {
            "__typename": "Shop",
            "id": gid("Shop", self.shop.id),
            "name": config.domain.split(".", maxsplit=1)[0],
            "email": f"owner@{config.domain}",
            "contactEmail": f"owner@{config.domain}",
            "myshopifyDomain": config.domain,
            "url": f"https://{config.domain}",
            "primaryDomain": {
                "__typename": "Domain",
                "id": gid("Domain", self.shop.id),
                "host": config.domain,
                "url": f"https://{config.domain}",
                "sslEnabled": True,
            },
            "currencyCode": config.currency,
            "enabledPresentmentCurrencies": sorted({config.currency, "CAD"}),
            "taxesIncluded": bool(config.taxes_included),
            "taxShipping": True,
            "ianaTimezone": "America/New_York",
            "timezoneAbbreviation": "EST",
            "timezoneOffset": "-0500",
            "timezoneOffsetMinutes": -300,
            "weightUnit": "GRAMS",
            "unitSystem": "METRIC_SYSTEM",
            "orderNumberFormatPrefix": "#",
            "orderNumberFormatSuffix": "",
            "setupRequired": False,
            "checkoutApiSupported": True,
            "description": None,
            "createdAt": "2024-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "shopOwnerName": "Simulated Owner",
            "plan": {
                "displayName": config.plan.title(),
                "publicDisplayName": config.plan.title(),
                "partnerDevelopment": True,
                "shopifyPlus": config.plan in {"plus", "enterprise"},
            },
        }

    def location(self, location: Location) -> Node:
        primary = location is self.shop.locations[0]
        return {
            "__typename": "Location",
            "id": gid("Location", location.id),
            "legacyResourceId": str(location.id),
            "name": location.name,
            "isActive": location.active,
            "isPrimary": primary,
            "isFulfillmentService": False,
            "fulfillmentService": None,
            "fulfillsOnlineOrders": True,
            "shipsInventory": True,
            "hasActiveInventory": True,
            "activatable": True,
            "deactivatable": not primary,
            "deletable": False,
            "deactivatedAt": None,
            "addressVerified": True,
            "createdAt": "2024-01-01T00:00:00Z",
            "updatedAt": "2024-01-01T00:00:00Z",
            "address": {"address1": "1 Pier", "city": "Portland", "country": "United States", "countryCode": "US"}
            | dict.fromkeys(("address2", "phone", "latitude", "longitude"))
            | {"province": "Oregon", "provinceCode": "OR", "zip": "97201", "formatted": ["1 Pier"]},
            "inventoryLevel": lambda args: self._level_at(args["inventoryItemId"], location.id),
            "inventoryLevels": lambda args: connection(
                [v for v in self.shop.variants if location.id in v.levels],
                args,
                lambda v: (v.inventory_item_id, v.inventory_item_id),
                lambda v: self.level(v, location.id),
            ),
        }

    def product(self, product: Product) -> Node:
        return {
            "__typename": "Product",
            "id": gid("Product", product.id),
            "legacyResourceId": str(product.id),
            "defaultCursor": str(product.id),
            "title": product.title,
            "handle": product.handle,
            "vendor": product.vendor,
            "productType": product.product_type,
            "status": product.status.upper(),
            "tags": product.tags,
            "description": lambda _: product.title,
            "descriptionHtml": f"<p>{product.title}</p>",
            "isGiftCard": False,
            "hasOnlyDefaultVariant": len(product.variants) == 1,
            "hasOutOfStockVariants": any(v.available <= 0 for v in product.variants),
            "totalInventory": sum(v.available for v in product.variants),
            "tracksInventory": True,
            "totalVariants": len(product.variants),
            "variantsCount": {"count": len(product.variants), "precision": "EXACT"},
            "createdAt": iso(product.created_at),
            "updatedAt": iso(product.updated_at),
            "publishedAt": iso(product.created_at),
            "onlineStoreUrl": None,
            "templateSuffix": None,
            "featuredMedia": None,
            "featuredImage": None,
            "category": None,
            "options": lambda _: [
                {
                    "__typename": "ProductOption",
                    "id": gid("ProductOption", product.id + 1),
                    "name": product.option,
                    "position": 1,
                    "values": [v.title for v in product.variants],
                }
            ],
            "media": lambda args: connection([], args, lambda _: (0, 0), lambda item: item),
            "images": lambda args: connection([], args, lambda _: (0, 0), lambda item: item),
            "variants": lambda args: connection(product.variants, args, lambda v: (v.position, v.id), self.variant),
        }

    def variant(self, variant: Variant) -> Node:
        product = self.shop.products[variant.product_id]
        default = variant.title == "Default Title"
        return {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", variant.id),
            "legacyResourceId": str(variant.id),
            "defaultCursor": str(variant.id),
            "title": variant.title,
            "displayName": product.title if default else f"{product.title} - {variant.title}",
            "sku": variant.sku,
            "barcode": None,
            "price": rest_amount(variant.price, self.shop.config.currency),
            "compareAtPrice": None
            if variant.compare_at is None
            else rest_amount(variant.compare_at, self.shop.config.currency),
            "position": variant.position,
            "taxable": variant.taxable,
            "availableForSale": variant.available > 0,
            "inventoryPolicy": "DENY",
            "inventoryQuantity": variant.available,
            "sellableOnlineQuantity": max(variant.available, 0),
            "requiresComponents": False,
            "createdAt": iso(variant.created_at),
            "updatedAt": iso(variant.updated_at),
            "image": None,
            "unitPrice": None,
            "selectedOptions": [{"name": product.option, "value": variant.title}],
            "product": lambda _: self.product(product),
            "inventoryItem": lambda _: self.inventory_item(variant),
        }

    def inventory_item(self, variant: Variant) -> Node:
        return {
            "__typename": "InventoryItem",
            "id": gid("InventoryItem", variant.inventory_item_id),
            "legacyResourceId": str(variant.inventory_item_id),
            "sku": variant.sku,
            "tracked": True,
            "requiresShipping": True,
            "unitCost": None,
            "harmonizedSystemCode": None,
            "countryCodeOfOrigin": None,
            "provinceCodeOfOrigin": None,
            "duplicateSkuCount": 0,
            "inventoryHistoryUrl": None,
            "locationsCount": {"count": len(variant.levels), "precision": "EXACT"},
            "createdAt": iso(variant.created_at),
            "updatedAt": iso(variant.updated_at),
            "measurement": {
                "id": gid("InventoryItemMeasurement", variant.inventory_item_id),
                "weight": {"unit": "GRAMS", "value": float(variant.grams)},
            },
            "variant": lambda _: self.variant(variant),
            "variants": lambda args: connection([variant], args, lambda v: (v.id, v.id), self.variant),
            "inventoryLevel": lambda args: self._level_at(
                gid("InventoryItem", variant.inventory_item_id), number_of(args["locationId"])
            ),
            "inventoryLevels": lambda args: connection(
                [each for each in variant.levels if args.get("includeInactive") or self._is_open(each)],
                args,
                lambda location_id: (location_id, location_id),
                lambda location_id: self.level(variant, location_id),
            ),
        }

    def level(self, variant: Variant, location_id: int) -> Node:
        level = variant.levels[location_id]
        location = next(place for place in self.shop.locations if place.id == location_id)
        level_id = gid("InventoryLevel", location_id) + f"?inventory_item_id={variant.inventory_item_id}"
        return {
            "__typename": "InventoryLevel",
            "id": level_id,
            "isActive": location.active,
            "canDeactivate": False,
            "deactivationAlert": None,
            "createdAt": iso(variant.created_at),
            "updatedAt": iso(level.updated_at),
            "location": lambda _: self.location(location),
            "item": lambda _: self.inventory_item(variant),
            "quantities": lambda args: [
                {
                    "id": f"{level_id}&name={name}",
                    "name": name,
                    "quantity": _STATES[name](level) if name in _STATES else 0,
                    "updatedAt": iso(level.updated_at),
                }
                for name in args["names"]
                if name in _STATES or name in _EMPTY_STATES
            ],
        }

    def subscription(self, subscription: Subscription) -> Node:
        return {
            "__typename": "WebhookSubscription",
            "id": gid("WebhookSubscription", subscription.id),
            "legacyResourceId": str(subscription.id),
            "topic": enum_of(subscription.topic),
            "uri": subscription.uri,
            "callbackUrl": subscription.uri,
            "endpoint": {"__typename": "WebhookHttpEndpoint", "callbackUrl": subscription.uri},
            "format": "JSON",
            "filter": None,
            "name": None,
            "includeFields": subscription.include_fields,
            "metafieldNamespaces": [],
            "metafields": [],
            "apiVersion": {"handle": API_VERSION, "displayName": API_VERSION, "supported": True},
            "createdAt": iso(subscription.created_at),
            "updatedAt": iso(subscription.updated_at),
        }

    def job(self, number: int) -> Node:
        """A Job. KeyError when there is none."""
        return {
            "__typename": "Job",
            "id": gid("Job", number),
            "done": self.shop.jobs.is_done(number),
            "query": None,
        }

    def products(self, args: Args) -> Node:
        found = matches(args.get("query"), _PRODUCT_FIELDS)
        keys = {"UPDATED_AT": lambda p: (p.updated_at, p.id), "CREATED_AT": lambda p: (p.created_at, p.id)}
        key: Callable[[Product], tuple[Any, int]] = keys.get(str(args.get("sortKey")), lambda p: (p.id, p.id))
        return connection(filter(found, self.shop.products.values()), args, key, self.product)

    def variants(self, args: Args) -> Node:
        found = matches(args.get("query"), _VARIANT_FIELDS)
        return connection(filter(found, self.shop.variants), args, lambda v: (v.id, v.id), self.variant)

    def products_count(self, args: Args) -> Node:
        return counted(filter(matches(args.get("query"), _PRODUCT_FIELDS), self.shop.products.values()), args)

    def variants_count(self, args: Args) -> Node:
        return counted(filter(matches(args.get("query"), _VARIANT_FIELDS), self.shop.variants), args)

    def inventory_items(self, args: Args) -> Node:
        found = matches(args.get("query"), _ITEM_FIELDS)
        return connection(
            filter(found, self.shop.variants),
            args,
            lambda v: (v.inventory_item_id, v.inventory_item_id),
            self.inventory_item,
        )

    def locations(self, args: Args) -> Node:
        found = matches(args.get("query"), {"id": lambda place: place.id, "name": lambda place: place.name})
        return connection(filter(found, self.shop.locations), args, lambda place: (place.name, place.id), self.location)

    def _is_open(self, location_id: int) -> bool:
        return any(place.id == location_id and place.active for place in self.shop.locations)

    def level_by_id(self, level_id: str) -> Node | None:
        location, _, item = level_id.partition("?inventory_item_id=")
        return self._level_at(gid("InventoryItem", int(item)), number_of(location)) if item.isdigit() else None

    def _level_at(self, item_id: str, location_id: int) -> Node | None:
        variant = self.shop.variant_by_item(number_of(item_id))
        return self.level(variant, location_id) if variant and location_id in variant.levels else None


def counted(items: Iterable[Item], args: Args) -> Node:
    """A Count: exact unless it ran into its limit, which null lifts."""
    count, limit = sum(1 for _ in items), args.get("limit", 10_000)
    if limit is not None and count > limit:
        return {"count": limit, "precision": "AT_LEAST"}
    return {"count": count, "precision": "EXACT"}


def address_node(address: Address | None, owner_id: int) -> Node | None:
    """A MailingAddress."""
    if address is None:
        return None
    return {
        "__typename": "MailingAddress",
        "id": gid("MailingAddress", owner_id) + "?model_name=Address",
        "firstName": address.first_name,
        "lastName": address.last_name,
        "name": f"{address.first_name} {address.last_name}",
        "company": address.company,
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "zip": address.zip,
        "province": address.province,
        "provinceCode": address.province_code,
        "country": address.country,
        "countryCode": address.country_code,
        "countryCodeV2": address.country_code,
        "phone": address.phone,
        "latitude": None,
        "longitude": None,
        "timeZone": None,
        "coordinatesValidated": False,
        "validationResultSummary": None,
        "formattedArea": f"{address.city}, {address.country}",
        "formatted": lambda _: [address.address1, f"{address.city} {address.zip}", address.country],
    }


def number_of(global_id: str) -> int:
    """The number at the end of a gid; -1 when there is none, which no object has."""
    number = global_id.rsplit("/", 1)[-1].split("?", 1)[0]
    return int(number) if number.isdigit() else -1


_PRODUCT_FIELDS: dict[str, Callable[[Product], object]] = {
    "id": lambda p: p.id,
    "title": lambda p: p.title,
    "handle": lambda p: p.handle,
    "status": lambda p: p.status,
    "tag": lambda p: p.tags,
    "vendor": lambda p: p.vendor,
    "sku": lambda p: [v.sku for v in p.variants],
    "created_at": lambda p: p.created_at,
    "updated_at": lambda p: p.updated_at,
}
_VARIANT_FIELDS: dict[str, Callable[[Variant], object]] = {
    "id": lambda v: v.id,
    "sku": lambda v: v.sku,
    "product_id": lambda v: v.product_id,
    "updated_at": lambda v: v.updated_at,
}
_ITEM_FIELDS: dict[str, Callable[[Variant], object]] = {
    "id": lambda v: v.inventory_item_id,
    "sku": lambda v: v.sku,
    "created_at": lambda v: v.created_at,
    "updated_at": lambda v: v.updated_at,
}
