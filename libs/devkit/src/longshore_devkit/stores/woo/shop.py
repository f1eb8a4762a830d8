"""The state of a simulated shop, and what can happen in it."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from longshore.clock import Clock, utc_now
from longshore_devkit.stores.woo import catalogue, checkout, lifecycle
from longshore_devkit.stores.woo.config import WooConfig
from longshore_devkit.stores.woo.models import (
    Coupon,
    Customer,
    LineItem,
    Meta,
    Note,
    Order,
    Product,
    Refund,
    Webhook,
)
from longshore_devkit.stores.woo.totals import Rules


@dataclass
class StockWrite:
    """A stock level that came in over the REST API; `at` is Unix time."""

    sku: str
    quantity: int
    previous: int | None
    at: float


@dataclass
class Ids:
    """Number ranges as in WordPress: orders, refunds, products and coupons share one."""

    post: Iterator[int] = field(default_factory=lambda: itertools.count(14))
    item: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    meta: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    item_meta: Iterator[int] = field(default_factory=lambda: itertools.count(21))
    note: Iterator[int] = field(default_factory=lambda: itertools.count(2))
    customer: Iterator[int] = field(default_factory=lambda: itertools.count(2))
    webhook: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    fulfillment: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Shop:
    """Products, orders, customers and subscriptions of one shop.

    `on_event` hears of every change by webhook topic and id; it decides what is delivered. `before_batch` is called
    once a batch of changes has come and none is done.

    Times are aware UTC cut to whole seconds, as in the shop's database.
    """

    def __init__(self, config: WooConfig, now: Clock = utc_now) -> None:
        self.config = config
        self.rng = random.Random(config.seed)
        self.ids = Ids()
        self.rules = Rules(config.tax_rates, config.decimals, config.prices_include_tax)
        self.products: dict[int, Product] = {}
        self.by_sku: dict[str, int] = {}
        self.orders: dict[int, Order] = {}
        self.refunds: dict[int, Refund] = {}
        self.customers: dict[int, Customer] = {}
        self.coupons: dict[int, Coupon] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.stock_writes: list[StockWrite] = []
        self.api_calls: Counter[str] = Counter()
        self.turned_away = 0
        self.webhook_owner_may_read = True
        self.on_event: Callable[[str, int], None] = _ignore
        self.before_batch: Callable[[], None] = _nothing
        self._now = now
        catalogue.fill(self)

    def now(self) -> datetime:
        """Now, in whole seconds."""
        return self._now().replace(microsecond=0)

    def emit(self, topic: str, resource_id: int) -> None:
        """Something happened that a webhook may be for."""
        self.on_event(topic, resource_id)

    # Products and stock

    def product_by_sku(self, sku: str) -> Product | None:
        """The product or variation with this SKU."""
        product_id = self.by_sku.get(sku)
        return None if product_id is None else self.products.get(product_id)

    def add_product(self, product: Product) -> Product:
        """Put a product on sale."""
        self.products[product.id] = product
        if product.sku:
            self.by_sku[product.sku] = product.id
        if product.parent_id:
            self.products[product.parent_id].variations.append(product.id)
        self.emit("product.created", product.id)
        if product.status == "publish":
            self.emit("product.published", product.id)
        return product

    def save_product(self, product: Product) -> None:
        """Note that a product was written."""
        product.modified = self.now()
        self.emit("product.updated", product.id)

    def set_stock(self, product: Product, quantity: int) -> None:
        """Set a level as the shop's staff does."""
        product.manage_stock = True
        self.note_stock(product, quantity)
        self.save_product(product)

    def note_stock(self, product: Product, quantity: int, *, by_api: bool = False) -> None:
        """Set a level without saving; `by_api` puts it on record as a write of an integration."""
        if by_api:
            self.stock_writes.append(StockWrite(product.sku, quantity, product.stock, time.time()))
        product.stock = quantity
        _show_stock(product)

    def move_stock(self, product: Product, delta: int) -> tuple[int, int]:
        """Take or return goods; (before, after). Levels may fall below zero."""
        before = product.stock or 0
        product.stock = before + delta
        _show_stock(product)
        self.save_product(product)
        return before, product.stock

    def sellable(self, product: Product, quantity: int) -> bool:
        """Whether a checkout would let this through."""
        if product.status != "publish" or product.kind == "variable":
            return False
        return not product.manage_stock or product.backorders != "no" or (product.stock or 0) >= quantity

    def trash_product(self, product: Product) -> None:
        """Move to the trash: the shop tells both product and coupon subscribers (measured)."""
        product.status = "trash"
        product.modified = self.now()
        self.emit("coupon.deleted", product.id)
        self.emit("product.deleted", product.id)

    def delete_product(self, product: Product) -> None:
        """Delete for good, in silence; order lines forget the product."""
        for child in [self.products[child_id] for child_id in product.variations if child_id in self.products]:
            self.delete_product(child)
        self.products.pop(product.id, None)
        if self.by_sku.get(product.sku) == product.id:
            del self.by_sku[product.sku]
        if product.parent_id in self.products:
            self.products[product.parent_id].variations.remove(product.id)
        for order in self.orders.values():
            for line in order.lines:
                _forget_product(line, product)

    # Orders

    def place_order(self, draft: checkout.OrderDraft) -> Order:
        """Create an order: `order.created` and `order.updated`, stock taken if it is paid or on hold."""
        order = checkout.build(self, draft)
        self.orders[order.id] = order
        self.emit("order.created", order.id)
        self.emit("order.updated", order.id)
        lifecycle.after_creation(self, order, draft.status, draft.set_paid)
        return order

    def save_order(self, order: Order) -> None:
        """Note that an order was written, even if nothing changed (measured: a no-op PUT is an update)."""
        order.modified = self.now()
        self.emit("order.updated", order.id)

    def set_status(self, order: Order, status: str) -> None:
        """Change the status with all that follows from it, and save."""
        lifecycle.change_status(self, order, status)
        self.save_order(order)

    def refund_order(self, order: Order, request: lifecycle.RefundRequest) -> Refund:
        """Pay back; RestError (500) when it is more than what is left."""
        return lifecycle.refund(self, order, request)

    def trash_order(self, order: Order) -> None:
        """Move to the trash: only `order.deleted` is sent."""
        now = self.now()
        self.set_meta(order.meta, "_wp_trash_meta_status", f"wc-{order.status}")
        self.set_meta(order.meta, "_wp_trash_meta_time", str(int(now.timestamp())))
        order.status = "trash"
        order.modified = now
        self.emit("order.deleted", order.id)

    def restore_order(self, order: Order) -> None:
        """Bring back from the trash as the shop's staff does: `order.restored`, unlike a PUT of the status."""
        kept = next((meta.value for meta in order.meta if meta.key == "_wp_trash_meta_status"), "wc-pending")
        order.meta = [meta for meta in order.meta if not meta.key.startswith("_wp_trash_meta_")]
        order.status = str(kept).removeprefix("wc-")
        order.modified = self.now()
        self.emit("order.restored", order.id)

    def delete_order(self, order: Order) -> None:
        """Delete for good, in silence (measured)."""
        self.orders.pop(order.id, None)
        for refund in order.refunds:
            self.refunds.pop(refund.id, None)

    def add_note(self, order: Order, text: str, customer_note: bool = False) -> Note:
        """Write a note: sends nothing and leaves `modified` alone (measured)."""
        note = Note(next(self.ids.note), text, customer_note, self.now())
        order.notes.append(note)
        return note

    # Metadata

    def set_meta(self, rows: list[Meta], key: str, value: Any, ids: Iterator[int] | None = None) -> None:
        """Write one value under a key: the first row of that key is replaced, others of it go."""
        found = [meta for meta in rows if meta.key == key]
        if not found:
            rows.append(Meta(next(ids or self.ids.meta), key, value))
            return
        found[0].value = value
        rows[:] = [meta for meta in rows if meta.key != key or meta is found[0]]

    def write_meta(self, rows: list[Meta], entries: Iterable[dict[str, Any]]) -> None:
        """Apply `meta_data` of a request: by id, else by key; a null value deletes."""
        for entry in entries:
            meta_id, key, value = entry.get("id"), str(entry.get("key", "")), entry.get("value")
            if meta_id:
                for meta in rows:
                    if meta.id == meta_id:
                        meta.key, meta.value = key or meta.key, value
            elif key:
                self.set_meta(rows, key, value)
        rows[:] = [meta for meta in rows if meta.value is not None]

    def price(self, product: Product) -> Decimal:
        """The price as the shop enters it, with or without tax by its setting."""
        return Decimal(product.current_price or "0")


def _nothing() -> None:
    pass


def _ignore(topic: str, resource_id: int) -> None:
    del topic, resource_id


def _show_stock(product: Product) -> None:
    if (product.stock or 0) > 0:
        product.stock_status = "instock"
    else:
        product.stock_status = "outofstock" if product.backorders == "no" else "onbackorder"


def _forget_product(line: LineItem, product: Product) -> None:
    if product.id in (line.product_id, line.variation_id):
        line.product_id = line.variation_id = 0
