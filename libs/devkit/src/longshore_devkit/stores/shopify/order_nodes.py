"""GraphQL objects of orders: lines, money, refunds, fulfilments and fulfilment orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from longshore_devkit.stores.shopify.line_nodes import application_node, bag, tax_node, transaction_node
from longshore_devkit.stores.shopify.model import (
    Fulfillment,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Order,
)
from longshore_devkit.stores.shopify.money import share
from longshore_devkit.stores.shopify.nodes import Args, Node, address_node, counted, iso
from longshore_devkit.stores.shopify.pricing import financial_status, fulfillment_status, tax_lines, totals
from longshore_devkit.stores.shopify.refund_nodes import RefundNodes
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.search import connection, matches

_SEARCH_WORDS = {None: "unfulfilled", "partial": "partial", "fulfilled": "shipped"}
_FULFILLMENT_WORDS = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}


class OrderNodes(RefundNodes):
    """Adds orders to the nodes of one shop. `sees_others`: whether the token may see what fulfilment services ship."""

    sees_others = True

    def orders(self, args: Args) -> Node:
        """The `orders` connection."""
        keys: dict[str, Callable[[Order], tuple[datetime | int, int]]] = {
            "UPDATED_AT": lambda o: (o.updated_at, o.id),
            "CREATED_AT": lambda o: (o.created_at, o.id),
            "PROCESSED_AT": lambda o: (o.created_at, o.id),
        }
        key = keys.get(str(args.get("sortKey")), lambda o: (o.id, o.id))
        found = matches(args.get("query"), _ORDER_FIELDS)
        return connection(filter(found, self.shop.orders.values()), args, key, self.order)

    def orders_count(self, args: Args) -> Node:
        """How many orders match."""
        return counted(filter(matches(args.get("query"), _ORDER_FIELDS), self.shop.orders.values()), args)

    def order(self, order: Order) -> Node:
        """An Order with all that the hub may ask for."""
        shipping = order.shipping[0] if order.shipping else None
        return {
            "__typename": "Order",
            "id": gid("Order", order.id),
            "legacyResourceId": str(order.id),
            "name": order.name,
            "number": order.number,
            "confirmationNumber": order.token[:9].upper(),
            "confirmed": True,
            "test": False,
            "edited": order.edited,
            "email": order.email,
            "phone": order.phone,
            "note": order.note,
            "poNumber": None,
            "tags": order.tags,
            "customAttributes": [],
            "sourceName": "web",
            "sourceIdentifier": None,
            "customerLocale": "en",
            "app": None,
            "createdAt": iso(order.created_at),
            "updatedAt": iso(order.updated_at),
            "processedAt": iso(order.created_at),
            "cancelledAt": iso(order.cancelled_at),
            "cancelReason": order.cancel_reason.upper() if order.cancel_reason else None,
            "cancellation": {"staffNote": None} if order.cancelled_at else None,
            "closed": order.closed_at is not None,
            "closedAt": iso(order.closed_at),
            "taxesIncluded": order.taxes_included,
            "taxExempt": False,
            "estimatedTaxes": False,
            "dutiesIncluded": False,
            "requiresShipping": any(line.requires_shipping for line in order.lines),
            "displayFinancialStatus": financial_status(order).upper(),
            "canMarkAsPaid": order.cancelled_at is None and financial_status(order) in {"pending", "partially_paid"},
            "displayFulfillmentStatus": _FULFILLMENT_WORDS[fulfillment_status(order)],
            "fulfillable": any(line.fulfillable for line in order.lines),
            "returnStatus": "NO_RETURN",
            "paymentGatewayNames": ["bogus"],
            "discountCode": next((d.title for d in order.discounts if d.kind == "discount_code"), None),
            "discountCodes": [d.title for d in order.discounts if d.kind == "discount_code"],
            "billingAddressMatchesShippingAddress": True,
            "billingAddress": lambda _: address_node(order.billing_address, order.id),
            "shippingAddress": lambda _: address_node(order.shipping_address, order.id),
            "displayAddress": lambda _: address_node(order.shipping_address, order.id),
            "customer": lambda _: self.customer(order.customer) if order.customer else None,
            **self._sums(order),
            "taxLines": lambda _: [tax_node(order, tax) for tax in tax_lines(order)],
            "currentTaxLines": lambda _: [tax_node(order, tax) for tax in tax_lines(order, current=True)],
            "discountApplications": lambda args: connection(
                range(len(order.discounts)), args, lambda i: (i, i), lambda i: application_node(order, i)
            ),
            "lineItems": lambda args: connection(
                order.lines, args, lambda line: (line.id, line.id), lambda line: self.line(order, line)
            ),
            "shippingLine": lambda _: self.shipping_line(order, shipping) if shipping else None,
            "shippingLines": lambda args: connection(
                order.shipping, args, lambda line: (line.id, line.id), lambda line: self.shipping_line(order, line)
            ),
            "refunds": lambda args: [self.refund(order, r) for r in order.refunds[: args.get("first")]],
            "transactions": lambda args: [transaction_node(order, t) for t in order.transactions[: args.get("first")]],
            "fulfillments": lambda args: [
                self.fulfillment(order, done) for done in order.fulfillments[: args.get("first")]
            ],
            "suggestedRefund": lambda args: self.suggested_refund(order, args),
            "fulfillmentsCount": {"count": len(order.fulfillments), "precision": "EXACT"},
            "fulfillmentOrders": lambda args: connection(
                filter(
                    matches(args.get("query"), _FO_FIELDS),
                    [each for each in order.fulfillment_orders if self.sees_others or not each.third_party],
                ),
                args,
                lambda fo: (fo.id, fo.id),
                lambda fo: self.fulfillment_order(order, fo),
            ),
        }

    def fulfillment(self, order: Order, done: Fulfillment) -> Node:
        """A Fulfillment."""
        location = next(place for place in self.shop.locations if place.id == done.location_id)
        urls: list[str | None] = [*done.tracking_urls]
        urls += [None] * (len(done.tracking_numbers) - len(urls))
        return {
            "__typename": "Fulfillment",
            "id": gid("Fulfillment", done.id),
            "legacyResourceId": str(done.id),
            "name": done.name,
            "status": done.status.upper(),
            "displayStatus": "CANCELED" if done.status == "cancelled" else "FULFILLED",
            "createdAt": iso(done.created_at),
            "updatedAt": iso(done.updated_at or done.created_at),
            "deliveredAt": None,
            "estimatedDeliveryAt": None,
            "inTransitAt": None,
            "requiresShipping": True,
            "totalQuantity": sum(quantity for _, _, quantity in done.lines),
            "location": lambda _: self.location(location),
            "order": lambda _: self.order(order),
            "service": None,
            "trackingInfo": lambda args: [
                {"company": done.tracking_company, "number": number, "url": url}
                for number, url in zip(done.tracking_numbers, urls, strict=False)
            ][: args.get("first")],
            "fulfillmentLineItems": lambda args: connection(
                done.lines,
                args,
                lambda entry: (entry[0], entry[0]),
                lambda entry: {
                    "id": gid("FulfillmentLineItem", entry[0]),
                    "quantity": entry[2],
                    "lineItem": self.line(order, entry[1]),
                    "originalTotalSet": bag(order, entry[1].unit_price * entry[2]),
                    "discountedTotalSet": bag(order, share(entry[1].net, entry[2], entry[1].quantity)),
                },
            ),
            "fulfillmentOrders": lambda args: connection(
                [fo for fo in order.fulfillment_orders if fo.id in done.fulfillment_order_ids],
                args,
                lambda fo: (fo.id, fo.id),
                lambda fo: self.fulfillment_order(order, fo),
            ),
        }

    def fulfillment_order(self, order: Order, found: FulfillmentOrder) -> Node:
        """A FulfillmentOrder."""
        location = next(place for place in self.shop.locations if place.id == found.location_id)
        open_ = found.status in {"open", "in_progress"}
        return {
            "__typename": "FulfillmentOrder",
            "id": gid("FulfillmentOrder", found.id),
            "status": found.status.upper(),
            "requestStatus": "UNSUBMITTED",
            "createdAt": iso(found.created_at),
            "updatedAt": iso(found.updated_at),
            "fulfillAt": iso(found.created_at),
            "fulfillBy": None,
            "orderId": gid("Order", order.id),
            "orderName": order.name,
            "orderProcessedAt": iso(order.created_at),
            "order": lambda _: self.order(order),
            "destination": None,
            "internationalDuties": None,
            "deliveryMethod": {
                "id": gid("DeliveryMethod", found.id),
                "methodType": "SHIPPING",
                "presentedName": None,
                "serviceCode": None,
            },
            "fulfillmentHolds": [{"displayReason": found.hold or "Other", "reason": "OTHER", "reasonNotes": None}]
            if found.status == "on_hold"
            else [],
            "supportedActions": [
                {"action": action, "externalUrl": None}
                for action in (("CREATE_FULFILLMENT", "HOLD", "SPLIT") if open_ else ())
            ],
            "assignedLocation": {
                "name": location.name,
                "countryCode": "US",
                "address1": "1 Pier",
                "address2": None,
                "city": "Portland",
                "phone": None,
                "province": "Oregon",
                "zip": "97201",
                "location": lambda _: self.location(location),
            },
            "lineItems": lambda args: connection(
                [part for part in found.lines if part.total],
                args,
                lambda part: (part.id, part.id),
                lambda part: self._part(order, part),
            ),
            "fulfillments": lambda args: connection(
                [done for done in order.fulfillments if found.id in done.fulfillment_order_ids],
                args,
                lambda done: (done.id, done.id),
                lambda done: self.fulfillment(order, done),
            ),
        }

    def _part(self, order: Order, part: FulfillmentOrderLine) -> Node:
        line = part.line
        item = line.inventory_item_id
        return {
            "__typename": "FulfillmentOrderLineItem",
            "id": gid("FulfillmentOrderLineItem", part.id),
            "totalQuantity": part.total,
            "remainingQuantity": part.remaining,
            "requiresShipping": line.requires_shipping,
            "sku": line.sku,
            "productTitle": line.title,
            "variantTitle": line.variant_title,
            "vendor": line.vendor,
            "inventoryItemId": gid("InventoryItem", item) if item else None,
            "warnings": [],
            "image": None,
            "weight": {"unit": "GRAMS", "value": float(line.grams)},
            "lineItem": lambda _: self.line(order, line),
            "variant": lambda _: self.variant_of(line),
        }

    def _sums(self, order: Order) -> Node:
        sums = totals(order)
        duties = any(line.duties for line in order.lines)
        amounts = {
            "subtotalPriceSet": sums.subtotal,
            "totalDiscountsSet": sums.discounts,
            "cartDiscountAmountSet": sums.discounts,
            "totalShippingPriceSet": sums.shipping,
            "totalTaxSet": sums.tax,
            "totalTipReceivedSet": sums.tip,
            "totalPriceSet": sums.total,
            "originalTotalPriceSet": order.original_total,
            "currentSubtotalPriceSet": sums.current_subtotal,
            "currentShippingPriceSet": sums.current_shipping,
            "currentTotalDiscountsSet": sums.current_discounts,
            "currentCartDiscountAmountSet": sums.current_discounts,
            "currentTotalTaxSet": sums.current_tax,
            "currentTotalPriceSet": sums.current_total,
            "totalReceivedSet": sums.received,
            "totalRefundedSet": sums.refunded,
            "totalRefundedShippingSet": sums.refunded_shipping,
            "netPaymentSet": sums.received - sums.refunded,
            "totalOutstandingSet": sums.outstanding,
            "totalCapturableSet": 0,
            "refundDiscrepancySet": 0,
        }
        return {name: bag(order, amount) for name, amount in amounts.items()} | {
            "originalTotalDutiesSet": bag(order, sums.duties) if duties else None,
            "currentTotalDutiesSet": bag(order, sums.current_duties) if duties else None,
            "originalTotalAdditionalFeesSet": None,
            "currentTotalAdditionalFeesSet": None,
            "additionalFees": [],
            "totalCashRoundingAdjustment": {"paymentSet": bag(order, 0), "refundSet": bag(order, 0)},
            "currencyCode": order.currency,
            "presentmentCurrencyCode": (order.presentment or (order.currency, 1))[0],
            "subtotalLineItemsQuantity": sum(line.quantity for line in order.lines),
            "currentSubtotalLineItemsQuantity": sum(line.current_quantity for line in order.lines),
            "totalWeight": str(sum(line.grams * line.quantity for line in order.lines)),
            "currentTotalWeight": str(sum(line.grams * line.current_quantity for line in order.lines)),
            "fullyPaid": sums.outstanding <= 0,
            "unpaid": sums.received == 0,
        }


def _has_status(order: Order) -> Callable[[str], bool]:
    def check(word: str) -> bool:
        states: dict[str, bool] = {
            "any": True,
            "cancelled": order.cancelled_at is not None,
            "closed": order.closed_at is not None,
            "open": order.closed_at is None and order.cancelled_at is None,
            "not_closed": order.closed_at is None,
        }
        return states.get(word.lower(), False)

    return check


_ORDER_FIELDS: dict[str, Callable[[Order], Any]] = {
    "id": lambda o: o.id,
    "name": lambda o: lambda raw: raw.lstrip("#") == str(o.number),
    "email": lambda o: o.email,
    "status": _has_status,
    "financial_status": financial_status,
    "fulfillment_status": lambda o: _SEARCH_WORDS[fulfillment_status(o)],
    "tag": lambda o: o.tags,
    "created_at": lambda o: o.created_at,
    "processed_at": lambda o: o.created_at,
    "updated_at": lambda o: o.updated_at,
}
_FO_FIELDS: dict[str, Callable[[FulfillmentOrder], Any]] = {
    "id": lambda fo: fo.id,
    "status": lambda fo: fo.status,
    "updated_at": lambda fo: fo.updated_at,
    "assigned_location_id": lambda fo: fo.location_id,
}
