"""What a store's level, and its answer to a batch, mean for a push."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import STALE, StockSet
from longshore.platforms.protocols import StockResult
from longshore_connector_woo.client.levels import Push, judge, pieces

PRODUCT = {"id": 7, "type": "simple", "parent_id": 0, "manage_stock": True, "stock_quantity": 10, "status": "publish"}


def target(quantity: int = 4, expected: int | None = 10) -> StockSet:
    return StockSet(
        listing_id=uuid4(),
        sku="S",
        variant_external_id="7",
        inventory_external_id="7",
        quantity=quantity,
        expected=expected,
        sequence=1,
    )


def pushed(product: dict[str, Any] = PRODUCT, **asked: Any) -> Push:
    found = judge(target(**asked), product)
    assert isinstance(found, Push)
    return found


def said(*quantities: Any) -> list[dict[str, Any]]:
    return [{"id": 7, "manage_stock": True, "stock_quantity": each} for each in quantities]


class TestJudge:
    @pytest.mark.parametrize(
        ("product", "expected", "code", "quantity"),
        [
            (PRODUCT | {"stock_quantity": 9}, 10, STALE, 9),
            (PRODUCT | {"stock_quantity": -2}, 10, STALE, -2),
            (PRODUCT | {"stock_quantity": 4}, 10, STALE, 4),
            (PRODUCT | {"stock_quantity": 4}, None, None, 4),
            (PRODUCT | {"manage_stock": "parent"}, 10, "parent-managed", None),
            (PRODUCT | {"status": "trash"}, 10, "not-found", None),
            (None, 10, "not-found", None),
        ],
    )
    def test_nothing_is_written(self, product: Any, expected: Any, code: Any, quantity: Any) -> None:
        found = judge(target(expected=expected), product)
        assert isinstance(found, StockResult)
        assert (found.code, found.quantity, found.retry) == (code, quantity, False)

    def test_where_it_is_written(self) -> None:
        assert pushed().path == "/products"
        variation = PRODUCT | {"type": "variation", "parent_id": 3}
        assert pushed(variation).path == "/products/3/variations"
        # A member of a grouped product is a product.
        assert pushed(PRODUCT | {"parent_id": 3}).path == "/products"

    def test_what_is_not_counted_is_compared_with_nothing(self) -> None:
        found = pushed(PRODUCT | {"manage_stock": False, "stock_quantity": None})
        assert found.items() == [{"id": 7, "manage_stock": True, "stock_quantity": 4}]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(5, 5), ("5", 5), (Decimal("5.0"), 5), (Decimal("2.5"), None), (None, None), ("", None), (True, None)],
    )
    def test_quantities_as_stores_write_them(self, value: Any, expected: int | None) -> None:
        assert pieces({"stock_quantity": value}) == expected


class TestTake:
    def test_written(self) -> None:
        result = pushed().take(said(10, 4))
        assert result is not None
        assert (result.quantity, result.error, result.slipped) == (4, None, False)

    def test_sold_between(self) -> None:
        push = pushed()
        assert push.take(said(8, 4)) is None
        assert push.items()[-1]["stock_quantity"] == 2
        result = push.take(said(4, 2))
        assert result is not None
        assert (result.quantity, result.error, result.slipped) == (2, None, True)

    def test_sold_after_the_write(self) -> None:
        """The store's own figure is told; its order explains it."""
        result = pushed().take(said(10, 3))
        assert result is not None
        assert (result.quantity, result.error, result.slipped) == (3, None, True)

    def test_a_correction_that_is_refused(self) -> None:
        push = pushed()
        push.take(said(8, 4))
        result = push.take([{"id": 7, "error": {"code": "x", "message": "no", "data": {"status": 400}}}])
        assert result is not None
        assert (result.quantity, result.error, result.slipped) == (4, None, True)

    def test_left_out(self) -> None:
        result = pushed().take([])
        assert result is not None
        assert (result.code, result.retry) == ("no-answer", True)

    @pytest.mark.parametrize(
        ("error", "code", "retry"),
        [
            ({"code": "woocommerce_rest_product_invalid_id", "data": {"status": 400}}, "not-found", False),
            ({"code": "internal_error", "data": {"status": 500}}, "http-500", True),
            ({"code": "cannot_do", "data": 400}, "cannot-do", False),
        ],
    )
    def test_errors_of_one_item(self, error: Any, code: str, retry: bool) -> None:
        result = pushed().take([{"id": 7, "error": error}, {"id": 7, "error": error}])
        assert result is not None
        assert (result.code, result.retry, result.quantity) == (code, retry, None)

    def test_a_shop_that_counts_nothing(self) -> None:
        result = pushed().take([{"id": 7, "manage_stock": False, "stock_quantity": None}])
        assert result is not None
        assert (result.code, result.retry) == ("not-counted", False)
