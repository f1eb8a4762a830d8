"""The composition root: settings -> wired app."""

from __future__ import annotations

from fastapi import FastAPI

from longshore.contracts import Platform
from longshore.db import migrations_path
from longshore.platforms.connector import Connector, build_connector
from longshore.platforms.protocols import Integration, StoreClient
from longshore_connector_shopify import __version__
from longshore_connector_shopify.client import ShopifyClient
from longshore_connector_shopify.client.admin_api import AdminApi, shop_domain
from longshore_connector_shopify.settings import Settings
from longshore_connector_shopify.translate import SNAPSHOT_TOPICS, ShopifyTranslator


def create_app(settings: Settings) -> FastAPI:
    """The Shopify connector: the platform kit with Shopify's two halves."""
    return build_connector(settings, connector(settings))


def connector(settings: Settings) -> Connector:
    """The platform kit with this platform's two halves."""

    def make_client(integration: Integration) -> StoreClient:
        return ShopifyClient(
            AdminApi(
                shop_domain(integration.store_url),
                integration.credentials.get("access_token", ""),
                origin=settings.shopify_admin_origin,
                tls_ca_file=settings.tls_ca_file,
            )
        )

    return Connector(
        platform=Platform.SHOPIFY,
        name="connector-shopify",
        version=__version__,
        schema="connector_shopify",
        migrations=migrations_path(__file__),
        translator=ShopifyTranslator(),
        make_client=make_client,
        snapshot_topics=SNAPSHOT_TOPICS,
    )
