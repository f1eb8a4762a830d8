"""Entities as the REST API and the webhooks show them: the field sets, types and padding of recorded answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from longshore_devkit.stores.woo.config import VERSION, symbol
from longshore_devkit.stores.woo.lifecycle import needs_processing
from longshore_devkit.stores.woo.models import (
    CouponLine,
    FeeLine,
    LineItem,
    Meta,
    Note,
    Order,
    Refund,
    ShippingLine,
    TaxAmount,
    TaxLine,
)
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.totals import ZERO, rounded

Json = dict[str, Any]
ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class View:
    """How to show: for which shop, under which origin (`http://host:port`), at how many decimals (None: the shop's)."""

    shop: Shop
    origin: str
    decimals: int | None = None
    edit: bool = False

    @property
    def dp(self) -> int:
        """Decimals of amounts."""
        return self.shop.config.decimals if self.decimals is None else self.decimals

    @property
    def api(self) -> str:
        """The root of wc/v3."""
        return f"{self.origin}/wp-json/wc/v3"

    def amount(self, value: Decimal) -> str:
        """A padded amount."""
        return f"{rounded(value, self.dp):.{self.dp}f}"

    def local(self, moment: datetime | None) -> str | None:
        """A time in the shop's zone, without saying so."""
        return None if moment is None else _naive(moment.astimezone(ZoneInfo(self.shop.config.timezone)))

    def gmt(self, moment: datetime | None) -> str | None:
        """The same in UTC, without saying so."""
        return None if moment is None else _naive(moment.astimezone(UTC))

    def links(self, path: str, *, allow: Sequence[str] = ALL, up: str | None = None) -> Json:
        """`_links` of an item of a collection."""
        links: Json = {
            "self": [{"href": f"{self.api}/{path}", "targetHints": {"allow": list(allow)}}],
            "collection": [{"href": f"{self.api}/{path.rsplit('/', 1)[0]}"}],
        }
        if up is not None:
            links["up"] = [{"href": f"{self.api}/{up}"}]
        return links


def php_json(value: Any) -> bytes:
    """JSON as PHP writes it: slashes and all but ASCII escaped, no spaces."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def trimmed(value: Decimal) -> str:
    """An amount without padding: "19.98", "3.8", "5"."""
    return f"{value.normalize():f}"


def unrounded(net: Decimal, quantity: int) -> float | int:
    """PHP's float division, as the line's `price` comes: 53.98 / 3 is 17.993333333333332, 10 / 1 is 10."""
    each = float(net) / (quantity or 1)
    return int(each) if each.is_integer() else each


def order(view: View, order: Order) -> Json:
    """An order."""
    shop = view.shop
    addresses = {"billing": dict(order.billing), "shipping": dict(order.shipping)}
    pay = f"{view.origin}/checkout/order-pay/{order.id}/?pay_for_order=true&key={order.order_key}"
    links = view.links(f"orders/{order.id}")
    links["email_templates"] = [{"embeddable": True, "href": f"{view.api}/orders/{order.id}/actions/email_templates"}]
    if order.customer_id:
        links["customer"] = [{"href": f"{view.api}/customers/{order.customer_id}"}]
    return {
        "id": order.id,
        "parent_id": 0,
        "status": order.status,
        "currency": order.currency,
        "version": VERSION,
        "prices_include_tax": order.prices_include_tax,
        "date_created": view.local(order.created),
        "date_modified": view.local(order.modified),
        "discount_total": view.amount(order.discount_total),
        "discount_tax": view.amount(order.discount_tax),
        "shipping_total": view.amount(order.shipping_total),
        "shipping_tax": view.amount(order.shipping_tax),
        "cart_tax": view.amount(order.cart_tax),
        "total": view.amount(order.total),
        "total_tax": view.amount(order.cart_tax + order.shipping_tax),
        "customer_id": order.customer_id,
        "order_key": order.order_key,
        **addresses,
        "payment_method": order.payment_method,
        "payment_method_title": order.payment_method_title,
        "transaction_id": order.transaction_id,
        "customer_ip_address": order.customer_ip_address,
        "customer_user_agent": order.customer_user_agent,
        "created_via": order.created_via,
        "customer_note": order.customer_note,
        "date_completed": view.local(order.completed),
        "date_paid": view.local(order.paid),
        "cart_hash": order.cart_hash,
        "number": str(order.id),
        "meta_data": meta(order.meta),
        "line_items": [_line(view, line) for line in order.lines],
        "tax_lines": [_tax_line(view, line) for line in order.tax_lines],
        "shipping_lines": [_shipping_line(view, line) for line in order.shipping_lines],
        "fee_lines": [_fee_line(view, line) for line in order.fee_lines],
        "coupon_lines": [_coupon_line(line) for line in order.coupon_lines],
        "refunds": [_refund_summary(view, entry) for entry in order.refunds],
        "payment_url": pay,
        "is_editable": order.status in ("pending", "on-hold", "auto-draft", "checkout-draft"),
        "needs_payment": order.status in ("pending", "failed") and order.total > 0,
        "needs_processing": needs_processing(shop, order),
        "date_created_gmt": view.gmt(order.created),
        "date_modified_gmt": view.gmt(order.modified),
        "date_completed_gmt": view.gmt(order.completed),
        "date_paid_gmt": view.gmt(order.paid),
        "currency_symbol": symbol(order.currency),
        "_links": links,
    }


def refund(view: View, record: Refund, *, with_parent: bool = False) -> Json:
    """A refund, as `orders/<id>/refunds` shows it."""
    path = f"orders/{record.order_id}/refunds/{record.id}"
    return {
        "id": record.id,
        **({"parent_id": record.order_id} if with_parent else {}),
        "date_created": view.local(record.created),
        "date_created_gmt": view.gmt(record.created),
        "amount": "" if record.amount is None else view.amount(record.amount),
        "reason": record.reason,
        "refunded_by": 1,
        "refunded_payment": record.paid,
        "meta_data": meta(record.meta),
        "line_items": [_line(view, line) for line in record.lines],
        "shipping_lines": [_shipping_line(view, line) for line in record.shipping_lines],
        "tax_lines": [_tax_line(view, line) for line in record.tax_lines],
        "fee_lines": [_fee_line(view, line) for line in record.fee_lines],
        "_links": view.links(path, allow=["GET", "DELETE"], up=f"orders/{record.order_id}"),
    }


def note(view: View, order_id: int, note: Note) -> Json:
    """A note on an order."""
    path = f"orders/{order_id}/notes/{note.id}"
    return {
        "id": note.id,
        "author": "WooCommerce",
        "date_created": view.local(note.created),
        "date_created_gmt": view.gmt(note.created),
        "note": note.text,
        "customer_note": note.customer_note,
        "_links": view.links(path, allow=["GET", "DELETE"], up=f"orders/{order_id}"),
    }


def meta(rows: Sequence[Meta]) -> list[Json]:
    """Metadata of an order, product or refund."""
    return [{"id": row.id, "key": row.key, "value": row.value} for row in rows]


def _naive(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _item_meta(rows: Sequence[Meta]) -> list[Json]:
    return [
        {
            "id": row.id,
            "key": row.key,
            "value": row.value,
            "display_key": row.key.capitalize() if not row.key.startswith("_") else row.key,
            "display_value": row.value,
        }
        for row in rows
    ]


def _taxes(view: View, taxes: Sequence[TaxAmount], *, with_subtotal: bool) -> list[Json]:
    return [
        {
            "id": tax.rate_id,
            "total": view.amount(tax.total),
            "subtotal": view.amount(tax.subtotal) if with_subtotal else "",
        }
        for tax in taxes
    ]


def _tax_sum(view: View, amounts: Sequence[Decimal]) -> str:
    """Taxes of an item: rounded at the shop's decimals first, then shown at those asked for."""
    rules = view.shop.rules
    return view.amount(sum((rules.tax(amount) for amount in amounts), ZERO))


def _line(view: View, line: LineItem) -> Json:
    product = view.shop.products.get(line.variation_id or line.product_id)
    no_image: int | str = 0 if product is None or line.variation_id else ""
    return {
        "id": line.id,
        "name": line.name,
        "product_id": line.product_id,
        "variation_id": line.variation_id,
        "quantity": line.quantity,
        "tax_class": line.tax_class,
        "subtotal": view.amount(line.subtotal),
        "subtotal_tax": _tax_sum(view, [tax.subtotal for tax in line.taxes]),
        "total": view.amount(line.total),
        "total_tax": _tax_sum(view, [tax.total for tax in line.taxes]),
        "taxes": _taxes(view, line.taxes, with_subtotal=True),
        "meta_data": _item_meta(line.meta),
        "sku": None if product is None else product.sku,
        "global_unique_id": None if product is None else "",
        "price": unrounded(line.total, line.quantity),
        "image": {"id": no_image, "src": ""},
        "parent_name": line.parent_name,
    }


def _tax_line(view: View, line: TaxLine) -> Json:
    percent = line.rate.percent
    return {
        "id": line.id,
        "rate_code": line.rate.code,
        "rate_id": line.rate.id,
        "label": line.rate.label,
        "compound": False,
        "tax_total": view.amount(line.tax_total),
        "shipping_tax_total": view.amount(line.shipping_tax_total),
        "rate_percent": int(percent) if percent == percent.to_integral_value() else float(percent),
        "meta_data": [],
    }


def _shipping_line(view: View, line: ShippingLine) -> Json:
    return {
        "id": line.id,
        "method_title": line.method_title,
        "method_id": line.method_id,
        "instance_id": line.instance_id,
        "total": view.amount(line.total),
        "total_tax": _tax_sum(view, [tax.total for tax in line.taxes]),
        "taxes": _taxes(view, line.taxes, with_subtotal=False),
        "tax_status": "taxable" if line.taxable else "none",
        "meta_data": _item_meta(line.meta),
    }


def _fee_line(view: View, line: FeeLine) -> Json:
    return {
        "id": line.id,
        "name": line.name,
        "tax_class": line.tax_class,
        "tax_status": "taxable" if line.taxable else "none",
        "amount": line.amount,
        "total": view.amount(line.total),
        "total_tax": _tax_sum(view, [tax.total for tax in line.taxes]),
        "taxes": _taxes(view, line.taxes, with_subtotal=False),
        "meta_data": _item_meta(line.meta),
    }


def _coupon_line(line: CouponLine) -> Json:
    nominal = trimmed(line.nominal)
    kind = "null" if line.kind == "fixed_cart" else f'"{line.kind}"'
    info = f'[{line.coupon_id},"{line.code}",{kind},{nominal}]'
    row = {"id": line.id + 100_000, "key": "coupon_info", "value": info, "display_key": "coupon_info"}
    return {
        "id": line.id,
        "code": line.code,
        "discount": trimmed(line.discount),
        "discount_tax": trimmed(line.discount_tax),
        "meta_data": [{**row, "display_value": info}],
        "discount_type": line.kind,
        "nominal_amount": unrounded(line.nominal, 1),
        "free_shipping": False,
    }


def _refund_summary(view: View, record: Refund) -> Json:
    return {
        "id": record.id,
        "reason": record.reason,
        "total": "-" + view.amount(record.amount or ZERO),
        "total_tax": view.amount(record.total_tax),
    }
