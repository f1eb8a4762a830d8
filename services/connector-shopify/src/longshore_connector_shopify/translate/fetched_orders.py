"""A fetched order (the answers of our GraphQL documents) in the shape of a webhook's, for the one builder of orders.

An order with many lines, shipments or refunds comes in several answers; all of them are in its raw record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from longshore.platforms.protocols import Untranslatable
from longshore_connector_shopify.shipped import pieces_shipped
from longshore_connector_shopify.translate.answers import as_dict, as_list, as_nodes, lower
from longshore_connector_shopify.translate.fetched import customer_part
from longshore_connector_shopify.translate.reading import Json

_FULFILLMENT_WORDS = {
    "FULFILLED": "fulfilled",
    "PARTIALLY_FULFILLED": "partial",
    "RESTOCKED": "restocked",
    "UNFULFILLED": None,
}
# Words for what a fulfilment order waits for: a webhook says "partial" or nothing then.
_WAITING = frozenset({"IN_PROGRESS", "ON_HOLD", "OPEN", "PENDING_FULFILLMENT", "REQUEST_DECLINED", "SCHEDULED"})
_APPLICATIONS = {
    "DiscountCodeApplication": "discount_code",
    "AutomaticDiscountApplication": "automatic",
    "ManualDiscountApplication": "manual",
    "ScriptDiscountApplication": "script",
}


def order_in_webhook_shape(pages: list[Json]) -> Json:
    """The order of these answers. Raises Untranslatable if no answer holds it."""
    order = as_dict(pages[0].get("order"))
    if not order:
        raise Untranslatable("the answer holds no order")
    lines: dict[str, Json] = {}
    for page in pages:
        for node in as_nodes(as_dict(page.get("order")).get("lineItems")):
            lines[str(node.get("id"))] = node
    applications = sorted(as_nodes(order.get("discountApplications")), key=_index)
    places = {_index(node): n for n, node in enumerate(applications)}
    shipments = _with_lines(as_list(order.get("fulfillments")), pages, "fulfillment", "fulfillmentLineItems")
    refunds = _with_lines(as_list(order.get("refunds")), pages, "refund", "refundLineItems")
    shipped = pieces_shipped(order, list(lines.values()))
    fulfillments = [_shipment(node, shipped or {}) for node in shipments]
    return {
        "id": order.get("id"),
        "name": order.get("name"),
        "created_at": order.get("createdAt"),
        "updated_at": order.get("updatedAt"),
        "processed_at": order.get("processedAt"),
        "cancelled_at": order.get("cancelledAt"),
        "currency": order.get("currencyCode"),
        "taxes_included": order.get("taxesIncluded"),
        "duties_included": order.get("dutiesIncluded"),
        "financial_status": lower(order.get("displayFinancialStatus")),
        "fulfillment_status": _fulfillment_word(order.get("displayFulfillmentStatus"), fulfillments),
        "email": order.get("email"),
        "phone": order.get("phone"),
        "note": order.get("note"),
        "tags": order.get("tags"),
        "total_price_set": _bag(order.get("totalPriceSet")),
        "current_total_price_set": _bag(order.get("currentTotalPriceSet")),
        "total_tax_set": _bag(order.get("totalTaxSet")),
        "current_total_tax_set": _bag(order.get("currentTotalTaxSet")),
        "total_tip_received_set": _bag(order.get("totalTipReceivedSet")),
        "original_total_additional_fees_set": _bag(order.get("originalTotalAdditionalFeesSet")),
        "current_total_additional_fees_set": _bag(order.get("currentTotalAdditionalFeesSet")),
        "additional_fees_tax_lines": [
            _tax(tax) for fee in as_list(order.get("additionalFees")) for tax in as_list(fee.get("taxLines"))
        ],
        "customer": customer_part(order.get("customer")),
        "shipping_address": _address(order.get("shippingAddress")),
        "billing_address": _address(order.get("billingAddress")),
        "discount_applications": [_application(node) for node in applications],
        "line_items": [_line(node, places) for node in lines.values()],
        "shipping_lines": [_shipping(node, places) for node in as_nodes(order.get("shippingLines"))],
        "fulfillments": fulfillments,
        "refunds": [_refund(node) for node in refunds],
    }


def _with_lines(told: Iterable[Json], pages: Sequence[Json], key: str, connection: str) -> list[dict[str, Any]]:
    """The shipments or refunds of an order; one that has answers of its own is read from these alone."""
    own: dict[str, dict[str, Any]] = {}
    for page in pages:
        node = as_dict(page.get(key))
        if node:
            known = own.setdefault(str(node.get("id")), {**node, connection: {"nodes": []}})
            known[connection]["nodes"].extend(as_nodes(node.get(connection)))
    return [*own.values(), *({**node} for node in told if str(node.get("id")) not in own)]


def _line(node: Json, places: dict[int, int]) -> Json:
    return {
        "id": node.get("id"),
        "title": node.get("title"),
        "sku": node.get("sku"),
        "quantity": node.get("quantity"),
        "current_quantity": node.get("currentQuantity"),
        "requires_shipping": node.get("requiresShipping"),
        "product_id": as_dict(node.get("product")).get("id"),
        "variant_id": as_dict(node.get("variant")).get("id"),
        "price_set": _bag(node.get("originalUnitPriceSet")),
        "discount_allocations": _allocations(node, places),
        "tax_lines": [_tax(tax) for tax in as_list(node.get("taxLines"))],
        "duties": [
            {
                "id": duty.get("id"),
                "tax_lines": [_tax(tax) for tax in as_list(duty.get("taxLines"))],
                **(_bag(duty.get("price")) or {}),
            }
            for duty in as_list(node.get("duties"))
        ],
    }


def _shipping(node: Json, places: dict[int, int]) -> Json:
    return {
        "id": node.get("id"),
        "title": node.get("title"),
        "code": node.get("code"),
        "is_removed": node.get("isRemoved"),
        "price_set": _bag(node.get("originalPriceSet")),
        "discount_allocations": _allocations(node, places),
        "tax_lines": [_tax(tax) for tax in as_list(node.get("taxLines"))],
    }


def _allocations(node: Json, places: dict[int, int]) -> list[Json]:
    return [
        {
            "amount_set": _bag(each.get("allocatedAmountSet")),
            "discount_application_index": places.get(_index(as_dict(each.get("discountApplication")))),
        }
        for each in as_list(node.get("discountAllocations"))
    ]


def _tax(node: Json) -> Json:
    return {"title": node.get("title"), "rate": node.get("rate"), "price_set": _bag(node.get("priceSet"))}


def _application(node: Json) -> Json:
    return {
        "type": _APPLICATIONS.get(str(node.get("__typename"))),
        "code": node.get("code"),
        "title": node.get("title"),
        "description": node.get("description"),
    }


def _shipment(node: Json, shipped: dict[str, int]) -> Json:
    """`shipped`: the pieces of the lines, where a bulk operation could not tell which were in it."""
    told = [
        {"id": as_dict(each.get("lineItem")).get("id"), "quantity": each.get("quantity")}
        for each in as_nodes(node.get("fulfillmentLineItems"))
    ]
    if "fulfillmentLineItems" not in node:
        told = [{"id": line, "quantity": quantity} for line, quantity in shipped.items()]
    tracking = as_list(node.get("trackingInfo"))
    return {
        "id": node.get("id"),
        "status": lower(node.get("status")),
        "shipment_status": "delivered" if node.get("displayStatus") == "DELIVERED" else None,
        "created_at": node.get("createdAt"),
        "tracking_company": next((each["company"] for each in tracking if each.get("company")), None),
        "tracking_numbers": [each.get("number") for each in tracking],
        "tracking_urls": [each.get("url") for each in tracking],
        "line_items": told,
    }


def _refund(node: Json) -> Json:
    return {
        "id": node.get("id"),
        "created_at": node.get("createdAt"),
        "note": node.get("note"),
        "transactions": [
            {
                "kind": lower(each.get("kind")),
                "status": lower(each.get("status")),
                "amount_set": _bag(each.get("amountSet")),
            }
            for each in as_nodes(node.get("transactions"))
        ],
        "refund_line_items": [
            {
                "line_item_id": as_dict(each.get("lineItem")).get("id"),
                "quantity": each.get("quantity"),
                "restock_type": lower(each.get("restockType")),
                "subtotal_set": _bag(each.get("subtotalSet")),
                "total_tax_set": _bag(each.get("totalTaxSet")),
            }
            for each in as_nodes(node.get("refundLineItems"))
        ],
        "refund_shipping_lines": [
            {
                "subtotal_amount_set": _bag(each.get("subtotalAmountSet")),
                "tax_amount_set": _bag(each.get("taxAmountSet")),
            }
            for each in as_nodes(node.get("refundShippingLines"))
        ],
        "order_adjustments": [
            {
                "kind": "refund_discrepancy",
                "amount_set": _bag(each.get("amountSet")),
                "tax_amount_set": _bag(each.get("taxAmountSet")),
            }
            for each in as_nodes(node.get("orderAdjustments"))
        ],
        "duties": [
            {
                "duty_id": as_dict(each.get("originalDuty")).get("id"),
                "amount_set": _bag(each.get("amountSet")),
            }
            for each in as_list(node.get("duties"))
        ],
    }


def _address(value: Any) -> dict[str, Any] | None:
    node = as_dict(value)
    if not node:
        return None
    return {
        "first_name": node.get("firstName"),
        "last_name": node.get("lastName"),
        "company": node.get("company"),
        "address1": node.get("address1"),
        "address2": node.get("address2"),
        "city": node.get("city"),
        "province": node.get("province"),
        "province_code": node.get("provinceCode"),
        "zip": node.get("zip"),
        "country_code": node.get("countryCodeV2"),
        "phone": node.get("phone"),
    }


def _fulfillment_word(word: Any, fulfillments: Iterable[Json]) -> Any:
    if not isinstance(word, str):
        return word
    if word in _WAITING:
        return "partial" if any(each.get("status") == "success" for each in fulfillments) else None
    return _FULFILLMENT_WORDS.get(word, word.lower())


def _bag(value: Any) -> dict[str, Any] | None:
    """A money bag in the webhook's words."""
    node = as_dict(value)
    shop, shown = node.get("shopMoney"), node.get("presentmentMoney")
    if not isinstance(shop, dict):
        return None
    bag = {"shop_money": {"amount": shop.get("amount"), "currency_code": shop.get("currencyCode")}}
    if isinstance(shown, dict):
        bag["presentment_money"] = {"amount": shown.get("amount"), "currency_code": shown.get("currencyCode")}
    return bag


def _index(node: Json) -> int:
    value = node.get("index")
    return value if isinstance(value, int) else -1
