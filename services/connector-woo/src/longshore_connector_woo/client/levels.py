"""What a store's level means for a push: to be written, there already, or not to be touched. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from longshore.contracts import STALE, StockSet
from longshore.platforms.protocols import StockResult
from longshore_connector_woo.client.answers import plain

PRODUCTS = "/products"


@dataclass(slots=True)
class Push:
    """One product or variation on its way.

    `path`: where it is written. `known`: what the store had when we looked (None: it did not count the product).
    `goal`: what is to be written. `found`: what the store had after our last write. `slipped`: something came between.
    """

    id: int
    target: StockSet
    path: str
    known: int | None
    goal: int
    found: int | None = None
    slipped: bool = False

    def items(self) -> list[dict[str, Any]]:
        """The push in a batch. A change of nothing before it is answered with the level as it is just then."""
        write = {"id": self.id, "manage_stock": True, "stock_quantity": self.goal}
        return [write] if self.known is None else [{"id": self.id}, write]

    def result(self) -> StockResult:
        return StockResult(self.target.listing_id, self.target.sequence, self.found, slipped=self.slipped)

    def take(self, answers: list[dict[str, Any]]) -> StockResult | None:
        """What the store has answered to `items`; None: what came between is yet to be put right."""
        if not answers:
            return self.result() if self.slipped else _again(self.target)
        error = answers[-1].get("error")
        if isinstance(error, dict):
            # Of a correction: what was asked for is done.
            return self.result() if self.slipped else refused(self.target, error)
        if answers[-1].get("manage_stock") is False:
            return failed(
                self.target,
                "not-counted",
                "The store does not count this product's stock: its kind has none, or counting is off for the shop "
                "(WooCommerce > Settings > Products > Inventory).",
            )
        before = pieces(answers[0]) if len(answers) > 1 else None
        self.found = pieces(answers[-1])
        if self.found is not None and self.found != self.goal:
            self.slipped = True
        if before is None or self.known is None or before == self.known:
            return self.result()
        # Our quantity reckoned with `known`, and has taken the place of `before`: a sale between is to be taken off it.
        self.slipped = True
        came = before - self.known
        self.known = self.goal if self.found is None else self.found
        self.goal = max(0, self.known + came)
        return self.result() if self.goal == self.known else None


def judge(target: StockSet, product: Mapping[str, Any] | None) -> Push | StockResult:
    """The push, or the result if nothing is to be written. `product`: as the store has it now, None if it has not."""
    if product is None or product.get("status") == "trash":
        return failed(target, "not-found", "The store does not have it, or has it in the trash.")
    parent = product.get("parent_id")
    path = f"{PRODUCTS}/{parent}/variations" if product.get("type") == "variation" and parent else PRODUCTS
    managed = product.get("manage_stock")
    if managed == "parent":
        # Written here, the variation would no longer draw on its product's stock.
        return failed(
            target, "parent-managed", "The store counts this variation at its product now; its catalogue says so next."
        )
    current = pieces(product) if managed is True else None
    if current is not None:
        if target.expected is not None and current != target.expected:
            # Not done either if it is what we want: a sale that we have not heard of may have led there.
            words = "The store's level is not what was expected; it was left as it is."
            return StockResult(target.listing_id, target.sequence, current, words, STALE)
        if current == target.quantity:
            return StockResult(target.listing_id, target.sequence, current)
    return Push(int(target.inventory_external_id), target, path, current, target.quantity)


def pieces(product: Mapping[str, Any]) -> int | None:
    """Its quantity; a plugin may show it as text, or sell by halves, which we do not know."""
    value = product.get("stock_quantity")
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        exact = Decimal(value)
        return int(exact) if exact == exact.to_integral_value() else None
    except ArithmeticError:
        return None


def refused(target: StockSet, error: Mapping[str, Any]) -> StockResult:
    """What an error of one item means."""
    data = error.get("data")
    status = data.get("status") if isinstance(data, dict) else data
    code, words = str(error.get("code", "")), plain(error.get("message"))
    if isinstance(status, int) and status >= 500:
        return StockResult(target.listing_id, target.sequence, None, words, f"http-{status}", retry=True)
    gone = "invalid" in code and code.endswith("id")
    return failed(target, "not-found" if gone else code.replace("_", "-")[:80], words)


def failed(target: StockSet, code: str, detail: str) -> StockResult:
    """It would be refused again."""
    return StockResult(target.listing_id, target.sequence, None, detail or "The store refused it.", code or "refused")


def _again(target: StockSet) -> StockResult:
    words = "The store's answer left it out."
    return StockResult(target.listing_id, target.sequence, None, words, "no-answer", retry=True)
