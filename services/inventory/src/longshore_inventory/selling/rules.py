"""What may be asked of a store about a product, and what its command says. Pure; raises 409 and 422 problems."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from longshore.contracts import PriceSet, ProductAction, ProductPublish, ProductUnpublish
from longshore.money import InvalidAmount, Money, to_minor
from longshore.platforms.declaration import Ability, must_be_able
from longshore.problems import Problem

MAX_MINOR = 10**15


def _not_negative(money: Money) -> Money:
    if not 0 <= money.amount <= MAX_MINOR or not 0 <= money.exponent <= 12:
        raise ValueError("a price is nothing or more")
    return money


Price = Annotated[Money, AfterValidator(_not_negative)]


class PublishProduct(BaseModel):
    """The store that the product is to be sold in: its own."""

    model_config = ConfigDict(extra="forbid")

    integration_id: UUID


class SetPrice(BaseModel):
    """What a listing costs from now on, in its store's currency. `compare_at_price`: the price before a reduction;
    `end_reduction`: there is none any more; neither: that stays as it is."""

    model_config = ConfigDict(extra="forbid")

    price: Price
    compare_at_price: Price | None = None
    end_reduction: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.compare_at_price is not None and self.end_reduction:
            raise ValueError("either a price before the reduction, or no reduction")
        return self

    def digest(self) -> str:
        """The same for the same request."""
        return sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Product:
    """A product as one store has it."""

    id: UUID
    integration_id: UUID
    platform: str
    external_id: str
    parent_external_id: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What one store sells of a product. `price`: what it costs now, as far as the store has said."""

    id: UUID
    integration_id: UUID
    platform: str
    product_external_id: str
    parent_external_id: str | None
    variant_external_id: str
    sku: str | None
    price: Money | None
    active: bool


def publish(product: Product, integration_id: UUID, abilities: frozenset[Ability], *, on: bool) -> ProductAction:
    """The command that puts a product on the shelf (`on`), or takes it off."""
    if product.integration_id != integration_id:
        raise Problem(
            409,
            "This product is another store's. A product is sold where it was made: make it in that store first.",
            type="product-of-another-store",
            integration_id=str(product.integration_id),
        )
    kind = ProductPublish if on else ProductUnpublish
    must_be_able(product.platform, Ability.PUBLISH if on else Ability.UNPUBLISH, abilities)
    return kind(
        product_id=product.id,
        product_external_id=product.external_id,
        parent_external_id=product.parent_external_id,
    )


def set_price(listing: Listing, wanted: SetPrice, abilities: frozenset[Ability]) -> ProductAction:
    """The command that sets a price."""
    must_be_able(listing.platform, Ability.SET_PRICE, abilities)
    if not listing.active:
        raise Problem(409, "The store does not sell this any more.", type="listing-inactive")
    if listing.price is None:
        raise Problem(409, "The store has not said what this costs, nor in which currency.", type="price-unknown")
    price = _as_told(wanted.price, listing.price)
    before = None if wanted.compare_at_price is None else _as_told(wanted.compare_at_price, listing.price)
    if before is not None and before.decimal() <= price.decimal():
        raise Problem(422, "The price before the reduction is higher than the price.", type="invalid-input")
    return PriceSet(
        listing_id=listing.id,
        sku=listing.sku,
        product_external_id=listing.product_external_id,
        parent_external_id=listing.parent_external_id,
        variant_external_id=listing.variant_external_id,
        price=price,
        compare_at=before,
        end_reduction=wanted.end_reduction,
    )


def _as_told(wanted: Money, known: Money) -> Money:
    if wanted.currency.upper() != known.currency.upper():
        raise Problem(
            422,
            f"The store sells in {known.currency}, the price is in {wanted.currency}.",
            type="wrong-currency",
            currency=known.currency,
        )
    try:
        return Money(to_minor(wanted.decimal(), known.exponent), known.currency, known.exponent)
    except InvalidAmount as error:
        raise Problem(422, f"The price is {error}.", type="invalid-input") from None
