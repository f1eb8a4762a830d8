"""The webhook topics that we follow.

An order's own topics carry it whole. Those that carry a part of it (each costs a fetch) are followed where they may be
the only word of a change: an edit, a refund, a carrier's news. `order_transactions/create`, `fulfillments/create`,
`returns/*`, `inventory_items/*` and `shop/update` are understood when they come, but not asked for: `orders/paid`,
`orders/fulfilled`, `orders/updated`, `products/update` and `inventory_levels/*` say the same without a fetch each.
"""

from __future__ import annotations

FOLLOWED = (
    "app/scopes_update",
    "app/uninstalled",
    "customers/create",
    "customers/delete",
    "customers/update",
    "fulfillments/update",
    "inventory_levels/connect",
    "inventory_levels/disconnect",
    "inventory_levels/update",
    "locations/activate",
    "locations/deactivate",
    "locations/delete",
    "orders/cancelled",
    "orders/create",
    "orders/delete",
    "orders/edited",
    "orders/fulfilled",
    "orders/paid",
    "orders/partially_fulfilled",
    "orders/updated",
    "products/create",
    "products/delete",
    "products/update",
    "refunds/create",
)


# Topics that need a scope which a merchant may keep from us.
NEEDS = {
    "customers/create": "read_customers",
    "customers/delete": "read_customers",
    "customers/update": "read_customers",
    "fulfillments/update": "read_fulfillments",
}


def enum_of(topic: str) -> str:
    """`orders/create` -> `ORDERS_CREATE`, as the schema names it."""
    return topic.replace("/", "_").upper()
