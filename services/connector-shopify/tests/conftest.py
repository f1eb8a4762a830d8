"""What the tests of this connector share: raw records, orders to translate, and the place of the vendor's samples."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from longshore.contracts import OrderSnapshot, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import RawRecord
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.raw_records import raw_record

Json = dict[str, Any]
MakeRecord = Callable[..., RawRecord]

ORG = OrgId(UUID(int=1))
STORE = IntegrationId(UUID(int=2))
RECEIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


_record = partial(raw_record, Platform.SHOPIFY, org_id=ORG, integration_id=STORE, received_at=RECEIVED, offset=41)
"""A raw record as the kit reads it: a webhook, or (`resource` given) something fetched. `body` may be an object."""


def _bag(amount: str, currency: str = "USD", shown: str | None = None, shown_in: str | None = None) -> Json:
    """A `*_set`."""
    return {
        "shop_money": {"amount": amount, "currency_code": currency},
        "presentment_money": {"amount": shown or amount, "currency_code": shown_in or currency},
    }


def _line(number: int, price: str, quantity: int = 1, **more: Any) -> Json:
    return {
        "id": 9_007_199_254_740_993 + number,
        "title": f"Article {number}",
        "sku": f"SKU-{number}",
        "product_id": 100 + number,
        "variant_id": 200 + number,
        "price": price,
        "price_set": _bag(price),
        "quantity": quantity,
        "current_quantity": quantity,
        "requires_shipping": True,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    } | more


def _order(**more: Any) -> Json:
    """Two lines and shipping, paid, exact: 2 x 10.00 + 5.50 - 1.00 + 4.00 + 0.40 tax = 28.90."""
    return {
        "id": 9_007_199_254_741_999,
        "name": "#1001",
        "order_number": 1001,
        "currency": "USD",
        "presentment_currency": "USD",
        "created_at": "2026-11-20T06:00:00-05:00",
        "processed_at": "2026-11-20T06:00:00-05:00",
        "updated_at": "2026-11-20T06:30:00-05:00",
        "cancelled_at": None,
        "financial_status": "paid",
        "fulfillment_status": None,
        "taxes_included": False,
        "total_price": "28.90",
        "total_price_set": _bag("28.90"),
        "current_total_price": "28.90",
        "current_total_price_set": _bag("28.90"),
        "total_tax": "0.40",
        "current_total_tax": "0.40",
        "total_tip_received": "0.00",
        "email": "buyer@example.com",
        "phone": None,
        "note": None,
        "tags": "vip, gift",
        "customer": {"id": 77, "email": "buyer@example.com", "first_name": "Ada", "last_name": "Buyer", "phone": None},
        "shipping_address": {
            "first_name": "Ada",
            "address1": "1 Quay",
            "city": "Bristol",
            "zip": "BS1",
            "address2": "",
        },
        "billing_address": None,
        "line_items": [
            _line(
                1,
                "10.00",
                2,
                tax_lines=[{"title": "VAT", "rate": 0.02, "price": "0.40", "price_set": _bag("0.40")}],
                discount_allocations=[{"amount": "1.00", "amount_set": _bag("1.00"), "discount_application_index": 0}],
            ),
            _line(2, "5.50"),
        ],
        "shipping_lines": [
            {"id": 5, "title": "Post", "code": "post", "price": "4.00", "price_set": _bag("4.00"), "tax_lines": []}
        ],
        "discount_applications": [{"type": "discount_code", "code": "TEN", "target_type": "line_item"}],
        "fulfillments": [],
        "refunds": [],
    } | more


def _refund(number: int, lines: list[Json], paid: str | None, **more: Any) -> Json:
    """A refund record; `paid` None has no transactions, as an order edit's has none."""
    transactions = [] if paid is None else [{"kind": "refund", "status": "success", "amount": paid, "currency": "USD"}]
    return {
        "id": number,
        "created_at": "2026-11-20T07:00:00-05:00",
        "note": None,
        "transactions": transactions,
        "refund_line_items": lines,
        "order_adjustments": [],
    } | more


def _refund_line(line: Json, quantity: int, subtotal: str, tax: str = "0.00", restock: str = "cancel") -> Json:
    return {
        "id": 1,
        "line_item_id": line["id"],
        "quantity": quantity,
        "restock_type": restock,
        "subtotal_set": _bag(subtotal),
        "total_tax_set": _bag(tax),
    }


class Make:
    """Builders of Shopify's bodies; every keyword replaces a field."""

    record = staticmethod(_record)
    bag = staticmethod(_bag)
    line = staticmethod(_line)
    order = staticmethod(_order)
    refund = staticmethod(_refund)
    refund_line = staticmethod(_refund_line)


@pytest.fixture
def make() -> type[Make]:
    """Builders of bodies and records."""
    return Make


@pytest.fixture
def translated() -> Callable[[Json], OrderSnapshot]:
    """The snapshot of an order's webhook."""

    def translate(order: Json) -> OrderSnapshot:
        (event,) = ShopifyTranslator().translate(_record(order)).events
        assert isinstance(event, OrderSnapshot)
        return event

    return translate


@pytest.fixture(scope="session")
def samples() -> Path:
    """The vendor's and third parties' sample payloads: read where they lie, never copied into the project."""
    root = next(parent for parent in Path(__file__).resolve().parents if (parent / "services").is_dir())
    folder = root.parent / "shared" / "fixtures" / "shopify"
    if not folder.is_dir():
        pytest.skip("the sample payloads are not on this machine (they are not ours to distribute)")
    return folder
