"""The access scopes that our documents and webhook topics need: the one place that names them.

tests/test_documents.py derives them from the official schema; a merchant is asked to grant all of `ASKED`, which the
declaration tells the gateway.
"""

from __future__ import annotations

from collections.abc import Iterable

# Without one of these a store cannot be connected.
REQUIRED = (
    "read_inventory",
    "read_locations",
    "read_merchant_managed_fulfillment_orders",
    "read_orders",
    "read_products",
    "write_inventory",
    "write_merchant_managed_fulfillment_orders",
)

# Without these less is known and less can be asked: buyers' own changes, what carriers report after a shipment; changes
# of orders, and of products.
WRITE_ORDERS = "write_orders"
WRITE_PRODUCTS = "write_products"
OPTIONAL = ("read_customers", "read_fulfillments", WRITE_ORDERS, WRITE_PRODUCTS)

ASKED = tuple(sorted((*REQUIRED, *OPTIONAL)))

# With it orders older than 60 days can be read; without it they look as if they were gone.
ALL_ORDERS = "read_all_orders"
READ_FULFILLMENT_ORDERS = "read_merchant_managed_fulfillment_orders"
WRITE_FULFILLMENT_ORDERS = "write_merchant_managed_fulfillment_orders"


def with_implied(granted: Iterable[str]) -> frozenset[str]:
    """All that was granted: to write is to read."""
    have = set(granted)
    return frozenset(have | {scope.replace("write_", "read_", 1) for scope in have if scope.startswith("write_")})


def missing(granted: frozenset[str]) -> tuple[str, ...]:
    """What we cannot do without and lack."""
    return tuple(scope for scope in REQUIRED if scope not in granted)
