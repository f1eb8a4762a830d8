"""An order in the shape of Shopify's webhooks (REST) becomes a normalized snapshot.

A fetched order is brought into the same shape first (`fetched_orders`), so both go through this one builder.

Money is shop money. Totals, in Shopify's words: `total_price` is before returns and holds what edits removed;
`current_total_price` is after both. So the store's own total before refunds is `total_price` for an order without
removals, and `current_total_price` plus the worth of its refunds for one with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from longshore.contracts import (
    FinancialStatus,
    FulfillmentState,
    FulfillmentStatus,
    OrderSnapshot,
    discrepancies,
    sealed,
)
from longshore.ids import OrderId, order_id, part_id
from longshore.money import InvalidAmount, money
from longshore.platforms.events import snapshot_head
from longshore.platforms.protocols import RawRecord, Untranslatable
from longshore_connector_shopify.translate.amounts import Amounts, FinerAmount
from longshore_connector_shopify.translate.goods import Goods, read_goods
from longshore_connector_shopify.translate.people import address, customer_of_order
from longshore_connector_shopify.translate.reading import Json, Notes, by_id
from longshore_connector_shopify.translate.refunds import RefundRecord, read_refunds, refund_parts
from longshore_connector_shopify.translate.status import (
    FINANCIAL,
    FULFILLMENT,
    FULFILLMENT_STATE,
    order_status,
)


def build_order(order: Json, record: RawRecord) -> tuple[OrderSnapshot, bytes]:
    """The snapshot of an order, and its JSON. Raises Untranslatable if its id, currency or total cannot be read."""
    exponent: int | None = None
    while True:
        try:
            return _build(order, record, exponent)
        except FinerAmount as finer:
            # Rare: the order counts finer than its currency (duties of 16.486 USD). At most twelve turns.
            exponent = finer.exponent
        except InvalidAmount as error:
            raise Untranslatable(f"amounts: {error}") from None
        except ValidationError as error:
            names = {".".join(str(part) for part in each["loc"]) for each in error.errors()}
            raise Untranslatable(f"not an order: {', '.join(sorted(names))}") from None


def needs_fetch(snapshot: OrderSnapshot) -> bool:
    """Whether a webhook's order lacks what only the store can tell: the shop money of a refund in other money."""
    return any(".transactions[" in problem for problem in snapshot.problems)


@dataclass(slots=True)
class _Sums:
    """The store's own figures that go with the parts, in minor units."""

    total: int
    tax: int
    tip: int
    current: bool = False


def _build(order: Json, record: RawRecord, exponent: int | None) -> tuple[OrderSnapshot, bytes]:
    notes = Notes()
    external_id, currency = _identity(order, notes)
    amounts = Amounts(currency, exponent, notes)
    ours = order_id(record.integration_id, external_id)
    cancelled_at = notes.moment(order, "cancelled_at")
    cancelled = order.get("cancelled_at") is not None
    taxes_included = notes.flag(order, "taxes_included")
    refunds = read_refunds(order, amounts, notes, cancelled=cancelled)
    goods = read_goods(order, ours, refunds, amounts, notes, cancelled=cancelled)
    sums = _sums(order, goods, refunds, amounts, notes, taxes_included)
    shipments, delivered = _fulfillments(order, ours, goods.line_ids, notes)
    financial, fulfillment, platform_status = _statuses(order, goods, notes)
    updated_at = notes.updated(order, record, "updated_at", "created_at")
    refunded = refund_parts(
        refunds,
        ours,
        goods.line_ids,
        amounts,
        taxes_included=taxes_included,
        financial_status=notes.word(order, "financial_status"),
    )
    status = order_status(financial, fulfillment, cancelled=cancelled, delivered=delivered)
    content = {
        **snapshot_head(record, external_id, updated_at),
        "number": notes.text(order, "name") or notes.text(order, "order_number") or external_id,
        "status": status,
        "platform_status": platform_status,
        "financial_status": financial,
        "fulfillment_status": fulfillment,
        "currency": currency,
        "exponent": amounts.exponent,
        "totals": _totals(goods, sums, sum(each["amount"].amount for each in refunded), amounts),
        "presentment_total": _presentment(order, "current_total_price" if sums.current else "total_price", notes),
        "taxes_included": taxes_included,
        "customer": customer_of_order(order, notes),
        "shipping_address": address(order, "shipping_address", notes),
        "billing_address": address(order, "billing_address", notes),
        "lines": goods.lines,
        "shipping_lines": goods.shipping_lines,
        "fee_lines": goods.fee_lines,
        "discounts": _discounts(order, goods, amounts, notes),
        "fulfillments": shipments,
        "refunds": refunded,
        "notes": [{"text": text, "author": "customer"}] if (text := notes.text(order, "note")) else [],
        "tags": _tags(order, notes),
        "placed_at": notes.moment(order, "processed_at") or notes.moment(order, "created_at") or updated_at,
        "cancelled_at": cancelled_at,
        "problems": notes.problems,
    }
    snapshot: OrderSnapshot = OrderSnapshot.__pydantic_validator__.validate_python(content)
    snapshot.discrepancies = discrepancies(snapshot)
    snapshot.reconciled = not snapshot.discrepancies
    return snapshot, sealed(snapshot)


def _identity(order: Json, notes: Notes) -> tuple[str, str]:
    """What an order cannot be without: its id and its currency."""
    external_id = notes.external_id(order)
    currency = notes.text(order, "currency")
    if external_id is None:
        raise Untranslatable("id is missing or unreadable")
    if currency is None or len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.isupper()):
        raise Untranslatable("currency is missing or unreadable")
    return external_id, currency


def _sums(
    order: Json, goods: Goods, refunds: Sequence[RefundRecord], amounts: Amounts, notes: Notes, taxes_included: bool
) -> _Sums:
    """Which of the store's two totals goes with the parts: see the head of this file.

    The store's figures are tried in the order in which they should hold; when none does, the first is kept and the
    order does not reconcile.
    """
    before = amounts.find(order, "total_price")
    stated_tip = amounts.of(order, "total_tip_received")
    tip = stated_tip or goods.tip_lines
    candidates: list[_Sums] = []
    if before is not None:
        tax_before = amounts.find(order, "total_tax")
        candidates.append(_Sums(before, goods.tax if tax_before is None else tax_before, tip))
        if not goods.removed_pieces and _adds_up(candidates[0], goods, taxes_included):
            return candidates[0]
    now = amounts.find(order, "current_total_price")
    if now is not None:
        real = [each for each in refunds if not each.removal]
        tax_now = amounts.find(order, "current_total_tax")
        tax = goods.tax if tax_now is None else tax_now + sum(each.tax for each in real)
        worth = sum(each.worth(taxes_included) for each in real)
        # A refund of more than its parts (a tip) lowers the current total too.
        more = sum(max(0, -each.discrepancy) for each in real)
        after = [_Sums(now + worth, tax, tip, current=True)]
        if more:
            after.append(_Sums(now + worth + more, tax, tip, current=True))
        candidates = [*after, *candidates] if goods.removed_pieces else [*candidates, *after]
    if not candidates:
        raise Untranslatable("total_price is missing or unreadable")
    return next((each for each in candidates if _adds_up(each, goods, taxes_included)), candidates[0])


def _adds_up(sums: _Sums, goods: Goods, taxes_included: bool) -> bool:
    if goods.parts_total(sums.tip, sums.tax, taxes_included) != sums.total:
        return False
    return sums.tax == goods.tax or not goods.fee_tax_told


def _totals(goods: Goods, sums: _Sums, refunded: int, amounts: Amounts) -> dict[str, Any]:
    if not goods.fee_tax_told and sums.tax > goods.tax:
        # A webhook tells additional fees without their tax: what no other part explains is theirs.
        fee = goods.fee_lines[-1]
        fee["tax"] = amounts.money(sums.tax - goods.tax)
    money = amounts.money
    return {
        "subtotal": money(goods.subtotal),
        "discount": money(goods.discount),
        "shipping": money(goods.shipping),
        "fees": money(goods.fees),
        "tip": money(sums.tip),
        "tax": money(sums.tax),
        "total": money(sums.total),
        "refunded": money(refunded),
    }


def _presentment(order: Json, name: str, notes: Notes) -> Any:
    """The total in the money that the buyer saw."""
    pair = order.get(name + "_set")
    if pair is None:
        return None
    try:
        shown = pair["presentment_money"]
        currency = shown["currency_code"]
        if type(currency) is str and len(currency) == 3:
            return money(shown["amount"], currency)
    except (InvalidAmount, LookupError, TypeError):
        pass
    notes.unreadable(f"{name}_set.presentment_money")
    return None


def _statuses(order: Json, goods: Goods, notes: Notes) -> tuple[FinancialStatus, FulfillmentStatus, str]:
    """Both of Shopify's words as ours, and as they are."""
    paid = notes.word(order, "financial_status") or "pending"
    shipped = notes.word(order, "fulfillment_status") or "unfulfilled"
    financial, fulfillment = FINANCIAL.get(paid), FULFILLMENT.get(shipped)
    if financial is None:
        notes.unreadable("financial_status")
        financial = FinancialStatus.PENDING
    if fulfillment is None:
        notes.unreadable("fulfillment_status")
        pieces = sum(line["fulfilled_quantity"] for line in goods.lines)
        whole = all(line["fulfilled_quantity"] >= line["quantity"] - line["refunded_quantity"] for line in goods.lines)
        fulfillment = FulfillmentStatus.UNFULFILLED
        if pieces:
            fulfillment = FulfillmentStatus.FULFILLED if whole else FulfillmentStatus.PARTIAL
    return financial, fulfillment, f"{paid}/{shipped}"


def _fulfillments(
    order: Json, ours: OrderId, line_ids: dict[str, UUID], notes: Notes
) -> tuple[list[dict[str, Any]], bool]:
    """The shipments, and whether the carrier has delivered every one that stands."""
    parts = []
    standing = arrived = 0
    for at, node in notes.nodes(order, "fulfillments"):
        external_id = notes.external_id(node, at=at)
        if external_id is None:
            notes.unreadable(at + "id")
            continue
        word = notes.word(node, "status") or "success"
        state = FULFILLMENT_STATE.get(word)
        if state is None:
            notes.unreadable(at + "status")
            state = FulfillmentState.PENDING
        if state is FulfillmentState.SUCCESS:
            standing += 1
            arrived += notes.word(node, "shipment_status") == "delivered"
        tracking = _tracking(node, notes, at)
        parts.append(
            {
                "id": part_id(ours, "fulfillment", external_id),
                "external_id": external_id,
                "status": state,
                "lines": _fulfillment_lines(node, line_ids, notes, at),
                "tracking": tracking[0] if tracking else None,
                "more_tracking": tracking[1:],
                "created_at": notes.moment(node, "created_at", at),
            }
        )
    return by_id(parts), standing > 0 and standing == arrived


def _fulfillment_lines(node: Json, line_ids: dict[str, UUID], notes: Notes, at: str) -> list[dict[str, Any]]:
    found: list[tuple[str, int]] = []
    for inner, each in notes.nodes(node, "line_items", at):
        line, quantity = notes.external_id(each, at=inner), notes.pieces(each, "quantity", inner)
        if line in line_ids and quantity is not None:
            found.append((line, quantity))
    found.sort(key=lambda pair: (len(pair[0]), pair))
    return [{"line_id": line_ids[line], "quantity": quantity} for line, quantity in found]


def _tracking(node: Json, notes: Notes, at: str) -> list[dict[str, Any]]:
    carrier = notes.text(node, "tracking_company", at)
    numbers = notes.texts(node, "tracking_numbers", at)
    urls = notes.texts(node, "tracking_urls", at)
    if not numbers and (number := notes.text(node, "tracking_number", at)):
        numbers = [number]
    if not urls and (url := notes.text(node, "tracking_url", at)):
        urls = [url]
    count = max(len(numbers), len(urls), 1 if carrier else 0)
    return [
        {
            "number": numbers[n] if n < len(numbers) else None,
            "carrier": carrier,
            "url": urls[n] if n < len(urls) else None,
        }
        for n in range(count)
    ]


def _discounts(order: Json, goods: Goods, amounts: Amounts, notes: Notes) -> list[dict[str, Any]]:
    """The discounts by name, each with what was allocated of it; old bodies know codes alone."""
    found = []
    for n, (at, node) in enumerate(notes.nodes(order, "discount_applications")):
        code = notes.text(node, "code", at)
        found.append(
            {
                "code": code,
                "title": notes.text(node, "title", at) or (None if code else notes.text(node, "description", at)),
                "amount": amounts.money(goods.allocated.get(n, 0)),
            }
        )
    if not found:
        for at, node in notes.nodes(order, "discount_codes"):
            found.append(
                {"code": notes.text(node, "code", at), "amount": amounts.money(amounts.of(node, "amount", at))}
            )
    return found


def _tags(order: Json, notes: Notes) -> list[str]:
    tags = order.get("tags")
    if tags is None or isinstance(tags, str):
        return sorted({tag.strip() for tag in (tags or "").split(",")} - {""})
    return sorted(set(notes.texts(order, "tags")))
