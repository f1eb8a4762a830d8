"""Pure translation of Shopify's records: no clock, no network, no database."""

from longshore_connector_shopify.translate.translator import SNAPSHOT_TOPICS, ShopifyTranslator

__all__ = ["SNAPSHOT_TOPICS", "ShopifyTranslator"]
