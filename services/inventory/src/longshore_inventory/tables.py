"""All tables of this service, in one metadata: import this where the whole schema is needed."""

from __future__ import annotations

from longshore_inventory.channels.models import channels
from longshore_inventory.database import SCHEMA, metadata, outbox
from longshore_inventory.listings.models import listings, products, variants
from longshore_inventory.orders.models import fulfillments, order_lines, orders
from longshore_inventory.pushes.models import commands
from longshore_inventory.selling.models import product_commands
from longshore_inventory.stock.models import alerts, levels, movements, reports, store_levels

__all__ = [
    "SCHEMA",
    "alerts",
    "channels",
    "commands",
    "fulfillments",
    "levels",
    "listings",
    "metadata",
    "movements",
    "order_lines",
    "orders",
    "outbox",
    "product_commands",
    "products",
    "reports",
    "store_levels",
    "variants",
]
