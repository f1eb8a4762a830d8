"""The gateway's settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from longshore.settings import ServiceSettings
from longshore_gateway.accounts.rules import Role
from longshore_gateway.limits.addresses import Network, read_networks
from longshore_gateway.sso.rules import is_fit


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
    # People log in at an OpenID Connect provider; without a secret we are a public client there.
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(default=None, repr=False)
    oidc_name: str = Field(default="Single sign-on", max_length=60)
    oidc_scopes: Annotated[tuple[str, ...], NoDecode] = ("openid", "email", "profile")
    # Who is not known yet is made if the address is of one of these domains (`*`: of any), in this organisation.
    oidc_create_domains: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_org: UUID | None = None
    # With a claim the provider decides on roles, with each login; which value makes what: value=role, with commas.
    oidc_role_claim: str | None = None
    oidc_roles: Annotated[dict[str, Role], NoDecode] = Field(default_factory=dict)
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

    @field_validator("oidc_scopes", "oidc_create_domains", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        return tuple(value.lower().replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _read_roles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        roles: dict[str, str] = {}
        for each in filter(None, map(str.strip, value.split(","))):
            named, separator, role = each.rpartition("=")
            if not (separator and named and role in set(Role)):
                raise ValueError("it is value=role, several with commas; roles are owner, operator, viewer")
            roles[named] = role
        return roles

    @model_validator(mode="after")
    def _check_oidc(self) -> GatewaySettings:
        if self.oidc_issuer is not None:
            if not is_fit(self.oidc_issuer):
                raise ValueError("LONGSHORE_OIDC_ISSUER is wrong: it begins with https://")
            if not self.oidc_client_id:
                raise ValueError("LONGSHORE_OIDC_CLIENT_ID is not set, beside LONGSHORE_OIDC_ISSUER")
            if "openid" not in self.oidc_scopes:
                raise ValueError("LONGSHORE_OIDC_SCOPES is wrong: openid is one of them")
        return self

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
