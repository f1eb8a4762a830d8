"""What a login at a provider must be, and whom it makes of somebody. Pure.

Sources: OpenID Connect Core 1.0 (3.1, authorization code flow), OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC 9207
(`iss` in the answer), RFC 9700 (security of OAuth).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from longshore_gateway.accounts.rules import ROLE_SCOPES, Role, digest_of
from longshore_gateway.people.rules import clean_email

# Long enough to log in at the provider, with a second factor.
FLOW_FOR = timedelta(minutes=15)
CLOCKS_DIFFER_S = 60
# Signatures that only the provider can make: whoever knows a client secret could make an HS256 one.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip

_LONGEST_SUBJECT = 255
# A path of ours: neither another host's (//host, /\host) nor something that ends a header.
RETURN_TO = r"^/([A-Za-z0-9\-._~?#=&%][A-Za-z0-9\-._~/?#=&%]{0,499})?$"


class BadToken(Exception):
    """What a provider said does not prove who somebody is; why, without what it said."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Of a provider's discovery document."""

    authorization: str
    token: str
    jwks: str
    userinfo: str | None
    # How the client secret is sent: client_secret_basic or client_secret_post.
    secret_in_form: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is let in, and as what.

    `create_domains`: of which addresses people are made who are not known yet ("*": of all). `org_id`: where; None: in
    the only organisation. With `role_claim` the provider decides on roles with each login: `roles` says which value
    makes what.
    """

    create_domains: Sequence[str] = ()
    org_id: UUID | None = None
    role_claim: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)

    def may_create(self, email: str) -> bool:
        """Whether somebody of this address is made without having been invited."""
        return "*" in self.create_domains or email.rpartition("@")[2] in self.create_domains


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as the provider has proven. `email` only if it is verified; `role` None: not the provider's to say."""

    issuer: str
    subject: str
    email: str | None
    name: str
    role: Role | None


def read_discovery(issuer: str, document: Any) -> Endpoints:
    """The endpoints in a discovery document. Raises BadToken for one of somebody else, or one that we cannot use."""
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise BadToken("the discovery document is not of this issuer")
    found = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    userinfo = document.get("userinfo_endpoint")
    for url in (*found, *([userinfo] if userinfo is not None else [])):
        if not isinstance(url, str) or not is_fit(url, like=issuer):
            raise BadToken("the discovery document lacks an endpoint, or has one without https")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    in_form = "client_secret_basic" not in methods and "client_secret_post" in methods
    return Endpoints(str(found[0]), str(found[1]), str(found[2]), userinfo, in_form)


def is_fit(url: str, like: str | None = None) -> bool:
    """Whether it is an address for a provider: https, or loopback; in development as its issuer (`like`) is."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for one that is none)
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.fragment:
        return False
    if parts.scheme == "https":
        return True
    loopback = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    return parts.scheme == "http" and loopback and (like is None or like.startswith("http://"))


def verifier(secret: str, state: str) -> str:
    """The PKCE verifier of a flow: from what only its browser has, so that no dump of ours tells it."""
    return _derived(secret, f"pkce:{state}")


def nonce(secret: str, state: str) -> str:
    """What the ID token of a flow must repeat."""
    return _derived(secret, f"nonce:{state}")


def authorize_url(
    endpoints: Endpoints, client_id: str, redirect_uri: str, scopes: Iterable[str], state: str, secret: str
) -> str:
    """Where a person logs in."""
    challenge = _base64(hashlib.sha256(verifier(secret, state).encode()).digest())
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
        "nonce": nonce(secret, state),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if urlsplit(endpoints.authorization).query else "?"
    return f"{endpoints.authorization}{joint}{urlencode(query)}"


def cookie_name(state: str) -> str:
    """A cookie for each flow, so that two that run side by side do not disturb each other."""
    return f"longshore_oidc_{digest_of(state)[:16]}"


def read_id_token(
    token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of an ID token that this issuer has signed, for us, for this flow, now.

    Raises BadToken; KeyError when it names a key that is not among `keys`.
    """
    try:
        header = jwt.decode(token, _named(keys, token), algorithms=list(ALGORITHMS))
        claims = header.claims
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=CLOCKS_DIFFER_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        raise BadToken(f"the ID token is not good ({type(error).__name__})") from None
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    # Of a token for several each must be known, and the one that it was issued to is us.
    if audience != [client_id] or claims.get("azp", client_id) != client_id:
        raise BadToken("the ID token is for others, too")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise BadToken("the ID token is of another login")
    return claims


def read_identity(issuer: str, claims: Mapping[str, Any], policy: Policy) -> Identity:
    """Who somebody is. Raises BadToken for claims that name nobody."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or "\x00" in subject:
        raise BadToken("the provider names nobody")
    email = None
    # Some say it in words. Who does not say it has not verified it.
    verified = claims.get("email_verified")
    if verified is True or verified == "true":
        try:
            email = clean_email(str(claims.get("email")))
        except ValueError:
            email = None
    name = claims.get("name")
    shown = re.sub(r"[\x00-\x1f]", "", name).strip()[:200] if isinstance(name, str) else ""
    return Identity(issuer, subject, email, shown, role_of(claims, policy))


def role_of(claims: Mapping[str, Any], policy: Policy) -> Role | None:
    """The mightiest role that the claim names, else viewer; None where no claim decides."""
    if policy.role_claim is None:
        return None
    found = _claim(claims, policy.role_claim)
    values = found if isinstance(found, list) else [found]
    named = [policy.roles[each] for each in values if isinstance(each, str) and each in policy.roles]
    return max(named, key=lambda role: len(ROLE_SCOPES[role]), default=Role.VIEWER)


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots (Keycloak's `realm_access.roles`)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _named(keys: KeySet, token: str) -> KeySet:
    """The keys, if the one that the token names is among them. Raises KeyError."""
    kid = _kid(token)
    if kid is not None and all(key.kid != kid for key in keys):
        raise KeyError(kid)
    return keys


def _kid(token: str) -> str | None:
    kid = jws.extract_compact(token.encode()).headers().get("kid")
    return kid if isinstance(kid, str) else None


def _derived(secret: str, use: str) -> str:
    return _base64(hmac.new(secret.encode(), use.encode(), hashlib.sha256).digest())


def _base64(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()
