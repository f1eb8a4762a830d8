"""An order of the custom channel as a snapshot: what was left out follows from what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from longshore import ids
from longshore.contracts import (
    FinancialStatus,
    FulfillmentState,
    FulfillmentStatus,
    OrderSnapshot,
    OrderStatus,
    content_digest,
    discrepancies,
)
from longshore.ids import OrderId
from longshore.platforms.events import snapshot_head
from longshore.platforms.protocols import RawRecord
from longshore_gateway.ingest.amounts import Purse, WrongInput, amounts_of
from longshore_gateway.ingest.inputs import Given, LineInput, OrderInput, PartLineInput

_SHIPPED = (OrderStatus.FULFILLED, OrderStatus.DELIVERED)


def order_snapshot(order: OrderInput, record: RawRecord) -> OrderSnapshot:
    """The snapshot. Raises WrongInput for what contradicts itself."""
    order_id = ids.order_id(record.integration_id, order.external_id)
    keys = line_keys(order.lines)
    parts = _Parts(order_id, keys)
    purse = Purse(order.currency, amounts_of(order))
    updated_at = order.updated_at or record.received_at
    fulfillments = _fulfillments(order, parts)
    refunds, refunded, restocked = _refunds(order, parts, purse)
    shipped = _shipped(fulfillments)
    lines = []
    for key, line in zip(keys, order.lines, strict=True):
        line_id = ids.line_id(order_id, key)
        all_gone = line.quantity if order.status in _SHIPPED else 0
        lines.append(
            {
                **line.model_dump(include={"product_external_id", "variant_external_id", "sku", "requires_shipping"}),
                "id": line_id,
                "external_id": key,
                "title": line.title or line.sku or key,
                "quantity": line.quantity,
                "unit_price": purse.money(line.unit_price),
                "discount": purse.money(line.discount),
                "total": purse.money(_total_of(line)),
                "tax": purse.money(line.tax),
                "taxes": [
                    {"title": tax.title, "rate": tax.rate, "amount": purse.money(tax.amount)} for tax in line.taxes
                ],
                "fulfilled_quantity": _first(line.fulfilled_quantity, shipped.get(line_id), all_gone),
                "refunded_quantity": _first(line.refunded_quantity, refunded[line_id]),
                "restocked_quantity": _first(line.restocked_quantity, restocked[line_id]),
            }
        )
    snapshot = OrderSnapshot.model_validate(
        {
            **snapshot_head(record, order.external_id, updated_at),
            "number": order.number or order.external_id,
            "status": order.status,
            "platform_status": order.platform_status or order.status.value,
            "financial_status": order.financial_status or _financial_status(order),
            "fulfillment_status": order.fulfillment_status or _fulfillment_status(order, lines),
            "currency": order.currency,
            "exponent": purse.exponent,
            "totals": _totals(order, purse),
            "taxes_included": order.taxes_included,
            "customer": order.customer,
            "shipping_address": order.shipping_address,
            "billing_address": order.billing_address,
            "lines": lines,
            "shipping_lines": [
                {
                    "external_id": each.external_id,
                    "title": each.title,
                    "code": each.code,
                    "discount": purse.money(each.discount),
                    "total": purse.money(each.total),
                    "tax": purse.money(each.tax),
                }
                for each in order.shipping_lines
            ],
            "fee_lines": [
                {
                    "external_id": each.external_id,
                    "title": each.title,
                    "total": purse.money(each.total),
                    "tax": purse.money(each.tax),
                }
                for each in order.fee_lines
            ],
            "discounts": [
                {"code": each.code, "title": each.title, "amount": purse.money(each.amount)} for each in order.discounts
            ],
            "fulfillments": fulfillments,
            "refunds": refunds,
            "notes": order.notes,
            "tags": order.tags,
            "placed_at": order.placed_at,
            "cancelled_at": order.cancelled_at,
        }
    )
    snapshot.discrepancies = discrepancies(snapshot)
    snapshot.reconciled = not snapshot.discrepancies
    snapshot.digest = content_digest(snapshot)
    return snapshot


def line_keys(lines: Sequence[LineInput]) -> list[str]:
    """Each line's id within its order; its place where it has none. Raises WrongInput when two have the same."""
    keys: list[str] = []
    for n, line in enumerate(lines):
        key = line.external_id or str(n + 1)
        if key in keys:
            raise WrongInput(f"/lines/{n}/external_id", "another line of the order has this id")
        keys.append(key)
    return keys


class _Parts:
    """Finds the line that a part of the order is about."""

    def __init__(self, order_id: OrderId, keys: Sequence[str]) -> None:
        self.order_id = order_id
        self._by_key = {key: ids.line_id(order_id, key) for key in keys}
        self._ids = set(self._by_key.values())

    def line(self, part: PartLineInput, at: str) -> UUID:
        if part.line_id is not None:
            if part.line_id in self._ids:
                return part.line_id
        elif part.external_id is not None:
            found = self._by_key.get(part.external_id)
            if found is not None:
                return found
        else:
            raise WrongInput(at, "it names no line: external_id or line_id")
        raise WrongInput(at, "the order has no such line")


def _fulfillments(order: OrderInput, parts: _Parts) -> list[dict[str, Any]]:
    found = []
    for n, each in enumerate(order.fulfillments):
        pieces: Counter[UUID] = Counter()
        for m, part in enumerate(each.lines):
            pieces[parts.line(part, f"/fulfillments/{n}/lines/{m}")] += part.quantity
        found.append(
            {
                "id": each.id or ids.part_id(parts.order_id, "fulfillment", each.external_id or f"#{n + 1}"),
                "external_id": each.external_id,
                "status": each.status,
                "lines": [{"line_id": line, "quantity": quantity} for line, quantity in pieces.items()],
                "tracking": each.tracking,
                "more_tracking": each.more_tracking,
                "created_at": each.created_at,
            }
        )
    return found


def _shipped(fulfillments: Sequence[Mapping[str, Any]]) -> Counter[UUID]:
    pieces: Counter[UUID] = Counter()
    for each in fulfillments:
        if each["status"] is FulfillmentState.SUCCESS:
            pieces.update({line["line_id"]: line["quantity"] for line in each["lines"]})
    return pieces


def _refunds(
    order: OrderInput, parts: _Parts, purse: Purse
) -> tuple[list[dict[str, Any]], Counter[UUID], Counter[UUID]]:
    found = []
    refunded: Counter[UUID] = Counter()
    restocked: Counter[UUID] = Counter()
    for n, refund in enumerate(order.refunds):
        lines = []
        for m, part in enumerate(refund.lines):
            line = parts.line(part, f"/refunds/{n}/lines/{m}")
            refunded[line] += part.quantity
            restocked[line] += part.quantity if part.restocked else 0
            lines.append(
                {
                    "line_id": line,
                    "quantity": part.quantity,
                    "amount": purse.money(part.amount),
                    "tax": purse.money(part.tax),
                    "restocked": part.restocked,
                }
            )
        found.append(
            {
                "id": ids.part_id(parts.order_id, "refund", refund.external_id),
                "external_id": refund.external_id,
                "amount": purse.money(refund.amount),
                "reason": refund.reason,
                "lines": lines,
                "created_at": refund.created_at,
            }
        )
    return found, refunded, restocked


def _total_of(line: LineInput) -> Decimal:
    if line.total is not None:
        return line.total.value
    return line.unit_price.value * line.quantity - line.discount.value


def _totals(order: OrderInput, purse: Purse) -> dict[str, Any]:
    """As stated; what is not, as the parts sum up."""
    stated = order.totals
    discounts = [each.discount.value for each in order.lines] + [each.discount.value for each in order.shipping_lines]
    taxes = [each.tax.value for each in order.lines] + [each.tax.value for each in order.shipping_lines]
    sums: dict[str, Decimal] = {
        "subtotal": _sum(_total_of(line) + line.discount.value for line in order.lines),
        "discount": _sum(discounts),
        "shipping": _sum(each.total.value + each.discount.value for each in order.shipping_lines),
        "fees": _sum(each.total.value for each in order.fee_lines),
        "tip": Decimal(0),
        "tax": _sum(taxes) + _sum(each.tax.value for each in order.fee_lines),
        "refunded": _sum(each.amount.value for each in order.refunds),
    }
    known = {name: _value(getattr(stated, name), summed) for name, summed in sums.items()}
    total = known["subtotal"] - known["discount"] + known["shipping"] + known["fees"] + known["tip"]
    if not order.taxes_included:
        total += known["tax"]
    known["total"] = _value(stated.total, total)
    return {name: purse.money(value) for name, value in known.items()}


def _financial_status(order: OrderInput) -> FinancialStatus:
    match order.status:
        case OrderStatus.PENDING:
            return FinancialStatus.PENDING
        case OrderStatus.REFUNDED:
            return FinancialStatus.REFUNDED
        case OrderStatus.CANCELLED:
            return FinancialStatus.REFUNDED if order.refunds else FinancialStatus.VOIDED
    return FinancialStatus.PARTIALLY_REFUNDED if order.refunds else FinancialStatus.PAID


def _fulfillment_status(order: OrderInput, lines: Sequence[Mapping[str, Any]]) -> FulfillmentStatus:
    if order.status in _SHIPPED:
        return FulfillmentStatus.FULFILLED
    to_ship = [line for line in lines if line["requires_shipping"] and line["quantity"] > 0]
    if any(line["fulfilled_quantity"] for line in lines):
        whole = all(line["fulfilled_quantity"] >= line["quantity"] for line in to_ship)
        return FulfillmentStatus.FULFILLED if whole else FulfillmentStatus.PARTIAL
    partly = order.status is OrderStatus.PARTIALLY_FULFILLED
    return FulfillmentStatus.PARTIAL if partly else FulfillmentStatus.UNFULFILLED


def _first(*values: int | None) -> int:
    return next((value for value in values if value is not None), 0)


def _value(given: Given | None, otherwise: Decimal) -> Decimal:
    return otherwise if given is None else given.value


def _sum(values: Any) -> Decimal:
    return sum(values, Decimal(0))
