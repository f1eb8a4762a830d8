"""The Shopify connector: what Shopify sends becomes normalized events, commands become calls of its Admin API."""

__version__ = "0.1.0"
