"""Whatever a body holds: a snapshot that can be written down, or Untranslatable. Never another error."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longshore.contracts import OrderSnapshot
from longshore.platforms.protocols import Resource, Untranslatable
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.forms import examples

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        """1e999999 -0 0E-1000000 0E+999999999 1E-20 NaN 12.345 0001-01-01T00:00:00+23:59 9999-12-31T23:59:59-23:59
        gid://shopify/Order/12 success USD JPY""".split()
    )
    | st.sampled_from(["", "9" * 40, "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(node, dict):
        for key, each in node.items():
            found += _places(each, (*path, key))
    elif isinstance(node, list):
        for index, each in enumerate(node):
            found += _places(each, (*path, index))
    return found


def _put(body: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(body, dict | list):
        try:
            body[path[-1]] = value
        except (IndexError, TypeError):
            return


def _check(make: Any, body: Any, resource: Resource | None = None) -> None:
    raw = json.dumps(body).encode()
    record = make.record(raw, resource=resource, external_id="5" if resource else None)
    try:
        translation = ShopifyTranslator().translate(record)
    except Untranslatable:
        return
    for event in translation.events:
        written = event.to_json()
        assert b"\\u0000" not in written
        if isinstance(event, OrderSnapshot):
            assert type(event).from_json(written).digest == event.digest
            assert event.reconciled == (not event.discrepancies)


def _rich(make: Any) -> dict[str, Any]:
    body: dict[str, Any] = make.order(note="please", fulfillment_status="partial")
    line = body["line_items"][0] | {"current_quantity": 1}
    body["line_items"][0] = line
    body["line_items"][1]["duties"] = [{"id": "3", **make.bag("2.00"), "tax_lines": []}]
    body["refunds"] = [
        make.refund(8, [make.refund_line(line, 1, "9.50", "0.20")], "9.70")
        | {"duties": [{"duty_id": 3, "amount_set": make.bag("1.00")}]}
        | {"order_adjustments": [{"kind": "shipping_refund", "amount": "-1.00", "tax_amount": "0.00"}]}
    ]
    body["fulfillments"] = [
        {"id": 1, "status": "success", "tracking_numbers": ["X"], "line_items": [{"id": line["id"], "quantity": 1}]}
    ]
    return body


MUTATIONS = settings(max_examples=examples(250), suppress_health_check=[HealthCheck.function_scoped_fixture])


@MUTATIONS
@given(data=st.data())
def test_orders_by_webhook(make: Any, data: st.DataObject) -> None:
    body = _rich(make)
    places = _places(body)
    for _ in range(data.draw(st.integers(1, 4))):
        _put(body, data.draw(st.sampled_from(places)), data.draw(ANY))
    _check(make, body)


@MUTATIONS
@given(data=st.data())
def test_fetched_answers(make: Any, data: st.DataObject) -> None:
    body = copy.deepcopy(ANSWER)
    places = _places(body)
    for _ in range(data.draw(st.integers(1, 4))):
        _put(body, data.draw(st.sampled_from(places)), data.draw(ANY))
    _check(make, body, data.draw(st.sampled_from(["order", "product", "stock", "customer"])))


@MUTATIONS
@given(body=ANY)
def test_anything_at_all(make: Any, body: Any) -> None:
    _check(make, body)
    _check(make, body, "order")


def _money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "USD"}}


ANSWER: dict[str, Any] = {
    "data": {
        "order": {
            "id": "gid://shopify/Order/9007199254740993",
            "name": "#1",
            "currencyCode": "USD",
            "taxesIncluded": False,
            "displayFinancialStatus": "PAID",
            "displayFulfillmentStatus": "IN_PROGRESS",
            "updatedAt": "2026-11-20T06:30:00Z",
            "totalPriceSet": _money("10.0"),
            "tags": ["a"],
            "customer": {"id": "gid://shopify/Customer/1", "defaultEmailAddress": {"emailAddress": "a@example.com"}},
            "discountApplications": {"nodes": [{"__typename": "DiscountCodeApplication", "index": 0, "code": "X"}]},
            "lineItems": {
                "nodes": [
                    {
                        "id": "gid://shopify/LineItem/1",
                        "title": "A",
                        "quantity": 1,
                        "currentQuantity": 1,
                        "originalUnitPriceSet": _money("11.0"),
                        "discountAllocations": [
                            {"allocatedAmountSet": _money("1.0"), "discountApplication": {"index": 0}}
                        ],
                        "taxLines": [{"title": "T", "rate": 0.0, "priceSet": _money("0.0")}],
                    }
                ]
            },
            "fulfillments": [
                {
                    "id": "gid://shopify/Fulfillment/1",
                    "status": "SUCCESS",
                    "trackingInfo": [{"company": "C", "number": "N", "url": None}],
                    "fulfillmentLineItems": {
                        "nodes": [{"quantity": 1, "lineItem": {"id": "gid://shopify/LineItem/1"}}]
                    },
                }
            ],
            "refunds": [
                {
                    "id": "gid://shopify/Refund/1",
                    "transactions": {"nodes": [{"kind": "REFUND", "status": "SUCCESS", "amountSet": _money("1.0")}]},
                    "refundLineItems": {
                        "nodes": [
                            {"quantity": 1, "restockType": "RETURN", "lineItem": {"id": "gid://shopify/LineItem/1"}}
                        ]
                    },
                }
            ],
        },
        "product": {
            "id": "gid://shopify/Product/1",
            "status": "ACTIVE",
            "variants": {
                "nodes": [
                    {"id": "gid://shopify/ProductVariant/1", "inventoryItem": {"id": "gid://shopify/InventoryItem/1"}}
                ]
            },
        },
        "shop": {"currencyCode": "USD"},
        "inventoryItem": {
            "id": "gid://shopify/InventoryItem/1",
            "tracked": True,
            "inventoryLevels": {
                "nodes": [
                    {
                        "updatedAt": "2026-11-20T06:30:00Z",
                        "location": {"id": "gid://shopify/Location/1"},
                        "quantities": [{"name": "available", "quantity": 4}],
                    }
                ]
            },
        },
        "customer": {"id": "gid://shopify/Customer/1", "firstName": "A", "updatedAt": "2026-11-20T06:30:00Z"},
    }
}
