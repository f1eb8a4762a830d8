"""The gateway's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from longshore.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """What the gateway needs beyond every service's settings."""

    # Each key creates an organisation of its own.
    bootstrap_api_key: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    # Where stores reach us; the base of the webhooks' addresses.
    public_url: str = "http://127.0.0.1:8000"
    shopify_client_id: str | None = None
    shopify_client_secrets: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    order_sync_url: str = "http://127.0.0.1:8001"
    inventory_url: str = "http://127.0.0.1:8002"
    connector_shopify_url: str = "http://127.0.0.1:8003"
    connector_woo_url: str = "http://127.0.0.1:8004"

    @field_validator("bootstrap_api_key", "shopify_client_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(each.strip() for each in value.split(",") if each.strip())
        return value
