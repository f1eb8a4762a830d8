"""How what we write at a store is known again: WooCommerce takes no idempotency key, so each thing that must not be
written twice says in its own text which command it is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from longshore.platforms.protocols import StoreRefused, StoreUnavailable
from longshore_connector_woo.client.http import StoreHttp

CLOSED = {"cancelled": "cancelled", "refunded": "refunded", "trash": "in the trash"}


def reference(id: UUID) -> str:
    """What names a command's thing in texts that people read."""
    return f"LS-{id.hex[-12:].upper()}"


def with_reference(text: str | None, id: UUID) -> str:
    """A text and the reference behind it."""
    return f"{text} ({reference(id)})" if text else reference(id)


async def note_once(http: StoreHttp, order_id: str, id: UUID, text: str, *, to_customer: bool) -> tuple[str, bool]:
    """Write a note unless one with this reference is there: the store's id of it, and whether it was."""
    path = f"/orders/{order_id}/notes"
    kind = "customer" if to_customer else "internal"
    for each in (await http.get(path, {"type": kind})).objects():
        if reference(id) in str(each.get("note")):
            return str(each.get("id")), True
    written = (await http.post(path, {"note": with_reference(text, id), "customer_note": to_customer})).object()
    if reference(id) not in str(written.get("note")):
        raise StoreUnavailable("not-written", "The store answered as if it had taken the note, and has not.")
    return str(written.get("id")), False


def meta_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record's metadata by key; of several under one key the last."""
    entries = record.get("meta_data")
    return {
        str(each.get("key")): each.get("value")
        for each in (entries if isinstance(entries, list) else [])
        if isinstance(each, dict)
    }


async def open_order(http: StoreHttp, id: str) -> dict[str, Any]:
    """An order that is not in the trash. Raises StoreError."""
    order = (await http.get(f"/orders/{id}")).entity(id)
    if order.get("status") == "trash":
        raise StoreRefused("order-closed", "The order is in the trash at the store.")
    return order


async def change_order(http: StoreHttp, id: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Write to an order; it as the store has it then. Raises StoreError."""
    return (await http.post(f"/orders/{id}", change)).entity(id)
