"""What a platform's compliance delivery asks for. Pure.

Source: shopify.dev, "Privacy law compliance" (customers/data_request, customers/redact, shop/redact).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from longshore.problems import Problem

MAX_ORDERS = 10_000


class Kind(StrEnum):
    """What is asked for."""

    EXPORT = "export"
    ERASE_BUYER = "erase_buyer"
    ERASE_STORE = "erase_store"


COMPLIANCE = {
    b"customers/data_request": Kind.EXPORT,
    b"customers/redact": Kind.ERASE_BUYER,
    b"shop/redact": Kind.ERASE_STORE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a request is about, by the store's own ids: names and addresses are not kept of it."""

    customer_external_id: str | None = None
    order_external_ids: tuple[str, ...] = ()


def read_subject(kind: Kind, body: bytes) -> Subject:
    """The subject of a compliance delivery. Raises Problem 400."""
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise Problem(400, "The body is not a JSON object.", type="malformed-delivery")
    if kind is Kind.ERASE_STORE:
        return Subject()
    customer = parsed.get("customer")
    customer_id = customer.get("id") if isinstance(customer, dict) else None
    orders = parsed.get("orders_requested" if kind is Kind.EXPORT else "orders_to_redact")
    found = Subject(
        _id(customer_id),
        tuple(id for each in (orders if isinstance(orders, list) else ())[:MAX_ORDERS] if (id := _id(each))),
    )
    if found == Subject():
        raise Problem(400, "The body names neither a customer nor an order.", type="malformed-delivery")
    return found


def _id(value: object) -> str | None:
    """Ids exceed 2^53: Python's own integers are exact."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) and str(value) else None
