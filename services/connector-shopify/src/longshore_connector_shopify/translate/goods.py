"""What an order is made of: lines, shipping, fees and tips, as they stand after edits and before refunds.

Shopify keeps a line's `quantity`, taxes and discounts as ordered, and counts what is left in `current_quantity`:
refunds and edits both lower that. What no refund explains was removed by an edit: such pieces leave the line, with
their share of discount and tax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from longshore.ids import OrderId, line_id
from longshore_connector_shopify.translate.amounts import Amounts, share
from longshore_connector_shopify.translate.reading import Json, Notes
from longshore_connector_shopify.translate.refunds import RESTOCKED, RefundRecord
from longshore_connector_shopify.translate.status import FULFILLMENT_STATE


@dataclass(slots=True)
class Goods:
    """Contract parts (as Pydantic takes them) and their sums in minor units."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    line_ids: dict[str, UUID] = field(default_factory=dict)
    shipping_lines: list[dict[str, Any]] = field(default_factory=list)
    fee_lines: list[dict[str, Any]] = field(default_factory=list)
    subtotal: int = 0
    discount: int = 0
    shipping: int = 0
    fees: int = 0
    tip_lines: int = 0
    tax: int = 0
    fee_tax_told: bool = True
    removed_pieces: bool = False
    # Discounts by their place in `discount_applications`.
    allocated: dict[int, int] = field(default_factory=dict)

    def parts_total(self, tip: int, tax: int, taxes_included: bool) -> int:
        """What the parts sum to."""
        total = self.subtotal - self.discount + self.shipping + self.fees + tip
        return total if taxes_included else total + tax


@dataclass(slots=True)
class _Pieces:
    """What refund records say of one line; `removed_*` are those of edits."""

    refunded: int = 0
    restocked: int = 0
    net: int = 0
    tax: int = 0
    removed: int = 0
    removed_net: int = 0
    removed_tax: int = 0


@dataclass(slots=True)
class _Kept:
    """A line after edits, in minor units."""

    quantity: int
    gross: int
    net: int
    taxes: list[dict[str, Any]]
    tax: int


def read_goods(
    order: Json,
    order_id: OrderId,
    refunds: Sequence[RefundRecord],
    amounts: Amounts,
    notes: Notes,
    *,
    cancelled: bool,
) -> Goods:
    """Lines, shipping, duties and fees of an order."""
    goods = Goods()
    pieces = _pieces(refunds)
    fulfilled = _fulfilled(order, notes)
    duties_apart = not notes.flag(order, "duties_included")
    for at, node in notes.nodes(order, "line_items"):
        external_id = notes.external_id(node, at=at)
        quantity = notes.pieces(node, "quantity", at)
        price = amounts.find(node, "price", at)
        if external_id is None or quantity is None or quantity < 0 or price is None or external_id in goods.line_ids:
            notes.unreadable(at.removesuffix("."))
            continue
        if _is_tip(node, price * quantity):
            goods.tip_lines += price * quantity
            continue
        said = pieces.get(external_id) or _Pieces()
        removed = 0 if cancelled else _removed(node, quantity, said, notes, at)
        line = _line(node, external_id, order_id, quantity, price, removed, said, goods, amounts, notes, at)
        line["fulfilled_quantity"] = fulfilled.get(external_id, 0)
        if duties_apart and node.get("duties"):
            _add_duties(goods, node, quantity, removed, refunds, amounts, notes, at)
    goods.lines.sort(key=lambda line: (len(line["external_id"]), line["external_id"]))
    _add_shipping(goods, order, amounts, notes)
    _add_fees(goods, order, amounts, notes)
    return goods


def _pieces(refunds: Sequence[RefundRecord]) -> dict[str, _Pieces]:
    found: dict[str, _Pieces] = {}
    for record in refunds:
        for each in record.pieces:
            said = found.get(each.line)
            if said is None:
                said = found[each.line] = _Pieces()
            if record.removal:
                said.removed += each.quantity
                said.removed_net += each.net
                said.removed_tax += each.tax
            else:
                said.refunded += each.quantity
                said.net += each.net
                said.tax += each.tax
                if each.restock_type in RESTOCKED:
                    said.restocked += each.quantity
    return found


def _fulfilled(order: Json, notes: Notes) -> dict[str, int]:
    """Shipped pieces by line. What cannot be read is noted where the fulfilments themselves are read."""
    found: dict[str, int] = {}
    quiet = Notes()
    for _, node in quiet.nodes(order, "fulfillments"):
        state = FULFILLMENT_STATE.get(notes.word(node, "status"))
        if state is None or state.value != "success":
            continue
        for at, each in quiet.nodes(node, "line_items"):
            line, quantity = quiet.external_id(each, at=at), quiet.pieces(each, "quantity", at)
            if line is not None and quantity is not None and quantity > 0:
                found[line] = found.get(line, 0) + quantity
    return found


def _is_tip(node: Json, gross: int) -> bool:
    """Tips left at the checkout are lines too, and in `total_tip_received`."""
    if node.get("tip") is not None:
        return True
    return gross > 0 and node.get("product_id") is None and node.get("title") == "Tip" and not node.get("sku")


def _removed(node: Json, quantity: int, said: _Pieces, notes: Notes, at: str) -> int:
    """Pieces that an edit took away."""
    current = notes.pieces(node, "current_quantity", at)
    if current is None or not 0 <= current <= quantity:
        return min(said.removed, quantity)
    return max(0, quantity - current - said.refunded)


def _line(
    node: Json,
    external_id: str,
    order_id: OrderId,
    quantity: int,
    price: int,
    removed: int,
    said: _Pieces,
    goods: Goods,
    amounts: Amounts,
    notes: Notes,
    at: str,
) -> dict[str, Any]:
    """One line, added to `goods` with its sums."""
    gross = price * quantity
    discount = _allocations(node, goods, amounts, notes, at)
    if discount is None:
        discount = amounts.of(node, "total_discount", at)
    taxes, tax = _taxes(node, amounts, notes, at)
    kept = _Kept(quantity, gross, gross - discount, taxes, tax)
    if removed:
        goods.removed_pieces = True
        kept = _after_removal(kept, price, removed, said, amounts)
    goods.subtotal += kept.gross
    goods.discount += kept.gross - kept.net
    goods.tax += kept.tax
    identity = goods.line_ids[external_id] = line_id(order_id, external_id)
    money = amounts.money
    line = {
        "id": identity,
        "external_id": external_id,
        "product_external_id": notes.external_id(node, "product_id", at),
        "variant_external_id": notes.external_id(node, "variant_id", at),
        "sku": notes.sku(node, at),
        "title": notes.text(node, "title", at) or notes.text(node, "name", at) or "",
        "quantity": kept.quantity,
        "unit_price": money(price),
        "discount": money(kept.gross - kept.net),
        "total": money(kept.net),
        "tax": money(kept.tax),
        "taxes": kept.taxes,
        "refunded_quantity": said.refunded,
        "restocked_quantity": said.restocked,
        "requires_shipping": notes.flag(node, "requires_shipping", at, missing=True),
    }
    goods.lines.append(line)
    return line


def _after_removal(line: _Kept, price: int, removed: int, said: _Pieces, amounts: Amounts) -> _Kept:
    """The line without the pieces that an edit removed.

    Their worth is what the edit's refund record says; without one it is their share, counted so that refunds and
    removals of the same line add up to it whatever came first.
    """
    quantity = line.quantity - removed
    if quantity <= 0:
        return _Kept(0, 0, 0, [], 0)
    gone = removed + said.refunded
    if said.removed == removed:
        net, tax = said.removed_net, said.removed_tax
    else:
        net = share(line.net, gone, line.quantity) - said.net
        tax = sum(share(each["amount"].amount, gone, line.quantity) for each in line.taxes) - said.tax
    gross = price * quantity
    kept_net, kept_tax = min(line.net - net, gross), line.tax - tax
    taxes, rest = [], kept_tax
    for n, each in enumerate(line.taxes):
        amount = rest if n == len(line.taxes) - 1 else share(each["amount"].amount, kept_tax, line.tax)
        rest -= amount
        taxes.append(each | {"amount": amounts.money(amount)})
    return _Kept(quantity, gross, kept_net, taxes, kept_tax)


def _allocations(node: Json, goods: Goods, amounts: Amounts, notes: Notes, at: str) -> int | None:
    """The discount of a line as allocated to it; None where the store tells no allocations (old bodies)."""
    if not node.get("discount_allocations"):
        return None
    total = 0
    for inner, each in notes.nodes(node, "discount_allocations", at):
        amount = amounts.of(each, "amount", inner)
        total += amount
        index = notes.pieces(each, "discount_application_index", inner)
        if index is not None:
            goods.allocated[index] = goods.allocated.get(index, 0) + amount
    return total


def _taxes(node: Json, amounts: Amounts, notes: Notes, at: str) -> tuple[list[dict[str, Any]], int]:
    total = 0
    taxes = []
    for inner, each in notes.nodes(node, "tax_lines", at):
        amount = amounts.of(each, "price", inner)
        total += amount
        taxes.append(
            {
                "title": notes.text(each, "title", inner) or "",
                "rate": _rate(each.get("rate")),
                "amount": amounts.money(amount),
            }
        )
    return taxes, total


def _rate(value: Any) -> str | None:
    """A rate as the shortest decimal text: a float at the store, so its padding means nothing."""
    text = str(value)
    if value is None or isinstance(value, bool | dict | list) or len(text) > 30 or "E" in text or "e" in text:
        return None
    return text.rstrip("0").rstrip(".") if "." in text else text


def _add_duties(
    goods: Goods,
    node: Json,
    quantity: int,
    removed: int,
    refunds: Sequence[RefundRecord],
    amounts: Amounts,
    notes: Notes,
    at: str,
) -> None:
    """Import duties of a line: each is a fee."""
    for inner, each in notes.nodes(node, "duties", at):
        external_id = notes.external_id(each, at=inner)
        duty = amounts.pair({"duty": each}, "duty", inner)
        _, tax = _taxes(each, amounts, notes, inner)
        if removed:
            back = sum(record.duties.get(external_id or "", 0) for record in refunds if not record.removal)
            gone = quantity if removed >= quantity else removed + _refunded(refunds, node, notes)
            duty -= max(0, share(duty, gone, quantity) - back)
            tax -= share(tax, removed, quantity)
        if duty or tax:
            _add_fee(goods, amounts, external_id, "Import duty", duty, tax)


def _refunded(refunds: Sequence[RefundRecord], node: Json, notes: Notes) -> int:
    line = notes.external_id(node)
    return sum(each.quantity for record in refunds if not record.removal for each in record.pieces if each.line == line)


def _add_shipping(goods: Goods, order: Json, amounts: Amounts, notes: Notes) -> None:
    for at, node in notes.nodes(order, "shipping_lines"):
        if notes.flag(node, "is_removed", at):
            continue
        price = amounts.of(node, "price", at)
        discount = _allocations(node, goods, amounts, notes, at)
        if discount is None:
            # Old bodies tell the discounted price alone.
            discounted = amounts.find(node, "discounted_price", at)
            discount = 0 if discounted is None else price - discounted
        _, tax = _taxes(node, amounts, notes, at)
        goods.shipping += price
        goods.discount += discount
        goods.tax += tax
        goods.shipping_lines.append(
            {
                "external_id": notes.external_id(node, at=at),
                "title": notes.text(node, "title", at) or "",
                "code": notes.text(node, "code", at),
                "discount": amounts.money(discount),
                "total": amounts.money(price - discount),
                "tax": amounts.money(tax),
            }
        )
    goods.shipping_lines.sort(key=lambda line: (len(line["external_id"] or ""), line["external_id"] or ""))


def _add_fees(goods: Goods, order: Json, amounts: Amounts, notes: Notes) -> None:
    """Additional fees. Webhooks tell their sum alone; a fetched order tells the tax on them too."""
    fees = amounts.find(order, "original_total_additional_fees")
    if fees is None:
        fees = amounts.of(order, "current_total_additional_fees")
    if not fees:
        return
    _, tax = _taxes({"tax_lines": order.get("additional_fees_tax_lines")}, amounts, notes, "additional_fees.")
    goods.fee_tax_told = "additional_fees_tax_lines" in order
    _add_fee(goods, amounts, None, "Additional fees", fees, tax)


def _add_fee(goods: Goods, amounts: Amounts, external_id: str | None, title: str, total: int, tax: int) -> None:
    goods.fees += total
    goods.tax += tax
    goods.fee_lines.append(
        {"external_id": external_id, "title": title, "total": amounts.money(total), "tax": amounts.money(tax)}
    )
