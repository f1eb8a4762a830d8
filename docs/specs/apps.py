"""The five services' applications, composed as they run but never started: nothing connects anywhere."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import FastAPI

import longshore_connector_shopify.app
import longshore_connector_woo.app
import longshore_gateway.app
import longshore_inventory.app
import longshore_order_sync.app
from longshore_connector_shopify.settings import Settings as ShopifySettings
from longshore_connector_woo.settings import Settings as WooSettings
from longshore_gateway.settings import GatewaySettings
from longshore_inventory.settings import Settings as InventorySettings
from longshore_order_sync.settings import Settings as OrderSyncSettings

# Any will do: no part of a document depends on them. The prefix is given, so that the environment's does not count.
_SETTINGS: dict[str, Any] = {
    "kafka_bootstrap_servers": "kafka:9092",
    "database_url": "postgresql://longshore@postgres/longshore",
    "encryption_keys": (base64.urlsafe_b64encode(bytes(32)).decode(),),
    "topic_prefix": "",
}


def build_apps() -> dict[str, FastAPI]:
    """Each service's application by its name, the gateway first."""
    return {
        "gateway": longshore_gateway.app.build(GatewaySettings(**_SETTINGS)),
        "order-sync": longshore_order_sync.app.create_app(OrderSyncSettings(**_SETTINGS)),
        "inventory": longshore_inventory.app.create_app(InventorySettings(**_SETTINGS)),
        "connector-shopify": longshore_connector_shopify.app.create_app(ShopifySettings(**_SETTINGS)),
        "connector-woo": longshore_connector_woo.app.create_app(WooSettings(**_SETTINGS)),
    }
