"""Refunds. The order names them (id, reason, total); their lines are known only when the refunds were read too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from longshore import ids
from longshore_connector_woo.translate.amounts import Unit
from longshore_connector_woo.translate.reading import Fields


@dataclass(slots=True)
class RefundLine:
    """Pieces of an order line paid back; amounts positive."""

    line: str
    pieces: int
    total: Decimal
    tax: Decimal


@dataclass(slots=True)
class Refund:
    """One refund; `detailed` when its own record was read and not only its entry in the order."""

    external_id: str
    amount: Decimal
    reason: str | None
    created_at: datetime | None = None
    lines: list[RefundLine] = field(default_factory=list)
    detailed: bool = False

    def amounts(self) -> Iterable[Decimal]:
        """All its amounts."""
        yield self.amount
        for line in self.lines:
            yield line.total
            yield line.tax


def read_refunds(order: Fields, records: list[Fields]) -> list[Refund]:
    """The refunds that the order names (its totals are negative), with the detail of their own records.

    Records that the order does not name are left out: such a refund came after the order was read; its webhook follows.
    """
    detail = {each.external_id("id"): each for each in records}
    found = []
    for entry in order.objects("refunds"):
        external_id = entry.external_id("id")
        if external_id is None:
            entry.unreadable("id")
            continue
        refund = Refund(external_id, abs(entry.amount("total")), entry.name("reason"))
        record = detail.get(external_id)
        if record is not None:
            refund.detailed = True
            refund.created_at = record.moment("date_created_gmt")
            refund.lines = [line for each in record.objects("line_items") if (line := _line(each)) is not None]
        found.append(refund)
    return sorted(found, key=lambda each: int(each.external_id))


def _line(item: Fields) -> RefundLine | None:
    """An item of a refund: negative figures, and the order's line in its meta."""
    line = item.meta("_refunded_item_id")
    if type(line) not in (str, int) or not line:
        item.unreadable("meta_data._refunded_item_id")
        return None
    pieces = abs(item.pieces("quantity") or 0)
    return RefundLine(str(line), pieces, abs(item.amount("total")), abs(item.amount("total_tax")))


def refunded_pieces(refunds: list[Refund]) -> dict[str, int]:
    """How many pieces of each line were paid back."""
    found: dict[str, int] = {}
    for refund in refunds:
        for line in refund.lines:
            found[line.line] = found.get(line.line, 0) + line.pieces
    return found


def contract_refunds(
    refunds: list[Refund],
    order_id: ids.OrderId,
    unit: Unit,
    line_ids: Mapping[str, UUID],
    restocked: Mapping[str, int],
) -> list[dict[str, Any]]:
    """In the shape of the contract's Refund.

    WooCommerce counts restocked pieces per order line, not per refund: the oldest refunds come first.
    """
    left = dict(restocked)
    found = []
    for refund in refunds:
        lines = []
        for line in refund.lines:
            line_id = line_ids.get(line.line)
            if line_id is None:
                continue
            back = line.pieces > 0 and left.get(line.line, 0) >= line.pieces
            if back:
                left[line.line] -= line.pieces
            lines.append(
                {
                    "line_id": line_id,
                    "quantity": line.pieces,
                    "amount": unit.money(line.total),
                    "tax": unit.money(line.tax),
                    "restocked": back,
                }
            )
        found.append(
            {
                "id": ids.part_id(order_id, "refund", refund.external_id),
                "external_id": refund.external_id,
                "amount": unit.money(refund.amount),
                "reason": refund.reason,
                "lines": lines,
                "created_at": refund.created_at,
            }
        )
    return found
