"""One simulated shop: its state, and everything that can happen in it. Each change sends its webhooks."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from longshore_devkit.stores.common import Faults
from longshore_devkit.stores.shopify import rest, rest_orders
from longshore_devkit.stores.shopify.after_sales import AfterSales, ShopError
from longshore_devkit.stores.shopify.buyers import Buyers, Habits
from longshore_devkit.stores.shopify.catalogue import Ids, make_locations, make_products
from longshore_devkit.stores.shopify.grants import Grants
from longshore_devkit.stores.shopify.jobs import Jobs
from longshore_devkit.stores.shopify.model import (
    Fulfillment,
    FulfillmentOrder,
    Level,
    Line,
    Order,
    Product,
    Refund,
    Transaction,
    Variant,
)
from longshore_devkit.stores.shopify.money import exponent
from longshore_devkit.stores.shopify.pricing import financial_status, fulfillment_status, totals
from longshore_devkit.stores.shopify.stock import (
    Stock,
    drop_from_fulfillment_orders,
    open_fulfillment_orders,
)
from longshore_devkit.stores.shopify.webhooks import Webhooks

__all__ = ["API_VERSION", "RATES", "Shop", "ShopConfig", "ShopError"]

API_VERSION = "2026-07"

RATES = {"standard": 100, "advanced": 200, "plus": 1000, "enterprise": 2000}
"""Points restored per second, by plan; the bucket holds twenty times as much."""


@dataclass(frozen=True)
class ShopConfig:
    """How a shop starts out. `scopes` None grants everything; `retry_scale` shrinks the 4 h of webhook retries."""

    domain: str = "demo-shop.myshopify.com"
    access_token: str = "shpat_simulated"
    api_secret: str = "shpss_simulated"
    client_id: str = "simulated-client-id"
    scopes: frozenset[str] | None = None
    products: int = 50
    seed: int = 1
    plan: str = "standard"
    currency: str = "USD"
    taxes_included: bool | None = None
    sku_prefix: str = "LS-"
    stock: int = 100
    locations: int = 1
    retry_scale: float = 1.0
    delivery_timeout_s: float = 5.0
    habits: Habits | None = None


class Shop(AfterSales):
    """State and actions. Ids are integers; amounts minor units of the shop's currency; `now` gives aware UTC."""

    def __init__(
        self, config: ShopConfig, faults: Faults | None = None, now: Callable[[], datetime] | None = None
    ) -> None:
        if config.plan not in RATES:
            raise ShopError(f"unknown plan {config.plan!r}; known: {', '.join(RATES)}")
        self.config = config
        self._clock = now or (lambda: datetime.now(UTC))
        self.rng = random.Random(f"{config.domain}/{config.seed}")
        self.ids = Ids(config.domain, int(self._clock().timestamp()))
        self.locations = make_locations(self.ids, config.locations)
        made = make_products(
            self.ids,
            self.rng,
            self.now(),
            self.locations,
            count=config.products,
            sku_prefix=config.sku_prefix,
            stock=config.stock,
            places=exponent(config.currency),
        )
        self.products: dict[int, Product] = {product.id: product for product in made}
        self.orders: dict[int, Order] = {}
        self.fulfillment_orders: dict[int, tuple[Order, FulfillmentOrder]] = {}
        self.fulfillments: dict[int, tuple[Order, Fulfillment]] = {}
        self.refunds: dict[int, tuple[Order, Refund]] = {}
        # Of a return no more is known than its order.
        self.returns: dict[int, Order] = {}
        self.stock = Stock(self.products, self.now, self._stock_changed)
        self.buyers = Buyers(
            self.rng,
            self.ids,
            currency=config.currency,
            taxes_included=config.taxes_included,
            habits=config.habits,
        )
        self.webhooks = Webhooks(
            config.domain,
            config.api_secret,
            faults or Faults(),
            random.Random(f"{config.domain}/{config.seed}/webhooks"),
            self._clock,
            api_version=API_VERSION,
            time_scale=config.retry_scale,
            timeout_s=config.delivery_timeout_s,
        )
        self.grants = Grants(config, self._clock)
        self.jobs = Jobs(self.ids)
        self.installed = True
        self._number = 1000

    @property
    def id(self) -> int:
        """The shop's own id."""
        return 10_000_000_000 + zlib.crc32(self.config.domain.encode())

    def now(self) -> datetime:
        """The time, to the second: all that Shopify's updated-at tells."""
        return self._clock().astimezone(UTC).replace(microsecond=0)

    @property
    def variants(self) -> list[Variant]:
        """All variants in the order of their products."""
        return [variant for product in self.products.values() for variant in product.variants]

    def variant_by_sku(self, sku: str) -> Variant:
        """ShopError when no variant has the SKU."""
        for variant in self.variants:
            if variant.sku == sku:
                return variant
        raise ShopError(f"no variant with SKU {sku!r}")

    def variant_by_item(self, inventory_item_id: int) -> Variant | None:
        """The variant of an inventory item."""
        return next((v for v in self.variants if v.inventory_item_id == inventory_item_id), None)

    def order(self, order_id: int) -> Order:
        """ShopError when there is none."""
        if order_id not in self.orders:
            raise ShopError(f"no order {order_id}")
        return self.orders[order_id]

    def place_order(self, items: Sequence[tuple[str, int]] | None = None, *, plain: bool = False) -> Order:
        """A buyer orders (SKU, quantity) pairs, or something random; stock is taken even where there is none."""
        if not self.products:
            raise ShopError("the shop sells nothing")
        if items is None:
            chosen = self.buyers.draw_items(self.variants)
        else:
            chosen = [(self.variant_by_sku(sku), quantity) for sku, quantity in items]
        if any(quantity < 1 for _, quantity in chosen):
            raise ShopError("a quantity must be at least 1")
        now, event = self.now(), self.webhooks.event_id()
        self._number += 1
        order, paid = self.buyers.order(
            chosen, self.products, self._routing([v for v, _ in chosen]), now, self._number, plain=plain
        )
        if paid:
            order.transactions.append(Transaction(self.ids.next("transaction"), "sale", totals(order).total, now))
        self.orders[order.id] = order
        self._open_fulfillment_orders(order, order.lines)
        for line in order.lines:
            self.stock.commit(line, line.quantity, event)
        self._send_order(order, ["create", *(["paid"] if paid else []), "updated"], event)
        return order

    def refund(self, order_id: int, *, full: bool = False, restock: bool = True) -> Refund:
        """Give back one unit of a random line, or all that is left with shipping, duties and tip.

        An order that is not paid loses the goods without a transaction.
        """
        order = self.order(order_id)
        left = [line for line in order.lines if line.current_quantity > 0]
        if not left:
            raise ShopError("nothing left to refund")
        wanted = [(line, line.current_quantity) for line in left] if full else [(self.rng.choice(left), 1)]
        event = self.webhooks.event_id()
        refund = self._give_back(order, wanted, everything=full, restock=restock, event=event)
        self._touch(order)
        self._publish("refunds/create", lambda: rest_orders.refund_payload(order, refund), event)
        self._send_order(order, ["updated"], event)
        return refund

    def cancel(self, order_id: int, *, reason: str = "customer", restock: bool = True, refund: bool = True) -> Order:
        """Cancel an order that has not shipped; paid ones are refunded when asked."""
        order = self.must_be_cancellable(order_id)
        event, now = self.webhooks.event_id(), self.now()
        order.cancelled_at = order.closed_at = now
        order.cancel_reason = reason
        made = None
        left = [(line, line.current_quantity) for line in order.lines if line.current_quantity > 0]
        if refund and order.transactions and left:
            made = self._give_back(order, left, everything=True, restock=restock, event=event)
        else:
            for line, quantity in left:
                line.removed += quantity
                self._release(order, line, quantity, restock, event)
        self._touch(order)
        if made is not None:
            refund_made = made
            self._publish("refunds/create", lambda: rest_orders.refund_payload(order, refund_made), event)
        self._send_order(order, ["cancelled", "updated"], event)
        return order

    def must_be_cancellable(self, order_id: int) -> Order:
        """The order. ShopError when it is cancelled, or has shipped."""
        order = self.order(order_id)
        if order.cancelled_at is not None:
            raise ShopError("the order is already cancelled")
        if any(line.fulfilled for line in order.lines):
            raise ShopError("the order has fulfillments")
        return order

    def mark_paid(self, order: Order) -> None:
        """The merchant was paid what is outstanding, outside of the shop."""
        due = totals(order).outstanding
        if order.cancelled_at is not None or financial_status(order) not in {"pending", "partially_paid"}:
            raise ShopError("Order cannot be marked as paid.")
        transaction = Transaction(self.ids.next("transaction"), "sale", due, self.now(), gateway="manual")
        order.transactions.append(transaction)
        if fulfillment_status(order) == "fulfilled":
            order.closed_at = self.now()
        self._touch(order)
        self._send_order(order, ["paid", "updated"], self.webhooks.event_id())

    def edit(self, order_id: int) -> Order:
        """A merchant's edit: a unit is removed where a line has several, else another article is added and paid."""
        order = self.order(order_id)
        if order.cancelled_at is not None:
            raise ShopError("the order is cancelled")
        event = self.webhooks.event_id()
        several = [line for line in order.lines if line.fulfillable > 1]
        additions: list[tuple[int, int]] = []
        removals: list[tuple[int, int]] = []
        if several:
            line = several[0]
            line.removed += 1
            self._release(order, line, 1, restock=True, event=event)
            removals.append((line.id, 1))
        else:
            variant = self.rng.choice(self.variants)
            line = self.buyers.added_line(order, variant, self.products, self._routing([variant]))
            order.lines.append(line)
            self._open_fulfillment_orders(order, [line])
            self.stock.commit(line, 1, event)
            additions.append((line.id, 1))
            order.closed_at = None
            due = totals(order).outstanding
            if order.transactions and due > 0:
                order.transactions.append(Transaction(self.ids.next("transaction"), "sale", due, self.now()))
        order.edited = True
        self._touch(order)
        self._publish("orders/edited", lambda: rest_orders.order_edit_payload(order, additions, removals), event)
        self._send_order(order, ["updated"], event)
        return order

    def annotate(self, order: Order, *, note: str | None, tags: list[str]) -> None:
        """Change an order's note and tags."""
        order.note, order.tags = note, list(tags)
        self._touch(order)
        self._send_order(order, ["updated"], self.webhooks.event_id())

    def set_quantity(
        self, variant: Variant, location_id: int, quantity: int, *, name: str = "available", event: str = ""
    ) -> int:
        """Set available or on-hand stock; returns the change. Nothing is sent when nothing changes."""
        return self.stock.set_quantity(variant, location_id, quantity, name, event or self.webhooks.event_id())

    def activate(self, variant: Variant, location_id: int, available: int) -> None:
        """Begin to stock an item at a location."""
        level = variant.levels[location_id] = Level(available, 0, self.now())
        event = self.webhooks.event_id()
        self._publish(
            "inventory_levels/connect", lambda: rest.inventory_level_payload(variant, location_id, level), event
        )
        self._stock_changed(variant, location_id, level, event)

    def disconnect(self, variant: Variant, location_id: int) -> None:
        """Stop stocking an item at a location."""
        level = variant.levels.pop(location_id)
        told = {"inventory_item_id": variant.inventory_item_id, "location_id": location_id, "available": None}
        level.updated_at = self.now()
        self._publish("inventory_levels/disconnect", lambda: told, self.webhooks.event_id())

    def set_location(self, location_id: int, *, active: bool) -> None:
        """Close a location, or open it again. No word of what lies there is sent."""
        location = next(place for place in self.locations if place.id == location_id)
        location.active = active
        topic = "locations/activate" if active else "locations/deactivate"
        self._publish(
            topic, lambda: {"id": location.id, "name": location.name, "active": active}, self.webhooks.event_id()
        )

    def delete_customer(self, customer_id: int) -> None:
        """Delete a customer; orders keep their buyer."""
        customer = next(each for each in self.buyers.customers if each.id == customer_id)
        self.buyers.customers.remove(customer)
        told = {"id": customer.id, "admin_graphql_api_id": rest.gid("Customer", customer.id)}
        self._publish("customers/delete", lambda: told, self.webhooks.event_id())

    def uninstall(self) -> None:
        """The merchant removes the app: one last webhook, then no subscriptions and a dead token."""
        payload = {"id": self.id, "domain": self.config.domain, "myshopify_domain": self.config.domain}
        self._publish("app/uninstalled", lambda: payload, self.webhooks.event_id())
        self.webhooks.subscriptions.clear()
        self.grants.revoke()
        self.installed = False

    def send_product(self, product: Product, action: str = "update") -> None:
        """Send products/create, update or delete as if the merchant had just saved it."""
        event = self.webhooks.event_id()
        if action == "delete":
            self.products.pop(product.id, None)
            self._publish("products/delete", lambda: {"id": product.id}, event)
            return
        product.updated_at = self.now()
        self._publish(f"products/{action}", lambda: rest.product_payload(product, self.config.currency), event)
        for variant in product.variants:
            self._publish(f"inventory_items/{action}", partial(rest.inventory_item_payload, variant), event)

    def _open_fulfillment_orders(self, order: Order, lines: Sequence[Line]) -> None:
        for made in open_fulfillment_orders(order, lines, self.ids, self.now()):
            self.fulfillment_orders[made.id] = (order, made)

    def _routing(self, variants: Sequence[Variant]) -> dict[int, int]:
        return self.stock.routing(variants, self.locations[0].id)

    def _release(self, order: Order, line: Line, units: int, restock: bool, event: str) -> None:
        if line.requires_shipping:
            line.gone_unfulfilled += units
            drop_from_fulfillment_orders(order, line, units)
            self.stock.release(line, units, event, restock=restock)

    def _stock_changed(self, variant: Variant, location_id: int, level: Level, event: str) -> None:
        product = self.products[variant.product_id]
        self._publish(
            "inventory_levels/update", lambda: rest.inventory_level_payload(variant, location_id, level), event
        )
        self._publish("products/update", lambda: rest.product_payload(product, self.config.currency), event)

    def _touch(self, order: Order) -> None:
        order.updated_at = self.now()

    def _send_order(self, order: Order, actions: Sequence[str], event: str) -> None:
        topics = [f"orders/{action}" for action in actions]
        if any(self.webhooks.wanted(topic) for topic in topics):
            payload = rest_orders.order_payload(order, self.config.domain)
            for topic in topics:
                self.webhooks.publish(topic, payload, event)

    def _publish(self, topic: str, payload: Callable[[], rest.Json], event: str) -> None:
        if self.webhooks.wanted(topic):
            self.webhooks.publish(topic, payload(), event)
