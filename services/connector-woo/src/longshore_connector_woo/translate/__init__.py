"""Pure translation of WooCommerce's records: no clock, no network, no database."""

from longshore_connector_woo.translate.translator import SNAPSHOT_TOPICS, WooTranslator

__all__ = ["SNAPSHOT_TOPICS", "WooTranslator"]
