"""WooCommerce as the hub shows it: see longshore.platforms.declaration."""

from __future__ import annotations

import secrets

from pydantic import Field

from longshore.platforms.addresses import read_store_url
from longshore.platforms.declaration import Ability, Availability, Capability, Credentials, Declaration, StoreAddress


class WooCommerceCredentials(Credentials):
    """REST API keys of the store; the webhook secret is made when it is not given."""

    consumer_key: str = Field(min_length=1, max_length=500, title="Consumer key", description="Begins with ck_")
    consumer_secret: str = Field(
        min_length=1,
        max_length=500,
        title="Consumer secret",
        description="Begins with cs_",
        json_schema_extra={"format": "password"},
    )
    webhook_secret: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        title="Webhook secret",
        description="What the store signs its deliveries with. Leave it out: then we make one.",
        json_schema_extra={"format": "password"},
    )

    def to_keep(self) -> dict[str, str]:
        """With a secret for its webhooks."""
        return {"webhook_secret": secrets.token_urlsafe(32)} | super().to_keep()


def read_store(url: str, name: str, allow_private: bool) -> StoreAddress:
    """A store is its address: host, port and path."""
    found = read_store_url(url, allow_private=allow_private)
    return StoreAddress(str(found), found.key)


PLATFORM = Declaration(
    id="woocommerce",
    name="WooCommerce",
    availability=Availability.AVAILABLE,
    capabilities=tuple(Capability),
    setup_steps=(
        "In WordPress, set Settings > Permalinks to anything but Plain: the REST API needs it.",
        "As an administrator or shop manager open WooCommerce > Settings > Advanced > REST API, and add a key with "
        "the permissions Read/Write.",
        "Give us the store's address as the browser shows it (https, www. or not) and both halves of the key.",
        "We check the key, register the webhooks and read the catalogue; the store is then active.",
    ),
    credentials=WooCommerceCredentials,
    service="connector-woo",
    store_url="https://shop.example.com",
    read_store=read_store,
    webhook_path="/webhooks/woocommerce/{id}",
    # Its orders have no tags.
    commands=frozenset(Ability) - {Ability.CHANGE_TAGS},
)
