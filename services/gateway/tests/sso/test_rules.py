"""What a provider may say, and what it makes of somebody."""

from __future__ import annotations

from typing import Any

import pytest

from longshore_gateway.accounts.rules import Role
from longshore_gateway.sso.rules import BadToken, Policy, authorize_url, is_fit, read_discovery, role_of, verifier

ISSUER = "https://id.shop.example/realms/shop"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.shop.example/auth?realm=shop",
    "token_endpoint": "https://id.shop.example/token",
    "jwks_uri": "https://keys.example/jwks",
}


def test_a_discovery_document() -> None:
    found = read_discovery(ISSUER, DOCUMENT)
    assert (found.token, found.userinfo, found.secret_in_form) == (DOCUMENT["token_endpoint"], None, False)
    posting = read_discovery(ISSUER, DOCUMENT | {"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    assert posting.secret_in_form
    url = authorize_url(found, "hub", "https://hub.example/cb", ["openid"], "the-state", "the-secret")
    assert url.startswith("https://id.shop.example/auth?realm=shop&response_type=code&client_id=hub&")
    assert "the-secret" not in url
    assert verifier("the-secret", "the-state") not in url


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://id.shop.example/realms/other"},
        {"issuer": ISSUER + "/"},
        {"token_endpoint": None},
        {"token_endpoint": 7},
        {"token_endpoint": "http://id.shop.example/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "ftp://id.shop.example"},
    ],
)
def test_documents_that_cannot_be_used(change: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        read_discovery(ISSUER, DOCUMENT | change)
    with pytest.raises(BadToken):
        read_discovery(ISSUER, [])


@pytest.mark.parametrize(
    ("url", "fit"),
    [
        ("https://id.example", True),
        ("https://id.example:8443/realms/x", True),
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000", True),
        ("http://id.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://user@id.example", False),
        ("https://id.example/#x", False),
        ("https://id.example:port", False),
        ("https://", False),
        ("id.example", False),
    ],
)
def test_addresses_of_providers(url: str, fit: bool) -> None:
    assert is_fit(url) is fit


POLICY = Policy(role_claim="groups", roles={"staff": Role.OPERATOR, "bosses": Role.OWNER, "guests": Role.VIEWER})


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"groups": ["staff"]}, Role.OPERATOR),
        ({"groups": "staff"}, Role.OPERATOR),
        ({"groups": ["guests", "bosses", "staff"]}, Role.OWNER),
        ({"groups": ["Bosses", 7, None, ["bosses"]]}, Role.VIEWER),
        ({"groups": {"bosses": True}}, Role.VIEWER),
        ({}, Role.VIEWER),
    ],
)
def test_roles_by_a_claim(claims: dict[str, Any], role: Role) -> None:
    assert role_of(claims, POLICY) is role
    assert role_of(claims, Policy()) is None


def test_a_claim_may_be_a_path_or_have_dots_in_its_name() -> None:
    roles = {"bosses": Role.OWNER}
    nested = Policy(role_claim="resource.hub.roles", roles=roles)
    assert role_of({"resource": {"hub": {"roles": ["bosses"]}}}, nested) is Role.OWNER
    assert role_of({"resource": ["hub"]}, nested) is Role.VIEWER
    named = Policy(role_claim="https://shop.example/roles", roles=roles)
    assert role_of({"https://shop.example/roles": ["bosses"]}, named) is Role.OWNER


@pytest.mark.parametrize(
    ("domains", "email", "allowed"),
    [
        ((), "a@shop.example", False),
        (("shop.example",), "a@shop.example", True),
        (("shop.example",), "a@evilshop.example", False),
        (("shop.example",), "shop.example@evil.example", False),
        (("*",), "a@evil.example", True),
    ],
)
def test_who_may_be_made(domains: tuple[str, ...], email: str, allowed: bool) -> None:
    assert Policy(create_domains=domains).may_create(email) is allowed
