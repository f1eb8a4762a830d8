"""The mutations of orders and of what is sold: see mutations.py."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from graphql import GraphQLError

from longshore_devkit.stores.shopify.money import exponent
from longshore_devkit.stores.shopify.nodes import Args, Node, number_of
from longshore_devkit.stores.shopify.order_nodes import OrderNodes
from longshore_devkit.stores.shopify.refunding import (
    RefundError,
    read_pieces,
    read_transactions,
    suggest,
    to_shop,
)
from longshore_devkit.stores.shopify.shop import Shop, ShopError

MAX_TAG = 40


class OrderMutations:
    """Changes orders and products of one shop; each method takes the field's arguments and returns its payload."""

    def __init__(self, shop: Shop, nodes: OrderNodes) -> None:
        self._shop = shop
        self._nodes = nodes

    def order_cancel(self, args: Args) -> Node:
        wanted = args.get("refundMethod") or {}
        refund = bool(wanted.get("originalPaymentMethodsRefund") or args.get("refund"))
        order_id = number_of(args["orderId"])
        if order_id not in self._shop.orders:
            missing = [user_error(["orderId"], "Order does not exist", "NOT_FOUND")]
            return {"job": None, "orderCancelUserErrors": missing, "userErrors": []}
        try:
            self._shop.must_be_cancellable(order_id)
        except ShopError as problem:
            refused = [user_error(["orderId"], str(problem), "INVALID")]
            return {"job": None, "orderCancelUserErrors": refused, "userErrors": []}
        job = self._shop.jobs.begin(
            lambda: self._shop.cancel(order_id, reason=args["reason"].lower(), restock=args["restock"], refund=refund)
        )
        return {"job": self._nodes.job(job), "orderCancelUserErrors": [], "userErrors": []}

    def order_update(self, args: Args) -> Node:
        given = args["input"]
        order = self._shop.orders.get(number_of(given["id"]))
        if order is None:
            return {"order": None, "userErrors": [user_error(["id"], "Order does not exist")]}
        if given.keys() - {"id", "note", "tags", "email"}:
            raise GraphQLError("The simulated store updates an order's note, tags and email only.")
        self._shop.annotate(order, note=given.get("note", order.note), tags=given.get("tags", order.tags))
        return {"order": self._nodes.order(order), "userErrors": []}

    def order_mark_paid(self, args: Args) -> Node:
        order = self._shop.orders.get(number_of(args["input"]["id"]))
        if order is None:
            return {"order": None, "userErrors": [user_error(["id"], "Order does not exist")]}
        try:
            self._shop.mark_paid(order)
        except ShopError as problem:
            return {"order": None, "userErrors": [user_error(["id"], str(problem))]}
        return {"order": self._nodes.order(order), "userErrors": []}

    def refund_create(self, args: Args) -> Node:
        given = args["input"]
        order = self._shop.orders.get(number_of(given["orderId"]))
        if order is None:
            return {"refund": None, "order": None, "userErrors": [user_error(["orderId"], "Order does not exist")]}
        try:
            pieces = read_pieces(order, given.get("refundLineItems") or ())
            transactions = read_transactions(order, given.get("transactions") or ())
            shipping = given.get("shipping") or {}
            of_it = None if shipping.get("fullRefund") else to_shop(order, shipping.get("amount") or 0)
            suggestion = suggest(order, (), of_it)
            if not (pieces or transactions or suggestion.shipping):
                raise RefundError("Refund must have at least one line item, shipping or transaction")
            if transactions and given.get("currency") not in (None, (order.presentment or (order.currency, 1))[0]):
                raise RefundError("Currency must be the presentment currency of the order")
        except RefundError as problem:
            return {"refund": None, "order": None, "userErrors": [user_error(None, str(problem))]}
        made = self._shop.pay_back(order, pieces, suggestion, transactions, given.get("note"))
        return {"refund": self._nodes.refund(order, made), "order": self._nodes.order(order), "userErrors": []}

    def product_update(self, args: Args) -> Node:
        given = args.get("product") or args.get("input") or {}
        product = self._shop.products.get(number_of(given.get("id") or ""))
        if product is None:
            return {"product": None, "userErrors": [user_error(["id"], "Product does not exist")]}
        if {name for name, value in given.items() if value} - {"id", "status"}:
            raise GraphQLError("The simulated store updates a product's status only.")
        product.status = given["status"].lower()
        self._shop.send_product(product)
        return {"product": self._nodes.product(product), "userErrors": []}

    def variants_update(self, args: Args) -> Node:
        product = self._shop.products.get(number_of(args["productId"]))
        if product is None:
            missing = [user_error(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")]
            return {"product": None, "productVariants": None, "userErrors": missing}
        variants = {each.id: each for each in product.variants}
        found = [variants.get(number_of(given["id"])) for given in args["variants"]]
        errors = [
            user_error(["variants", str(at), "id"], "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST")
            for at, variant in enumerate(found)
            if variant is None
        ]
        if errors:
            return {"product": None, "productVariants": None, "userErrors": errors}
        places = exponent(self._shop.config.currency)
        for variant, given in zip(found, args["variants"], strict=True):
            assert variant is not None
            if given.keys() - {"id", "price", "compareAtPrice"}:
                raise GraphQLError("The simulated store updates a variant's prices only.")
            if "price" in given:
                variant.price = int(Decimal(str(given["price"])).scaleb(places))
            if "compareAtPrice" in given:
                before = given["compareAtPrice"]
                variant.compare_at = None if before is None else int(Decimal(str(before)).scaleb(places))
            variant.updated_at = self._shop.now()
        self._shop.send_product(product)
        nodes = [self._nodes.variant(each) for each in found if each is not None]
        return {"product": self._nodes.product(product), "productVariants": nodes, "userErrors": []}

    def tags_add(self, args: Args) -> Node:
        return self._tags(args, add=args["tags"])

    def tags_remove(self, args: Args) -> Node:
        return self._tags(args, remove=args["tags"])

    def _tags(self, args: Args, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Node:
        """Of orders only; tags are compared without case, and kept in the order of the alphabet."""
        order = self._shop.orders.get(number_of(args["id"]))
        if order is None:
            return {"node": None, "userErrors": [user_error(["id"], "Resource not found")]}
        if any(len(tag) > MAX_TAG for tag in add):
            return {"node": None, "userErrors": [user_error(["tags"], "Tags exceeds 40 characters limit")]}
        gone = {tag.casefold() for tag in remove}
        there = {tag.casefold(): tag for tag in order.tags if tag.casefold() not in gone}
        tags = sorted((there | {tag.casefold(): tag for tag in add if tag.casefold() not in there}).values())
        if tags != order.tags:
            self._shop.annotate(order, note=order.note, tags=tags)
        return {"node": self._nodes.order(order), "userErrors": []}


def user_error(field: list[str] | None, message: str, code: str | None = None) -> dict[str, Any]:
    """One of `userErrors`."""
    return {"field": field, "message": message, "code": code}
