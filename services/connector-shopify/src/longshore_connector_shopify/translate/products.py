"""Products with their variants, and stock levels."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from longshore.contracts import ProductSnapshot, ProductStatus, StockLevel, content_digest
from longshore.money import InvalidAmount, money
from longshore.platforms.events import snapshot_head
from longshore.platforms.protocols import RawRecord, Untranslatable
from longshore_connector_shopify.translate.reading import Json, Notes, by_id

_STATUS = {
    "active": ProductStatus.ACTIVE,
    "draft": ProductStatus.DRAFT,
    "archived": ProductStatus.ARCHIVED,
    # Sold to those who have the link.
    "unlisted": ProductStatus.ACTIVE,
}

# A webhook tells neither the shop's currency nor (since 2024-07) whether stock is counted.
_FETCH_ALONE: dict[str, Any] = {"currency": True, "variants": {"__all__": {"price": True, "tracked": True}}}


def build_product(product: Json, record: RawRecord) -> ProductSnapshot:
    """The snapshot of a product. Raises Untranslatable without an id."""
    notes = Notes()
    external_id = notes.external_id(product)
    if external_id is None:
        raise Untranslatable("id is missing or unreadable")
    word = notes.word(product, "status").lower() or "active"
    status = _STATUS.get(word)
    if status is None:
        notes.unreadable("status")
        status = ProductStatus.ACTIVE
    currency = notes.text(product, "currency")
    updated_at = notes.updated(product, record)
    variants = [_variant(node, currency, notes, at) for at, node in notes.nodes(product, "variants")]
    snapshot = ProductSnapshot.model_validate(
        {
            **snapshot_head(record, external_id, updated_at),
            "title": notes.text(product, "title") or "",
            "status": status,
            "platform_status": word,
            "currency": currency,
            "variants": by_id([each for each in variants if each is not None]),
            "problems": notes.problems,
        }
    )
    snapshot.digest = _digest(snapshot)
    return snapshot


def _digest(product: ProductSnapshot) -> str:
    """`<content>` of a webhook, `<content>+<prices, whether stock is counted>` of a fetch: that names the currency."""
    content = content_digest(product, _FETCH_ALONE)
    if product.currency is None:
        return content
    detail = [product.currency, *((each.external_id, str(each.price), each.tracked) for each in product.variants)]
    return f"{content}+{blake2b(repr(detail).encode(), digest_size=8).hexdigest()}"


def is_cut(product: Json) -> bool:
    """Whether a webhook's product lacks variants: past 100 it names the rest in `variant_gids` only."""
    named, told = product.get("variant_gids"), product.get("variants")
    return isinstance(named, list) and isinstance(told, list) and len(named) > len(told)


def build_level(
    inventory_id: str,
    location_id: str,
    quantity: int | None,
    level: Json,
    record: RawRecord,
    notes: Notes,
) -> StockLevel:
    """What the store can sell of an item at a location; None: it is not stocked there."""
    updated_at = notes.updated(level, record)
    snapshot = StockLevel.model_validate(
        {
            **snapshot_head(record, f"{inventory_id}@{location_id}", updated_at),
            "inventory_external_id": inventory_id,
            "location_external_id": location_id,
            "quantity": quantity or 0,
            "stocked": quantity is not None,
            "problems": notes.problems,
        }
    )
    snapshot.digest = content_digest(snapshot)
    return snapshot


def _variant(node: Json, currency: str | None, notes: Notes, at: str) -> dict[str, Any] | None:
    external_id = notes.external_id(node, at=at)
    inventory_id = notes.external_id(node, "inventory_item_id", at)
    if external_id is None or inventory_id is None:
        notes.unreadable(at.removesuffix("."))
        return None
    price = None
    if currency is not None and node.get("price") is not None:
        try:
            price = money(node["price"], currency)
        except InvalidAmount:
            notes.unreadable(at + "price")
    tracked = node.get("tracked")
    if tracked is None and "inventory_management" in node:
        tracked = node["inventory_management"] is not None
    return {
        "external_id": external_id,
        "inventory_external_id": inventory_id,
        "sku": notes.sku(node, at),
        "barcode": notes.text(node, "barcode", at),
        "title": notes.text(node, "title", at) or "",
        "price": price,
        "tracked": tracked is not False,
    }
