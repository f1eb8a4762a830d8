"""What a request to connect a store must hold, and what we make of it. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from longshore.contracts import Platform
from longshore.platforms.addresses import BadStoreUrl, read_store_url
from longshore.problems import Problem
from longshore_gateway.webhooks.rules import SHOP_DOMAIN


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


class StockSettings(_Strict):
    """How a store's stock is kept; `buffer` in pieces is held back from it."""

    mode: Literal["shared", "follower", "off"] = "shared"
    buffer: int = Field(default=0, ge=0, le=1_000_000)


class IntegrationSettings(_Strict):
    """What can be set per store."""

    manage_webhooks: bool = True
    poll_interval_s: int | None = Field(default=None, ge=10, le=7 * 24 * 3600)
    stock: StockSettings = StockSettings()


class IntegrationCreate(_Strict):
    """A store to connect."""

    platform: Platform
    name: str = Field(min_length=1, max_length=200)
    store_url: str = Field(default="", max_length=2_000)
    credentials: dict[str, SecretStr] = {}
    settings: IntegrationSettings = IntegrationSettings()


class WooCommerceCredentials(_Strict):
    """REST API keys of the store; the webhook secret is made when it is not given."""

    consumer_key: str = Field(min_length=1, max_length=500)
    consumer_secret: str = Field(min_length=1, max_length=500)
    webhook_secret: str | None = Field(default=None, min_length=1, max_length=500)


class ShopifyCredentials(_Strict):
    """A custom app's token; without `api_secret` the public app's secrets verify its deliveries."""

    access_token: str = Field(min_length=1, max_length=500)
    api_secret: str | None = Field(default=None, min_length=1, max_length=500)


class NoCredentials(_Strict):
    """The custom channel needs none."""


_CREDENTIALS: dict[Platform, type[_Strict]] = {
    Platform.WOOCOMMERCE: WooCommerceCredentials,
    Platform.SHOPIFY: ShopifyCredentials,
    Platform.API: NoCredentials,
}


def read_credentials(
    request: IntegrationCreate, make_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)
) -> dict[str, str]:
    """The credentials to keep. Raises Problem 422 that names the fields and shows no value."""
    given = {name: value.get_secret_value() for name, value in request.credentials.items()}
    try:
        parsed: dict[str, Any] = _CREDENTIALS[request.platform].model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        problems = [
            {"pointer": "/credentials/" + "/".join(str(part) for part in each["loc"]), "detail": each["msg"]}
            for each in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        detail = "; ".join(f"{each['pointer']}: {each['detail']}" for each in problems)
        raise Problem(422, detail, type="invalid-input", errors=problems) from None
    if request.platform is Platform.WOOCOMMERCE:
        parsed.setdefault("webhook_secret", make_secret())
    return parsed


def read_store(request: IntegrationCreate, *, allow_private: bool) -> tuple[str, str]:
    """The store's URL and its key (one spelling of its address). Raises Problem 422."""
    if request.platform is Platform.SHOPIFY:
        return _shopify(request.store_url)
    if request.platform is Platform.API:
        return request.store_url, request.name.casefold()
    return _woocommerce(request.store_url, allow_private=allow_private)


def _shopify(url: str) -> tuple[str, str]:
    text = url if "://" in url else f"https://{url}"
    parts = urlsplit(text)
    domain = (parts.netloc or "").lower()
    if not SHOP_DOMAIN.fullmatch(domain) or parts.path.strip("/"):
        raise _wrong("it must be a shop's own domain, as in https://my-shop.myshopify.com")
    return f"https://{domain}", domain


def _woocommerce(url: str, *, allow_private: bool) -> tuple[str, str]:
    try:
        found = read_store_url(url, allow_private=allow_private)
    except BadStoreUrl as error:
        raise _wrong(error.detail) from None
    return str(found), found.key


def _wrong(why: str) -> Problem:
    return Problem(422, f"/store_url: {why}.", type="invalid-input", errors=[{"pointer": "/store_url", "detail": why}])
