"""Shopify as the hub shows it: see longshore.platforms.declaration."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import Field

from longshore.platforms.addresses import WRONG, BadStoreUrl
from longshore.platforms.declaration import Ability, Availability, Capability, Credentials, Declaration, StoreAddress
from longshore_connector_shopify.permissions import ASKED

SHOP_DOMAIN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com")


class ShopifyCredentials(Credentials):
    """A custom app's token; without `api_secret` the public app's secrets verify its deliveries."""

    access_token: str = Field(
        min_length=1,
        max_length=500,
        title="Admin API access token",
        description="Begins with shpat_; Shopify shows it once, when the app is installed",
        json_schema_extra={"format": "password"},
    )
    api_secret: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        title="API secret key",
        description="What the shop signs its deliveries with. A custom app has its own: give it.",
        json_schema_extra={"format": "password"},
    )


def read_store(url: str, name: str, allow_private: bool) -> StoreAddress:
    """A shop is its myshopify.com domain."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        domain = (parts.netloc or "").lower()
    except ValueError:
        raise BadStoreUrl(WRONG, "it is not an address") from None
    if not SHOP_DOMAIN.fullmatch(domain) or parts.path.strip("/"):
        raise BadStoreUrl(WRONG, "it must be a shop's own domain, as in https://my-shop.myshopify.com")
    return StoreAddress(f"https://{domain}", domain)


PLATFORM = Declaration(
    id="shopify",
    name="Shopify",
    availability=Availability.AVAILABLE,
    capabilities=tuple(Capability),
    setup_steps=(
        "In the Shopify admin open Settings > Apps and sales channels > Develop apps, and create an app.",
        "Under Configuration give its Admin API the scopes that are listed here; docs/guides/shopify.md says what for.",
        "Install the app, and copy the Admin API access token (shown once) and the API secret key.",
        "Give us the shop's own domain (my-shop.myshopify.com), the token and the secret.",
        "We compare the scopes, register the webhooks and read the catalogue; the store is then active.",
    ),
    credentials=ShopifyCredentials,
    service="connector-shopify",
    store_url="https://my-shop.myshopify.com",
    read_store=read_store,
    webhook_path="/webhooks/shopify",
    # A note at Shopify never reaches the buyer, and an order has no status of its own to set.
    commands=frozenset(Ability) - {Ability.NOTE_TO_CUSTOMER, Ability.SET_ORDER_STATUS},
    scopes=ASKED,
)
