"""What may be asked of a store about an order: the bodies of the routes. Amounts are in the order's minor units."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from longshore.contracts import CancelReason, Tracking
from longshore.money import Money

# PostgreSQL's integer, and far more than an order holds.
MAX_PIECES = 1_000_000
MAX_MINOR = 10**15
MAX_TEXT = 1_000
# What Shopify allows for an order's tag.
MAX_TAG = 40


def _plain(text: str) -> str:
    if "\0" in text:
        raise ValueError("text holds no NUL")
    return text.strip()


def _positive(money: Money) -> Money:
    if not 0 < money.amount <= MAX_MINOR or not 0 <= money.exponent <= 12:
        raise ValueError("an amount is more than nothing")
    return money


def _tag(text: str) -> str:
    text = _plain(text)
    if not text or "," in text:
        raise ValueError("a tag is a word or a few, without commas")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_plain)]
Amount = Annotated[Money, AfterValidator(_positive)]
Tag = Annotated[str, Field(max_length=MAX_TAG), AfterValidator(_tag)]


class Request(BaseModel):
    """A request; members that it does not know are refused: a misspelt one would be missed where money moves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def digest(self) -> str:
        """The same for the same request."""
        return sha256(self.model_dump_json().encode()).hexdigest()


class CancelOrder(Request):
    """Why, and what becomes of the money and the goods. `note` is for the store's people."""

    reason: CancelReason = "other"
    note: Text | None = None
    refund: bool = False
    restock: bool = True
    notify_customer: bool = False


class AddNote(Request):
    """A remark; `to_customer`: the buyer is to read it (WooCommerce)."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_plain)]
    to_customer: bool = False

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text:
            raise ValueError("a note says something")
        return text


class PiecesToRefund(Request):
    """So many pieces of a line, and whether they go back on the shelf."""

    line_id: UUID
    quantity: int = Field(ge=1, le=MAX_PIECES)
    restock: bool = True


class RefundOrder(Request):
    """What is paid back: `full` for all that is left, or any of `lines`, `shipping` (all that is left of it) or
    `shipping_amount`, and `amount`.

    Without `amount` the sum is what lines and shipping cost, with their taxes; with it, exactly that is paid. `pay`
    false: the store only writes the refund down, the payment provider is not asked to pay.
    """

    lines: list[PiecesToRefund] = Field(default=[], max_length=1_000)
    full: bool = False
    shipping: bool = False
    shipping_amount: Amount | None = None
    amount: Amount | None = None
    reason: Text | None = None
    pay: bool = True
    notify_customer: bool = False

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        parts = (self.lines, self.shipping, self.shipping_amount, self.amount)
        if self.full and any(parts):
            raise ValueError("a full refund names no lines, shipping or amount")
        if not self.full and not any(parts):
            raise ValueError("say what is paid back: full, lines, shipping or amount")
        if self.shipping and self.shipping_amount:
            raise ValueError("either all shipping that is left, or an amount of it")
        return self


class ChangeTags(Request):
    """Tags to add and to take away."""

    add: list[Tag] = Field(default=[], max_length=100)
    remove: list[Tag] = Field(default=[], max_length=100)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError("say which tags to add or to remove")
        if set(self.add) & set(self.remove):
            raise ValueError("a tag cannot be added and removed at once")
        return self


class MarkPaid(Request):
    """What is outstanding was paid outside of the store."""


class SetStatus(Request):
    """A state by the store's own word for it, as in the order's `platform_status` (WooCommerce)."""

    status: str = Field(min_length=1, max_length=50)

    @field_validator("status")
    @classmethod
    def _is_a_word(cls, status: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", status):
            raise ValueError("a status is a word such as on-hold")
        return status.removeprefix("wc-")


class UpdateTracking(Request):
    """How the parcel is followed from now on: what is left out is unknown."""

    number: Text | None = None
    carrier: Text | None = None
    url: Text | None = None
    notify_customer: bool = False

    @field_validator("number", "carrier", "url")
    @classmethod
    def _or_none(cls, text: str | None) -> str | None:
        return text or None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.number or self.carrier or self.url):
            raise ValueError("give a number, a carrier or a URL")
        return self

    @property
    def tracking(self) -> Tracking:
        """As the order shows it."""
        return Tracking(number=self.number, carrier=self.carrier, url=self.url)


class CancelFulfillment(Request):
    """The shipment is taken back."""


Wanted = CancelOrder | AddNote | RefundOrder | ChangeTags | MarkPaid | SetStatus | UpdateTracking | CancelFulfillment
ActionType = Literal[
    "order.cancel",
    "order.note",
    "order.refund",
    "order.tags",
    "order.mark_paid",
    "order.status",
    "fulfillment.tracking",
    "fulfillment.cancel",
]
