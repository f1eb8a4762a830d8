"""Orders: WooCommerce's order JSON as an OrderSnapshot."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from longshore import ids
from longshore.contracts import OrderSnapshot, OrderStatus, discrepancies
from longshore.money import InvalidAmount
from longshore.platforms.events import snapshot_head
from longshore.platforms.protocols import RawRecord, Untranslatable
from longshore_connector_woo.translate.amounts import Amounts, Charge, Unit, read_amounts, unit_of
from longshore_connector_woo.translate.digest import sealed_order
from longshore_connector_woo.translate.reading import ZERO, Fields
from longshore_connector_woo.translate.refunds import Refund, contract_refunds, read_refunds, refunded_pieces
from longshore_connector_woo.translate.shipments import fulfillments
from longshore_connector_woo.translate.status import financial_status, fulfillment_status, order_status

_ROUNDING_TITLE = "Rounding"


def order_snapshot(record: RawRecord, body: dict[str, Any], refund_records: list[Any]) -> tuple[OrderSnapshot, bytes]:
    """The snapshot of an order, and its JSON. `refund_records` as `/orders/{id}/refunds` lists them, if read.

    Raises Untranslatable without an id, a currency and anything that tells its total; whatever else cannot be read is
    named in `problems`.
    """
    problems: list[str] = []
    order = Fields(body, problems)
    external_id, currency = _identity(order)
    order_id = ids.order_id(record.integration_id, external_id)
    items = order.objects("line_items")
    keys = _line_keys(items)
    quantities = [item.pieces("quantity") or 0 for item in items]
    amounts = read_amounts(order, currency, items, quantities)
    refunds = read_refunds(order, Fields({"refunds": refund_records}, problems, None, "fetched").objects("refunds"))
    try:
        unit = unit_of(currency, (*amounts.all(), *(each for refund in refunds for each in refund.amounts())))
    except InvalidAmount as error:
        raise Untranslatable(f"amounts: {error}") from None
    line_ids: dict[str, UUID] = {key: ids.line_id(order_id, key) for key in keys}
    created = order.moment("date_created_gmt")
    updated = order.updated(record) or record.received_at
    if not body.get("date_modified_gmt"):
        order.unreadable("date_modified_gmt")
    content = {
        **snapshot_head(record, external_id, updated),
        "number": order.text("number") or external_id,
        "currency": currency,
        "exponent": unit.exponent,
        "totals": _totals(amounts, refunds, unit),
        "taxes_included": False,
        "customer": _customer(order),
        "shipping_address": _address(order.object("shipping")),
        "billing_address": _address(order.object("billing")),
        "shipping_lines": [_shipping_line(each, unit) for each in amounts.shippings],
        "fee_lines": _fee_lines(amounts, unit),
        "discounts": _discounts(order, unit),
        "notes": _notes(order),
        "placed_at": created or updated,
        "problems": problems,
    }
    shipments = fulfillments(order, order_id, line_ids)
    content["fulfillments"] = shipments
    restocked = {key: _restocked(item) for key, item in zip(keys, items, strict=True)}
    content["refunds"] = contract_refunds(refunds, order_id, unit, line_ids, restocked)
    fulfilled = _states(order, content, amounts, refunds, quantities, shipments)
    back = refunded_pieces(refunds)
    # Cancelled after it was paid: the pieces were taken and put back, and no line says so any more.
    released = content["status"] is OrderStatus.CANCELLED and order.moment("date_paid_gmt") is not None
    rates = _tax_rates(order)
    content["lines"] = [
        _line(line, key, line_ids[key], quantity, unit, rates)
        | {
            "fulfilled_quantity": quantity if fulfilled is None else min(fulfilled.get(line_ids[key], 0), quantity),
            "refunded_quantity": back.get(key, 0),
            "restocked_quantity": restocked[key],
            "stock_taken": _taken(line.fields, released=released),
        }
        for line, key, quantity in zip(amounts.lines, keys, quantities, strict=True)
    ]
    snapshot: OrderSnapshot = OrderSnapshot.__pydantic_validator__.validate_python(content)
    snapshot.discrepancies = discrepancies(snapshot) + amounts.contradictions()
    snapshot.reconciled = not snapshot.discrepancies
    return snapshot, sealed_order(snapshot, detailed=any(each.detailed for each in refunds))


def _identity(order: Fields) -> tuple[str, str]:
    external_id = order.external_id("id")
    currency = (order.text("currency") or "").upper()
    missing = [
        name
        for name, there in (
            ("id", external_id),
            ("currency", currency.isalnum() and currency.isascii() and len(currency) <= 12),
            # Its parts tell what it costs, too.
            ("total", order.has_amount("total") or type(order.data.get("line_items")) in (list, dict)),
        )
        if not there
    ]
    if missing or external_id is None:
        raise Untranslatable(f"an order needs {', '.join(missing)}")
    return external_id, currency


def _line_keys(items: list[Fields]) -> list[str]:
    """Ids of the lines; a made-up one, in its place, for a line that has none or another's."""
    keys: list[str] = []
    for n, item in enumerate(items):
        key = item.external_id("id")
        if key is None or key in keys:
            item.unreadable("id")
            key = f"line-{n}"
        keys.append(key)
    return keys


def _totals(amounts: Amounts, refunds: list[Refund], unit: Unit) -> dict[str, Any]:
    discount = sum((line.discount for line in amounts.lines), ZERO)
    return {
        "subtotal": unit.money(sum((line.total for line in amounts.lines), discount)),
        "discount": unit.money(discount),
        "shipping": unit.money(amounts.shipping),
        "fees": unit.money(sum((fee.total for fee in amounts.fees), amounts.rounding)),
        "tip": unit.zero,
        "tax": unit.money(amounts.tax),
        "total": unit.money(amounts.total),
        "refunded": unit.money(sum((refund.amount for refund in refunds), ZERO)),
    }


def _states(
    order: Fields,
    content: dict[str, Any],
    amounts: Amounts,
    refunds: list[Refund],
    quantities: list[int],
    shipments: list[dict[str, Any]],
) -> dict[UUID, int] | None:
    """Fill in the order's statuses; answers how many pieces of each line are shipped, None for all."""
    word = order.text("status") or ""
    if not word:
        order.unreadable("status")
    paid = order.moment("date_paid_gmt") is not None
    status = order_status(word, paid=paid)
    fulfilled: dict[UUID, int] = {}
    for shipment in shipments:
        for line in shipment["lines"]:
            fulfilled[line["line_id"]] = fulfilled.get(line["line_id"], 0) + line["quantity"]
    shipped, ordered = sum(fulfilled.values()), sum(quantities)
    if status is OrderStatus.PROCESSING and 0 < shipped < ordered:
        status = OrderStatus.PARTIALLY_FULFILLED
    totals = content["totals"]
    content["status"] = status
    content["platform_status"] = word
    content["financial_status"] = financial_status(
        word, paid=paid, total=totals["total"].amount, refunded=totals["refunded"].amount
    )
    content["fulfillment_status"] = fulfillment_status(status, ordered=ordered, fulfilled=shipped)
    return None if status in (OrderStatus.FULFILLED, OrderStatus.DELIVERED) else fulfilled


def _line(
    line: Charge, key: str, line_id: UUID, quantity: int, unit: Unit, rates: dict[str, tuple[str, str | None]]
) -> dict[str, Any]:
    item = line.fields
    product, variation = item.external_id("product_id"), item.external_id("variation_id")
    before = line.total + line.discount
    return {
        "id": line_id,
        "external_id": key,
        "product_external_id": product,
        "variant_external_id": variation or product,
        "sku": item.sku(),
        "title": item.name("name") or "",
        "quantity": quantity,
        "unit_price": unit.rounded(before if quantity in (0, 1) else before / quantity),
        "discount": unit.money(line.discount),
        "total": unit.money(line.total),
        "tax": unit.money(line.tax),
        "taxes": _taxes(item, unit, rates),
    }


def _taxes(item: Fields, unit: Unit, rates: dict[str, tuple[str, str | None]]) -> list[dict[str, Any]]:
    found = []
    for tax in item.objects("taxes"):
        if tax.has_amount("total"):
            title, rate = rates.get(tax.text("id") or "", ("", None))
            found.append({"title": title, "rate": rate, "amount": unit.rounded(tax.amount("total"))})
    return found


def _tax_rates(order: Fields) -> dict[str, tuple[str, str | None]]:
    """Titles and rates (decimal fractions) of the order's taxes, by the id that its lines name."""
    found = {}
    for tax in order.objects("tax_lines"):
        percent = tax.number("rate_percent")
        rate = None if percent is None else _fraction(percent)
        found[tax.text("rate_id") or ""] = (tax.name("label") or tax.text("rate_code") or "", rate)
    return found


@lru_cache(maxsize=1024)
def _fraction(percent: Decimal) -> str:
    return format((percent / 100).normalize(), "f")


def _shipping_line(shipping: Charge, unit: Unit) -> dict[str, Any]:
    item = shipping.fields
    return {
        "external_id": item.external_id("id"),
        "title": item.name("method_title") or "",
        "code": item.text("method_id"),
        "discount": unit.zero,
        "total": unit.money(shipping.total),
        "tax": unit.money(shipping.tax),
    }


def _fee_lines(amounts: Amounts, unit: Unit) -> list[dict[str, Any]]:
    """The store's fees, and one without an id for what its rounding left over."""
    found: list[dict[str, Any]] = [
        {
            "external_id": fee.fields.external_id("id"),
            "title": fee.fields.name("name") or "",
            "total": unit.money(fee.total),
            "tax": unit.money(fee.tax),
        }
        for fee in amounts.fees
    ]
    if amounts.rounding or amounts.tax_rounding:
        found.append(
            {
                "title": _ROUNDING_TITLE,
                "total": unit.money(amounts.rounding),
                "tax": unit.money(amounts.tax_rounding),
            }
        )
    return found


def _discounts(order: Fields, unit: Unit) -> list[dict[str, Any]]:
    """Coupons. Their amounts are as the plugin left them, unrounded: for people."""
    return [
        {
            "code": coupon.name("code"),
            "title": coupon.text("discount_type"),
            "amount": unit.rounded(coupon.amount("discount")),
        }
        for coupon in order.objects("coupon_lines")
    ]


def _restocked(item: Fields) -> int:
    """Pieces of a line that refunds put back on the shelf: WooCommerce keeps count in the line's meta."""
    value = item.meta("_restock_refunded_items")
    return 0 if value is None else max(Fields({"value": value}, []).pieces("value") or 0, 0)


def _taken(item: Fields, *, released: bool) -> int | None:
    """Pieces that WooCommerce has taken out of its stock for a line, by the line's meta: it writes it when it takes
    them, counts it down when a refund restocks, and removes it when it gives all of them back.

    None where that is not known: `released` orders had taken some, perhaps, and say nothing of it.
    """
    value = item.meta("_reduced_stock")
    pieces = None if value is None else Fields({"value": value}, []).pieces("value")
    return max(pieces, 0) if pieces is not None else None if released else 0


def _customer(order: Fields) -> dict[str, Any] | None:
    billing = order.object("billing")
    first_name, last_name = billing.names(("first_name", "last_name"))
    found = {
        "external_id": order.external_id("customer_id"),
        "email": billing.text("email"),
        "first_name": first_name,
        "last_name": last_name,
        "phone": billing.text("phone"),
    }
    return found if any(found.values()) else None


_NAMES = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "address1": "address_1",
    "address2": "address_2",
    "city": "city",
}


def _address(address: Fields) -> dict[str, Any] | None:
    found = dict(zip(_NAMES, address.names(_NAMES.values()), strict=True))
    found["province_code"] = address.text("state")
    found["postal_code"] = address.text("postcode")
    found["country_code"] = address.text("country")
    found["phone"] = address.text("phone")
    return found if any(found.values()) else None


def _notes(order: Fields) -> list[dict[str, Any]]:
    text = order.name("customer_note")
    return [{"text": text, "author": "customer"}] if text is not None else []
