"""Refund records of an order. Not each of them is money paid back.

Shopify writes a refund record for pieces that an order edit removed, too: one without transactions (second-hand; the
Admin schema says that a Refund does not guarantee that money was returned). Such a record lowers what was ordered; it
is not a refund.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from longshore.ids import OrderId, part_id
from longshore_connector_shopify.translate.amounts import Amounts
from longshore_connector_shopify.translate.reading import Json, Notes, by_id

RESTOCKED = frozenset({"return", "cancel", "legacy_restock"})
# A returned piece had been shipped: that is never an edit.
_REMOVED_BY_EDIT = frozenset({"no_restock", "cancel", "legacy_restock"})
_FAILED = frozenset({"failure", "error"})
_MONEY_IS_BACK = frozenset({"refunded", "partially_refunded"})
_MARK = re.compile(r"\s*\[?Longshore [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\]?$")


@dataclass(slots=True)
class RefundPiece:
    """Pieces of one line: `net` after discounts and `tax`, in minor units."""

    line: str
    quantity: int
    net: int
    tax: int
    restock_type: str


@dataclass(slots=True)
class RefundRecord:
    """One refund record. `paid` is what transactions say; `valued` what its parts are worth.

    `foreign`: a transaction is in the buyer's currency and its shop money is not told.
    """

    external_id: str
    note: str | None
    created_at: datetime | None
    pieces: list[RefundPiece]
    paid: int = 0
    has_transactions: bool = False
    tells_transactions: bool = False
    foreign: bool = False
    shipping_net: int = 0
    shipping_tax: int = 0
    discrepancy: int = 0
    duties: dict[str, int] = field(default_factory=dict)
    removal: bool = False

    def worth(self, taxes_included: bool) -> int:
        """What the store's current total fell by."""
        total = sum(each.net for each in self.pieces) + self.shipping_net + sum(self.duties.values())
        return total if taxes_included else total + self.tax

    @property
    def tax(self) -> int:
        """Tax of all its parts."""
        return sum(each.tax for each in self.pieces) + self.shipping_tax


def read_refunds(order: Json, amounts: Amounts, notes: Notes, *, cancelled: bool) -> list[RefundRecord]:
    """All refund records of an order; those of edits are marked `removal`."""
    records = []
    for at, node in notes.nodes(order, "refunds"):
        external_id = notes.external_id(node, at=at)
        if external_id is None:
            notes.unreadable(at + "id")
            continue
        pieces = [_piece(each, amounts, notes, inner) for inner, each in notes.nodes(node, "refund_line_items", at)]
        record = RefundRecord(
            external_id,
            _reason(notes.text(node, "note", at)),
            notes.moment(node, "created_at", at),
            [piece for piece in pieces if piece is not None],
        )
        _read_transactions(record, node, amounts, notes, at)
        _read_rest(record, node, amounts, notes, at)
        records.append(record)
    told = any(each.has_transactions for each in records)
    if not cancelled and (told or notes.word(order, "financial_status") not in _MONEY_IS_BACK):
        for record in records:
            record.removal = (
                record.tells_transactions
                and not record.has_transactions
                and bool(record.pieces)
                # An edit takes pieces; shipping or a tip is given back by hand, if only on paper.
                and not (record.shipping_net or record.shipping_tax or record.discrepancy)
                and all(each.restock_type in _REMOVED_BY_EDIT for each in record.pieces)
            )
    return records


def paid_back(record: RefundRecord, taxes_included: bool, *, money_is_back: bool) -> int:
    """The amount of a refund: its transactions, or where they are not told its worth less the discrepancy."""
    if record.has_transactions and not record.foreign:
        return record.paid
    if record.has_transactions or not record.tells_transactions or money_is_back:
        return max(0, record.worth(taxes_included) - record.discrepancy)
    return 0


def refund_parts(
    records: Sequence[RefundRecord],
    order_id: OrderId,
    line_ids: dict[str, UUID],
    amounts: Amounts,
    *,
    taxes_included: bool,
    financial_status: str,
) -> list[dict[str, Any]]:
    """The refunds as the contract has them, without what edits removed."""
    told = any(each.has_transactions for each in records)
    money_is_back = not told and financial_status in _MONEY_IS_BACK
    parts = [
        {
            "id": part_id(order_id, "refund", record.external_id),
            "external_id": record.external_id,
            "amount": amounts.money(paid_back(record, taxes_included, money_is_back=money_is_back)),
            "reason": record.note,
            "lines": [
                {
                    "line_id": line_ids[each.line],
                    "quantity": each.quantity,
                    "amount": amounts.money(each.net),
                    "tax": amounts.money(each.tax),
                    "restocked": each.restock_type in RESTOCKED,
                }
                for each in sorted(record.pieces, key=lambda piece: (len(piece.line), piece.line, piece.restock_type))
                if each.line in line_ids
            ],
            "created_at": record.created_at,
        }
        for record in records
        if not record.removal
    ]
    return by_id(parts)


def _reason(note: str | None) -> str | None:
    """What people said of a refund, without the mark by which the client knows its own (client/refunding.py)."""
    return None if note is None else _MARK.sub("", note) or None


def _piece(node: Json, amounts: Amounts, notes: Notes, at: str) -> RefundPiece | None:
    line = notes.external_id(node, "line_item_id", at)
    quantity = notes.pieces(node, "quantity", at)
    if line is None or quantity is None or quantity < 0:
        notes.unreadable(at + "quantity" if line else at + "line_item_id")
        return None
    return RefundPiece(
        line,
        quantity,
        amounts.of(node, "subtotal", at),
        amounts.of(node, "total_tax", at),
        notes.text(node, "restock_type", at) or "no_restock",
    )


def _read_transactions(record: RefundRecord, node: Json, amounts: Amounts, notes: Notes, at: str) -> None:
    record.tells_transactions = isinstance(node.get("transactions"), list)
    for inner, each in notes.nodes(node, "transactions", at):
        status = notes.word(each, "status")
        if notes.word(each, "kind") != "refund" or status in _FAILED:
            continue
        record.has_transactions = True
        if status != "success":
            # Not paid back yet; another delivery will tell.
            continue
        currency = each.get("currency")
        if each.get("amount_set") is not None or currency is None or currency == amounts.currency:
            record.paid += abs(amounts.of(each, "amount", inner))
        else:
            record.foreign = True
            notes.unreadable(inner + "amount")


def _read_rest(record: RefundRecord, node: Json, amounts: Amounts, notes: Notes, at: str) -> None:
    """Shipping, duties and the difference between what parts are worth and what was paid.

    Before 2024-10 refunded shipping was an order adjustment.
    """
    for inner, each in notes.nodes(node, "refund_shipping_lines", at):
        record.shipping_net += abs(amounts.of(each, "subtotal_amount", inner))
        record.shipping_tax += abs(amounts.of(each, "tax_amount", inner))
    told = bool(record.shipping_net or record.shipping_tax)
    for inner, each in notes.nodes(node, "order_adjustments", at):
        if each.get("kind") != "shipping_refund":
            record.discrepancy += amounts.of(each, "amount", inner)
        elif not told:
            record.shipping_net += abs(amounts.of(each, "amount", inner))
            record.shipping_tax += abs(amounts.of(each, "tax_amount", inner))
    for inner, each in notes.nodes(node, "duties", at):
        duty = notes.external_id(each, "duty_id", inner)
        if duty is not None:
            record.duties[duty] = record.duties.get(duty, 0) + abs(amounts.of(each, "amount", inner))
