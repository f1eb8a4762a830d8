"""What the custom channel takes: our own contracts, less what only we know, with a default for all that follows.

A canonical order as the API answers it can be sent as it is. Unknown fields are ignored, as in every contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from longshore.contracts import (
    Address,
    CustomerRef,
    FinancialStatus,
    FulfillmentState,
    FulfillmentStatus,
    Note,
    OrderStatus,
    ProductStatus,
    Tracking,
    UtcDatetime,
)
from longshore.money import InvalidAmount, parse_decimal
from longshore.platforms.events import LONGEST_SKU

MOST_PIECES = 1_000_000_000
MOST_LINES = 5_000


@dataclass(frozen=True, slots=True)
class Given:
    """An amount as it was sent; `currency` where it named one."""

    value: Decimal
    currency: str | None = None


def read_amount(value: object) -> Given:
    """A decimal string ("12.50"), a number, or {"amount", "currency", "exponent"}. Raises ValueError."""
    try:
        if isinstance(value, dict):
            amount, exponent, currency = value.get("amount"), value.get("exponent"), value.get("currency")
            if type(amount) is not int or type(exponent) is not int or not isinstance(currency, str):
                raise InvalidAmount('money is {"amount": <integer>, "currency", "exponent": <integer>}')
            if not 0 <= exponent <= 12:
                raise InvalidAmount("an exponent is between 0 and 12")
            return Given(parse_decimal(Decimal(amount).scaleb(-exponent)), currency.upper())
        if isinstance(value, str) and not value.strip():
            raise InvalidAmount("an amount is a decimal number")
        if value is None or not isinstance(value, str | int | Decimal):
            raise InvalidAmount("an amount is a decimal string, or money")
        return Given(parse_decimal(value))
    except ArithmeticError:
        raise InvalidAmount("not a finite decimal number of at most 30 digits") from None


_MONEY_SCHEMA: dict[str, Any] = {
    "description": "A decimal string in the currency of the order, or money.",
    "examples": ["12.50", {"amount": 1250, "currency": "EUR", "exponent": 2}],
    "anyOf": [
        {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
        {"type": "number"},
        {
            "type": "object",
            "properties": {
                "amount": {"type": "integer"},
                "currency": {"type": "string"},
                "exponent": {"type": "integer", "minimum": 0, "maximum": 12},
            },
            "required": ["amount", "currency", "exponent"],
        },
    ],
}


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _sane(value: object) -> object:
    # To make an integer of 1e999999999 takes all memory.
    if isinstance(value, Decimal) and not -MOST_PIECES <= value <= MOST_PIECES:
        raise ValueError("no number of pieces is so large")
    return value


_NOTHING: Any = Field(default_factory=lambda: Given(Decimal(0)))
Amount = Annotated[Given, PlainValidator(read_amount), WithJsonSchema(_MONEY_SCHEMA)]
Id = Annotated[str, Field(min_length=1, max_length=200)]
Sku = Annotated[str, Field(min_length=1, max_length=LONGEST_SKU)]
Text = Annotated[str, Field(max_length=2_000)]
Pieces = Annotated[int, Field(ge=0, le=MOST_PIECES), BeforeValidator(_sane)]
Currency = Annotated[str, BeforeValidator(_upper), Field(pattern=r"^[A-Z0-9]{3,12}$")]


class _Input(BaseModel):
    # Numbers are good as ids: many shops count.
    model_config = ConfigDict(
        extra="ignore", hide_input_in_errors=True, str_strip_whitespace=True, coerce_numbers_to_str=True
    )


class TaxInput(_Input):
    """One tax of a line; `rate` is a decimal fraction as text ("0.19")."""

    title: Text
    rate: str | None = Field(default=None, max_length=30)
    amount: Amount


class LineInput(_Input):
    """One line of an order. `total` is `quantity` x `unit_price` - `discount` unless given, with tax only if the
    order's `taxes_included`. Without `external_id` a line is known by its place. `sku` is what stock is reserved by."""

    external_id: Id | None = None
    product_external_id: Id | None = None
    variant_external_id: Id | None = None
    sku: Sku | None = None
    title: Text | None = None
    quantity: Pieces
    unit_price: Amount
    discount: Amount = _NOTHING
    total: Amount | None = None
    tax: Amount = _NOTHING
    taxes: list[TaxInput] = Field(default=[], max_length=50)
    fulfilled_quantity: Pieces | None = None
    refunded_quantity: Pieces | None = None
    restocked_quantity: Pieces | None = None
    requires_shipping: bool = True


class ShippingInput(_Input):
    """One shipping charge; `total` is what is paid, after `discount`."""

    external_id: Id | None = None
    title: Text = ""
    code: Text | None = None
    discount: Amount = _NOTHING
    total: Amount
    tax: Amount = _NOTHING


class FeeInput(_Input):
    """One fee; it may be negative."""

    external_id: Id | None = None
    title: Text = ""
    total: Amount
    tax: Amount = _NOTHING


class DiscountInput(_Input):
    """A coupon, for people to read: what it takes off stands in the lines."""

    code: Text | None = None
    title: Text | None = None
    amount: Amount


class PartLineInput(_Input):
    """Pieces of a line, named by its `external_id` or by our `line_id`."""

    external_id: Id | None = None
    line_id: UUID | None = None
    quantity: Pieces


class FulfillmentInput(_Input):
    """A shipment. One that Longshore asked for is recognised by its `id`, or by its tracking number and lines."""

    id: UUID | None = None
    external_id: Id | None = None
    status: FulfillmentState = FulfillmentState.SUCCESS
    lines: list[PartLineInput] = Field(default=[], max_length=MOST_LINES)
    tracking: Tracking | None = None
    more_tracking: list[Tracking] = Field(default=[], max_length=50)
    created_at: UtcDatetime | None = None


class RefundLineInput(PartLineInput):
    """Pieces paid back. `restocked`: they can be sold again."""

    amount: Amount = _NOTHING
    tax: Amount = _NOTHING
    restocked: bool = False


class RefundInput(_Input):
    """Money paid back: the whole, positive."""

    external_id: Id
    amount: Amount
    reason: Text | None = None
    lines: list[RefundLineInput] = Field(default=[], max_length=MOST_LINES)
    created_at: UtcDatetime | None = None


class TotalsInput(_Input):
    """What the shop states. What it leaves out is summed up from the parts."""

    subtotal: Amount | None = None
    discount: Amount | None = None
    shipping: Amount | None = None
    fees: Amount | None = None
    tip: Amount | None = None
    tax: Amount | None = None
    total: Amount | None = None
    refunded: Amount | None = None


class OrderInput(_Input):
    """An order, whole: every time it changes it is sent again as it is then. The newest `updated_at` counts; without
    one the time of its arrival does."""

    external_id: Id
    number: Text | None = None
    status: OrderStatus = OrderStatus.PROCESSING
    platform_status: Text | None = None
    financial_status: FinancialStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    currency: Currency
    taxes_included: bool = False
    totals: TotalsInput = Field(default_factory=TotalsInput)
    customer: CustomerRef | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    lines: list[LineInput] = Field(max_length=MOST_LINES)
    shipping_lines: list[ShippingInput] = Field(default=[], max_length=100)
    fee_lines: list[FeeInput] = Field(default=[], max_length=100)
    discounts: list[DiscountInput] = Field(default=[], max_length=100)
    fulfillments: list[FulfillmentInput] = Field(default=[], max_length=500)
    refunds: list[RefundInput] = Field(default=[], max_length=500)
    notes: list[Note] = Field(default=[], max_length=500)
    tags: list[Text] = Field(default=[], max_length=250)
    placed_at: UtcDatetime
    updated_at: UtcDatetime | None = None
    cancelled_at: UtcDatetime | None = None


class VariantInput(_Input):
    """What can be bought. Its ids are its SKU unless given."""

    external_id: Id | None = None
    inventory_external_id: Id | None = None
    sku: Sku | None = None
    barcode: Text | None = None
    title: Text | None = None
    price: Amount | None = None
    tracked: bool = True


class ProductInput(_Input):
    """A product with all its variants. `currency` is that of its prices."""

    external_id: Id
    title: Text
    status: ProductStatus = ProductStatus.ACTIVE
    platform_status: Text | None = None
    currency: Currency | None = None
    variants: list[VariantInput] = Field(min_length=1, max_length=MOST_LINES)
    updated_at: UtcDatetime | None = None


class StockInput(_Input):
    """What the shop says it can sell of a variant, in pieces: named by its `inventory_external_id`, or by its `sku`
    where that is the variant's id."""

    inventory_external_id: Id | None = None
    sku: Sku | None = None
    location_external_id: Id | None = None
    quantity: Annotated[int, Field(ge=-MOST_PIECES, le=MOST_PIECES), BeforeValidator(_sane)]
    updated_at: UtcDatetime | None = None


class CustomerInput(_Input):
    """A customer."""

    external_id: Id
    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    phone: Text | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime | None = None
