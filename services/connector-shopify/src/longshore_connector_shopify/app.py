"""The composition root: settings -> wired app."""

from __future__ import annotations

from fastapi import FastAPI

from longshore.contracts import Platform
from longshore.db import migrations_path
from longshore.platforms.access import AccessToken, GrantedClients
from longshore.platforms.connector import Connector, build_connector
from longshore.platforms.limits import StoreLimits
from longshore.platforms.protocols import Integration, StoreClient, StoreUnauthorized
from longshore.platforms.token_endpoint import TokenEndpoint
from longshore.vault import TokenPair
from longshore_connector_shopify import __version__
from longshore_connector_shopify.client import ShopifyClient
from longshore_connector_shopify.client.admin_api import AdminApi, shop_base, shop_domain
from longshore_connector_shopify.client.pacing import CostBucket
from longshore_connector_shopify.settings import Settings
from longshore_connector_shopify.translate import SNAPSHOT_TOPICS, ShopifyTranslator

SCHEMA = "connector_shopify"


def create_app(settings: Settings) -> FastAPI:
    """The Shopify connector: the platform kit with Shopify's two halves."""
    return build_connector(settings, connector(settings))


def connector(settings: Settings) -> Connector:
    """The platform kit with this platform's two halves."""
    limits = StoreLimits(SCHEMA)

    def client_with(integration: Integration, token: str | AccessToken) -> StoreClient:
        domain = shop_domain(integration.store_url)
        return ShopifyClient(
            AdminApi(
                domain,
                token,
                origin=settings.shopify_admin_origin,
                tls_ca_file=settings.tls_ca_file,
                bucket=CostBucket(shared=limits.of(integration)),
            )
        )

    def make_client(integration: Integration) -> StoreClient:
        return client_with(integration, integration.credentials.get("access_token", ""))

    async def refresh(integration: Integration, refresh_token: str) -> TokenPair:
        if not (settings.shopify_client_id and settings.shopify_client_secrets):
            raise StoreUnauthorized(
                "no-app", "LONGSHORE_SHOPIFY_CLIENT_ID and LONGSHORE_SHOPIFY_CLIENT_SECRETS are not set."
            )
        base = shop_base(shop_domain(integration.store_url), settings.shopify_admin_origin)
        endpoint = TokenEndpoint(
            f"{base}/admin/oauth/access_token",
            settings.shopify_client_id,
            settings.shopify_client_secrets[0],
            # What stands in for all shops in development stands where it likes.
            allow_private=settings.shopify_admin_origin is not None,
            tls_ca_file=settings.tls_ca_file,
        )
        return await endpoint.refresh(refresh_token)

    return Connector(
        platform=Platform.SHOPIFY,
        name="connector-shopify",
        version=__version__,
        schema=SCHEMA,
        migrations=migrations_path(__file__),
        translator=ShopifyTranslator(),
        make_client=make_client,
        snapshot_topics=SNAPSHOT_TOPICS,
        granted=GrantedClients(refresh, client_with),
        limits=limits,
    )
