"""OAuth 1.0a and Basic, against an independent signer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from authlib.oauth1.rfc5849 import signature as rfc5849  # type: ignore[import-untyped]
from authlib.oauth1.rfc5849.client_auth import ClientAuth  # type: ignore[import-untyped]

from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.stores.woo.auth import ApiKey, Authenticator, Call, php_parameters, signature
from longshore_devkit.stores.woo.errors import RestError

URL = "http://shop.example.test:9400/wp-json/wc/v3/orders"
NOW = 1_795_210_000
CONSUMER_SECRET = "cs_test"
_nonces = (f"nonce{number}" for number in itertools.count())


def _oauth(**changes: str) -> dict[str, str]:
    return {
        "oauth_consumer_key": "ck_test",
        "oauth_nonce": next(_nonces),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(NOW),
        **changes,
    }


def _signed(method: str, url: str, query: dict[str, str], oauth: dict[str, str]) -> str:
    """The signature by authlib's base string, which knows nothing of ours."""
    base = rfc5849.construct_base_string(method, url, [*(query | oauth).items()])
    digest = hmac.new(f"{CONSUMER_SECRET}&".encode(), base.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@pytest.fixture
def authenticator() -> Authenticator:
    keys = {"ck_test": ApiKey("ck_test", "cs_test"), "ck_read": ApiKey("ck_read", "cs_read", "read")}
    return Authenticator(keys, clock=lambda: NOW)


def _call(query: dict[str, str], method: str = "GET", authorization: str = "", scheme: str = "http") -> Call:
    return Call(method, scheme, URL, urlencode(query), authorization)


class TestOAuth:
    @pytest.mark.parametrize(
        "query", [{}, {"per_page": "100", "status": "any"}, {"search": "a b+c/d~é", "include[0]": "7", "z": ""}]
    )
    def test_query_signature_of_an_independent_signer(
        self, query: dict[str, str], authenticator: Authenticator
    ) -> None:
        oauth = _oauth()
        oauth["oauth_signature"] = _signed("GET", URL, query, oauth)
        key = authenticator.identify(_call(query | oauth))
        assert key is not None
        assert key.consumer_key == "ck_test"

    def test_authorization_header_of_authlib(
        self, authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        client = ClientAuth("ck_test", CONSUMER_SECRET)
        monkeypatch.setattr("authlib.oauth1.rfc5849.client_auth.generate_timestamp", lambda: str(NOW))
        url, headers, _ = client.sign("GET", f"{URL}?per_page=5&status=any", {}, b"")
        call = Call("GET", "http", URL, url.partition("?")[2], headers["Authorization"])
        assert authenticator.identify(call) is not None

    def test_hand_made_vector(self) -> None:
        params = {"oauth_consumer_key": "ck_1", "oauth_nonce": "n", "b": "2 3", "a": "1"}
        text = "GET&http%3A%2F%2Fx.test%2Fo&a%3D1%26b%3D2%25203%26oauth_consumer_key%3Dck_1%26oauth_nonce%3Dn"
        expected = base64.b64encode(hmac.new(b"cs_1&", text.encode(), hashlib.sha256).digest()).decode()
        assert signature("get", "http://x.test/o", params, "cs_1") == expected

    def test_a_nonce_serves_once(self, authenticator: Authenticator) -> None:
        oauth = _oauth()
        oauth["oauth_signature"] = _signed("GET", URL, {}, oauth)
        authenticator.identify(_call(oauth))
        with pytest.raises(RestError, match="nonce has already been used"):
            authenticator.identify(_call(oauth))

    @pytest.mark.parametrize("age", [901, -901])
    def test_a_timestamp_has_15_minutes(self, age: int, authenticator: Authenticator) -> None:
        oauth = _oauth(oauth_timestamp=str(NOW - age))
        oauth["oauth_signature"] = _signed("GET", URL, {}, oauth)
        with pytest.raises(RestError, match=r"Invalid timestamp\."):
            authenticator.identify(_call(oauth))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"oauth_consumer_key": "ck_other"}, "Consumer key is invalid."),
            ({"oauth_signature_method": "PLAINTEXT"}, "Invalid signature - signature method is invalid."),
            ({"oauth_signature": "bm8="}, "Invalid signature - provided signature does not match."),
            ({"extra": "1"}, "Invalid signature - provided signature does not match."),
            ({"oauth_nonce": ""}, "Missing OAuth parameter oauth_nonce"),
        ],
    )
    def test_what_is_wrong_is_said(self, changes: dict[str, str], message: str, authenticator: Authenticator) -> None:
        oauth = _oauth()
        oauth["oauth_signature"] = _signed("GET", URL, {}, oauth)
        with pytest.raises(RestError) as refused:
            authenticator.identify(_call(oauth | changes))
        assert (refused.value.status, refused.value.message) == (401, message)

    def test_the_method_is_signed(self, authenticator: Authenticator) -> None:
        oauth = _oauth()
        oauth["oauth_signature"] = _signed("GET", URL, {}, oauth)
        with pytest.raises(RestError, match="does not match"):
            authenticator.identify(_call(oauth, "PUT"))

    def test_php_keeps_the_last_of_equal_names_and_counts_lists(self) -> None:
        assert php_parameters("a=1&a=2&s[]=x&s[]=y") == {"a": "2", "s[0]": "x", "s[1]": "y"}


class TestOverTheWire:
    async def test_plain_http_knows_oauth_only(self, served: SimulatedWoo, recorded: Callable[[str], Any]) -> None:
        url = f"{served.url}/wp-json/wc/v3/orders"
        query = {"consumer_key": "ck_test", "consumer_secret": "cs_test"}
        async with httpx.AsyncClient(trust_env=False) as client:
            nothing = await client.get(url)
            basic = await client.get(url, auth=("ck_test", "cs_test"))
            by_query = await client.get(url, params=query)
            oauth = _oauth(oauth_timestamp=str(int(time.time())))
            oauth["oauth_signature"] = _signed("GET", url, {"per_page": "1"}, oauth)
            signed = await client.get(url, params={"per_page": "1"} | oauth)
        for answer in (nothing, basic, by_query):
            assert (answer.status_code, answer.content) == (401, recorded("rest/32").body)
        assert basic.content == recorded("rest/35").body
        assert signed.status_code == 200

    @pytest.mark.parametrize(
        ("auth", "name"), [(None, "rest/32"), (("ck_test", "wrong"), "rest/33"), (("ck_no", "cs_test"), "rest/34")]
    )
    async def test_https_refusals(
        self,
        auth: tuple[str, str] | None,
        name: str,
        client_with: Callable[[tuple[str, str] | None], httpx.AsyncClient],
        recorded: Callable[[str], Any],
    ) -> None:
        async with client_with(auth) as client:
            answer = await client.get("/orders")
        assert (answer.status_code, answer.content) == (401, recorded(name).body)

    async def test_https_takes_keys_in_the_query(
        self, client_with: Callable[[tuple[str, str] | None], httpx.AsyncClient]
    ) -> None:
        async with client_with(None) as client:
            answer = await client.get("/orders", params={"consumer_key": "ck_test", "consumer_secret": "cs_test"})
        assert answer.status_code == 200

    async def test_a_reading_key_does_not_write(
        self,
        client_with: Callable[[tuple[str, str] | None], httpx.AsyncClient],
        recorded: Callable[[str], Any],
    ) -> None:
        async with client_with(("ck_read", "cs_read")) as client:
            assert (await client.get("/orders")).status_code == 200
            answer = await client.put("/orders/25", json={"status": "completed"})
        assert (answer.status_code, answer.content) == (401, recorded("rest/36").body)
