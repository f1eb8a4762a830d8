"""Status words: the core's as ARCHITECTURE has them, plugins' the nearest."""

from __future__ import annotations

import pytest

from longshore.contracts import FinancialStatus, OrderStatus
from longshore_connector_woo.translate.status import financial_status, order_status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", "pending"),
        ("on-hold", "pending"),
        ("failed", "pending"),
        ("checkout-draft", "pending"),
        ("processing", "processing"),
        ("completed", "fulfilled"),
        ("cancelled", "cancelled"),
        ("trash", "cancelled"),
        ("refunded", "refunded"),
        ("wc-completed", "fulfilled"),
        ("delivered", "delivered"),
        ("shipped", "fulfilled"),
        ("partial-shipped", "partially_fulfilled"),
        ("partially-shipped", "partially_fulfilled"),
        ("partial-payment", "processing"),
        ("partially-refunded", "processing"),
        ("awaiting-shipment", "processing"),
        ("ready-for-pickup", "processing"),
        ("out-for-delivery", "fulfilled"),
        ("undelivered", "processing"),
        ("not-shipped", "processing"),
        ("order_dispatched", "fulfilled"),
        ("Cancel-Request", "cancelled"),
        ("something-else", "processing"),
        ("", "processing"),
    ],
)
def test_order_status_of_a_paid_order(word: str, status: str) -> None:
    assert order_status(word, paid=True) == status


@pytest.mark.parametrize("word", ["something-else", "partial-payment", "awaiting-payment", ""])
def test_an_unknown_word_of_an_unpaid_order(word: str) -> None:
    assert order_status(word, paid=False) is OrderStatus.PENDING


@pytest.mark.parametrize(
    ("word", "paid", "refunded", "status"),
    [
        ("processing", False, 0, FinancialStatus.PENDING),
        ("processing", True, 0, FinancialStatus.PAID),
        ("completed", False, 0, FinancialStatus.PAID),
        ("cancelled", True, 0, FinancialStatus.PAID),
        ("cancelled", False, 0, FinancialStatus.VOIDED),
        ("processing", True, 99, FinancialStatus.PARTIALLY_REFUNDED),
        ("processing", True, 100, FinancialStatus.REFUNDED),
        ("refunded", True, 0, FinancialStatus.REFUNDED),
    ],
)
def test_financial_status(word: str, paid: bool, refunded: int, status: FinancialStatus) -> None:
    assert financial_status(word, paid=paid, total=100, refunded=refunded) is status
