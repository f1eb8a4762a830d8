"""`orders`, their refunds and notes."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from longshore_devkit.stores.woo import render
from longshore_devkit.stores.woo.checkout import FeeDraft, LineDraft, OrderDraft, ShippingDraft
from longshore_devkit.stores.woo.errors import (
    Json,
    RestError,
    invalid_id,
    invalid_param,
    missing_param,
    not_in_enum,
)
from longshore_devkit.stores.woo.lifecycle import RefundLine, RefundRequest, after_creation, change_status
from longshore_devkit.stores.woo.models import (
    BILLING_FIELDS,
    SHIPPING_FIELDS,
    STATUSES,
    Order,
    Product,
)
from longshore_devkit.stores.woo.moments import in_time
from longshore_devkit.stores.woo.routing import Answer, Context, Router, run_batch

_ORDERBY = ["date", "id", "include", "title", "slug", "modified"]
_TRACKING_KEYS = ("_wc_shipment_tracking_items", "_tracking_number")
_LONE_AMPERSAND = re.compile(r"&(?!#?\w{1,30};)")
_TEXTS = ("payment_method", "payment_method_title", "transaction_id", "customer_note")


def routes(router: Router, root: str) -> None:
    """Register everything below `orders`."""
    router.add(f"{root}/orders", {"GET": ("list", list_orders), "POST": ("create", create)})
    router.add(f"{root}/orders/batch", {"PUT": ("batch", batch)})
    router.add(f"{root}/orders/statuses", {"GET": ("list", statuses)})
    router.add(
        f"{root}/orders/{{id:int}}",
        {"GET": ("view", get), "PUT": ("edit", update), "DELETE": ("delete", delete)},
    )
    refunds = {"GET": ("list", list_refunds), "POST": ("create", create_refund)}
    router.add(f"{root}/orders/{{id:int}}/refunds", refunds)
    router.add(f"{root}/orders/{{id:int}}/refunds/{{refund_id:int}}", {"GET": ("view", get_refund)})
    router.add(f"{root}/orders/{{id:int}}/notes", {"GET": ("list", list_notes), "POST": ("create", create_note)})
    router.add(f"{root}/refunds", {"GET": ("list", all_refunds)})


async def list_orders(context: Context) -> Answer:
    """Newest first unless asked otherwise; `any` leaves out the trash, also next to `trash` (measured)."""
    orders = [order for order in context.shop.orders.values() if _matches(context, order)]
    orderby = context.choice("orderby", "date", _ORDERBY)
    descending = context.choice("order", "desc", ["asc", "desc"]) == "desc"
    if orderby == "include":
        wanted = [int(text) for text in context.many("include") if text.isdigit()]
        orders.sort(key=lambda order: wanted.index(order.id) if order.id in wanted else len(wanted))
    else:
        orders.sort(key=lambda order: _sort_key(order, orderby), reverse=descending)
    return context.page(orders, lambda order: render.order(context.view, order), "orders", empty_total=True)


async def get(context: Context) -> Answer:
    """One order, also from the trash."""
    return Answer(render.order(context.view, _order(context)))


async def create(context: Context) -> Answer:
    """Place an order over the API."""
    order = context.shop.place_order(_draft(context))
    shown = render.order(context.view, order)
    return Answer(shown, 201, {"Location": f"{context.view.api}/orders/{order.id}"})


async def update(context: Context) -> Answer:
    """Change status, addresses, texts, metadata; an empty PUT is an update too (measured)."""
    order = _order(context, 400, "ID is invalid.")
    body, shop = context.body, context.shop
    status = body.get("status")
    if status is not None and status not in STATUSES:
        raise not_in_enum("status", ["auto-draft", *STATUSES])
    for name in _TEXTS:
        if name in body:
            setattr(order, name, str(body[name]))
    for name, fields in (("billing", BILLING_FIELDS), ("shipping", SHIPPING_FIELDS)):
        address: dict[str, str] = getattr(order, name)
        address.update({key: str(value) for key, value in (body.get(name) or {}).items() if key in fields})
    entries = body.get("meta_data") or []
    if any(entry.get("key") in _TRACKING_KEYS for entry in entries):
        order.tracking_writes += 1
    shop.write_meta(order.meta, entries)
    if status is not None:
        change_status(shop, order, status)
    if body.get("set_paid") is True and order.status in ("pending", "failed") and order.total > 0:
        # Elsewhere it has no effect (read in WooCommerce's code: needs_payment).
        after_creation(shop, order, order.status, set_paid=True)
    shop.save_order(order)
    return Answer(render.order(context.view, order))


async def delete(context: Context) -> Answer:
    """To the trash, or for good with `force`; answers the order as it was."""
    order = _order(context)
    shown = render.order(context.view, order)
    if context.force:
        context.shop.delete_order(order)
    elif order.status == "trash":
        raise RestError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
    else:
        context.shop.trash_order(order)
    return Answer(shown)


async def batch(context: Context) -> Answer:
    """Up to 100 changes at once."""
    return await run_batch(context, create, update, delete)


async def statuses(context: Context) -> Answer:
    """The shop's statuses."""
    return Answer([{"slug": slug, "name": name} for slug, name in STATUSES.items()])


async def list_refunds(context: Context) -> Answer:
    """Refunds of one order, newest first."""
    order = _parent(context)
    path = f"orders/{order.id}/refunds"
    return context.page(order.refunds, lambda refund: render.refund(context.view, refund), path)


async def all_refunds(context: Context) -> Answer:
    """Refunds of all orders, newest first; `include` names some."""
    include = context.many("include")
    refunds = [each for each in context.shop.refunds.values() if not include or str(each.id) in include]
    refunds.sort(key=lambda refund: refund.id, reverse=True)
    return context.page(refunds, lambda entry: render.refund(context.view, entry, with_parent=True), "refunds")


async def get_refund(context: Context) -> Answer:
    """One refund."""
    for refund in _parent(context).refunds:
        if refund.id == context.path["refund_id"]:
            return Answer(render.refund(context.view, refund))
    raise RestError(404, "woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.")


async def create_refund(context: Context) -> Answer:
    """Pay back an amount or lines; errors are HTTP 500 with `"data": 500` (measured)."""
    order = _parent(context)
    body, lines = context.body, [_refund_line(item) for item in context.body.get("line_items") or []]
    amount = body.get("amount")
    if amount is None and lines:
        # The store's own sum (read in RestApiParameterUtil).
        amount = sum((line.total + sum(line.taxes.values()) for line in lines), Decimal(0))
    request = RefundRequest(
        amount=None if amount in (None, "") else _decimal("amount", amount),
        reason=str(body.get("reason") or ""),
        lines=lines,
        # What is missing, or no boolean, is true.
        restock=body.get("api_restock") is not False,
        pay=body.get("api_refund") is not False,
    )
    refund = context.shop.refund_order(order, request)
    context.shop.write_meta(refund.meta, body.get("meta_data") or [])
    # The real Location holds the unexpanded pattern too (measured).
    location = f"{context.view.api}/orders/(?P<order_id>[\\d]+)/refunds/{refund.id}"
    return Answer(render.refund(context.view, refund), 201, {"Location": location})


async def list_notes(context: Context) -> Answer:
    """Notes, newest first; not paged."""
    order = _parent(context)
    kind = context.choice("type", "any", ["any", "customer", "internal"])
    notes = [note for note in order.notes if kind == "any" or note.customer_note == (kind == "customer")]
    notes.sort(key=lambda note: (-note.created.timestamp(), note.id))
    return Answer([render.note(context.view, order.id, note) for note in notes])


async def create_note(context: Context) -> Answer:
    """Write a note; a customer note is mailed."""
    order = _parent(context)
    if "note" not in context.body:
        raise missing_param("note")
    # As WordPress keeps texts (measured).
    text = _LONE_AMPERSAND.sub("&amp;", str(context.body["note"]))
    note = context.shop.add_note(order, text, _truthy(context.body.get("customer_note")))
    shown = render.note(context.view, order.id, note)
    return Answer(shown, 201, {"Location": f"{context.view.api}/orders/{order.id}/notes/{note.id}"})


def _order(context: Context, status: int = 404, message: str = "Invalid ID.") -> Order:
    order = context.shop.orders.get(context.id)
    if order is None:
        raise invalid_id("shop_order", status, message)
    return order


def _parent(context: Context) -> Order:
    order = context.shop.orders.get(context.id)
    if order is None:
        raise RestError(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.")
    return order


def _sort_key(order: Order, orderby: str) -> tuple[float, int]:
    if orderby == "modified":
        return order.modified.timestamp(), order.id
    if orderby == "date":
        return order.created.timestamp(), order.id
    return 0.0, order.id


def _matches(context: Context, order: Order) -> bool:
    wanted = context.many("status") or ["any"]
    for status in wanted:
        if status not in ("any", "trash", "auto-draft", *STATUSES):
            raise not_in_enum("status[0]", ["any", "trash", "auto-draft", *STATUSES])
    if order.status == "trash" if "any" in wanted else order.status not in wanted:
        return False
    include, exclude = context.many("include"), context.many("exclude")
    if (include and str(order.id) not in include) or str(order.id) in exclude:
        return False
    customer = context.integer("customer", None, 0)
    if customer is not None and order.customer_id != customer:
        return False
    search = context.query.get("search", "").lower()
    if search and search not in _searchable(order):
        return False
    return all(
        in_time(context, name, moment)
        for name, moment in (
            ("after", order.created),
            ("before", order.created),
            ("modified_after", order.modified),
            ("modified_before", order.modified),
        )
    )


def _searchable(order: Order) -> str:
    names = [line.name for line in order.lines]
    return " ".join([str(order.id), *order.billing.values(), *order.shipping.values(), *names]).lower()


def _draft(context: Context) -> OrderDraft:
    body = context.body
    status = str(body.get("status", "pending"))
    if status not in STATUSES:
        raise not_in_enum("status", ["auto-draft", *STATUSES])
    fees = [
        FeeDraft(
            str(fee.get("name", "")),
            _decimal("total", fee.get("total", "0")),
            fee.get("tax_status", "taxable") == "taxable",
            str(fee.get("tax_class", "")),
        )
        for fee in body.get("fee_lines") or []
    ]
    ships = [
        ShippingDraft(
            str(ship.get("method_id", "")),
            str(ship.get("method_title", "")),
            _decimal("total", ship.get("total", "0")),
            str(ship.get("instance_id", "")),
        )
        for ship in body.get("shipping_lines") or []
    ]
    return OrderDraft(
        lines=[_line_draft(context, item) for item in body.get("line_items") or []],
        shipping_lines=ships,
        fee_lines=fees,
        coupons=[str(coupon.get("code", "")) for coupon in body.get("coupon_lines") or []],
        status=status,
        set_paid=_truthy(body.get("set_paid")),
        customer_id=int(body.get("customer_id") or 0),
        billing=body.get("billing") or {},
        shipping=body.get("shipping") or {},
        currency=body.get("currency"),
        meta=body.get("meta_data") or [],
        **{name: str(body.get(name, "")) for name in _TEXTS},
    )


def _line_draft(context: Context, item: Json) -> LineDraft:
    product: Product | None = None
    product_id = item.get("variation_id") or item.get("product_id")
    if product_id:
        product = context.shop.products.get(int(product_id))
    elif item.get("sku"):
        product = context.shop.product_by_sku(str(item["sku"]))
    elif "name" not in item:
        raise RestError(400, "woocommerce_rest_required_product_reference", "Product ID or SKU is required.")
    return LineDraft(
        product,
        int(item.get("quantity", 1)),
        _decimal("subtotal", item["subtotal"]) if "subtotal" in item else None,
        _decimal("total", item["total"]) if "total" in item else None,
        item.get("name"),
    )


def _refund_line(item: Json) -> RefundLine:
    taxes = {int(tax["id"]): _decimal("refund_total", tax["refund_total"]) for tax in item.get("refund_tax") or []}
    total = _decimal("refund_total", item.get("refund_total", "0"))
    return RefundLine(int(item["id"]), int(item.get("quantity") or 0), total, taxes)


def _decimal(name: str, value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise invalid_param(name, f"{name} is not of type string.", "rest_invalid_type") from None


def _truthy(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1")
