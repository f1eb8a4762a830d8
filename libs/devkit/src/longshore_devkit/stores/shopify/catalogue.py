"""Ids and the made-up assortment of a simulated shop: the same for the same domain and seed."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from longshore_devkit.stores.shopify.model import Level, Location, Product, Variant

PAST_2_53 = 2**53 + 1
"""Order ids start above what a float can hold: PLATFORMS.md, "ids exceed 2^53"."""

_EPOCH = 1_767_225_600  # 2026-01-01

_KINDS = ("Mug", "Tee", "Cap", "Lamp", "Bag", "Print", "Candle", "Scarf", "Knife", "Kettle")
_LOOKS = ("Harbour", "Anchor", "Tide", "Gull", "Beacon", "Drift", "Salt", "Mast", "Pier", "Foam")
_COLOURS = ("Navy", "Sand", "Rope", "Signal")


class Ids:
    """Running numbers by kind; different shops draw from different ranges.

    `epoch` (Unix seconds) moves the range of what belongs to orders, so that a store that has been restarted, and has
    forgotten its orders, does not reuse their ids. The catalogue keeps its ids.
    """

    def __init__(self, domain: str, epoch: int = _EPOCH) -> None:
        spread = zlib.crc32(domain.encode()) % 900
        self._big = PAST_2_53 + spread * 10**13 + max(0, epoch - _EPOCH) * 50
        self._small = 7_000_000_000_000 + spread * 10**9
        self._counters: dict[str, Iterator[int]] = {}

    def next(self, kind: str) -> int:
        """A new id; what belongs to orders is past 2^53, what belongs to the catalogue is not.

        Kinds start far apart, so that an id used for the wrong kind finds nothing.
        """
        if kind not in self._counters:
            small = kind in {"product", "variant", "inventory_item", "location", "customer", "subscription"}
            apart = zlib.crc32(kind.encode()) % 997
            start = self._small + apart * 10**6 if small else self._big + apart * 10**10
            self._counters[kind] = itertools.count(start)
        return next(self._counters[kind])


def scale(cents: int, places: int) -> int:
    """A price thought in cents in a currency with that many decimal places (a yen counts as a cent)."""
    return cents * 10 ** (places - 2) if places > 2 else cents


def make_locations(ids: Ids, count: int) -> list[Location]:
    """The first is the primary one."""
    names = ("Main warehouse", "Harbour store", "Overflow", "Workshop")
    return [Location(ids.next("location"), names[n] if n < len(names) else f"Location {n + 1}") for n in range(count)]


def make_products(
    ids: Ids,
    rng: random.Random,
    now: datetime,
    locations: list[Location],
    *,
    count: int,
    sku_prefix: str,
    stock: int,
    places: int = 2,
) -> list[Product]:
    """Products until there are `count` SKUs, `<prefix>0001` and up; about one in four has colours.

    All stock lies at the first location; the others are stocked with 0.
    """
    made: list[Product] = []
    number = 0
    while number < count:
        sizes = min(rng.choice((1, 1, 1, 3)), count - number)
        title = f"{rng.choice(_LOOKS)} {rng.choice(_KINDS)} {len(made) + 1}"
        created = now - timedelta(days=rng.randint(30, 400))
        product = Product(
            id=ids.next("product"),
            title=title,
            handle=title.lower().replace(" ", "-"),
            vendor="Longshore Goods",
            product_type=title.split()[1],
            created_at=created,
            updated_at=created,
            option="Color" if sizes > 1 else "Title",
            tags=["simulated"],
        )
        price = scale(rng.randint(4, 120) * 100 - rng.choice((0, 1, 5, 50)), places)
        for position in range(sizes):
            number += 1
            levels = {
                location.id: Level(stock if index == 0 else 0, 0, now) for index, location in enumerate(locations)
            }
            product.variants.append(
                Variant(
                    id=ids.next("variant"),
                    product_id=product.id,
                    inventory_item_id=ids.next("inventory_item"),
                    sku=f"{sku_prefix}{number:04d}",
                    title=_COLOURS[position] if sizes > 1 else "Default Title",
                    price=price,
                    grams=rng.choice((120, 250, 400, 900)),
                    created_at=created,
                    updated_at=created,
                    taxable=rng.random() > 0.05,
                    position=position + 1,
                    levels=levels,
                )
            )
        made.append(product)
    return made
