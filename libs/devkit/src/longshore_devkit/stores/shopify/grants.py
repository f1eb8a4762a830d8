"""A shop's side of the public app's OAuth: codes, expiring offline tokens, refresh tokens that rotate.

As Shopify has it (its pages on offline access tokens, and its changelog of 2026-08-28): an access token lives an hour,
a refresh token 90 days; of one app and shop only the newest access token is good. A refresh token that has been used
may be used again until its replacement is used (`old_refresh` "until_replaced"), so that a lost answer can be asked for
once more; "dies_at_once" is the worst that an app has to be right under.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

ACCESS_FOR = timedelta(hours=1)
REFRESH_FOR = timedelta(days=90)
CODE_FOR = timedelta(minutes=10)

OldRefresh = Literal["until_replaced", "dies_at_once"]


class App(Protocol):
    """Of a shop's config, what the app and the merchant's grant are. `scopes` None grants all that is asked."""

    @property
    def domain(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def api_secret(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str] | None: ...


class GrantRefused(Exception):
    """The token endpoint says no: an HTTP status and an OAuth error."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass(slots=True)
class _Refresh:
    expires_at: datetime
    # What it was refreshed into; it stays good until one of these is used.
    replaced_by: set[str]


class Grants:
    """What one shop has granted to the app. The counters say what was asked of the token endpoint."""

    def __init__(self, config: App, now: Callable[[], datetime]) -> None:
        self._config = config
        self._now = now
        self._codes: dict[str, tuple[datetime, str]] = {}
        self._access: tuple[str, datetime] | None = None
        self._refresh: dict[str, _Refresh] = {}
        self.scopes = ""
        self.calls: Counter[str] = Counter()
        # Knobs.
        self.refuse_refresh = False
        self.old_refresh: OldRefresh = "until_replaced"

    def authorize(self, query: Mapping[str, str]) -> str:
        """The merchant agrees: where the browser is sent. GrantRefused for what Shopify shows an error page for."""
        if query.get("client_id") != self._config.client_id or not query.get("redirect_uri"):
            raise GrantRefused(400, "application_cannot_be_found", "The app is not known.")
        asked = [scope for scope in query.get("scope", "").split(",") if scope]
        given = [scope for scope in asked if self._config.scopes is None or scope in self._config.scopes]
        code = secrets.token_hex(16)
        self._codes[code] = (self._now() + CODE_FOR, ",".join(given))
        fields = {
            "code": code,
            "host": "YWRtaW4uc2hvcGlmeS5jb20",
            "shop": self._config.domain,
            "state": query.get("state", ""),
            "timestamp": str(int(self._now().timestamp())),
        }
        return f"{query['redirect_uri']}?{self.signed(fields)}"

    def signed(self, fields: Mapping[str, str], secret: str | None = None) -> str:
        """A query string with Shopify's `hmac` over it."""
        message = urlencode(sorted(fields.items()))
        digest = hmac.new((secret or self._config.api_secret).encode(), message.encode(), hashlib.sha256).hexdigest()
        return f"{message}&hmac={digest}"

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """`POST /admin/oauth/access_token`. Raises GrantRefused."""
        if form.get("client_id") != self._config.client_id or form.get("client_secret") != self._config.api_secret:
            raise GrantRefused(401, "invalid_client", "Client authentication failed.")
        if form.get("grant_type") == "refresh_token":
            self.calls["refresh"] += 1
            return self._refreshed(form.get("refresh_token", ""))
        self.calls["exchange"] += 1
        expires_at, scopes = self._codes.pop(form.get("code", ""), (self._now(), ""))
        if expires_at <= self._now():
            raise GrantRefused(400, "invalid_request", "The authorization code was not found or was already used.")
        if form.get("expiring") != "1":
            raise GrantRefused(400, "invalid_request", "A public app must ask for expiring tokens.")
        self.scopes = scopes
        # A new grant ends whatever was granted before.
        self._refresh.clear()
        return self._issue()[0]

    def accepts(self, token: str | None) -> bool:
        """Whether an access token is good now."""
        return self._access is not None and token == self._access[0] and self._now() < self._access[1]

    def expire_access(self) -> None:
        """The access token is not good any more; its refresh token is."""
        self._access = None

    def revoke(self) -> None:
        """The app is uninstalled: nothing is good any more."""
        self._access = None
        self._refresh.clear()
        self._codes.clear()

    def _refreshed(self, token: str) -> dict[str, Any]:
        known = self._refresh.get(token)
        if known is None or self.refuse_refresh or known.expires_at <= self._now():
            raise GrantRefused(400, "invalid_grant", "This request requires an active refresh_token.")
        # Its use retires what it has replaced.
        for old in [name for name, each in self._refresh.items() if token in each.replaced_by]:
            del self._refresh[old]
        answer, replacement = self._issue()
        if self.old_refresh == "dies_at_once":
            del self._refresh[token]
        else:
            known.replaced_by.add(replacement)
        return answer

    def _issue(self) -> tuple[dict[str, Any], str]:
        now = self._now()
        access, refresh = f"shpat_{secrets.token_hex(16)}", f"shprt_{secrets.token_hex(16)}"
        self._access = (access, now + ACCESS_FOR)
        self._refresh[refresh] = _Refresh(now + REFRESH_FOR, set())
        return {
            "access_token": access,
            "scope": self.scopes,
            "expires_in": int(ACCESS_FOR.total_seconds()),
            "refresh_token": refresh,
            "refresh_token_expires_in": int(REFRESH_FOR.total_seconds()),
        }, refresh
