"""A small OpenID Connect provider that listens on loopback: for tests of logins, and for trying them by hand.

It does what OpenID Connect Core 1.0 asks of a provider of the authorization code flow, and refuses what it asks to
refuse: unknown clients and addresses, codes used twice, wrong secrets, wrong PKCE verifiers. Whoever comes to its page
is logged in as `person` at once.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from longshore_devkit.stores.common import LocalServer

TOKEN_FOR_S = 300


@dataclass(slots=True)
class Person:
    """Who logs in; `claims` beside `sub`. What is in `hidden` only userinfo tells."""

    subject: str
    claims: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Code:
    person: Person
    redirect_uri: str
    nonce: str | None
    challenge: str


class SimulatedProvider:
    """One provider with one client, in process: `async with SimulatedProvider(...) as provider: ...`.

    `forge` may change the claims of an ID token before it is signed; `declines` makes the person say no.
    """

    def __init__(self, redirect_uri: str, *, client_id: str = "longshore", client_secret: str | None = None) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri
        self.person = Person("nobody")
        self.forge: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.declines = False
        self.secret_in_form = False
        self.calls: dict[str, int] = {}
        self._key: RSAKey | ECKey = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self._published: RSAKey | ECKey = self._key
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, Person] = {}
        self._server = LocalServer(
            Starlette(
                routes=[
                    Route("/.well-known/openid-configuration", self._discover),
                    Route("/authorize", self._authorize),
                    Route("/token", self._token, methods=["POST"]),
                    Route("/jwks", self._jwks),
                    Route("/userinfo", self._userinfo),
                ]
            )
        )

    @property
    def issuer(self) -> str:
        """Its name; known after `start`."""
        return self._server.url

    def rotate_key(self) -> None:
        """Sign with a new key of another kind; the old one is published no more."""
        self._key = self._published = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})

    def sign_as_another(self, *, kid: str | None = None) -> None:
        """Sign with a key that is not published, under the published one's name unless it is given another."""
        self._key = RSAKey.generate_key(2048, {"kid": kid or self._published.kid or "", "use": "sig"})

    async def __aenter__(self) -> SimulatedProvider:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def _discover(self, _: Request) -> Response:
        self._count("discovery")
        url = self.issuer
        method = "client_secret_post" if self.secret_in_form else "client_secret_basic"
        return JSONResponse(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "userinfo_endpoint": f"{url}/userinfo",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "token_endpoint_auth_methods_supported": [method],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _authorize(self, request: Request) -> Response:
        self._count("authorize")
        query = request.query_params
        # No browser is sent to an address that the client has not registered.
        if query.get("client_id") != self.client_id or query.get("redirect_uri") != self.redirect_uri:
            return JSONResponse({"error": "invalid_request"}, 400)
        answer = {"state": query.get("state", ""), "iss": self.issuer}
        wrong = (
            query.get("response_type") != "code"
            or "openid" not in query.get("scope", "").split()
            or query.get("code_challenge_method") != "S256"
            or len(query.get("code_challenge", "")) != 43
        )
        if wrong or self.declines:
            answer["error"] = "invalid_request" if wrong else "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(24)
            self._codes[answer["code"]] = _Code(
                self.person, self.redirect_uri, query.get("nonce"), query["code_challenge"]
            )
        return RedirectResponse(f"{self.redirect_uri}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        self._count("token")
        form = dict(parse_qsl((await request.body()).decode()))
        if not self._is_client(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        # Used up by the first who shows it, also wrongly.
        code = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            code is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != code.redirect_uri
            or challenge != code.challenge
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe(24)
        self._tokens[access_token] = code.person
        return JSONResponse(
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": TOKEN_FOR_S,
                "id_token": self._id_token(code),
            },
            headers={"Cache-Control": "no-store"},
        )

    def _id_token(self, code: _Code) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": code.person.subject,
            "aud": self.client_id,
            "iat": now,
            "exp": now + TOKEN_FOR_S,
            **({"nonce": code.nonce} if code.nonce else {}),
            **code.person.claims,
        }
        algorithm = "RS256" if isinstance(self._key, RSAKey) else "ES256"
        header = {"alg": algorithm, "kid": self._key.kid}
        return jwt.encode(header, self.forge(claims), self._key, algorithms=[algorithm])

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        if self.client_secret is None:
            return form.get("client_id") == self.client_id and "client_secret" not in form
        if self.secret_in_form:
            return (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        name, _, secret = base64.b64decode(given).decode().partition(":")
        return (unquote_plus(name), unquote_plus(secret)) == (self.client_id, self.client_secret)

    async def _jwks(self, _: Request) -> Response:
        self._count("jwks")
        return JSONResponse(KeySet([self._published]).as_dict(private=False))

    async def _userinfo(self, request: Request) -> Response:
        self._count("userinfo")
        person = self._tokens.get(request.headers.get("authorization", "").partition(" ")[2])
        if person is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": person.subject, **person.claims, **person.hidden})

    def _count(self, call: str) -> None:
        self.calls[call] = self.calls.get(call, 0) + 1
