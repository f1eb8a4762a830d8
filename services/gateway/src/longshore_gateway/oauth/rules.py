"""What a callback must be, and where a browser is sent. Pure.

Sources: shopify.dev, "About offline access tokens" and "Authorization code grant"; WooCommerce's docs, "Authentication
endpoint".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from longshore.contracts import Platform
from longshore.problems import Problem
from longshore_gateway.webhooks.rules import SHOP_DOMAIN

LINK_FOR = timedelta(minutes=15)
# Long enough to log in to the store on the way.
STATE_FOR = timedelta(minutes=30)
# How far the time in a callback may be from ours.
CALLBACK_WINDOW = timedelta(minutes=5)

_STATE_BYTES = 32
_LONGEST_QUERY = 8_000


@dataclass(frozen=True, slots=True)
class ShopifyCallback:
    """A callback that Shopify has signed, in time."""

    shop: str
    state: str
    code: str


class WooCommerceKeys(BaseModel):
    """What a store posts when its owner has agreed."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    user_id: str = Field(min_length=1, max_length=200)
    consumer_key: SecretStr = Field(min_length=1, max_length=500)
    consumer_secret: SecretStr = Field(min_length=1, max_length=500)


def make_secret() -> str:
    """A state, or what a browser proves itself with."""
    return secrets.token_urlsafe(_STATE_BYTES)


def digest(secret: str) -> str:
    """The form in which a secret of this package reaches the database."""
    return hashlib.sha256(secret.encode()).hexdigest()


def cookie_name(state: str) -> str:
    """A cookie for each flow, so that two that run side by side do not disturb each other."""
    return f"longshore_oauth_{digest(state)[:16]}"


def link_claims(
    org_id: str, platform: Platform, store_url: str, name: str, settings: Mapping[str, Any], expires_at: datetime
) -> dict[str, str]:
    """What a start link says, before it is sealed."""
    return {
        "use": "oauth-start",
        "org_id": org_id,
        "platform": platform.value,
        "store_url": store_url,
        "name": name,
        "settings": json.dumps(dict(settings)),
        "expires_at": expires_at.isoformat(),
        "nonce": make_secret(),
    }


def check_link(claims: Mapping[str, str], platform: Platform, now: datetime) -> None:
    """Raises Problem 401 for a link of something else, or one that is too old."""
    if claims.get("use") != "oauth-start" or claims.get("platform") != platform.value:
        raise bad_link()
    if datetime.fromisoformat(claims["expires_at"]) <= now:
        raise Problem(401, "This link is too old: ask for a new one.", type="link-expired")


def bad_link() -> Problem:
    """A 401 that says where links come from."""
    detail = "Connecting begins with a link: ask for one with POST /api/v1/integrations/connect-links."
    return Problem(401, detail, type="not-authenticated")


def read_shopify_callback(
    pairs: Sequence[tuple[str, str]], app_secrets: Sequence[str], now: datetime
) -> ShopifyCallback:
    """Check who sent a callback, and when. Raises Problem 400, or 401 for what Shopify did not sign.

    The signature is the hex HMAC-SHA256 of the query without `hmac`, sorted by name.
    """
    query = dict(pairs)
    if len(query) != len(pairs) or sum(len(name) + len(value) for name, value in pairs) > _LONGEST_QUERY:
        raise _malformed("a parameter comes twice, or the query is too long")
    given = query.pop("hmac", "")
    message = urlencode(sorted(query.items())).encode()
    # All are compared, so that the time taken tells nothing.
    matches = [hmac.compare_digest(given.encode(), _hex(secret, message)) for secret in app_secrets]
    if not any(matches):
        raise Problem(401, "Shopify has not signed this callback for our app.", type="bad-signature")
    seconds = query.get("timestamp", "")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        raise _malformed("it has no time")
    if abs(now.timestamp() - int(seconds)) > CALLBACK_WINDOW.total_seconds():
        raise Problem(401, "This callback is too old (or a clock is wrong): start again.", type="stale-callback")
    if not SHOP_DOMAIN.fullmatch(query.get("shop", "")):
        raise _malformed("it names no shop")
    if "error" in query:
        raise Problem(400, "The merchant has not agreed.", type="declined")
    if not (query.get("state") and query.get("code")):
        raise _malformed("it lacks its state or its code")
    return ShopifyCallback(query["shop"].lower(), query["state"], query["code"])


def shopify_authorize_url(base: str, client_id: str, scopes: Sequence[str], redirect_uri: str, state: str) -> str:
    """Where a merchant is asked for `scopes`. `base`: the shop's own origin. No grant option: the token is an offline
    one."""
    query = {
        "client_id": client_id,
        "scope": ",".join(scopes),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{base}/admin/oauth/authorize?{urlencode(query)}"


def woocommerce_authorize_url(store_url: str, public_url: str, state: str) -> str:
    """Where a store's owner is asked; the store posts the keys to our callback and sends the browser back."""
    query = {
        "app_name": "Longshore",
        "scope": "read_write",
        "user_id": state,
        "return_url": f"{public_url}/oauth/woocommerce/return",
        "callback_url": f"{public_url}/oauth/woocommerce/callback",
    }
    return f"{store_url}/wc-auth/v1/authorize?{urlencode(query)}"


def _hex(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()


def _malformed(why: str) -> Problem:
    return Problem(400, f"This is no callback of Shopify's: {why}.", type="malformed-callback")
