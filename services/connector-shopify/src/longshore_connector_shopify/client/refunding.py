"""Paying back, exactly once.

`refundCreate` takes an idempotency key, but its answer may be lost for longer than a key is kept. So the refund's note
ends with a mark, `Longshore <refund_id>`, and each try looks for it first: in the same answer that tells what the store
would pay, so that both are of one moment. Either the mark is there, and the refund exists; or an earlier try has
changed nothing yet: then this one reckons the same from the same order, and its key, made of the input, is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from typing import Any
from uuid import uuid4

from longshore.contracts import OrderRefund, RefundPieces
from longshore.money import Money, iso_exponent
from longshore.platforms.protocols import Done, StoreRefused, StoreUnavailable
from longshore_connector_shopify.client.admin_api import AdminApi, gid
from longshore_connector_shopify.client.ordering import Turns
from longshore_connector_shopify.client.shipping import Order, look
from longshore_connector_shopify.client.writing import refused, write
from longshore_connector_shopify.permissions import WRITE_ORDERS

Json = dict[str, Any]


class Refunder:
    """Pays back at one store. One command of an order at a time."""

    def __init__(self, api: AdminApi, turns: Turns) -> None:
        self._api = api
        self._turns = turns

    async def refund(self, command: OrderRefund) -> Done:
        """Make sure that the store has paid back. Raises StoreError."""
        async with self._turns.of(command.order_external_id):
            pieces = [each for each in command.lines if each.quantity > 0]
            restocking = any(each.restock for each in pieces)
            order = await look(self._api, command.order_external_id) if restocking else Order()
            lines = restocked(pieces, order)
            of_shipping = None if command.shipping_amount is None else command.shipping_amount.decimal()
            node = await self._look(command, lines, of_shipping)
            if (
                command.shipping_amount is not None
                and node.get("presentmentCurrencyCode") != command.shipping_amount.currency
            ):
                most = (node.get("suggestedRefund") or {}).get("maximumRefundableSet") or {}
                of_shipping = _shown(command.shipping_amount, most)
                node = await self._look(command, lines, of_shipping)
            mark = mark_of(command)
            made = next((each for each in node.get("refunds") or () if mark in str(each.get("note") or "")), None)
            if made is not None:
                return Done(_number(str(made["id"])), existed=True)
            return Done(await self._pay(refund_input(command, node, lines, of_shipping)))

    async def _look(self, command: OrderRefund, lines: Sequence[Json], of_shipping: Decimal | None) -> Json:
        variables = {
            "id": gid("Order", command.order_external_id),
            "lines": None if command.full else [*lines],
            "shipping": command.shipping,
            "shippingAmount": None if of_shipping is None else str(of_shipping),
            "full": command.full,
        }
        node = (await self._api.query("refund_now", variables)).data.get("order")
        if not isinstance(node, dict):
            raise StoreRefused("order-not-found", "The store has no such order.")
        return node

    async def _pay(self, given: Json) -> str:
        salt = ""
        for _ in range(2):
            key = sha256((salt + json.dumps(given, sort_keys=True)).encode()).hexdigest()
            variables = {"input": given, "key": key}
            payload, errors = await write(self._api, "refund_create", variables, "refundCreate", WRITE_ORDERS)
            made = payload.get("refund")
            if made:
                return _number(str(made["id"]))
            if not _of_the_key(errors):
                raise refused("refund-refused", "pay back", errors)
            # The key's first try failed for certain, and what made it fail may be gone: a new try has a key of its own.
            salt = uuid4().hex
        raise StoreUnavailable("busy", "The store is still at an earlier try of the same refund.", retry_after=2.0)


def mark_of(command: OrderRefund) -> str:
    """By which a refund of ours is known at the store."""
    return f"Longshore {command.refund_id}"


def restocked(pieces: Sequence[RefundPieces], order: Order) -> list[Json]:
    """The lines of a refund as the store wants them: pieces that wait to be shipped go back to where they wait, shipped
    ones to where they were shipped from, both only if they are to go back on the shelf.

    Pieces that have not shipped are paid back first, as the hub counts them.
    """
    lines: list[Json] = []
    for piece in pieces:
        left = piece.quantity
        places = [(each.at, "CANCEL", each.remaining) for each in order.waiting if each.line == piece.external_id]
        places += [(each.at, "RETURN", each.pieces[piece.external_id]) for each in order.shipped]
        for location, kind, there in places if piece.restock else ():
            taken = min(left, there)
            if taken and location is not None:
                lines.append(_line(piece, taken, kind) | {"locationId": location})
                left -= taken
        if left:
            lines.append(_line(piece, left, "NO_RESTOCK"))
    return lines


def refund_input(
    command: OrderRefund, node: Mapping[str, Any], lines: Sequence[Json], of_shipping: Decimal | None
) -> Json:
    """What `refundCreate` is given. `node` is the order as refund_now.graphql asks for it.

    Money moves in the buyer's currency. Raises StoreRefused where the store holds less than is to be paid back.
    """
    suggested = node.get("suggestedRefund") or {}
    mark = mark_of(command)
    given: Json = {
        "orderId": gid("Order", command.order_external_id),
        "currency": node.get("presentmentCurrencyCode"),
        "note": f"{command.reason} [{mark}]" if command.reason else mark,
        "notify": command.notify_customer,
        "refundLineItems": [*lines],
        "transactions": [],
    }
    if command.shipping:
        given["shipping"] = {"fullRefund": True}
    elif of_shipping is not None:
        given["shipping"] = {"amount": str(of_shipping)}
    duties = [each["originalDuty"]["id"] for each in suggested.get("refundDuties") or () if each.get("originalDuty")]
    if command.full and duties:
        given["refundDuties"] = [{"dutyId": each, "refundType": "FULL"} for each in duties]
    if command.pay:
        amount = _to_pay(command, suggested)
        given["transactions"] = _transactions(given["orderId"], suggested, amount)
    return given


def _to_pay(command: OrderRefund, suggested: Mapping[str, Any]) -> Decimal:
    """In the buyer's currency."""
    most = suggested.get("maximumRefundableSet") or {}
    if command.full:
        return _amount(most, "presentmentMoney")
    if command.amount is None:
        return _amount(suggested.get("amountSet") or {}, "presentmentMoney")
    return _shown(command.amount, most)


def _shown(amount: Money, most: Mapping[str, Any]) -> Decimal:
    """An amount of the shop's currency in the buyer's, by the rate of the order's own payments."""
    in_shop, shown = _amount(most, "shopMoney"), _amount(most, "presentmentMoney")
    wanted = amount.decimal()
    if not in_shop or wanted > in_shop:
        raise StoreRefused("refund-above-rest", f"The store can pay back {in_shop} {amount.currency} of this order.")
    currency = str((most.get("presentmentMoney") or {}).get("currencyCode"))
    if in_shop == shown:
        return wanted
    return (wanted * shown / in_shop).quantize(Decimal(1).scaleb(-iso_exponent(currency)), ROUND_HALF_EVEN)


def _transactions(order: str, suggested: Mapping[str, Any], amount: Decimal) -> list[Json]:
    """The sum, spread over the payments that it goes back to, each as far as it reaches."""
    transactions, left = [], amount
    for each in suggested.get("suggestedTransactions") or ():
        part = min(left, _amount(each.get("maximumRefundableSet") or {}, "presentmentMoney"))
        if part > 0:
            parent = (each.get("parentTransaction") or {}).get("id")
            transactions.append(
                {
                    "orderId": order,
                    "kind": "REFUND",
                    "gateway": each.get("gateway"),
                    "parentId": parent,
                    "amount": str(part),
                }
            )
            left -= part
    if left > 0:
        raise StoreRefused(
            "refund-above-rest", f"The store's payments hold {amount - left} of the {amount} to pay back."
        )
    return transactions


def _line(piece: RefundPieces, quantity: int, kind: str) -> Json:
    return {"lineItemId": gid("LineItem", piece.external_id), "quantity": quantity, "restockType": kind}


def _amount(bag: Mapping[str, Any], side: str) -> Decimal:
    return Decimal(str((bag.get(side) or {}).get("amount") or 0))


def _of_the_key(errors: Sequence[Mapping[str, Any]]) -> bool:
    return bool(errors) and all("idempotency key" in str(each.get("message")).lower() for each in errors)


def _number(global_id: str) -> str:
    return global_id.rpartition("/")[2]
