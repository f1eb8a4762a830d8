"""Webhook bodies of orders, refunds and fulfilments, in REST shapes."""

from __future__ import annotations

from longshore_devkit.stores.shopify.model import (
    Discount,
    Fulfillment,
    Line,
    Order,
    Refund,
    RefundLine,
    Shipping,
    Tax,
    Transaction,
)
from longshore_devkit.stores.shopify.pricing import Totals, financial_status, fulfillment_status, tax_lines, totals
from longshore_devkit.stores.shopify.rest import (
    Json,
    MoneyWriter,
    address_payload,
    customer_payload,
    gid,
    stamp,
)


def order_payload(order: Order, domain: str) -> Json:
    """Body of orders/* topics."""
    money, sums = MoneyWriter(order.currency, order.presentment), totals(order)
    included = order.taxes_included
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "app_id": 580111,
        "browser_ip": None,
        "buyer_accepts_marketing": False,
        "cancel_reason": order.cancel_reason,
        "cancelled_at": stamp(order.cancelled_at),
        "cart_token": None,
        "checkout_id": order.id - 7,
        "checkout_token": order.token,
        "client_details": None,
        "closed_at": stamp(order.closed_at),
        "confirmation_number": order.token[:9].upper(),
        "confirmed": True,
        "contact_email": order.email,
        "created_at": stamp(order.created_at),
        "currency": order.currency,
        **_sums(order, sums, money),
        "customer_locale": "en",
        "device_id": None,
        "discount_codes": _discount_codes(order, money),
        "duties_included": False,
        "email": order.email,
        "estimated_taxes": False,
        "financial_status": financial_status(order),
        "fulfillment_status": fulfillment_status(order),
        "landing_site": None,
        "landing_site_ref": None,
        "location_id": None,
        "merchant_of_record_app_id": None,
        "name": order.name,
        "note": order.note,
        "note_attributes": [],
        "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": f"https://{domain}/orders/{order.token}/authenticate",
        "payment_gateway_names": ["bogus"],
        "phone": order.phone,
        "po_number": None,
        "presentment_currency": (order.presentment or (order.currency, 1))[0],
        "processed_at": stamp(order.created_at),
        "reference": None,
        "referring_site": None,
        "source_identifier": None,
        "source_name": "web",
        "source_url": None,
        "tags": ", ".join(order.tags),
        "tax_exempt": False,
        "tax_lines": [_tax(tax, money) for tax in tax_lines(order)],
        "taxes_included": included,
        "test": False,
        "token": order.token,
        "total_weight": sum(line.grams * line.quantity for line in order.lines),
        "updated_at": stamp(order.updated_at),
        "user_id": None,
        "billing_address": address_payload(order.billing_address),
        "customer": customer_payload(order.customer, order.currency),
        "discount_applications": [_application(discount, money) for discount in order.discounts],
        "fulfillments": [_fulfillment(order, done, money) for done in order.fulfillments],
        "line_items": [_line(line, money) for line in order.lines],
        "payment_terms": None,
        "refunds": [_refund(order, refund, money) for refund in order.refunds],
        "returns": [],
        "shipping_address": address_payload(order.shipping_address),
        "shipping_lines": [_shipping(line, money) for line in order.shipping],
    }


def refund_payload(order: Order, refund: Refund) -> Json:
    """Body of refunds/create: less than the order, which is to be fetched."""
    return _refund(order, refund, MoneyWriter(order.currency, order.presentment))


def fulfillment_payload(order: Order, fulfillment: Fulfillment) -> Json:
    """Body of fulfillments/*."""
    payload = _fulfillment(order, fulfillment, MoneyWriter(order.currency, order.presentment))
    return payload | {"email": order.email, "destination": address_payload(order.shipping_address)}


def order_edit_payload(order: Order, additions: list[tuple[int, int]], removals: list[tuple[int, int]]) -> Json:
    """Body of orders/edited: (line id, delta) pairs."""
    nothing: Json = {"additions": [], "removals": []}
    return {
        "order_edit": {
            "id": order.id + 13,
            "app_id": None,
            "committed_at": stamp(order.updated_at),
            "created_at": stamp(order.updated_at),
            "notify_customer": False,
            "order_id": order.id,
            "staff_note": "",
            "user_id": None,
            "discounts": {"line_item": nothing},
            "shipping_lines": nothing,
            "line_items": {
                "additions": [{"id": line_id, "delta": delta} for line_id, delta in additions],
                "removals": [{"id": line_id, "delta": delta} for line_id, delta in removals],
            },
        }
    }


def _sums(order: Order, sums: Totals, money: MoneyWriter) -> Json:
    named = {
        "current_subtotal_price": sums.current_subtotal,
        "current_total_discounts": sums.current_discounts,
        "current_total_price": sums.current_total,
        "current_total_tax": sums.current_tax,
        "subtotal_price": sums.subtotal,
        "total_discounts": sums.discounts,
        "total_line_items_price": sums.lines,
        "total_price": sums.total,
        "total_tax": sums.tax,
    }
    out: Json = {name: money.text(amount) for name, amount in named.items()}
    out |= {f"{name}_set": money.both(amount) for name, amount in named.items()}
    has_duties = any(line.duties for line in order.lines)
    return out | {
        "current_shipping_price_set": money.both(sums.current_shipping),
        "current_total_additional_fees_set": None,
        "current_total_duties_set": money.both(sums.current_duties) if has_duties else None,
        "original_total_additional_fees_set": None,
        "original_total_duties_set": money.both(sums.duties) if has_duties else None,
        "total_cash_rounding_payment_adjustment_set": money.both(0),
        "total_cash_rounding_refund_adjustment_set": money.both(0),
        "total_outstanding": money.text(sums.outstanding),
        "total_shipping_price_set": money.both(sums.shipping),
        "total_tip_received": money.text(sums.tip),
    }


def _line(line: Line, money: MoneyWriter) -> Json:
    return {
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current_quantity,
        "fulfillable_quantity": line.fulfillable,
        "fulfillment_service": "manual",
        "fulfillment_status": _line_status(line),
        "gift_card": False,
        "grams": line.grams,
        "name": line.name,
        "price": money.text(line.unit_price),
        "price_set": money.both(line.unit_price),
        "product_exists": line.product_id is not None,
        "product_id": line.product_id,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": line.requires_shipping,
        "sku": line.sku,
        "taxable": line.taxable,
        "title": line.title,
        "total_discount": money.text(0),
        "total_discount_set": money.both(0),
        "variant_id": line.variant_id,
        "variant_inventory_management": "shopify" if line.variant_id else None,
        "variant_title": line.variant_title,
        "vendor": line.vendor,
        "tax_lines": [_tax(tax, money) for tax in line.taxes],
        "duties": [
            {
                "id": str(duty.id),
                "harmonized_system_code": duty.harmonized_system_code,
                "country_code_of_origin": duty.country_code,
                **money.both(duty.amount),
                "tax_lines": [],
                "admin_graphql_api_id": gid("Duty", duty.id),
            }
            for duty in line.duties
        ],
        "discount_allocations": _allocations(line, money),
    }


def _line_status(line: Line) -> str | None:
    if not line.fulfilled:
        return None
    return "partial" if line.fulfillable else "fulfilled"


def _shipping(line: Shipping, money: MoneyWriter) -> Json:
    return {
        "id": line.id,
        "carrier_identifier": None,
        "code": line.code,
        "current_discounted_price_set": money.both(line.net - line.refunded),
        "discounted_price": money.text(line.net),
        "discounted_price_set": money.both(line.net),
        "is_removed": False,
        "phone": None,
        "price": money.text(line.price),
        "price_set": money.both(line.price),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": line.title,
        "tax_lines": [_tax(tax, money) for tax in line.taxes],
        "discount_allocations": _allocations(line, money),
    }


def _allocations(line: Line | Shipping, money: MoneyWriter) -> list[Json]:
    return [
        {"amount": money.text(amount), "amount_set": money.both(amount), "discount_application_index": index}
        for index, amount in line.allocations
    ]


def _tax(tax: Tax, money: MoneyWriter) -> Json:
    return {
        "channel_liable": False,
        "price": money.text(tax.amount),
        "price_set": money.both(tax.amount),
        "rate": tax.rate_ppm / 1_000_000,
        "title": tax.title,
    }


def _application(discount: Discount, money: MoneyWriter) -> Json:
    value = f"{discount.value}.0" if discount.value_type == "percentage" else money.text(discount.value)
    out: Json = {
        "target_type": discount.target_type,
        "type": discount.kind,
        "value": value,
        "value_type": discount.value_type,
        "allocation_method": discount.allocation_method,
        "target_selection": discount.target_selection,
    }
    if discount.kind == "discount_code":
        return out | {"code": discount.title}
    return out | {"title": discount.title} | ({"description": None} if discount.kind == "manual" else {})


def _discount_codes(order: Order, money: MoneyWriter) -> list[Json]:
    codes = []
    for index, discount in enumerate(order.discounts):
        if discount.kind == "discount_code":
            targets: list[Line | Shipping] = [*order.lines, *order.shipping]
            given = sum(part for target in targets for i, part in target.allocations if i == index)
            kind = "shipping" if discount.target_type == "shipping_line" else discount.value_type
            codes.append({"code": discount.title, "amount": money.text(given), "type": kind})
    return codes


def _refund(order: Order, refund: Refund, money: MoneyWriter) -> Json:
    return {
        "id": refund.id,
        "admin_graphql_api_id": gid("Refund", refund.id),
        "created_at": stamp(refund.created_at),
        "note": refund.note,
        "order_id": order.id,
        "processed_at": stamp(refund.created_at),
        "restock": any(line.restock_type != "no_restock" for line in refund.lines),
        "return": None,
        "total_additional_fees_set": money.both(0),
        "total_duties_set": money.both(refund.duties),
        "user_id": None,
        "order_adjustments": _adjustments(order, refund, money),
        "transactions": [_transaction(order, each, money) for each in refund.transactions],
        "refund_line_items": [_refund_line(line, money) for line in refund.lines],
        "refund_shipping_lines": [],
        "duties": _refunded_duties(refund, money),
    }


def _refunded_duties(refund: Refund, money: MoneyWriter) -> list[Json]:
    return [{"duty_id": duty_id, "amount_set": money.both(amount)} for duty_id, amount in refund.duty_parts]


def _adjustments(order: Order, refund: Refund, money: MoneyWriter) -> list[Json]:
    parts = [
        ("shipping_refund", "Shipping refund", refund.shipping, refund.shipping_tax),
        ("refund_discrepancy", "Refund discrepancy", refund.adjustment, 0),
    ]
    return [
        {
            "id": refund.id + offset,
            "order_id": order.id,
            "refund_id": refund.id,
            "kind": kind,
            "reason": reason,
            "amount": money.text(-amount),
            "amount_set": money.both(-amount),
            "tax_amount": money.text(-tax),
            "tax_amount_set": money.both(-tax),
        }
        for offset, (kind, reason, amount, tax) in enumerate(parts)
        if amount or tax
    ]


def _refund_line(line: RefundLine, money: MoneyWriter) -> Json:
    return {
        "id": line.id,
        "line_item_id": line.line.id,
        "location_id": line.location_id,
        "quantity": line.quantity,
        "restock_type": line.restock_type,
        "subtotal": float(money.text(line.subtotal)),
        "subtotal_set": money.both(line.subtotal),
        "total_tax": float(money.text(line.tax)),
        "total_tax_set": money.both(line.tax),
        "line_item": _line(line.line, money),
    }


def _transaction(order: Order, transaction: Transaction, money: MoneyWriter) -> Json:
    return {
        "id": transaction.id,
        "admin_graphql_api_id": gid("OrderTransaction", transaction.id),
        "amount": money.text(transaction.amount),
        "authorization": None,
        "created_at": stamp(transaction.created_at),
        "currency": order.currency,
        "device_id": None,
        "error_code": None,
        "gateway": transaction.gateway,
        "kind": transaction.kind,
        "location_id": None,
        "message": "Bogus Gateway: Forced success",
        "order_id": order.id,
        "parent_id": transaction.parent_id,
        "payment_id": f"{order.name}.{len(order.transactions)}",
        "processed_at": stamp(transaction.created_at),
        "receipt": {},
        "source_name": "web",
        "status": "success",
        "test": False,
        "user_id": None,
    }


def _fulfillment(order: Order, fulfillment: Fulfillment, money: MoneyWriter) -> Json:
    numbers, urls = fulfillment.tracking_numbers, fulfillment.tracking_urls
    return {
        "id": fulfillment.id,
        "admin_graphql_api_id": gid("Fulfillment", fulfillment.id),
        "created_at": stamp(fulfillment.created_at),
        "location_id": fulfillment.location_id,
        "name": fulfillment.name,
        "order_id": order.id,
        "origin_address": {},
        "receipt": {},
        "service": "manual",
        "shipment_status": None,
        "status": fulfillment.status,
        "tracking_company": fulfillment.tracking_company,
        "tracking_number": numbers[0] if numbers else None,
        "tracking_numbers": numbers,
        "tracking_url": urls[0] if urls else None,
        "tracking_urls": urls,
        "updated_at": stamp(fulfillment.updated_at or fulfillment.created_at),
        "line_items": [_line(line, money) | {"quantity": quantity} for _, line, quantity in fulfillment.lines],
    }
