"""GraphQL objects of refunds, and of what would be refunded."""

from __future__ import annotations

from longshore_devkit.stores.shopify.line_nodes import LineNodes, bag, transaction_node
from longshore_devkit.stores.shopify.model import Order, Refund, RefundLine
from longshore_devkit.stores.shopify.nodes import Args, Node, iso, number_of
from longshore_devkit.stores.shopify.refunding import payments, suggest, to_shop
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.search import connection


class RefundNodes(LineNodes):
    """Adds refunds to the nodes of one shop."""

    def order(self, order: Order) -> Node:
        """See OrderNodes."""
        raise NotImplementedError

    def refund(self, order: Order, refund: Refund) -> Node:
        """A Refund."""
        paid = sum(each.amount for each in refund.transactions)
        duties = {duty.id: duty for line in order.lines for duty in line.duties}
        return {
            "__typename": "Refund",
            "id": gid("Refund", refund.id),
            "legacyResourceId": str(refund.id),
            "note": refund.note,
            "createdAt": iso(refund.created_at),
            "updatedAt": iso(refund.created_at),
            "processedAt": iso(refund.created_at),
            "order": lambda _: self.order(order),
            "return": None,
            "totalRefundedSet": bag(order, paid),
            "duties": [
                {
                    "amountSet": bag(order, amount),
                    "originalDuty": {"__typename": "Duty", "id": gid("Duty", duty_id)}
                    | {"price": bag(order, duties[duty_id].amount), "taxLines": []},
                }
                for duty_id, amount in refund.duty_parts
            ],
            "orderAdjustments": lambda args: connection(
                [refund] if refund.adjustment else [],
                args,
                lambda r: (r.id, r.id),
                lambda r: {
                    "id": gid("OrderAdjustment", r.id + 1),
                    "amountSet": bag(order, -r.adjustment),
                    "taxAmountSet": bag(order, 0),
                    "reason": "REFUND_DISCREPANCY",
                },
            ),
            "refundShippingLines": lambda args: connection(
                [refund] if (refund.shipping or refund.shipping_tax) else [],
                args,
                lambda r: (r.id, r.id),
                lambda r: {
                    "id": gid("RefundShippingLine", r.id),
                    "shippingLine": self.shipping_line(order, order.shipping[0]),
                    "subtotalAmountSet": bag(order, r.shipping),
                    "taxAmountSet": bag(order, r.shipping_tax),
                },
            ),
            "transactions": lambda args: connection(
                refund.transactions,
                args,
                lambda t: (t.id, t.id),
                lambda t: transaction_node(order, t),
            ),
            "refundLineItems": lambda args: connection(
                refund.lines, args, lambda line: (line.id, line.id), lambda line: self._refund_line(order, line)
            ),
        }

    def suggested_refund(self, order: Order, args: Args) -> Node:
        """A SuggestedRefund."""
        wanted = [
            (line, entry["quantity"])
            for entry in args.get("refundLineItems") or ()
            for line in order.lines
            if line.id == number_of(entry["lineItemId"])
        ]
        shipping = None if args.get("refundShipping") else to_shop(order, args.get("shippingAmount") or 0)
        found = suggest(order, wanted, shipping, full=bool(args.get("suggestFullRefund")))
        duties = {duty.id: duty for line in order.lines for duty in line.duties}
        return {
            "__typename": "SuggestedRefund",
            "amountSet": bag(order, found.amount),
            "maximumRefundableSet": bag(order, found.maximum),
            "refundDuties": [
                {
                    "amountSet": bag(order, amount),
                    "originalDuty": {"__typename": "Duty", "id": gid("Duty", duty_id)}
                    | {"price": bag(order, duties[duty_id].amount), "taxLines": []},
                }
                for duty_id, amount in found.duties
                if amount
            ],
            "suggestedTransactions": [
                {
                    "gateway": sale.gateway,
                    "formattedGateway": sale.gateway.title(),
                    "kind": "SUGGESTED_REFUND",
                    "amountSet": bag(order, min(found.amount, rest)),
                    "maximumRefundableSet": bag(order, rest),
                    "parentTransaction": transaction_node(order, sale),
                }
                for sale, rest in payments(order)
                if rest > 0
            ],
        }

    def _refund_line(self, order: Order, line: RefundLine) -> Node:
        places = {place.id: place for place in self.shop.locations}
        return {
            "__typename": "RefundLineItem",
            "id": gid("RefundLineItem", line.id),
            "quantity": line.quantity,
            "restocked": line.restock_type != "no_restock",
            "restockType": line.restock_type.upper(),
            "location": lambda _: self.location(places[line.location_id]) if line.location_id else None,
            "priceSet": bag(order, line.line.unit_price),
            "subtotalSet": bag(order, line.subtotal),
            "totalTaxSet": bag(order, line.tax),
            "lineItem": lambda _: self.line(order, line.line),
        }
