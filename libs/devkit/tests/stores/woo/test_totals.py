"""Orders add up: the recorded ones to the cent, and any other to itself."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from longshore_devkit.stores.woo import TaxRate, WooConfig
from longshore_devkit.stores.woo import render as show
from longshore_devkit.stores.woo.buyers import random_draft, random_refund
from longshore_devkit.stores.woo.checkout import FeeDraft, LineDraft, OrderDraft, ShippingDraft
from longshore_devkit.stores.woo.config import DEFAULT_TAX_RATES
from longshore_devkit.stores.woo.models import Coupon, Product
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.totals import Discount, split_discount

MWST = TaxRate(1, "DE-MWST-1", "MwSt", Decimal(19))
CA_TAX = TaxRate(3, "US-CA-CA SALES TAX-1", "CA Sales Tax", Decimal("7.25"))
_COMPARED = ("discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total", "total_tax")
_OF_LINES = ("subtotal", "subtotal_tax", "total", "total_tax", "taxes", "price", "quantity")


def _shop(rate: TaxRate, **changes: Any) -> Shop:
    config = WooConfig(products=0, currency="EUR", tax_rates=(rate,), timezone="Europe/Berlin", **changes)
    return Shop(config)


def _line(shop: Shop, price: str, quantity: int, **changes: Any) -> LineDraft:
    now = shop.now()
    product = Product(next(shop.ids.post), f"at {price}", f"SKU-{next(shop.ids.note)}", price, now, now, **changes)
    return LineDraft(shop.add_product(product), quantity)


def _same(ours: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert {name: ours[name] for name in _COMPARED} == {name: recorded[name] for name in _COMPARED}
    for group, names in (("line_items", _OF_LINES), ("coupon_lines", ("discount", "discount_tax"))):
        assert [[item[name] for name in names] for item in ours[group]] == [
            [item[name] for name in names] for item in recorded[group]
        ]
    for group in ("fee_lines", "shipping_lines"):
        assert [(item["total"], item["total_tax"], item["taxes"]) for item in ours[group]] == [
            (item["total"], item["total_tax"], item["taxes"]) for item in recorded[group]
        ]
    of_taxes = ("rate_code", "tax_total", "shipping_tax_total", "rate_percent")
    assert [[line[name] for name in of_taxes] for line in ours["tax_lines"]] == [
        [line[name] for name in of_taxes] for line in recorded["tax_lines"]
    ]


class TestRecordedOrders:
    """The same carts as those recorded from the real shop give the same numbers."""

    def test_coupon_fee_and_shipping_without_tax_in_prices(self, recorded: Callable[[str], Any]) -> None:
        shop = _shop(MWST)
        lines = [_line(shop, "49.90", 1), _line(shop, "44.95", 2), _line(shop, "19.99", 3)]
        order = shop.place_order(
            OrderDraft(
                lines,
                [ShippingDraft("flat_rate", "Versand", Decimal("4.90"))],
                [FeeDraft("Geschenkverpackung", Decimal("2.50"))],
                ["SAVE10"],
            )
        )
        _same(show.order(show.View(shop, ""), order), recorded("rest/10").json)

    def test_prices_with_tax_at_four_decimals(self, recorded: Callable[[str], Any]) -> None:
        shop = _shop(MWST, prices_include_tax=True)
        order = shop.place_order(OrderDraft([_line(shop, "0.1", 3), _line(shop, "10", 7)], coupons=["save10"]))
        _same(show.order(show.View(shop, "", decimals=4), order), recorded("rest/11").json)

    def test_fixed_coupon_over_two_tax_classes(self, recorded: Callable[[str], Any]) -> None:
        shop = _shop(CA_TAX)
        lines = [_line(shop, "33.3333", 2), _line(shop, "5", 1, tax_class="reduced-rate", virtual=True)]
        order = shop.place_order(OrderDraft(lines, coupons=["fix5"]))
        (theirs,) = (entry for entry in recorded("rest/01").json if entry["id"] == 28)
        _same(show.order(show.View(shop, ""), order), theirs)


class TestSplitDiscount:
    @pytest.mark.parametrize(
        ("kind", "amount", "lines", "shares"),
        [
            ("percent", "10", [("49.90", 1), ("89.90", 2), ("59.97", 3)], ["5.00", "8.99", "5.99"]),
            ("fixed_cart", "5", [("66.6666", 2), ("5", 1)], ["3.34", "1.66"]),
            ("fixed_cart", "500", [("10", 1), ("5", 1)], ["10", "5"]),
            ("fixed_product", "1", [("10", 3), ("0.5", 1)], ["3", "0.5"]),
        ],
    )
    def test_in_whole_cents(self, kind: str, amount: str, lines: list[tuple[str, int]], shares: list[str]) -> None:
        priced = [(Decimal(price), quantity) for price, quantity in lines]
        got = split_discount(Discount(kind, Decimal(amount)), priced, 2)
        assert got == [Decimal(share) for share in shares]


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize(("decimals", "currency"), [(2, "USD"), (0, "JPY"), (3, "KWD")])
def test_random_orders_add_up_exactly(decimals: int, currency: str, inclusive: bool) -> None:
    """What is shown sums to what is shown, whatever was bought."""
    for seed in range(12):
        two = dataclasses.replace(DEFAULT_TAX_RATES[0], id=9, code="CITY", percent=Decimal("4.5"))
        rates = (*DEFAULT_TAX_RATES, two) if seed % 2 else DEFAULT_TAX_RATES
        config = WooConfig(
            seed=seed, decimals=decimals, currency=currency, prices_include_tax=inclusive, tax_rates=rates
        )
        shop = Shop(config)
        rng = random.Random(seed)
        for _ in range(25):
            draft = random_draft(shop, rng)
            assert draft is not None
            _adds_up(show.order(show.View(shop, ""), shop.place_order(draft)))


def _adds_up(order: dict[str, Any]) -> None:
    def total(group: str, name: str = "total") -> Decimal:
        return sum((Decimal(item[name]) for item in order[group]), Decimal(0))

    goods, fees, shipping = total("line_items"), total("fee_lines"), total("shipping_lines")
    assert Decimal(order["total"]) == goods + fees + shipping + Decimal(order["total_tax"])
    assert Decimal(order["discount_total"]) == total("line_items", "subtotal") - goods
    assert Decimal(order["cart_tax"]) == total("tax_lines", "tax_total")
    assert Decimal(order["cart_tax"]) == total("line_items", "total_tax") + total("fee_lines", "total_tax")
    assert Decimal(order["shipping_tax"]) == total("tax_lines", "shipping_tax_total")
    assert Decimal(order["total"]) >= 0


class TestRefunds:
    def test_never_more_than_was_paid(self) -> None:
        shop = Shop(WooConfig(seed=5))
        rng = random.Random(5)
        for _ in range(60):
            draft = random_draft(shop, rng)
            assert draft is not None
            draft.status = "processing"
            order = shop.place_order(draft)
            while order.refunded < order.total and rng.random() < 0.7:
                shop.refund_order(order, random_refund(shop, rng, order))
            assert order.refunded <= order.total
            assert (order.status == "refunded") == (order.refunded == order.total)

    def test_buying_and_cancelling_leaves_the_stock_as_it_was(self) -> None:
        shop = Shop(WooConfig(seed=6))
        before = {sku: shop.products[product].stock for sku, product in shop.by_sku.items()}
        rng = random.Random(6)
        for _ in range(30):
            draft = random_draft(shop, rng)
            assert draft is not None
            draft.status = "processing"
            shop.set_status(shop.place_order(draft), "cancelled")
        assert {sku: shop.products[product].stock for sku, product in shop.by_sku.items()} == before


def test_the_same_seed_gives_the_same_shop_and_orders() -> None:
    def run() -> list[tuple[str, str, Decimal]]:
        shop = Shop(WooConfig(seed=11))
        rng = random.Random(11)
        drafts = [random_draft(shop, rng) for _ in range(20)]
        orders = [shop.place_order(draft) for draft in drafts if draft is not None]
        return [(order.order_key, order.billing["email"], order.total) for order in orders]

    assert run() == run()


def test_coupon_with_a_kind_of_its_own_is_shown_as_recorded() -> None:
    shop = _shop(MWST)
    now = shop.now()
    shop.coupons[99] = Coupon(99, "half", "percent", Decimal("12.5"), now, now)
    order = shop.place_order(OrderDraft([_line(shop, "8", 1)], coupons=["half"]))
    (line,) = show.order(show.View(shop, ""), order)["coupon_lines"]
    assert (line["discount"], line["discount_tax"], line["nominal_amount"]) == ("1", "0.19", 12.5)
