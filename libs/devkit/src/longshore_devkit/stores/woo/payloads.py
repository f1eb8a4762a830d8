"""Order webhooks in bulk: real-looking bodies from templates, cheap enough to make thousands a second."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from longshore_devkit.stores.woo import render
from longshore_devkit.stores.woo.buyers import random_draft
from longshore_devkit.stores.woo.config import WooConfig
from longshore_devkit.stores.woo.render import Json, View, php_json
from longshore_devkit.stores.woo.shop import Shop

FIRST_ID = 1_000_000
SENT_AT_KEY = "_longshore_sent_at"
"""Order metadata that holds the intended send time: Unix seconds, 6 decimals, as text."""

_ID, _LINE, _LOCAL, _GMT, _SENT = "\x00ID\x00", "\x00LINE%d\x00", "\x00LOCAL\x00", "\x00GMT\x00", "\x00SENT\x00"
_ITEMS_PER_ORDER = 100


class OrderBodies:
    """Makes the body of order `n`, always the same bytes for the same arguments.

    Bodies are about `size` bytes, with totals as WooCommerce computes them and SKUs out of `skus` (default: those of a
    simulated shop). `at` is the intended send time in Unix seconds: it is the order's date, and stands to the
    microsecond in its metadata under SENT_AT_KEY. Order `n` has the id `first_id + n`; after `variants` orders the
    goods repeat.
    """

    def __init__(
        self,
        size: int = 5000,
        skus: Sequence[str] | None = None,
        *,
        first_id: int = FIRST_ID,
        variants: int = 64,
        config: WooConfig | None = None,
    ) -> None:
        self.first_id = first_id
        self.config = config or WooConfig(products=len(skus) if skus else 50, initial_stock=1_000_000)
        self._zone = ZoneInfo(self.config.timezone)
        self._templates = [_Template(body) for body in self._samples(size, skus, variants)]
        self._second = -1
        self._dates = (b"", b"")

    def order_id(self, n: int) -> int:
        """The id of order `n` in its store."""
        return self.first_id + n

    def __call__(self, n: int, at: float) -> bytes:
        """The body of order `n`."""
        if int(at) != self._second:
            self._second = int(at)
            moment = datetime.fromtimestamp(self._second, UTC)
            self._dates = (_naive(moment.astimezone(self._zone)), _naive(moment))
        order_id = self.first_id + n
        return self._templates[n % len(self._templates)].fill(order_id, *self._dates, f"{at:.6f}".encode())

    def _samples(self, size: int, skus: Sequence[str] | None, variants: int) -> list[bytes]:
        shop = Shop(self.config)
        if skus:
            for product, sku in zip([p for p in shop.products.values() if p.sku], skus, strict=True):
                product.sku = sku
        rng = random.Random(self.config.seed)
        samples: list[bytes] = []
        while len(samples) < variants:
            draft = random_draft(shop, rng)
            assert draft is not None
            draft.status = "processing"
            shown = render.order(View(shop, "http://shop.example.test"), shop.place_order(draft))
            samples.append(_with_marks(shown, size))
        return samples


@functools.lru_cache(maxsize=8)
def _bodies(size: int, skus: tuple[str, ...] | None) -> OrderBodies:
    return OrderBodies(size, skus)


def make_order_webhook(n: int, size: int = 5000, skus: Sequence[str] | None = None, *, at: float = 1.8e9) -> bytes:
    """One body (see OrderBodies): order `n`, about `size` bytes, dated `at` (Unix seconds)."""
    return _bodies(size, tuple(skus) if skus else None)(n, at)


class _Template:
    """A body cut at its marks."""

    def __init__(self, body: bytes) -> None:
        marks = [_mark(_ID), _mark(_LOCAL), _mark(_GMT), _mark(_SENT)]
        lines = [_mark(_LINE % k) for k in range(_ITEMS_PER_ORDER) if _mark(_LINE % k) in body]
        self._parts: list[bytes] = [body]
        self._fields: list[tuple[int, int]] = []
        for kind, mark in enumerate([*marks, *lines]):
            self._cut(mark, (kind, 0) if kind < len(marks) else (len(marks), kind - len(marks)))

    def _cut(self, mark: bytes, field: tuple[int, int]) -> None:
        parts: list[bytes] = []
        fields: list[tuple[int, int]] = []
        for place, part in enumerate(self._parts):
            pieces = part.split(mark)
            parts += pieces
            fields += [field] * (len(pieces) - 1)
            if place < len(self._fields):
                fields.append(self._fields[place])
        self._parts, self._fields = parts, fields

    def fill(self, order_id: int, local: bytes, gmt: bytes, sent: bytes) -> bytes:
        """The body with its values."""
        values = (str(order_id).encode(), local, gmt, sent)
        out = [self._parts[0]]
        for (kind, line), part in zip(self._fields, self._parts[1:], strict=True):
            out.append(values[kind] if kind < 4 else str(order_id * _ITEMS_PER_ORDER + line).encode())
            out.append(part)
        return b"".join(out)


def _mark(text: str) -> bytes:
    """A mark as it stands in the JSON, without its quotes."""
    return json.dumps(text)[1:-1].encode()


def _with_marks(order: Json, size: int) -> bytes:
    """The order with marks where values go, padded to about `size` bytes."""
    real_id = str(order["id"])
    meta: list[Json] = order["meta_data"]
    meta.append({"id": 900001, "key": SENT_AT_KEY, "value": _SENT})
    padding = {"id": 900002, "key": "_checkout_trace", "value": ""}
    meta.append(padding)
    numbered = 0
    for group in ("line_items", "tax_lines", "shipping_lines", "fee_lines", "coupon_lines"):
        for item in order[group]:
            item["id"] = _LINE % numbered
            numbered += 1
    for name in ("date_created", "date_modified", "date_paid"):
        order[name], order[f"{name}_gmt"] = _LOCAL, _GMT
    order["id"] = order["number"] = _ID
    order["order_key"] = f"wc_order_{_ID}"
    order["payment_url"] = order["payment_url"].replace(f"/{real_id}/", f"/{_ID}/").split("&key=")[0]
    order["_links"] = json.loads(
        json.dumps(order["_links"]).replace(f"orders/{real_id}", f"orders/{json.dumps(_ID)[1:-1]}")
    )
    short = size - len(_unquoted(php_json(order), numbered))
    padding["value"] = ("0123456789abcdef" * (max(0, short) // 16 + 1))[: max(0, short)]
    return _unquoted(php_json(order), numbered)


def _unquoted(body: bytes, lines: int) -> bytes:
    """Ids are numbers: their marks lose the quotes; `number` stays text."""
    body = body.replace(b'"id":"' + _mark(_ID) + b'"', b'"id":' + _mark(_ID), 1)
    for k in range(lines):
        body = body.replace(b'"' + _mark(_LINE % k) + b'"', _mark(_LINE % k))
    return body


def _naive(moment: datetime) -> bytes:
    return moment.strftime("%Y-%m-%dT%H:%M:%S").encode()
