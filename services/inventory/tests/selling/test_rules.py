"""What may be asked of a store about a product, and what is refused before there is a command."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from longshore.contracts import ProductPublish, ProductUnpublish
from longshore.money import Money
from longshore.platforms.declaration import Ability
from longshore.problems import Problem
from longshore_inventory.selling.rules import Listing, Product, SetPrice, publish, set_price

ALL = frozenset(Ability)
STORE = UUID(int=1)
PRODUCT = Product(uuid4(), STORE, "shopify", "7", None)


def euros(cents: int, currency: str = "EUR", exponent: int = 2) -> Money:
    return Money(cents, currency, exponent)


def listing(**more: Any) -> Listing:
    fields: dict[str, Any] = {
        "id": uuid4(), "integration_id": STORE, "platform": "shopify", "product_external_id": "7",
        "parent_external_id": None, "variant_external_id": "8", "sku": "A", "price": euros(1000), "active": True,
    }  # fmt: skip
    return Listing(**fields | more)


def refused(action: Any, *args: Any, **more: Any) -> Problem:
    with pytest.raises(Problem) as problem:
        action(*args, **more)
    return problem.value


class TestPublish:
    def test_on_and_off(self) -> None:
        assert isinstance(publish(PRODUCT, STORE, ALL, on=True), ProductPublish)
        assert isinstance(publish(PRODUCT, STORE, ALL, on=False), ProductUnpublish)

    def test_another_stores_product(self) -> None:
        problem = refused(publish, PRODUCT, UUID(int=2), ALL, on=True)
        assert (problem.status, problem.type) == (409, "/problems/product-of-another-store")

    def test_a_platform_that_cannot(self) -> None:
        problem = refused(publish, PRODUCT, STORE, frozenset({Ability.PUBLISH}), on=False)
        assert (problem.status, problem.type) == (409, "/problems/not-supported")


class TestPrice:
    def test_in_the_stores_own_unit(self) -> None:
        action: Any = set_price(listing(), SetPrice(price=euros(12500, exponent=3)), ALL)
        assert (action.price, action.compare_at, action.variant_external_id) == (euros(1250), None, "8")

    def test_a_reduction(self) -> None:
        action: Any = set_price(listing(), SetPrice(price=euros(800), compare_at_price=euros(1000)), ALL)
        assert action.compare_at == euros(1000)
        problem = refused(set_price, listing(), SetPrice(price=euros(800), compare_at_price=euros(800)), ALL)
        assert problem.status == 422

    @pytest.mark.parametrize(
        ("wanted", "more", "status", "type"),
        [
            (SetPrice(price=euros(1, "USD")), {}, 422, "wrong-currency"),
            (SetPrice(price=euros(1, exponent=3)), {}, 422, "invalid-input"),
            (SetPrice(price=euros(1)), {"active": False}, 409, "listing-inactive"),
            (SetPrice(price=euros(1)), {"price": None}, 409, "price-unknown"),
        ],
    )
    def test_what_cannot_be(self, wanted: SetPrice, more: Any, status: int, type: str) -> None:
        problem = refused(set_price, listing(**more), wanted, ALL)
        assert (problem.status, problem.type) == (status, f"/problems/{type}")

    def test_a_platform_that_cannot(self) -> None:
        assert refused(set_price, listing(), SetPrice(price=euros(1)), frozenset()).type == "/problems/not-supported"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"price": {"amount": -1, "currency": "EUR", "exponent": 2}},
            {"price": {"amount": 1, "currency": "EUR", "exponent": 2}, "compare_at": 3},
        ],
    )
    def test_what_makes_no_sense(self, body: Any) -> None:
        with pytest.raises(ValidationError):
            SetPrice.model_validate(body)
