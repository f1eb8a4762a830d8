"""Paying back, once.

WooCommerce takes a refund's lines with their amounts and taxes, and reckons nothing itself. A refund of ours has its
reference in its reason, which is written before anything else is done, and its command's id in its meta, which is
written when all is done (both read in WooCommerce's own code, `wc_create_refund`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from longshore.contracts import OrderRefund
from longshore.platforms.protocols import Done, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import pages
from longshore_connector_woo.client.references import open_order, reference, with_reference
from longshore_connector_woo.translate.reading import ZERO, to_decimal

Json = Mapping[str, Any]

REFUND_META = "_longshore_refund"
# How long a payment provider may take to pay, before we say that nobody knows.
UNDER_WAY = timedelta(minutes=10)
_AGAIN_S = 15.0


async def refund(http: StoreHttp, command: OrderRefund, now: datetime) -> Done:
    """Pay back what is not paid back yet by this command. One at a time per order, see WooClient. Raises StoreError."""
    order = await open_order(http, command.order_external_id)
    path = f"/orders/{command.order_external_id}/refunds"
    refunds = [each async for page in pages(http, path, {}) for each in page.objects()]
    earlier = find(refunds, command)
    if earlier is not None:
        return _known(earlier, command, now)
    written = (await http.post(path, refund_body(order, refunds, command))).object()
    if find([written], command) is None:
        raise StoreUnavailable("not-written", "The store answered as if it had taken the refund, and has not.")
    return Done(str(written.get("id")))


def find(refunds: Iterable[Json], command: OrderRefund) -> Json | None:
    """The refund that this command has made."""
    name = reference(command.refund_id)
    return next((each for each in refunds if _is_done(each, command) or name in str(each.get("reason"))), None)


def refund_body(order: Json, refunds: Sequence[Json], command: OrderRefund) -> dict[str, Any]:
    """What is sent to the store: each part with its amount and its taxes, and the sum. Pure. Raises StoreRefused."""
    restock = {piece.restock for piece in command.lines}
    if len(restock) > 1:
        raise StoreRefused(
            "mixed-restock", "WooCommerce puts all pieces of a refund back on the shelf or none: ask for two refunds."
        )
    cent = Decimal(1).scaleb(-len(str(order.get("total", "")).partition(".")[2]))
    rest = _number(order.get("total")) - sum((_number(each.get("amount")) for each in refunds), ZERO)
    parts = _parts(order, _refunded(refunds), command, cent)
    if command.amount is not None:
        amount = command.amount.decimal()
    else:
        amount = rest if command.full else min(rest, sum((part.sum for part in parts), ZERO))
    if not ZERO < amount <= rest:
        raise StoreRefused("refund-above-rest", f"{rest} is left to pay back at the store, not {amount}.")
    return {
        "amount": format(amount, "f"),
        "reason": with_reference(command.reason, command.refund_id),
        "line_items": [part.written() for part in parts],
        "api_refund": command.pay,
        # Of a full refund all lines go back, as its command says of each.
        "api_restock": restock == {True},
        "meta_data": [{"key": REFUND_META, "value": str(command.refund_id)}],
    }


@dataclass(slots=True)
class _Part:
    """A line, shipping or fee, or what was paid back of it; without tax, and its taxes by the id of their rate."""

    item_id: str
    quantity: int = 0
    total: Decimal = ZERO
    taxes: dict[str, Decimal] = field(default_factory=dict)

    @property
    def sum(self) -> Decimal:
        return self.total + sum(self.taxes.values(), ZERO)

    def share(self, of: Decimal, whole: Decimal, cent: Decimal) -> _Part:
        """So much of it, rounded as WooCommerce rounds."""

        def cut(amount: Decimal) -> Decimal:
            return amount if of == whole else (amount * of / whole).quantize(cent, ROUND_HALF_UP)

        return _Part(self.item_id, 0, cut(self.total), {id: cut(tax) for id, tax in self.taxes.items()})

    def less(self, other: _Part) -> _Part:
        taxes = {id: tax - other.taxes.get(id, ZERO) for id, tax in self.taxes.items()}
        return _Part(self.item_id, self.quantity - other.quantity, self.total - other.total, taxes)

    def written(self) -> dict[str, Any]:
        return {
            "id": int(self.item_id),
            "quantity": self.quantity,
            "refund_total": str(self.total),
            "refund_tax": [{"id": int(id), "refund_total": str(tax)} for id, tax in self.taxes.items() if tax],
        }


def _parts(order: Json, refunded: Mapping[str, _Part], command: OrderRefund, cent: Decimal) -> list[_Part]:
    lines = {part.item_id: part for part in _read(order, "line_items")}
    left = {id: part.less(refunded.get(id, _Part(id))) for id, part in lines.items()}
    if command.full:
        others = (part for key in ("shipping_lines", "fee_lines") for part in _read(order, key))
        rest = [*left.values(), *(part.less(refunded.get(part.item_id, _Part(part.item_id))) for part in others)]
        return [part for part in rest if part.quantity > 0 or part.total]
    found = [_pieces(lines, left, piece.external_id, piece.quantity, cent) for piece in command.lines]
    if command.shipping or command.shipping_amount is not None:
        wanted = None if command.shipping_amount is None else command.shipping_amount.decimal()
        found += _shipping(order, refunded, wanted, cent)
    return found


def _pieces(lines: Mapping[str, _Part], left: Mapping[str, _Part], id: str, quantity: int, cent: Decimal) -> _Part:
    if id not in lines:
        raise StoreRefused("unknown-line", f"The order has no line {id} at the store.")
    if quantity > left[id].quantity:
        raise StoreRefused(
            "quantity-not-left", f"{left[id].quantity} of line {id} are left to pay back at the store, not {quantity}."
        )
    # The last pieces get what rounding has left.
    last = quantity == left[id].quantity
    part = left[id] if last else lines[id].share(Decimal(quantity), Decimal(lines[id].quantity), cent)
    return _Part(id, quantity, part.total, part.taxes)


def _shipping(order: Json, refunded: Mapping[str, _Part], wanted: Decimal | None, cent: Decimal) -> list[_Part]:
    """All shipping that is left, or so much of it (without tax; its taxes in proportion), the first charge first."""
    found = []
    for charge in _read(order, "shipping_lines"):
        left = charge.less(refunded.get(charge.item_id, _Part(charge.item_id)))
        take = left.total if wanted is None else min(wanted, left.total)
        if take > 0:
            found.append(left.share(take, left.total, cent))
            found[-1].total = take
            wanted = None if wanted is None else wanted - take
    if wanted:
        raise StoreRefused("refund-above-rest", f"{wanted} more of shipping is asked for than is left to pay back.")
    return [_Part(part.item_id, 0, part.total, part.taxes) for part in found]


def _refunded(refunds: Iterable[Json]) -> dict[str, _Part]:
    """What was paid back of each item of the order. A refund's figures are negative; its items name the order's."""
    found: dict[str, _Part] = {}
    for refund_ in refunds:
        for key in ("line_items", "shipping_lines", "fee_lines"):
            for part, item in zip(_read(refund_, key), _objects(refund_, key), strict=True):
                id = str(_meta(item, "_refunded_item_id") or "")
                sum_ = found.setdefault(id, _Part(id))
                sum_.quantity += abs(part.quantity)
                sum_.total += abs(part.total)
                for rate, tax in part.taxes.items():
                    sum_.taxes[rate] = sum_.taxes.get(rate, ZERO) + abs(tax)
    return found


def _read(record: Json, key: str) -> list[_Part]:
    return [
        _Part(
            str(item.get("id")),
            int(_number(item.get("quantity"))),
            _number(item.get("total")),
            {str(tax.get("id")): _number(tax.get("total")) for tax in _objects(item, "taxes")},
        )
        for item in _objects(record, key)
    ]


def _objects(record: Json, key: str) -> list[dict[str, Any]]:
    value = record.get(key)
    value = list(value.values()) if isinstance(value, dict) else value
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _meta(record: Json, key: str) -> object:
    return next((each.get("value") for each in _objects(record, "meta_data") if each.get("key") == key), None)


def _number(value: object) -> Decimal:
    return to_decimal(value) or ZERO


def _is_done(refund_: Json, command: OrderRefund) -> bool:
    return _meta(refund_, REFUND_META) == str(command.refund_id)


def _known(refund_: Json, command: OrderRefund, now: datetime) -> Done:
    """What it means that the refund is there already. Raises StoreError while that is not clear."""
    if _is_done(refund_, command) or not command.pay or refund_.get("refunded_payment") is True:
        return Done(str(refund_.get("id")), existed=True)
    # Written down, and not paid: the store is at it, or died at it. (When its provider refuses, it takes it back.)
    try:
        made = datetime.fromisoformat(str(refund_.get("date_created_gmt"))).replace(tzinfo=UTC)
    except ValueError:
        made = now
    if now - made < UNDER_WAY:
        raise StoreUnavailable("refund-under-way", "The store's payment provider is still at paying back.", _AGAIN_S)
    raise StoreRefused(
        "refund-unpaid",
        "The refund stands at the store, but nobody knows whether its payment provider has paid: look at the payment, "
        "and at the order's notes.",
    )
