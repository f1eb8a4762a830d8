"""An order's webhook as the Admin API answers it: our own document, executed on the official schema.

What the document asks for and a test does not say is a KeyError; what the schema does not know is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLResolveInfo, execute_sync, parse

from longshore_connector_shopify.documents import document
from longshore_devkit.stores.shopify.schema import load_admin_schema

Json = dict[str, Any]

_APPLICATIONS = {
    "discount_code": "DiscountCodeApplication",
    "automatic": "AutomaticDiscountApplication",
    "manual": "ManualDiscountApplication",
    "script": "ScriptDiscountApplication",
}
_SHIPPED = {None: "UNFULFILLED", "fulfilled": "FULFILLED", "partial": "PARTIALLY_FULFILLED", "restocked": "RESTOCKED"}
_ADDRESS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "company": "company",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "province": "province",
    "provinceCode": "province_code",
    "zip": "zip",
    "countryCodeV2": "country_code",
    "phone": "phone",
}


def answer(order: Json) -> bytes:
    """The body of the answer."""

    def resolve(source: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
        return source[info.field_name]

    result = execute_sync(
        load_admin_schema(),
        parse(document("order")),
        {"order": _order(order)},
        variable_values={"id": _gid("Order", order["id"])},
        field_resolver=resolve,
    )
    assert isinstance(result, ExecutionResult)
    assert result.errors is None, result.errors
    return orjson.dumps({"data": result.data})


def _order(order: Json) -> Json:
    applications = [_application(n, each) for n, each in enumerate(order.get("discount_applications") or ())]
    money = order["currency"]

    def bag(name: str, *, always: bool = True) -> Json | None:
        return _bag(order, name, money) if always or order.get(name) is not None else None

    return {
        "id": _gid("Order", order["id"]),
        "name": order["name"],
        "createdAt": order["created_at"],
        "updatedAt": order["updated_at"],
        "processedAt": order["processed_at"],
        "cancelledAt": order["cancelled_at"],
        "currencyCode": money,
        "taxesIncluded": order["taxes_included"],
        "dutiesIncluded": order.get("duties_included", False),
        "displayFinancialStatus": order["financial_status"].upper(),
        "displayFulfillmentStatus": _SHIPPED[order["fulfillment_status"]],
        "email": order["email"] or None,
        "phone": order["phone"],
        "note": order["note"],
        "tags": [each.strip() for each in order["tags"].split(",") if each.strip()],
        "totalPriceSet": bag("total_price"),
        "currentTotalPriceSet": bag("current_total_price"),
        "totalTaxSet": bag("total_tax", always=False),
        "currentTotalTaxSet": bag("current_total_tax"),
        "totalTipReceivedSet": bag("total_tip_received", always=False),
        "originalTotalAdditionalFeesSet": None,
        "currentTotalAdditionalFeesSet": None,
        "additionalFees": [],
        "shippingAddress": _address(order.get("shipping_address")),
        "billingAddress": _address(order.get("billing_address")),
        "customer": _customer(order.get("customer")),
        "discountApplications": _nodes(applications),
        "lineItems": _nodes(_line(each, money, applications) for each in order["line_items"]),
        "shippingLines": _nodes(_shipping(each, money, applications) for each in order["shipping_lines"]),
        "fulfillments": [_shipment(each) for each in order["fulfillments"]],
        "refunds": [_refund(each, money) for each in order["refunds"]],
    }


def _line(line: Json, money: str, applications: list[Json]) -> Json:
    return {
        "id": _gid("LineItem", line["id"]),
        "title": line["title"],
        "sku": line["sku"],
        "quantity": line["quantity"],
        "currentQuantity": line["current_quantity"],
        "requiresShipping": line["requires_shipping"],
        "product": line["product_id"] and {"id": _gid("Product", line["product_id"])},
        "variant": line["variant_id"] and {"id": _gid("ProductVariant", line["variant_id"])},
        "originalUnitPriceSet": _bag(line, "price", money),
        "discountAllocations": _allocations(line, applications),
        "taxLines": [_tax(each) for each in line["tax_lines"]],
        "duties": [
            {
                "id": _gid("Duty", duty["id"]),
                "price": _money(duty),
                "taxLines": [_tax(each) for each in duty["tax_lines"]],
            }
            for duty in line["duties"]
        ],
    }


def _shipping(line: Json, money: str, applications: list[Json]) -> Json:
    return {
        "id": _gid("ShippingLine", line["id"]),
        "title": line["title"],
        "code": line.get("code"),
        "isRemoved": line.get("is_removed", False),
        "originalPriceSet": _bag(line, "price", money),
        "discountAllocations": _allocations(line, applications),
        "taxLines": [_tax(each) for each in line["tax_lines"]],
    }


def _shipment(node: Json) -> Json:
    numbers, urls = node.get("tracking_numbers", []), node.get("tracking_urls", [])
    return {
        "id": _gid("Fulfillment", node["id"]),
        "status": node["status"].upper(),
        "displayStatus": "DELIVERED" if node.get("shipment_status") == "delivered" else "IN_TRANSIT",
        "createdAt": node["created_at"],
        "trackingInfo": [
            {"company": node.get("tracking_company"), "number": number, "url": url}
            for number, url in zip(numbers, urls, strict=True)
        ],
        "fulfillmentLineItems": _nodes(_piece(each["id"], each["quantity"]) for each in node["line_items"]),
    }


def _refund(node: Json, money: str) -> Json:
    return {
        "id": _gid("Refund", node["id"]),
        "createdAt": node["created_at"],
        "note": node["note"],
        "transactions": _nodes(
            {"kind": each["kind"].upper(), "status": each["status"].upper(), "amountSet": _bag(each, "amount", money)}
            for each in node["transactions"]
        ),
        "refundShippingLines": _nodes(
            {
                "subtotalAmountSet": _money(each["subtotal_amount_set"]),
                "taxAmountSet": _money(each["tax_amount_set"]),
            }
            for each in node.get("refund_shipping_lines", ())
        ),
        "orderAdjustments": _nodes(
            {
                "amountSet": _money(each["amount_set"]),
                "taxAmountSet": _money(each["tax_amount_set"]),
                "reason": "REFUND_DISCREPANCY",
            }
            for each in node["order_adjustments"]
        ),
        "duties": [
            {"amountSet": _money(each["amount_set"]), "originalDuty": {"id": _gid("Duty", each["duty_id"])}}
            for each in node.get("duties", ())
        ],
        "refundLineItems": _nodes(
            _piece(each["line_item_id"], each["quantity"])
            | {
                "restockType": each["restock_type"].upper(),
                "subtotalSet": _money(each["subtotal_set"]),
                "totalTaxSet": _money(each["total_tax_set"]),
            }
            for each in node["refund_line_items"]
        ),
    }


def _allocations(node: Json, applications: list[Json]) -> list[Json]:
    return [
        {
            "allocatedAmountSet": _money(each["amount_set"]),
            "discountApplication": applications[each["discount_application_index"]],
        }
        for each in node.get("discount_allocations", ())
    ]


def _application(index: int, node: Json) -> Json:
    told = {name: node.get(name) for name in ("code", "title", "description")}
    # The schema has the title of a manual discount, and a word of every other kind but a code's.
    return {"__typename": _APPLICATIONS[node["type"]], "index": index} | told | {"title": node.get("title") or ""}


def _tax(node: Json) -> Json:
    return {"title": node["title"], "rate": node["rate"], "priceSet": _money(node["price_set"])}


def _customer(node: Json | None) -> Json | None:
    if node is None:
        return None
    email, phone = node.get("email"), node.get("phone")
    return {
        "id": _gid("Customer", node["id"]),
        "firstName": node.get("first_name"),
        "lastName": node.get("last_name"),
        "defaultEmailAddress": email and {"emailAddress": email},
        "defaultPhoneNumber": phone and {"phoneNumber": phone},
    }


def _address(node: Json | None) -> Json | None:
    return None if node is None else {ours: node.get(theirs) for ours, theirs in _ADDRESS.items()}


def _bag(node: Json, name: str, money: str) -> Json:
    """`<name>_set`, or the plain amount, which is in shop money."""
    pair = node.get(f"{name}_set")
    if pair is not None:
        return _money(pair)
    same = {"amount": node[name], "currencyCode": money}
    return {"shopMoney": same, "presentmentMoney": same}


def _money(pair: Json) -> Json:
    def one(which: str) -> Json:
        return {"amount": pair[which]["amount"], "currencyCode": pair[which]["currency_code"]}

    return {"shopMoney": one("shop_money"), "presentmentMoney": one("presentment_money")}


def _piece(line: int, quantity: int) -> Json:
    return {"quantity": quantity, "lineItem": {"id": _gid("LineItem", line)}}


def _nodes(nodes: Iterable[Json]) -> Json:
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": False, "endCursor": None}}


def _gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"
