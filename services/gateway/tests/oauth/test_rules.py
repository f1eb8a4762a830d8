"""Callbacks that are Shopify's, in time, whole; and everything else."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from longshore.contracts import Platform
from longshore.problems import Problem
from longshore_gateway.oauth import rules
from longshore_gateway.oauth.rules import CALLBACK_WINDOW, read_shopify_callback

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECRETS = ("shpss_new", "shpss_old")


def signed(secret: str = SECRETS[0], at: datetime = NOW, **changes: str) -> list[tuple[str, str]]:
    query = {
        "code": "c0de",
        "host": "YWRtaW4uc2hvcGlmeS5jb20",
        "shop": "tea-shop.myshopify.com",
        "state": "st4te",
        "timestamp": str(int(at.timestamp())),
    } | changes
    query = {name: value for name, value in query.items() if value}
    message = "&".join(f"{name}={value}" for name, value in sorted(query.items()))
    return [*query.items(), ("hmac", hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest())]


@pytest.mark.parametrize("secret", SECRETS)
def test_each_of_the_apps_secrets_verifies(secret: str) -> None:
    callback = read_shopify_callback(signed(secret), SECRETS, NOW)
    assert (callback.shop, callback.state, callback.code) == ("tea-shop.myshopify.com", "st4te", "c0de")


def test_the_order_of_the_parameters_does_not_matter() -> None:
    assert read_shopify_callback(signed()[::-1], SECRETS, NOW).code == "c0de"


def test_what_is_not_signed_by_us_is_refused() -> None:
    tampered = [(name, "other.myshopify.com" if name == "shop" else value) for name, value in signed()]
    unsigned = [pair for pair in signed() if pair[0] != "hmac"]
    added = [*signed(), ("extra", "1")]
    upper = [(name, value.upper() if name == "hmac" else value) for name, value in signed()]
    foreign = [(name, "é" if name == "hmac" else value) for name, value in signed()]
    for pairs in (tampered, unsigned, added, upper, foreign, signed("shpss_other"), signed("")):
        with pytest.raises(Problem) as refused:
            read_shopify_callback(pairs, SECRETS, NOW)
        assert (refused.value.status, refused.value.type) == (401, "/problems/bad-signature")


def test_without_a_secret_nothing_verifies() -> None:
    with pytest.raises(Problem):
        read_shopify_callback(signed(), (), NOW)


@pytest.mark.parametrize("off", [CALLBACK_WINDOW, -CALLBACK_WINDOW, timedelta(0)])
def test_within_the_window(off: timedelta) -> None:
    assert read_shopify_callback(signed(at=NOW + off), SECRETS, NOW)


@pytest.mark.parametrize("off", [timedelta(seconds=301), timedelta(seconds=-301), timedelta(days=365)])
def test_stale_or_from_the_future(off: timedelta) -> None:
    with pytest.raises(Problem) as refused:
        read_shopify_callback(signed(at=NOW + off), SECRETS, NOW)
    assert refused.value.type == "/problems/stale-callback"


@pytest.mark.parametrize(
    "shop",
    [
        "tea-shop.myshopify.com.evil.example",
        "evil.example",
        "tea-shop.myshopify.com/admin",
        "-x.myshopify.com",
        "a.b.myshopify.com",
        "tea-shop.myshopify.com@evil.example",
        "127.0.0.1",
    ],
)
def test_a_shop_has_its_name_only(shop: str) -> None:
    with pytest.raises(Problem) as refused:
        read_shopify_callback(_signed_as_shopify(shop=shop), SECRETS, NOW)
    assert refused.value.type == "/problems/malformed-callback"


@pytest.mark.parametrize("changes", [{"timestamp": "soon"}, {"state": ""}, {"code": ""}, {"shop": ""}])
def test_what_is_missing_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        read_shopify_callback(signed(**changes), SECRETS, NOW)
    assert refused.value.status == 400


def test_twice_the_same_parameter() -> None:
    with pytest.raises(Problem) as refused:
        read_shopify_callback([*signed(), ("shop", "other.myshopify.com")], SECRETS, NOW)
    assert refused.value.status == 400


def test_a_merchant_who_declines() -> None:
    with pytest.raises(Problem) as refused:
        read_shopify_callback(signed(code="", error="access_denied"), SECRETS, NOW)
    assert refused.value.type == "/problems/declined"


def test_where_a_merchant_is_asked() -> None:
    redirect = "https://hub/oauth/shopify/callback"
    scopes = ("read_orders", "write_inventory")
    url = urlsplit(rules.shopify_authorize_url("https://a.myshopify.com", "id", scopes, redirect, "s"))
    query = dict(parse_qsl(url.query))
    assert (url.netloc, url.path) == ("a.myshopify.com", "/admin/oauth/authorize")
    assert query == {
        "client_id": "id",
        "scope": "read_orders,write_inventory",
        "redirect_uri": redirect,
        "state": "s",
    }


def test_a_link_is_good_for_one_platform_and_not_for_long() -> None:
    claims = rules.link_claims("org", Platform.SHOPIFY, "https://a.myshopify.com", "A", {}, NOW + rules.LINK_FOR)
    rules.check_link(claims, Platform.SHOPIFY, NOW)
    for platform, at in ((Platform.WOOCOMMERCE, NOW), (Platform.SHOPIFY, NOW + rules.LINK_FOR)):
        with pytest.raises(Problem):
            rules.check_link(claims, platform, at)
    # Credentials are sealed with the same key: they are no link.
    with pytest.raises(Problem):
        rules.check_link({"access_token": "t"}, Platform.SHOPIFY, NOW)


def _signed_as_shopify(**changes: str) -> list[tuple[str, str]]:
    """With what needs quoting quoted before it is signed."""
    query = dict(signed(**changes))
    query.pop("hmac")
    message = urlencode(sorted(query.items())).encode()
    return [*query.items(), ("hmac", hmac.new(SECRETS[0].encode(), message, hashlib.sha256).hexdigest())]
