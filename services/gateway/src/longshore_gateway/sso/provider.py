"""Asks an OpenID Connect provider: its discovery document, its keys, what a code stands for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from longshore.problems import Problem, try_again
from longshore_gateway.sso import rules
from longshore_gateway.sso.rules import BadToken, Endpoints, Identity, Policy

log = structlog.get_logger(__name__)

WITHIN_S = 8.0
FRESH_S = 3600.0


@dataclass(frozen=True, slots=True)
class Client:
    """What we are at the provider. `secret` None: a public client, which PKCE alone protects."""

    issuer: str
    client_id: str
    secret: str | None = field(repr=False)
    scopes: Sequence[str]
    redirect_uri: str


class Provider:
    """One provider. Its document and keys are remembered for an hour, its keys until a token names a newer one."""

    def __init__(
        self, client: Client, http: httpx.AsyncClient, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._http = http
        self._monotonic = monotonic
        self._found: tuple[float, Endpoints] | None = None
        self._keys: tuple[float, KeySet] | None = None

    @property
    def issuer(self) -> str:
        """Whose it is."""
        return self._client.issuer

    async def authorize_url(self, state: str, secret: str) -> str:
        """Where a person logs in. Raises Problem 502 or 503."""
        client = self._client
        endpoints = await self._endpoints()
        return rules.authorize_url(endpoints, client.client_id, client.redirect_uri, client.scopes, state, secret)

    async def identify(self, code: str, state: str, secret: str, policy: Policy, now: datetime) -> Identity:
        """Whom a code stands for. Raises Problem 401, 502 or 503."""
        tokens = await self._exchange(code, rules.verifier(secret, state))
        try:
            claims = await self._claims(str(tokens.get("id_token", "")), rules.nonce(secret, state), now)
            if "email" not in claims:
                claims = {**claims, **await self._userinfo(tokens, claims)}
            return rules.read_identity(self.issuer, claims, policy)
        except BadToken as error:
            log.error("the provider's answer is not good", why=str(error), issuer=self.issuer)
            raise Problem(
                401, "The provider's answer does not prove who you are; the log says why.", type="bad-id-token"
            ) from None

    async def _claims(self, token: str, nonce: str, now: datetime) -> Mapping[str, Any]:
        expected = {"issuer": self.issuer, "client_id": self._client.client_id, "nonce": nonce}
        try:
            return rules.read_id_token(token, await self._key_set(), **expected, now=now)
        except KeyError:
            # Its keys have changed since we looked.
            self._keys = None
        try:
            return rules.read_id_token(token, await self._key_set(), **expected, now=now)
        except KeyError:
            raise BadToken("the ID token is signed with a key that is not the provider's") from None

    async def _userinfo(self, tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the provider says of somebody beside the ID token; nothing if it is said of somebody else."""
        endpoint, token = (await self._endpoints()).userinfo, tokens.get("access_token")
        if endpoint is None or not isinstance(token, str):
            return {}
        said = await self._get(endpoint, {"Authorization": f"Bearer {token}"})
        if not isinstance(said, dict) or said.get("sub") != claims.get("sub"):
            raise BadToken("userinfo is of somebody else")
        # What is signed counts.
        return {name: value for name, value in said.items() if name not in claims}

    async def _exchange(self, code: str, verifier: str) -> Mapping[str, Any]:
        client, endpoints = self._client, await self._endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        auth: httpx.BasicAuth | None = None
        if client.secret is None:
            form["client_id"] = client.client_id
        elif endpoints.secret_in_form:
            form |= {"client_id": client.client_id, "client_secret": client.secret}
        else:
            # RFC 6749, 2.3.1: each is form-encoded before it is joined.
            auth = httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.secret))
        try:
            answer = await self._http.post(
                endpoints.token,
                data=form,
                auth=auth or httpx.USE_CLIENT_DEFAULT,
                headers={"Accept": "application/json"},
            )
        except httpx.HTTPError as error:
            raise self._away(error) from None
        said = _json(answer)
        if answer.status_code == 200 and isinstance(said, dict):
            return said
        code_of_error = said.get("error") if isinstance(said, dict) else None
        if code_of_error == "invalid_grant":
            raise Problem(401, "The provider does not accept this login any more: start again.", type="bad-code")
        if answer.status_code >= 500 or answer.status_code == 429:
            raise self._away(RuntimeError(f"status {answer.status_code}"))
        log.error("the provider refuses us", status=answer.status_code, error=_word(code_of_error), issuer=self.issuer)
        raise Problem(502, "The provider refuses this hub: are its client id and secret right?", type="sso-refused")

    async def _endpoints(self) -> Endpoints:
        now = self._monotonic()
        if self._found is not None and now < self._found[0]:
            return self._found[1]
        try:
            document = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            endpoints = rules.read_discovery(self.issuer, document)
        except BadToken as error:
            log.error("the provider cannot be used", why=str(error), issuer=self.issuer)
            raise Problem(502, "The provider's discovery document cannot be used.", type="sso-refused") from None
        except Problem:
            if self._found is None:
                raise
            # What it said an hour ago; whether it is there at all the next question tells.
            return self._found[1]
        self._found = (now + FRESH_S, endpoints)
        return endpoints

    async def _key_set(self) -> KeySet:
        now = self._monotonic()
        if self._keys is not None and now < self._keys[0]:
            return self._keys[1]
        document = await self._get((await self._endpoints()).jwks)
        try:
            keys = KeySet.import_key_set(document)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadToken(f"the provider's keys cannot be read ({type(error).__name__})") from None
        self._keys = (now + FRESH_S, keys)
        return keys

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        try:
            answer = await self._http.get(url, headers={"Accept": "application/json", **(headers or {})})
        except httpx.HTTPError as error:
            raise self._away(error) from None
        if answer.status_code != 200:
            raise self._away(RuntimeError(f"status {answer.status_code}"))
        return _json(answer)

    def _away(self, error: Exception) -> Problem:
        log.warning("the provider does not answer", error=type(error).__name__, issuer=self.issuer)
        return try_again("The identity provider does not answer as it should.")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _word(code: object) -> str:
    """An OAuth error code, or nothing: no answer of a provider goes into a log."""
    return code if isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() else ""
