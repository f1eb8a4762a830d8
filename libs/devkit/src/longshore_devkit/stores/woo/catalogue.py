"""What a simulated shop sells and to whom, made from a seed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from longshore_devkit.stores.woo.models import (
    BILLING_FIELDS,
    SHIPPING_FIELDS,
    Address,
    Coupon,
    Customer,
    Product,
    blank_address,
)

if TYPE_CHECKING:
    from longshore_devkit.stores.woo.shop import Shop

_NAMES = (
    "Classic T-Shirt",
    "Rare Vinyl",
    'Café ☕ 日本語 <b>x</b> &amp; "quotes" / slash',
    "Salt &amp; Pepper Mill",
    "Wool Blanket",
    "Enamel Mug",
    "Field Notebook",
    "Linen Apron",
    "Brass Compass",
    "Canvas Tote",
)
_ODD_PRICES = ("19.99", "33.3333", "12.50", "0.10", "7", "149.00", "24.95", "8.75")
_PEOPLE = (
    ("José", "Núñez 山田", "Straße 1", "München", "", "80331", "DE"),
    ("Ada", "Byron", "12 St James Sq", "London", "", "SW1Y 4JH", "GB"),
    ("Grace", "O&#039;Hara", "400 Broome St", "New York", "NY", "10013", "US"),
    ("Chidi", "Anagonye", "1 Main St", "Phoenix", "AZ", "85001", "US"),
    ("Zoë", "Müller", "Bahnhofstrasse 1", "Zürich", "ZH", "8001", "CH"),
    ("Sam", "Lee", "99 Market St", "San Francisco", "CA", "94016", "US"),
    ("Ingrid", "Ås", "Karl Johans gate 1", "Oslo", "", "0154", "NO"),
    ("Tom", "Smith", "77 Elm St", "Albany", "NY", "12207", "US"),
)
VARIABLE_EVERY = 7
"""Of each seven SKUs the first three are the variations of one product."""


def fill(shop: Shop) -> None:
    """Put the seeded products, coupons and customers into an empty shop."""
    rng = random.Random(shop.config.seed)
    _products(shop, rng)
    _coupons(shop)
    for number in range(20):
        _customer(shop, rng, number)


def person(rng: random.Random, number: int) -> tuple[Address, Address]:
    """Billing and shipping address of somebody."""
    first, last, street, city, state, postcode, country = rng.choice(_PEOPLE)
    billing = blank_address(BILLING_FIELDS) | {
        "first_name": first,
        "last_name": last,
        "address_1": street,
        "city": city,
        "state": state,
        "postcode": postcode,
        "country": country,
        "email": f"buyer{number}@example.test",
        "phone": f"+1 555 {number:07d}",
    }
    shipping = {name: billing[name] for name in SHIPPING_FIELDS}
    return billing, shipping


def _products(shop: Shop, rng: random.Random) -> None:
    config = shop.config
    born = shop.now() - timedelta(days=30)
    parent: Product | None = None
    for number in range(config.products):
        name = _NAMES[number % len(_NAMES)]
        sku = f"{config.sku_prefix}{number + 1:04d}"
        price = rng.choice(_ODD_PRICES) if rng.random() < 0.4 else f"{rng.randint(300, 15000) / 100:.2f}"
        if config.decimals == 0:
            price = str(max(1, round(Decimal(price) * 100)))
        place = number % VARIABLE_EVERY
        if place == 0 and number + 3 <= config.products:
            parent = _parent(shop, name, born)
        product = Product(
            id=next(shop.ids.post),
            name=name,
            sku=sku,
            price=price,
            created=born,
            modified=born,
            stock=config.initial_stock,
            stock_status="instock" if config.initial_stock > 0 else "outofstock",
            backorders=config.backorders,
            tax_class="reduced-rate" if number % 5 == 4 else "",
        )
        if parent is not None and place < 3:
            size = "SML"[place]
            product.kind, product.parent_id = "variation", parent.id
            product.name, product.attributes = f"{name} - {size}", [("Size", size)]
        shop.add_product(product)
    unnamed = Product(
        id=next(shop.ids.post), name="Gift wrapping (no SKU)", sku="", price="2" if config.decimals else "200",
        created=born, modified=born, manage_stock=False, stock=None, virtual=True,
    )  # fmt: skip
    shop.add_product(unnamed)


def _parent(shop: Shop, name: str, born: datetime) -> Product:
    return shop.add_product(
        Product(
            id=next(shop.ids.post), name=name, sku="", price="", created=born, modified=born, kind="variable",
            manage_stock=False, stock=None, options=[("Size", ["S", "M", "L"])],
        )
    )  # fmt: skip


def _coupons(shop: Shop) -> None:
    now = shop.now()
    scale = 1 if shop.config.decimals else 100
    for code, kind, amount in (("save10", "percent", 10), ("fix5", "fixed_cart", 5), ("each1", "fixed_product", 1)):
        value = Decimal(amount * (1 if kind == "percent" else scale))
        coupon = Coupon(next(shop.ids.post), code, kind, value, now, now)
        shop.coupons[coupon.id] = coupon


def _customer(shop: Shop, rng: random.Random, number: int) -> None:
    billing, shipping = person(rng, number)
    now = shop.now()
    customer = Customer(
        id=next(shop.ids.customer),
        email=billing["email"],
        first_name=billing["first_name"],
        last_name=billing["last_name"],
        username=f"buyer{number}",
        created=now,
        modified=now,
        billing=billing,
        shipping=shipping,
    )
    shop.customers[customer.id] = customer
