"""Buyers and addresses, as far as the store tells: each part may be missing."""

from __future__ import annotations

from typing import Any

from longshore.contracts import CustomerSnapshot, content_digest
from longshore.platforms.events import snapshot_head
from longshore.platforms.protocols import RawRecord, Untranslatable
from longshore_connector_shopify.translate.reading import Json, Notes

_PARTS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "province": "province",
    "province_code": "province_code",
    "zip": "postal_code",
    "country_code": "country_code",
    "phone": "phone",
}


def address(order: Json, key: str, notes: Notes) -> dict[str, Any] | None:
    """An address of an order; None if it is missing or empty."""
    node = order.get(key)
    if node is None:
        return None
    if not isinstance(node, dict):
        notes.unreadable(key)
        return None
    found: dict[str, Any] = {}
    for theirs, ours in _PARTS.items():
        value = node.get(theirs)
        if type(value) is str:
            if value:
                found[ours] = value
        elif value is not None:
            notes.unreadable(f"{key}.{theirs}")
    return found or None


def customer_of_order(order: Json, notes: Notes) -> dict[str, Any] | None:
    """Who bought: the customer's record, with the order's own email and phone where it has none."""
    node = notes.node(order, "customer") or {}
    at = "customer."
    found = {
        "external_id": notes.external_id(node, at=at),
        "email": notes.text(node, "email", at) or notes.text(order, "email") or notes.text(order, "contact_email"),
        "first_name": notes.text(node, "first_name", at),
        "last_name": notes.text(node, "last_name", at),
        "phone": notes.text(node, "phone", at) or notes.text(order, "phone"),
    }
    return found if any(found.values()) else None


def build_customer(node: Json, record: RawRecord) -> CustomerSnapshot:
    """The snapshot of a customer. Raises Untranslatable without an id."""
    notes = Notes()
    external_id = notes.external_id(node)
    if external_id is None:
        raise Untranslatable("id is missing or unreadable")
    updated_at = notes.updated(node, record)
    snapshot = CustomerSnapshot.model_validate(
        {
            **snapshot_head(record, external_id, updated_at),
            "email": notes.text(node, "email"),
            "first_name": notes.text(node, "first_name"),
            "last_name": notes.text(node, "last_name"),
            "phone": notes.text(node, "phone"),
            "created_at": notes.moment(node, "created_at"),
            "problems": notes.problems,
        }
    )
    snapshot.digest = content_digest(snapshot)
    return snapshot
