"""All I/O with a WooCommerce store."""

from longshore_connector_woo.client.client import WooClient

__all__ = ["WooClient"]
