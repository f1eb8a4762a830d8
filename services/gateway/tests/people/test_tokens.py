"""Access tokens: what is ours, and what is not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.jwk import OctKey

from longshore_gateway.people.rules import ACCESS_FOR
from longshore_gateway.people.tokens import Tokens, looks_like_token

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY, NEWER, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))
USER, SESSION = uuid4(), uuid4()


def test_good_for_a_quarter_of_an_hour() -> None:
    tokens = Tokens([KEY])
    token = tokens.issue(USER, SESSION, NOW)
    assert looks_like_token(token)
    claims = tokens.read(token, NOW + ACCESS_FOR)
    assert claims is not None
    assert claims.session_id == SESSION
    assert claims.expires_at == (NOW + ACCESS_FOR).timestamp()
    assert tokens.read(token, NOW + ACCESS_FOR + timedelta(seconds=30)) is None


def test_keys_rotate_without_a_token_being_lost() -> None:
    before, during, after = Tokens([KEY]), Tokens([NEWER, KEY]), Tokens([NEWER])
    assert during.read(before.issue(USER, SESSION, NOW), NOW) is not None
    assert after.read(during.issue(USER, SESSION, NOW), NOW) is not None
    assert after.read(before.issue(USER, SESSION, NOW), NOW) is None


def test_the_name_of_the_key_tells_nothing_of_it() -> None:
    header = json.loads(base64.urlsafe_b64decode(Tokens([KEY]).issue(USER, SESSION, NOW).split(".")[0] + "=="))
    assert set(header) == {"alg", "kid", "typ"}
    assert header["kid"] not in KEY


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "HS256"}, {"iss": "longshore", "sid": str(SESSION)}),
        ({"alg": "HS256"}, {"iss": "longshore", "exp": 4_000_000_000}),
        ({"alg": "HS256"}, {"iss": "somebody", "sid": str(SESSION), "exp": 4_000_000_000}),
        ({"alg": "HS256"}, {"iss": "longshore", "sid": "x", "exp": 4_000_000_000}),
        ({"alg": "HS256"}, {"iss": "longshore", "sid": 7, "exp": 4_000_000_000}),
        ({"alg": "HS256"}, {"iss": "longshore", "sid": str(SESSION), "exp": "tomorrow"}),
    ],
)
def test_signed_but_not_whole(header: dict[str, str], claims: dict[str, object]) -> None:
    tokens = Tokens([KEY])
    key = tokens._keys[0]
    assert tokens.read(jwt.encode(header | {"kid": str(key.kid)}, claims, key), NOW) is None


def test_what_nobody_has_signed() -> None:
    tokens = Tokens([KEY])
    token = tokens.issue(USER, SESSION, NOW)
    header, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    foreign = OctKey.import_key(b"x" * 32, {"kid": "x"})
    for forged in (
        f"{none}.{payload}.",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload[:-2]}AA.{signature}",
        jwt.encode({"alg": "HS256"}, {"iss": "longshore", "sid": str(SESSION), "exp": 4_000_000_000}, foreign),
        Tokens([FOREIGN]).issue(USER, SESSION, NOW),
        "eyJ.x.y",
        "eyJ\xff.x.y",
        "",
    ):
        assert tokens.read(forged, NOW) is None, forged
