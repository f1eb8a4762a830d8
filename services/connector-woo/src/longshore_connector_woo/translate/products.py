"""Products, variations and their stock; customers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from longshore.contracts import (
    CustomerSnapshot,
    ProductDeleted,
    ProductSnapshot,
    ProductStatus,
    Snapshot,
    StockLevel,
    content_digest,
)
from longshore.platforms.events import product_deleted, snapshot_head
from longshore.platforms.protocols import RawRecord, Untranslatable
from longshore_connector_woo.translate.reading import Fields

# Types that are sold through others: their variations, their members.
_WITHOUT_STOCK_OF_THEIR_OWN = ("variable", "grouped")
_SOLD = "publish"

S = TypeVar("S", bound=Snapshot)


def product_events(
    record: RawRecord, body: dict[str, Any], parent_name: str | None
) -> list[ProductSnapshot | ProductDeleted | StockLevel]:
    """A product or a variation, and its stock where the shop counts it. In the trash is deleted.

    `parent_name`: of a variation as its product's list has it, whose own name holds the attributes alone.
    Raises Untranslatable without an id.
    """
    product = Fields(body, [])
    external_id = _identity(product, "a product")
    if product.text("status") == "trash":
        return [product_deleted(record, external_id)]
    parent = product.external_id("parent_id") if product.text("type") == "variation" else None
    updated = _updated(product, record)
    managed = product.data.get("manage_stock")
    title, variant_title = _titles(product, parent_name)
    kind = product.text("type") or "simple"
    # A variation may draw on its product's stock: then that is what the store counts and what we would set.
    stock_id = parent if parent is not None and managed == "parent" else external_id
    variants = []
    if not kind.startswith(_WITHOUT_STOCK_OF_THEIR_OWN):
        variants.append(
            {
                "external_id": external_id,
                "inventory_external_id": stock_id,
                "sku": product.sku(),
                "barcode": product.text("global_unique_id"),
                "title": variant_title,
                "tracked": managed is True or managed == "parent",
            }
        )
    word = product.text("status") or ""
    snapshot: ProductSnapshot = ProductSnapshot.__pydantic_validator__.validate_python(
        snapshot_head(record, external_id, updated)
        | {
            "parent_external_id": parent,
            "title": title,
            "status": ProductStatus.ACTIVE if word == _SOLD else ProductStatus.DRAFT,
            "platform_status": word,
            "variants": variants,
            "problems": product.problems,
        }
    )
    snapshot.digest = content_digest(snapshot)
    events: list[ProductSnapshot | ProductDeleted | StockLevel] = [snapshot]
    quantity = product.pieces("stock_quantity")
    # A variation on its product's stock repeats that product's figure: the product's own record tells it.
    if managed is True and quantity is not None:
        events.append(_stock(record, external_id, updated, quantity))
    return events


def customer_snapshot(record: RawRecord, body: dict[str, Any]) -> CustomerSnapshot:
    """A customer with an account. Raises Untranslatable without an id."""
    customer = Fields(body, [])
    external_id = _identity(customer, "a customer")
    billing = customer.object("billing")
    snapshot: CustomerSnapshot = CustomerSnapshot.__pydantic_validator__.validate_python(
        snapshot_head(record, external_id, _updated(customer, record))
        | {
            "email": customer.text("email") or billing.text("email"),
            "first_name": customer.name("first_name") or billing.name("first_name"),
            "last_name": customer.name("last_name") or billing.name("last_name"),
            "phone": billing.text("phone"),
            "created_at": customer.moment("date_created_gmt"),
            "problems": customer.problems,
        }
    )
    return _digested(snapshot)


def _stock(record: RawRecord, external_id: str, updated: datetime, quantity: int) -> StockLevel:
    level: StockLevel = StockLevel.__pydantic_validator__.validate_python(
        snapshot_head(record, external_id, updated) | {"inventory_external_id": external_id, "quantity": quantity}
    )
    return _digested(level)


def _digested(snapshot: S) -> S:
    snapshot.digest = content_digest(snapshot)
    return snapshot


def _identity(entity: Fields, what: str) -> str:
    external_id = entity.external_id("id")
    if external_id is None:
        raise Untranslatable(f"{what} needs an id")
    return external_id


def _updated(entity: Fields, record: RawRecord) -> datetime:
    return entity.updated(record) or record.received_at


def _titles(product: Fields, parent_name: str | None) -> tuple[str, str]:
    """The product's title and the variant's. A variation is "Hoodie - S, Blau" by itself and "S, Blau" in its product's
    list: both give "Hoodie" and "S, Blau"."""
    name = product.name("name") or ""
    if product.text("type") != "variation":
        return name, name
    options = ", ".join(option for each in product.objects("attributes") if (option := each.name("option")))
    if parent_name:
        return parent_name, options or name
    suffix = f" - {options}"
    return (name.removesuffix(suffix), options) if options else (name, name)
