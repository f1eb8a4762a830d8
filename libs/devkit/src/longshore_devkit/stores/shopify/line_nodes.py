"""GraphQL objects inside orders: lines, shipping, taxes, discounts, customers, money."""

from __future__ import annotations

from collections.abc import Callable

from longshore_devkit.stores.shopify.model import Customer, Discount, Line, Order, Shipping, Tax, Transaction
from longshore_devkit.stores.shopify.money import graphql_amount, share
from longshore_devkit.stores.shopify.nodes import Args, CatalogueNodes, Node, address_node, counted, iso, money_v2
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.search import connection, matches


class LineNodes(CatalogueNodes):
    """Adds what orders are made of to the nodes of one shop."""

    def line(self, order: Order, line: Line) -> Node:
        """A LineItem."""
        discounted = line.gross - sum(
            amount for index, amount in line.allocations if order.discounts[index].kind != "discount_code"
        )
        tax_inside = line.tax if order.taxes_included else 0
        return {
            "__typename": "LineItem",
            "id": gid("LineItem", line.id),
            "name": line.name,
            "title": line.title,
            "variantTitle": line.variant_title,
            "sku": line.sku,
            "vendor": line.vendor,
            "quantity": line.quantity,
            "currentQuantity": line.current_quantity,
            "refundableQuantity": line.current_quantity,
            "unfulfilledQuantity": line.fulfillable,
            "fulfillableQuantity": line.fulfillable,
            "nonFulfillableQuantity": line.quantity - line.fulfilled - line.fulfillable,
            "requiresShipping": line.requires_shipping,
            "taxable": line.taxable,
            "isGiftCard": False,
            "restockable": line.variant_id is not None,
            "customAttributes": [],
            "image": None,
            "sellingPlan": None,
            "weight": {"unit": "GRAMS", "value": float(line.grams)},
            "originalUnitPriceSet": bag(order, line.unit_price),
            "originalTotalSet": bag(order, line.gross),
            "discountedTotalSet": lambda args: bag(order, line.net if args.get("withCodeDiscounts") else discounted),
            "discountedUnitPriceSet": bag(order, share(discounted, 1, line.quantity)),
            "discountedUnitPriceAfterAllDiscountsSet": bag(order, share(line.net, 1, line.quantity)),
            "priceAfterAllDiscountsBeforeTaxesSet": bag(order, line.left(line.net - tax_inside)),
            "totalDiscountSet": bag(order, line.gross - discounted),
            "discountAllocations": lambda _: _allocations(order, line),
            "taxLines": lambda args: [tax_node(order, tax) for tax in line.taxes[: args.get("first")]],
            "duties": [
                {
                    "__typename": "Duty",
                    "id": gid("Duty", duty.id),
                    "countryCodeOfOrigin": duty.country_code,
                    "harmonizedSystemCode": duty.harmonized_system_code,
                    "price": bag(order, duty.amount),
                    "taxLines": [],
                }
                for duty in line.duties
            ],
            "variant": lambda _: self.variant_of(line),
            "product": lambda _: self._product_of(line),
        }

    def variant_of(self, line: Line) -> Node | None:
        """The variant that a line sold; None when it is gone."""
        product = self.shop.products.get(line.product_id or 0)
        return next((self.variant(v) for v in product.variants if v.id == line.variant_id), None) if product else None

    def _product_of(self, line: Line) -> Node | None:
        product = self.shop.products.get(line.product_id or 0)
        return self.product(product) if product else None

    def shipping_line(self, order: Order, line: Shipping) -> Node:
        """A ShippingLine."""
        return {
            "__typename": "ShippingLine",
            "id": gid("ShippingLine", line.id),
            "title": line.title,
            "code": line.code,
            "source": "shopify",
            "carrierIdentifier": None,
            "deliveryCategory": None,
            "phone": None,
            "custom": False,
            "isRemoved": False,
            "originalPriceSet": bag(order, line.price),
            "discountedPriceSet": bag(order, line.net),
            "currentDiscountedPriceSet": bag(order, line.net - line.refunded),
            "discountAllocations": lambda _: _allocations(order, line),
            "taxLines": lambda _: [tax_node(order, tax) for tax in line.taxes],
        }

    def customers(self, args: Args) -> Node:
        """The `customers` connection."""
        by_time = args.get("sortKey") in {"UPDATED_AT", "CREATED_AT"}
        found = matches(args.get("query"), _CUSTOMER_FIELDS)
        return connection(
            filter(found, self.shop.buyers.customers),
            args,
            lambda c: (c.created_at if by_time else c.id, c.id),
            self.customer,
        )

    def customers_count(self, args: Args) -> Node:
        """How many customers match."""
        return counted(filter(matches(args.get("query"), _CUSTOMER_FIELDS), self.shop.buyers.customers), args)

    def customer(self, customer: Customer) -> Node:
        """A Customer."""
        return {
            "__typename": "Customer",
            "id": gid("Customer", customer.id),
            "legacyResourceId": str(customer.id),
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "displayName": f"{customer.first_name} {customer.last_name}",
            "email": customer.email,
            "phone": customer.phone,
            "defaultEmailAddress": {"emailAddress": customer.email, "validFormat": True} if customer.email else None,
            "defaultPhoneNumber": {"phoneNumber": customer.phone} if customer.phone else None,
            "defaultAddress": lambda _: address_node(customer.address, customer.id),
            "note": None,
            "tags": [],
            "state": "DISABLED",
            "locale": "en",
            "taxExempt": False,
            "verifiedEmail": True,
            "numberOfOrders": lambda _: str(sum(o.customer is customer for o in self.shop.orders.values())),
            "createdAt": iso(customer.created_at),
            "updatedAt": iso(customer.created_at),
        }


def bag(order: Order, minor: int) -> Node:
    """A MoneyBag in shop and presentment money."""
    code, factor = order.presentment or (order.currency, 1)
    return {
        "shopMoney": {"amount": graphql_amount(minor, order.currency), "currencyCode": order.currency},
        "presentmentMoney": {"amount": graphql_amount(minor * factor, code), "currencyCode": code},
    }


def tax_node(order: Order, tax: Tax) -> Node:
    """A TaxLine."""
    return {
        "title": tax.title,
        "rate": tax.rate_ppm / 1_000_000,
        "ratePercentage": tax.rate_ppm / 10_000,
        "source": "Shopify",
        "channelLiable": False,
        "priceSet": bag(order, tax.amount),
    }


def _allocations(order: Order, line: Line | Shipping) -> list[Node]:
    return [
        {"allocatedAmountSet": bag(order, amount), "discountApplication": application_node(order, index)}
        for index, amount in line.allocations
    ]


def application_node(order: Order, index: int) -> Node:
    """A DiscountApplication of the kind that it is."""
    discount: Discount = order.discounts[index]
    kinds: dict[str, tuple[str, Node]] = {
        "discount_code": ("DiscountCodeApplication", {"code": discount.title}),
        "automatic": ("AutomaticDiscountApplication", {"title": discount.title}),
        "manual": ("ManualDiscountApplication", {"title": discount.title, "description": None}),
    }
    typename, named = kinds[discount.kind]
    value: Node = (
        {"__typename": "PricingPercentageValue", "percentage": float(discount.value)}
        if discount.value_type == "percentage"
        else {"__typename": "MoneyV2", **money_v2(discount.value, order.currency)}
    )
    return {
        "__typename": typename,
        "index": index,
        "allocationMethod": discount.allocation_method.upper(),
        "targetSelection": discount.target_selection.upper(),
        "targetType": discount.target_type.upper(),
        "value": value,
        **named,
    }


def transaction_node(order: Order, transaction: Transaction) -> Node:
    """An OrderTransaction."""
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", transaction.id),
        "kind": transaction.kind.upper(),
        "status": "SUCCESS",
        "gateway": transaction.gateway,
        "formattedGateway": transaction.gateway.title(),
        "amountSet": bag(order, transaction.amount),
        "createdAt": iso(transaction.created_at),
        "processedAt": iso(transaction.created_at),
        "errorCode": None,
        "paymentId": None,
        "test": False,
    }


_CUSTOMER_FIELDS: dict[str, Callable[[Customer], object]] = {
    "id": lambda c: c.id,
    "email": lambda c: c.email,
    "updated_at": lambda c: c.created_at,
    "customer_date": lambda c: c.created_at,
}
