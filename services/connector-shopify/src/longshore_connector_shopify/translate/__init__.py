"""Pure translation of Shopify's records: no clock, no network, no database."""

from longshore_connector_shopify.translate.translator import ShopifyTranslator

__all__ = ["ShopifyTranslator"]
