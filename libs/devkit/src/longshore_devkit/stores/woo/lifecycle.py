"""What follows from a status: stock taken and given back, dates, notes; and refunds."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from longshore_devkit.stores.woo.errors import RestError
from longshore_devkit.stores.woo.models import (
    PAID_STATUSES,
    STATUSES,
    FeeLine,
    LineItem,
    Meta,
    Order,
    Product,
    Refund,
    ShippingLine,
    TaxAmount,
    TaxLine,
)
from longshore_devkit.stores.woo.totals import ZERO

if TYPE_CHECKING:
    from longshore_devkit.stores.woo.shop import Shop

# Ways to pay whose provider pays back by itself; a bank transfer and cash do not.
PAYS_BACK = ("card",)
_TAKES_STOCK = ("on-hold", "processing", "completed")
# `failed` since WooCommerce 11.0 (measured: an order on hold whose payment fails). The trash keeps what was taken.
_RETURNS_STOCK = ("cancelled", "pending", "failed")


@dataclass
class RefundLine:
    """What to pay back of one item (line, shipping or fee) of the order; positive amounts without tax."""

    item_id: int
    quantity: int = 0
    total: Decimal = ZERO
    taxes: dict[int, Decimal] = field(default_factory=dict)


@dataclass
class RefundRequest:
    """A refund to make; without `amount` nothing is paid (measured: 201 with an empty amount)."""

    amount: Decimal | None = None
    reason: str = ""
    lines: list[RefundLine] = field(default_factory=list)
    restock: bool = True
    pay: bool = False


def needs_processing(shop: Shop, order: Order) -> bool:
    """Whether anything in it must be shipped."""
    products = [shop.products.get(line.variation_id or line.product_id) for line in order.lines]
    return any(product is not None and not product.virtual for product in products)


def after_creation(shop: Shop, order: Order, status: str, set_paid: bool) -> None:
    """Bring a new order to its first status; cash on delivery that is paid is done at once (measured)."""
    if set_paid:
        status = "processing" if needs_processing(shop, order) else "completed"
        if order.payment_method == "cod":
            status = "completed"
    if status != order.status:
        change_status(shop, order, status)


def change_status(shop: Shop, order: Order, status: str) -> None:
    """Move to `status` with stock, dates and a note; the caller saves."""
    before = order.status
    if before == status:
        return
    order.status = status
    now = shop.now()
    if status in PAID_STATUSES and order.paid is None:
        order.paid = now
        _mark_paying(shop, order)
    if status == "completed":
        order.completed = now
        order.completed_count += 1
    if status in _TAKES_STOCK:
        _take_stock(shop, order)
    elif status in _RETURNS_STOCK:
        _return_stock(shop, order)
    words = (STATUSES.get(before, before), STATUSES.get(status, status))
    shop.add_note(order, f"Order status changed from {words[0]} to {words[1]}.")
    if status == "refunded" and order.refunded < order.total:
        refund(shop, order, RefundRequest(order.total - order.refunded, "Order fully refunded."), quiet=True)


def _mark_paying(shop: Shop, order: Order) -> None:
    customer = shop.customers.get(order.customer_id)
    if customer is not None and not customer.paying:
        customer.paying = True
        customer.modified = shop.now()
        shop.emit("customer.updated", customer.id)


def _product(shop: Shop, line: LineItem) -> Product | None:
    product = shop.products.get(line.variation_id or line.product_id)
    return product if product is not None and product.manage_stock else None


def _taken(line: LineItem) -> int:
    return next((int(meta.value) for meta in line.meta if meta.key == "_reduced_stock"), 0)


def _take_stock(shop: Shop, order: Order) -> None:
    moves = []
    for line in order.lines:
        product = shop.products.get(line.variation_id or line.product_id)
        if product is None or _taken(line):
            continue
        product.total_sales += line.quantity
        if product.manage_stock:
            before, after = shop.move_stock(product, -line.quantity)
            shop.set_meta(line.meta, "_reduced_stock", str(line.quantity), shop.ids.item_meta)
            moves.append(f"{product.name} ({before}&rarr;{after})")
    if moves:
        shop.add_note(order, "Stock levels reduced: " + ", ".join(moves))


def _return_stock(shop: Shop, order: Order) -> None:
    moves = []
    for line in order.lines:
        taken, product = _taken(line), _product(shop, line)
        if not taken or product is None:
            continue
        before, after = shop.move_stock(product, taken)
        line.meta = [meta for meta in line.meta if meta.key != "_reduced_stock"]
        moves.append(f"{product.name} ({before}&rarr;{after})")
    if moves:
        shop.add_note(order, "Stock levels increased: " + ", ".join(moves))


def refund(shop: Shop, order: Order, request: RefundRequest, *, quiet: bool = False) -> Refund:
    """Make a refund; RestError 500 with `"data": 500` when more is asked for than is left (measured).

    Once everything is paid back, a further refund goes through with 0.00 (measured).
    """
    left = order.total - order.refunded
    amount = request.amount
    if amount is not None and (amount < 0 or amount > left):
        if left > 0 or amount < 0:
            raise RestError(500, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.", 500)
        amount = ZERO
    if request.pay and order.payment_method not in PAYS_BACK:
        message = "The payment gateway for this order does not support automatic refunds."
        raise RestError(500, "woocommerce_rest_cannot_create_order_refund", message, 500)
    full = amount is not None and amount == left
    record = Refund(next(shop.ids.post), order.id, amount, request.reason, shop.now(), full, paid=request.pay)
    for wanted in request.lines:
        _refund_item(shop, order, record, wanted)
    _sum_refund(shop, order, record)
    record.meta.append(Meta(next(shop.ids.meta), "_refund_type", "full" if full else "partial"))
    order.refunds.insert(0, record)
    shop.refunds[record.id] = record
    if request.restock:
        _restock(shop, order, request)
    if full and order.status != "refunded":
        change_status(shop, order, "refunded")
    if not quiet:
        shop.save_order(order)
    return record


def _refund_item(shop: Shop, order: Order, record: Refund, wanted: RefundLine) -> None:
    """Mirror one item of the order with negative amounts."""
    taxes = [TaxAmount(rate, -tax, -tax) for rate, tax in wanted.taxes.items()]
    meta = [Meta(next(shop.ids.item_meta), "_refunded_item_id", str(wanted.item_id))]
    item_id = next(shop.ids.item)
    for line in order.lines:
        if line.id == wanted.item_id:
            copy = LineItem(
                item_id, line.name, line.product_id, line.variation_id, -wanted.quantity, -wanted.total,
                -wanted.total, line.tax_class, line.taxable, line.parent_name, taxes, meta,
            )  # fmt: skip
            record.lines.append(copy)
    for ship in order.shipping_lines:
        if ship.id == wanted.item_id:
            record.shipping_lines.append(
                ShippingLine(item_id, ship.method_title, ship.method_id, -wanted.total, taxes=taxes, meta=meta)
            )
    for fee in order.fee_lines:
        if fee.id == wanted.item_id:
            record.fee_lines.append(
                FeeLine(item_id, fee.name, -wanted.total, fee.tax_class, fee.taxable, taxes=taxes, meta=meta)
            )


def _sum_refund(shop: Shop, order: Order, record: Refund) -> None:
    rates = {line.rate.id: line.rate for line in order.tax_lines}
    items: list[LineItem | FeeLine] = [*record.lines, *record.fee_lines]
    for rate_id, rate in rates.items():
        goods = [tax for item in items for tax in item.taxes]
        freight = [tax for item in record.shipping_lines for tax in item.taxes]
        on_goods = sum((tax.total for tax in goods if tax.rate_id == rate_id), ZERO)
        on_freight = sum((tax.total for tax in freight if tax.rate_id == rate_id), ZERO)
        if on_goods or on_freight:
            record.tax_lines.append(TaxLine(next(shop.ids.item), rate, on_goods, on_freight))
    record.total_tax = sum((line.tax_total + line.shipping_tax_total for line in record.tax_lines), ZERO)


def _restock(shop: Shop, order: Order, request: RefundRequest) -> None:
    wanted = {line.item_id: line.quantity for line in request.lines if line.quantity > 0}
    for line in order.lines:
        product = _product(shop, line)
        quantity = min(wanted.get(line.id, 0), _taken(line))
        if not quantity or product is None:
            continue
        before, after = shop.move_stock(product, quantity)
        shop.set_meta(line.meta, "_reduced_stock", str(_taken(line) - quantity), shop.ids.item_meta)
        returned = next((int(meta.value) for meta in line.meta if meta.key == "_restock_refunded_items"), 0)
        shop.set_meta(line.meta, "_restock_refunded_items", str(returned + quantity), shop.ids.item_meta)
        shop.add_note(order, f"Item #{product.id} stock increased from {before} to {after}.")
