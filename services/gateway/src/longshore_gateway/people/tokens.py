"""Access tokens: short JWTs, signed with keys that are derived from LONGSHORE_ENCRYPTION_KEYS.

The newest key signs and all verify, so keys rotate without a login being lost; refresh tokens do not depend on them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from longshore_gateway.people.rules import ACCESS_FOR

ISSUER = "longshore"
_ALGORITHM = "HS256"
_CLOCKS_DIFFER_S = 5


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says; who may do what is asked of the database."""

    session_id: UUID
    expires_at: float


class Tokens:
    """Signs and reads."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [_derive(key) for key in keys]
        self._set = KeySet(list(self._keys))

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> str:
        """A token for a quarter of an hour."""
        at = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": at,
            "exp": at + int(ACCESS_FOR.total_seconds()),
        }
        newest = self._keys[0]
        return jwt.encode({"alg": _ALGORITHM, "kid": newest.kid}, claims, newest, algorithms=[_ALGORITHM])

    def read(self, token: str, now: datetime) -> Claims | None:
        """What a token says; None for one that is not ours, or not any more."""
        at = int(now.timestamp())
        try:
            claims = jwt.decode(token, self._set, algorithms=[_ALGORITHM]).claims
            jwt.JWTClaimsRegistry(
                now=at,
                leeway=_CLOCKS_DIFFER_S,
                iss={"essential": True, "value": ISSUER},
                sid={"essential": True},
                exp={"essential": True},
            ).validate(claims)
            return Claims(UUID(claims["sid"]), float(claims["exp"]))
        except (JoseError, ValueError, TypeError, AttributeError, KeyError):
            return None


def looks_like_token(secret: str) -> bool:
    """Whether it is an access token rather than an API key."""
    return secret.startswith("eyJ") and secret.count(".") == 2


def _derive(key: str) -> OctKey:
    secret = hmac.new(key.encode(), b"longshore-access-token-v1", hashlib.sha256).digest()
    # The name tells the key apart and nothing about it.
    kid = hashlib.sha256(b"kid:" + secret).hexdigest()[:16]
    return OctKey.import_key(secret, {"kid": kid, "alg": _ALGORITHM, "use": "sig"})
