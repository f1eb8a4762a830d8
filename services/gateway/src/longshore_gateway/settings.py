"""The gateway's settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from longshore.settings import ServiceSettings
from longshore_gateway.limits.addresses import Network, read_networks


class GatewaySettings(ServiceSettings):
    """What the gateway needs beyond every service's settings."""

    # Each key creates an organisation of its own.
    bootstrap_api_key: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    # Proxies in front of us whose X-Forwarded-For is believed: addresses and networks.
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    # Requests of one key or person: so many at once, so many come back in a second. 0: no limit.
    rate_limit_per_s: float = Field(default=100.0, ge=0, le=1_000_000)
    rate_limit_burst: int = Field(default=1_000, ge=1, le=1_000_000)
    # Sites whose scripts may call the API from a browser; none of them may use its cookies.
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    audit_days: int = Field(default=365, ge=1)
    # Where stores reach us; the base of the webhooks' addresses.
    public_url: str = "http://127.0.0.1:8000"
    shopify_client_id: str | None = None
    shopify_client_secrets: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    # Development only: what would go to https://{shop}/... goes to <origin>/{shop}/...
    shopify_admin_origin: str | None = None
    order_sync_url: str = "http://127.0.0.1:8001"
    inventory_url: str = "http://127.0.0.1:8002"
    connector_shopify_url: str = "http://127.0.0.1:8003"
    connector_woo_url: str = "http://127.0.0.1:8004"
    # With less room on Kafka's disk deliveries are refused; 0: they never are for that.
    min_free_disk_mib: int = Field(default=2048, ge=0)
    # More disks to measure, such as PostgreSQL's: name=directory, several with commas.
    watched_disks: Annotated[dict[str, Path], NoDecode] = Field(default_factory=dict)

    @field_validator("bootstrap_api_key", "shopify_client_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(each.strip() for each in value.split(",") if each.strip())
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _read_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(each.strip() for each in value.split(",") if each.strip())
        for each in origins:
            if not re.fullmatch(r"https?://[a-zA-Z0-9.\-]+(:\d{1,5})?", each):
                raise ValueError("an origin is https://host or https://host:port, several with commas")
        return origins

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _read_networks(cls, value: object) -> object:
        return read_networks(value) if isinstance(value, str) else value

    @field_validator("watched_disks", mode="before")
    @classmethod
    def _split_disks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        disks: dict[str, str] = {}
        for each in filter(None, map(str.strip, value.split(","))):
            name, separator, directory = each.partition("=")
            if not (separator and directory and re.fullmatch("[a-z][a-z0-9_-]*", name)) or name == "kafka":
                raise ValueError("it is name=directory, several with commas; kafka is measured anyway")
            disks[name] = directory
        return disks
