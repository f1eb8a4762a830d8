"""Secrets that are found wherever they should not be: no other text looks like them.

They are not of the shapes that redaction knows: what never gets into a log needs nobody who takes it out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

KEY = "plantedFirstOrganisationsKey-x7Qz-x7Qz"
OTHER_KEY = "plantedSecondOrganisationsKey-x7Qz-x7Qz"
# For requests that nobody can foresee: its organisation is nobody's.
FUZZ_KEY = "plantedThirdOrganisationsKey-x7Qz-x7Qz"
STORE_KEY = "plantedConsumerKey-x7Qz-x7Qz"
STORE_SECRET = "plantedConsumerSecret-x7Qz-x7Qz"
WEBHOOK_SECRET = "plantedWebhookSecret-x7Qz-x7Qz"
SHOPIFY_APP_SECRET = "plantedAppSecret-x7Qz-x7Qz"
SHOPIFY_TOKEN = "plantedAccessToken-x7Qz-x7Qz"
SHOPIFY_API_SECRET = "plantedApiSecret-x7Qz-x7Qz"
OAUTH_CODE = "plantedOauthCode-x7Qz-x7Qz"
OAUTH_ACCESS_TOKEN = "plantedOauthAccessToken-x7Qz-x7Qz"
OAUTH_REFRESH_TOKEN = "plantedOauthRefreshToken-x7Qz-x7Qz"
OIDC_SECRET = "planted+OidcClientSecret/x7Qz=x7Qz"
PASSWORD = "planted Password of a person x7Qz-x7Qz"
BUYER_EMAIL = "planted.buyer.x7qz@example.com"
BUYER_PHONE = "+4930555017077"

PLANTED = (
    KEY,
    OTHER_KEY,
    FUZZ_KEY,
    STORE_KEY,
    STORE_SECRET,
    WEBHOOK_SECRET,
    SHOPIFY_APP_SECRET,
    SHOPIFY_TOKEN,
    SHOPIFY_API_SECRET,
    OAUTH_CODE,
    OAUTH_ACCESS_TOKEN,
    OAUTH_REFRESH_TOKEN,
    OIDC_SECRET,
)


def spellings(secret: str | bytes) -> Iterable[bytes]:
    """As it is, as in an address, in hex, and in base64 wherever in the encoded text it begins."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    yield raw
    yield quote(raw, safe="").encode()
    yield quote_plus(raw).encode()
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + raw)
        # Without the characters that depend on what stands beside it.
        inner = encoded[4 * (before > 0) : -4]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))
