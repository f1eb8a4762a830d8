"""Every public route says which scope it needs, or stands here as one for everybody. Read from the document itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longshore_gateway.accounts.api import SCHEME
from longshore_gateway.accounts.rules import Scope
from longshore_gateway.forwarding.rules import FORWARDED, forwarded

DOCUMENT = json.loads((Path(__file__).parents[4] / "docs" / "openapi.json").read_text())
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]

# Whoever adds one here says why nobody needs to be known for it.
PUBLIC = {
    # Signed by the store.
    ("POST", "/webhooks/shopify"),
    ("POST", "/webhooks/woocommerce/{integration_id}"),
    # Followed by browsers: a link that was made for its organisation, the state of a flow, or Shopify's signature.
    ("GET", "/oauth/shopify/start"),
    ("GET", "/oauth/shopify/callback"),
    ("GET", "/oauth/woocommerce/start"),
    ("POST", "/oauth/woocommerce/callback"),
    ("GET", "/oauth/woocommerce/return"),
    # How one becomes known: by a password, a cookie or an invitation.
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/auth/accept"),
    # Or at the organisation's provider: before it nobody is known, after it the provider's proof counts.
    ("GET", "/api/v1/auth/methods"),
    ("GET", "/api/v1/auth/oidc/start"),
    ("GET", "/api/v1/auth/oidc/callback"),
    # For balancers, Prometheus and those who write clients.
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
}
# Needs a caller, but no scope: one's own.
ANY_CALLER = {("GET", "/api/v1/me"), ("POST", "/api/v1/me/password")}


def test_every_route_declares_a_scope_or_is_public() -> None:
    undeclared = []
    for method, path, operation in OPERATIONS:
        scopes = [scope for each in operation.get("security", []) for scope in each.get(SCHEME, [])]
        known = all(scope in {each.value for each in Scope} for scope in scopes)
        if (method, path) in PUBLIC:
            assert not operation.get("security"), f"{method} {path} is public and asks for a caller"
        elif (method, path) in ANY_CALLER:
            assert operation.get("security"), f"{method} {path} is for known callers"
        elif not scopes or not known:
            undeclared.append(f"{method} {path}: {scopes}")
    assert undeclared == []


def test_no_route_that_changes_something_is_open_to_those_who_only_read() -> None:
    for method, path, operation in OPERATIONS:
        if method != "GET":
            assert {SCHEME: [Scope.READ.value]} not in operation.get("security", []), f"{method} {path}"


def test_whatever_is_public_is_still_there() -> None:
    assert {(method, path) for method, path, _ in OPERATIONS} >= PUBLIC | ANY_CALLER


def test_what_is_forwarded_is_documented() -> None:
    documented = {(method, path) for method, path, _ in OPERATIONS}
    assert {(route.method, route.path) for route in FORWARDED} <= documented
    with pytest.raises(ValueError, match=r"forwarding/rules\.py"):
        forwarded("POST", "/api/v1/orders")
