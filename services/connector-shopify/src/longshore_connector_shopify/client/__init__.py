"""The store client: all I/O with one Shopify store, through its GraphQL Admin API only."""

from longshore_connector_shopify.client.client import ShopifyClient

__all__ = ["ShopifyClient"]
