"""A simulated WooCommerce 11 shop: REST API, webhooks, buyers and a control API (PLATFORMS.md: measured)."""

from longshore_devkit.stores.woo.config import TaxRate, WooConfig
from longshore_devkit.stores.woo.server import SimulatedWoo

__all__ = ["SimulatedWoo", "TaxRate", "WooConfig"]
