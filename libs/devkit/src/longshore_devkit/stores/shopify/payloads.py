"""Order webhooks by the thousand, for load: real shapes and exact totals, made by filling in a few templates.

A template is a whole order of the simulated shop, cut apart where ids, numbers and times stand. Filling one in costs
microseconds, so a load generator on the same cores measures the receiver and not itself.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from longshore_devkit.stores.shopify.buyers import Buyers, Habits
from longshore_devkit.stores.shopify.catalogue import Ids, make_locations, make_products
from longshore_devkit.stores.shopify.model import Order, Transaction
from longshore_devkit.stores.shopify.money import exponent
from longshore_devkit.stores.shopify.pricing import totals
from longshore_devkit.stores.shopify.rest import SHOP_ZONE, Json
from longshore_devkit.stores.shopify.rest_orders import order_payload

FIRST_ORDER_ID = 9_100_000_000_000_000
FIRST_LINE_ID = 9_200_000_000_000_000
LINES_PER_ORDER = 8
FIRST_MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
PER_SECOND = 1000
"""Order n was placed n / PER_SECOND seconds after FIRST_MOMENT: time stands nearly still, as in a rush."""

_HABITS = Habits(order_discount=0.3, line_discount=0.1, shipping_discount=0, tip=0.05, duties=0, anonymous=0)
_NO_MORE = Habits(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_TEMPLATES = 32

# What an order can do without, from the least missed on; used only when it is larger than asked for.
_DISPENSABLE = (
    "client_details",
    "total_cash_rounding_payment_adjustment_set",
    "total_cash_rounding_refund_adjustment_set",
    "order_status_url",
    "billing_address",
    "current_shipping_price_set",
    "current_total_discounts_set",
    "current_subtotal_price_set",
    "current_total_tax_set",
    "current_total_price_set",
    "total_line_items_price_set",
)


class OrderWebhooks:
    """Bodies of orders/create and orders/updated for one shop; the same arguments give the same bytes."""

    def __init__(
        self, shop: str, skus: Sequence[str] = (), *, size_bytes: int = 5000, seed: int = 1, currency: str = "USD"
    ) -> None:
        self._templates = [
            _template(shop, skus, size_bytes, random.Random(f"{shop}/{seed}/{k}"), currency) for k in range(_TEMPLATES)
        ]

    def make(self, n: int, revision: int = 0, moment: datetime | None = None) -> bytes:
        """The n-th order; revision r is the same order, updated r seconds later (its note says so)."""
        created = moment or FIRST_MOMENT + timedelta(seconds=n // PER_SECOND)
        order_id = order_id_of(n)
        values = {
            b"O": b"%d" % order_id,
            b"G": b'"gid://shopify/Order/%d"' % order_id,
            b"N": b"%d" % (n + 1),
            b"M": b"%d" % (n + 1001),
            b"P": b'"#%d"' % (n + 1001),
            b"C": _stamp(created),
            b"U": _stamp(created + timedelta(seconds=revision)),
            b"R": b'"revision %d"' % revision,
        }
        first_line = FIRST_LINE_ID + n * LINES_PER_ORDER
        texts, slots = self._templates[n % len(self._templates)]
        parts = [texts[0]]
        for slot, text in zip(slots, texts[1:], strict=True):
            parts.append(b"%d" % (first_line + slot[1] - 48) if slot[:1] == b"L" else values[slot])
            parts.append(text)
        return b"".join(parts)

    def at(self, n: int, unix_time: float) -> bytes:
        """The n-th order, placed and updated at that time: what `longshore_devkit.loadgen` calls a body maker."""
        return self.make(n, moment=datetime.fromtimestamp(unix_time, UTC))


def make_order_webhook(
    n: int,
    shop: str = "load.myshopify.com",
    size_bytes: int = 5000,
    skus: Sequence[str] = (),
    *,
    seed: int = 1,
    revision: int = 0,
) -> bytes:
    """The body of the n-th order webhook of a shop, about `size_bytes` long. See OrderWebhooks."""
    return _webhooks(shop, tuple(skus), size_bytes, seed).make(n, revision)


def order_id_of(n: int) -> int:
    """The id of the n-th order."""
    return FIRST_ORDER_ID + n


@lru_cache(maxsize=16)
def _webhooks(shop: str, skus: tuple[str, ...], size_bytes: int, seed: int) -> OrderWebhooks:
    return OrderWebhooks(shop, skus, size_bytes=size_bytes, seed=seed)


def _template(
    shop: str, skus: Sequence[str], size_bytes: int, rng: random.Random, currency: str
) -> tuple[list[bytes], list[bytes]]:
    order = _order(shop, skus, rng, currency, lines=max(1, min(4, size_bytes // 5000)))
    payload = _marked(order, order_payload(order, shop))
    for key in _DISPENSABLE:
        if len(orjson.dumps(payload)) <= size_bytes:
            break
        payload.pop(key)
    if len(orjson.dumps(payload)) > size_bytes:
        payload = {key: value for key, value in payload.items() if value is not None or key.endswith(("_at", "_set"))}
    missing = size_bytes - len(orjson.dumps(payload)) - 40
    if missing > 0:
        payload["note_attributes"] = [{"name": "gift message", "value": "x" * missing}]
    parts = re.split(rb'"\$([A-Z]\d?)\$"', orjson.dumps(payload))
    return parts[0::2], parts[1::2]


def _marked(order: Order, payload: Json) -> Json:
    """Put slots where ids, numbers and times stand: whole values, quotes included."""
    line_slots = {line.id: f"$L{index}$" for index, line in enumerate(order.lines)}
    payload |= {
        "id": "$O$",
        "checkout_id": "$O$",
        "number": "$N$",
        "order_number": "$M$",
        "created_at": "$C$",
        "processed_at": "$C$",
        "updated_at": "$U$",
        "note": "$R$",
        "admin_graphql_api_id": "$G$",
        "name": "$P$",
    }
    for line in payload["line_items"]:
        line["id"] = line_slots[line["id"]]
        line.pop("admin_graphql_api_id")
        line.pop("attributed_staffs")
        line.pop("total_discount_set")
    customer = payload["customer"]
    if customer:
        customer.pop("default_address")
        customer["created_at"] = customer["updated_at"] = "$C$"
    return payload


def _order(shop: str, skus: Sequence[str], rng: random.Random, currency: str, lines: int) -> Order:
    ids = Ids(shop)
    locations = make_locations(ids, 1)
    products = make_products(
        ids,
        random.Random(shop),
        FIRST_MOMENT,
        locations,
        count=max(len(skus), 50),
        sku_prefix="LS-",
        stock=1000,
        places=exponent(currency),
    )
    variants = [variant for product in products for variant in product.variants]
    if skus:
        variants = variants[: len(skus)]
        for variant, sku in zip(variants, skus, strict=True):
            variant.sku = sku
    habits = _HABITS if lines > 1 else _NO_MORE
    buyers = Buyers(rng, ids, currency=currency, taxes_included=False, habits=habits)
    chosen = [(variant, rng.choice((1, 1, 2))) for variant in rng.sample(variants, min(lines, len(variants)))]
    by_id = {product.id: product for product in products}
    order, _ = buyers.order(chosen, by_id, {v.id: locations[0].id for v, _ in chosen}, FIRST_MOMENT, 1001)
    order.transactions.append(Transaction(ids.next("transaction"), "sale", totals(order).total, FIRST_MOMENT))
    return order


def _stamp(moment: datetime) -> bytes:
    return b'"%s"' % moment.astimezone(SHOP_ZONE).isoformat(timespec="seconds").encode()
