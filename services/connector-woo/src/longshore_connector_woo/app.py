"""Composition root: settings in, the wired connector out."""

from __future__ import annotations

from fastapi import FastAPI

from longshore.contracts import Platform
from longshore.db import migrations_path
from longshore.platforms.connector import Connector, build_connector
from longshore.platforms.protocols import Integration, StoreClient
from longshore_connector_woo import __version__
from longshore_connector_woo.client import WooClient
from longshore_connector_woo.client.pace import Paces
from longshore_connector_woo.settings import Settings
from longshore_connector_woo.translate import SNAPSHOT_TOPICS, WooTranslator


def create_app(settings: Settings) -> FastAPI:
    """The connector, ready to serve."""
    return build_connector(settings, connector(settings))


def connector(settings: Settings) -> Connector:
    """The platform kit with this platform's two halves."""

    paces = Paces()

    def make_client(integration: Integration) -> StoreClient:
        return WooClient(
            integration,
            allow_private_stores=settings.allow_private_stores,
            tls_ca_file=settings.tls_ca_file,
            paces=paces,
        )

    return Connector(
        platform=Platform.WOOCOMMERCE,
        name="connector-woo",
        version=__version__,
        schema="connector_woo",
        migrations=migrations_path(__file__),
        translator=WooTranslator(),
        make_client=make_client,
        snapshot_topics=SNAPSHOT_TOPICS,
        # Stock stands in the products.
        resources=("products", "orders", "customers"),
    )
