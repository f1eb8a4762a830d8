"""Fetched products, stock and customers in the shape of webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longshore.platforms.protocols import Untranslatable
from longshore_connector_shopify.translate.answers import as_dict, as_list, as_nodes, lower
from longshore_connector_shopify.translate.reading import MOST_PIECES, Json, as_id


def customer_in_webhook_shape(pages: list[Json]) -> Json:
    """The customer of an answer."""
    node = as_dict(pages[0].get("customer"))
    shaped = customer_part(node)
    if shaped is None:
        raise Untranslatable("the answer holds no customer")
    return shaped | {"created_at": node.get("createdAt"), "updated_at": node.get("updatedAt")}


def product_in_webhook_shape(pages: list[Json]) -> Json:
    """The product of these answers, with what a webhook does not tell: currency, and whether stock is counted."""
    head = as_dict(pages[0].get("product"))
    if not head:
        raise Untranslatable("the answer holds no product")
    variants = {
        str(node.get("id")): node for page in pages for node in as_nodes(as_dict(page.get("product")).get("variants"))
    }
    return {
        "id": head.get("id"),
        "title": head.get("title"),
        "status": lower(head.get("status")),
        "updated_at": head.get("updatedAt"),
        "currency": as_dict(pages[0].get("shop")).get("currencyCode"),
        "variants": [
            {
                "id": node.get("id"),
                "inventory_item_id": as_dict(node.get("inventoryItem")).get("id"),
                "tracked": as_dict(node.get("inventoryItem")).get("tracked"),
                "sku": node.get("sku"),
                "barcode": node.get("barcode"),
                "title": node.get("title"),
                "price": node.get("price"),
            }
            for node in variants.values()
        ],
    }


def levels_of(pages: list[Json]) -> Iterator[tuple[str, str, int | None, Json]]:
    """Each level of an inventory item: item, location, pieces available, and when. None if its stock is not counted.

    Where it is stocked no more, or the location is closed, nothing can be sold, whatever lies there: None.
    """
    item = as_id(as_dict(pages[0].get("inventoryItem")).get("id"))
    if item is None:
        raise Untranslatable("the answer holds no inventory item")
    if as_dict(pages[0].get("inventoryItem")).get("tracked") is False:
        return
    for page in pages:
        for level in as_nodes(as_dict(page.get("inventoryItem")).get("inventoryLevels")):
            location = as_id(as_dict(level.get("location")).get("id"))
            quantity = next(
                (each.get("quantity") for each in as_list(level.get("quantities")) if each.get("name") == "available"),
                None,
            )
            if location is None:
                continue
            told = {"updated_at": level.get("updatedAt")}
            if level.get("isActive") is False or as_dict(level.get("location")).get("isActive") is False:
                yield item, location, None, told
            elif type(quantity) is int and abs(quantity) <= MOST_PIECES:
                yield item, location, quantity, told


def customer_part(value: Any) -> dict[str, Any] | None:
    node = as_dict(value)
    if not node:
        return None
    return {
        "id": node.get("id"),
        "email": as_dict(node.get("defaultEmailAddress")).get("emailAddress"),
        "first_name": node.get("firstName"),
        "last_name": node.get("lastName"),
        "phone": as_dict(node.get("defaultPhoneNumber")).get("phoneNumber"),
    }
