"""The access scopes that our documents and webhook topics need, and who asks for which.

Derived from the official schema by tests/test_permissions.py; this list is what a merchant is asked to grant.
"""

from __future__ import annotations

from collections.abc import Iterable

NEEDED = (
    "read_customers",
    "read_fulfillments",
    "read_inventory",
    "read_locations",
    "read_merchant_managed_fulfillment_orders",
    "read_orders",
    "read_products",
    "write_inventory",
    "write_merchant_managed_fulfillment_orders",
)

# With it orders older than 60 days can be read; without it they look as if they were gone.
ALL_ORDERS = "read_all_orders"
READ_FULFILLMENT_ORDERS = "read_merchant_managed_fulfillment_orders"


def missing(granted: Iterable[str]) -> tuple[str, ...]:
    """What we need and lack. To write is to read."""
    have = set(granted)
    have |= {scope.replace("write_", "read_", 1) for scope in have if scope.startswith("write_")}
    return tuple(scope for scope in NEEDED if scope not in have)
