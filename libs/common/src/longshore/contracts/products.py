"""Products, stock and customers as connectors publish them."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from longshore.contracts.base import Contract, Platform, RawRef, Snapshot, UtcDatetime
from longshore.money import Money


class ProductStatus(StrEnum):
    """Whether a store sells a product at present."""

    ACTIVE = "active"
    DRAFT = "draft"
    ARCHIVED = "archived"


class ProductVariant(Contract):
    """What can be bought. `inventory_external_id` is what stock is kept under at the store (Shopify: the inventory
    item; WooCommerce: the variant itself). `tracked`: the store counts its stock."""

    external_id: str
    inventory_external_id: str
    sku: str | None = None
    barcode: str | None = None
    title: str
    price: Money | None = None
    tracked: bool = True


class ProductSnapshot(Snapshot):
    """A product and its variants; on `commerce.products`, keyed `<integration_id>:<external_id>`.

    A WooCommerce variation is an entity of its own there (`parent_external_id` set, one variant); its parent has none.
    """

    event_type: ClassVar[str] = "longshore.product.snapshot.v1"

    parent_external_id: str | None = None
    title: str
    status: ProductStatus
    platform_status: str
    currency: str | None = None
    variants: list[ProductVariant]
    updated_at: UtcDatetime


class ProductDeleted(Contract):
    """The store says that a product is gone or in its trash; on `commerce.products` with the product's key."""

    event_type: ClassVar[str] = "longshore.product.deleted.v1"

    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    observed_at: UtcDatetime
    raw: RawRef


class StockLevel(Snapshot):
    """What a store says it can sell, of one inventory item at one of its locations.

    On `commerce.stock`, keyed `<integration_id>:<inventory_external_id>`; `external_id` is
    `<inventory_external_id>@<location_external_id>`, or the former alone where the store has no locations.
    `quantity` is in pieces and may be negative. `stocked` false: the item is not stocked there, or no more, or the
    location is closed; nothing can be sold from there.
    """

    event_type: ClassVar[str] = "longshore.stock.level.v1"

    inventory_external_id: str
    location_external_id: str | None = None
    quantity: int
    stocked: bool = True
    updated_at: UtcDatetime


class CustomerSnapshot(Snapshot):
    """A customer; on `commerce.customers`, keyed `<integration_id>:<external_id>`."""

    event_type: ClassVar[str] = "longshore.customer.snapshot.v1"

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime


class CustomerDeleted(Contract):
    """The store does not have a customer any more; on `commerce.customers` with the customer's key. Orders keep their
    buyer.

    Holds against every snapshot observed before `observed_at`, and against what a late delivery says of before.
    """

    event_type: ClassVar[str] = "longshore.customer.deleted.v1"

    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    observed_at: UtcDatetime
    raw: RawRef
