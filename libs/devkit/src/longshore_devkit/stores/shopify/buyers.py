"""Made-up buyers: seeded random orders with discounts, taxes, shipping, tips and duties that add up exactly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from longshore_devkit.stores.shopify.catalogue import Ids, scale
from longshore_devkit.stores.shopify.model import (
    Address,
    Customer,
    Discount,
    Duty,
    Line,
    Order,
    Product,
    Shipping,
    Variant,
)
from longshore_devkit.stores.shopify.money import exponent
from longshore_devkit.stores.shopify.pricing import apply_discount, apply_taxes, totals

_FIRST = ("Ada", "Bo", "Chen", "Dara", "Edda", "Femi", "Gita", "Hugo", "Ines", "Jón", "Kofi", "Lúcia")
_LAST = ("Okafor", "Lindqvist", "O'Brien", "Nakamura", "Silva", "Smith-Jones", "Ågren", "Nguyen", "Diaz")
_PLACES = (
    ("12 Pier Road", "Portland", "97201", "Oregon", "OR", "United States", "US"),
    ("400 Market St", "San Francisco", "94105", "California", "CA", "United States", "US"),
    ("9 Main Street", "Burlington", "05401", "Vermont", "VT", "United States", "US"),
    ("1 Quay Lane", "Bristol", "BS1 4UZ", "England", "ENG", "United Kingdom", "GB"),
    ("88 Rue du Port", "Québec", "G1K 1A1", "Quebec", "QC", "Canada", "CA"),
)
_TAXES: dict[str, tuple[tuple[str, int], ...]] = {
    "CA": (("California State Tax", 72_500), ("San Francisco County Tax", 13_750)),
    "VT": (("Vermont State Tax", 60_000), ("Burlington Municipal Tax", 10_000)),
    "OR": (),
    "ENG": (("VAT", 200_000),),
    "QC": (("GST", 50_000), ("QST", 99_750)),
}


@dataclass(frozen=True)
class Habits:
    """How often an order has what (shares from 0 to 1); all zero makes plain paid orders of the asked lines."""

    order_discount: float = 0.3
    line_discount: float = 0.15
    shipping_discount: float = 0.1
    tip: float = 0.06
    duties: float = 0.03
    anonymous: float = 0.04
    custom_line: float = 0.02
    presentment: float = 0.1
    unpaid: float = 0.04
    note: float = 0.1


PLAIN = Habits(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class Buyers:
    """Draws orders from an assortment; `taxes_included` None mixes both kinds of pricing."""

    def __init__(
        self,
        rng: random.Random,
        ids: Ids,
        *,
        currency: str = "USD",
        taxes_included: bool | None = None,
        habits: Habits | None = None,
        customers: int = 40,
    ) -> None:
        self._rng = rng
        self._ids = ids
        self._currency = currency
        self._places = exponent(currency)
        self._taxes_included = taxes_included
        self._habits = habits or Habits()
        self._customer_count = customers
        self.customers: list[Customer] = []

    def draw_items(self, variants: Sequence[Variant]) -> list[tuple[Variant, int]]:
        """One to four different variants, mostly one of each."""
        count = min(self._rng.choice((1, 1, 1, 2, 2, 3, 4)), len(variants))
        return [(variant, self._rng.choice((1, 1, 1, 2, 3))) for variant in self._rng.sample(variants, count)]

    def order(
        self,
        items: Sequence[tuple[Variant, int]],
        products: dict[int, Product],
        location_of: dict[int, int],
        now: datetime,
        number: int,
        *,
        plain: bool = False,
    ) -> tuple[Order, bool]:
        """An order for (variant, quantity) pairs, and whether it is paid at once; stock is not touched."""
        habits, rng = (PLAIN if plain else self._habits), self._rng
        customer = self._customer(now)
        anonymous = rng.random() < habits.anonymous
        address = customer.address
        included = rng.random() < 0.3 if self._taxes_included is None else self._taxes_included
        order = Order(
            id=self._ids.next("order"),
            number=number,
            token=f"{rng.getrandbits(128):032x}",
            created_at=now,
            updated_at=now,
            currency=self._currency,
            taxes_included=included,
            lines=[self._line(variant, q, products, location_of) for variant, q in items],
            shipping=[],
            discounts=[],
            customer=None if anonymous else customer,
            email=None if anonymous else customer.email,
            phone=None if anonymous else customer.phone,
            shipping_address=None if anonymous else address,
            billing_address=None if anonymous else address,
            note="Please ring twice – Grüße" if rng.random() < habits.note else None,
            presentment=("CAD", 2) if rng.random() < habits.presentment else None,
        )
        if rng.random() < habits.custom_line:
            order.lines.append(self._custom_line(order.lines[0].location_id))
        if not anonymous:
            order.shipping.append(self._shipping())
        self._price(order, habits, _TAXES[address.province_code] if address else ())
        order.original_total = totals(order).total
        return order, rng.random() >= habits.unpaid

    def added_line(
        self, order: Order, variant: Variant, products: dict[int, Product], location_of: dict[int, int]
    ) -> Line:
        """One unit that an edit adds, taxed like the order's other lines; not yet part of the order."""
        line = self._line(variant, 1, products, location_of)
        rates = [(tax.title, tax.rate_ppm) for tax in next((old.taxes for old in order.lines if old.taxes), [])]
        apply_taxes(line, rates if line.taxable else [], order.taxes_included)
        return line

    def _price(self, order: Order, habits: Habits, rates: Sequence[tuple[str, int]]) -> None:
        rng, places = self._rng, self._places
        chosen: list[tuple[Discount, Sequence[Line]]] = []
        if rng.random() < habits.line_discount:
            kind: Literal["manual", "automatic"] = "manual" if rng.random() < 0.3 else "automatic"
            off = Discount(
                kind, "Quantity offer", 15, "percentage", target_selection="explicit", allocation_method="each"
            )
            chosen.append((off, [rng.choice(order.lines)]))
        if rng.random() < habits.order_discount:
            if rng.random() < 0.5:
                chosen.append((Discount("discount_code", "SAVE10", 10, "percentage"), order.lines))
            else:
                chosen.append((Discount("discount_code", "FIVEOFF", scale(500, places), "fixed_amount"), order.lines))
        if order.shipping and rng.random() < habits.shipping_discount:
            off = Discount("discount_code", "FREESHIP", 100, "percentage", target_type="shipping_line")
            chosen.append((off, []))
        for index, (discount, lines) in enumerate(chosen):
            order.discounts.append(discount)
            apply_discount(index, discount, lines, order.shipping)
        for line in order.lines:
            apply_taxes(line, rates if line.taxable else [], order.taxes_included)
        for shipping in order.shipping:
            apply_taxes(shipping, rates if order.taxes_included else rates[:1], order.taxes_included)
        if rng.random() < habits.tip:
            order.tip = scale(rng.randint(1, 9) * 100 + 37, places)
        if rng.random() < habits.duties:
            for line in order.lines:
                line.duties.append(Duty(self._ids.next("duty"), line.net * 12 // 100))

    def _line(self, variant: Variant, quantity: int, products: dict[int, Product], location_of: dict[int, int]) -> Line:
        product = products[variant.product_id]
        return Line(
            id=self._ids.next("line"),
            title=product.title,
            variant_title=None if variant.title == "Default Title" else variant.title,
            sku=variant.sku,
            variant_id=variant.id,
            product_id=product.id,
            inventory_item_id=variant.inventory_item_id,
            location_id=location_of[variant.id],
            quantity=quantity,
            unit_price=variant.price,
            grams=variant.grams,
            vendor=product.vendor,
            taxable=variant.taxable,
        )

    def _custom_line(self, location_id: int) -> Line:
        return Line(
            id=self._ids.next("line"),
            title="Gift wrap",
            variant_title=None,
            sku=None,
            variant_id=None,
            product_id=None,
            inventory_item_id=None,
            location_id=location_id,
            quantity=1,
            unit_price=scale(350, self._places),
            grams=0,
            vendor=None,
            requires_shipping=False,
        )

    def _shipping(self) -> Shipping:
        title, cents = self._rng.choice((("Standard", 499), ("Standard", 499), ("Express", 1250), ("Free", 0)))
        return Shipping(self._ids.next("shipping"), title, title.lower(), scale(cents, self._places))

    def _customer(self, now: datetime) -> Customer:
        rng = self._rng
        if len(self.customers) >= self._customer_count:
            return rng.choice(self.customers)
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        street, city, postcode, province, code, country, country_code = rng.choice(_PLACES)
        number = len(self.customers) + 1
        customer = Customer(
            id=self._ids.next("customer"),
            first_name=first,
            last_name=last,
            email=f"buyer{number}@example.com",
            phone=f"+1555{number:07d}" if rng.random() < 0.5 else None,
            created_at=now,
            address=Address(first, last, street, city, postcode, province, code, country, country_code),
        )
        self.customers.append(customer)
        return customer
