"""The commands that ask a store for something about an order: what they send."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from .test_app import ID, Run, run

__all__ = ["run"]

ACCEPTED = {
    "command": {
        "id": ID, "type": "order.cancel", "order_id": ID, "integration_id": ID, "status": "pending", "attempts": 0,
        "created_at": "2026-11-28T00:00:00Z",
    }
}  # fmt: skip
EURO = {"amount": 1250, "currency": "EUR", "exponent": 2}


@pytest.mark.parametrize(
    ("arguments", "path", "sent"),
    [
        (
            ["cancel", ID, "--reason", "fraud", "--refund"],
            "cancel",
            {"reason": "fraud", "refund": True, "restock": True, "notify_customer": False},
        ),
        (["note", ID, "Hello"], "notes", {"text": "Hello", "to_customer": False}),
        (
            ["refund", ID, "--line", f"{ID}=2", "--no-restock", "--amount", "12.50 eur"],
            "refunds",
            {
                "lines": [{"line_id": ID, "quantity": 2, "restock": False}],
                "full": False, "shipping": False, "amount": EURO, "pay": True, "notify_customer": False,
            },
        ),
        (["tag", ID, "--add", "gift", "--remove", "old"], "tags", {"add": ["gift"], "remove": ["old"]}),
        (["mark-paid", ID], "mark-paid", {}),
        (["set-status", ID, "on-hold"], "status", {"status": "on-hold"}),
        (
            ["track", ID, ID, "--tracking-number", "T1"],
            f"fulfillments/{ID}/tracking",
            {"number": "T1", "notify_customer": False},
        ),
        (["take-back", ID, ID], f"fulfillments/{ID}/cancel", {}),
    ],
)  # fmt: skip
def test_it_is_asked_for(run: Run, arguments: list[str], path: str, sent: Any) -> None:
    result, wire = run("orders", *arguments, "--idempotency-key", "k1", answers=[httpx.Response(202, json=ACCEPTED)])
    assert result.exit_code == 0, result.output
    (request,) = wire.requests
    assert request.url.path == f"/api/v1/orders/{ID}/{path}"
    assert request.headers["Idempotency-Key"] == "k1"
    assert json.loads(request.content) == sent
    assert "longshore commands list" in result.stdout


@pytest.mark.parametrize("amount", ["12.50", "EUR", "1.2.3EUR", "-1EUR", ""])
def test_an_amount_has_a_currency(run: Run, amount: str) -> None:
    result, wire = run("orders", "refund", ID, "--amount", amount)
    assert result.exit_code == 2
    assert wire.requests == []


PRODUCTS: list[tuple[list[str], str, str, dict[str, object] | None]] = [
    (["publish", ID, ID], "POST", f"products/{ID}/publish", {"integration_id": ID}),
    (["unpublish", ID, ID], "DELETE", f"products/{ID}/publish/{ID}", None),
    (["price", ID, "12.50EUR"], "POST", f"listings/{ID}/price", {"price": EURO, "end_reduction": False}),
]


@pytest.mark.parametrize(("arguments", "method", "path", "sent"), PRODUCTS, ids=[each[0][0] for each in PRODUCTS])
def test_products(run: Run, arguments: list[str], method: str, path: str, sent: dict[str, object] | None) -> None:
    result, wire = run("products", *arguments, answers=[httpx.Response(202, json=ACCEPTED)])
    assert result.exit_code == 0, result.output
    (request,) = wire.requests
    assert (request.method, request.url.path) == (method, f"/api/v1/{path}")
    assert (json.loads(request.content) if request.content else None) == sent
