"""Signatures: against a kept library's base string, and a worked vector."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl

import pytest
from authlib.oauth1.rfc5849.signature import construct_base_string  # type: ignore[import-untyped]

from longshore_connector_woo.client.oauth import base_string, signed_query

URL = "http://shop.example:8080/wp-json/wc/v3/orders"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"page": "2", "per_page": "100"},
        {"search": "a b+c&d=e/ü~*'()", "_fields": "id,name", "after": "2026-11-20T21:33:05"},
        {"b": "1", "a": "2", "a[0]": "3"},
    ],
)
def test_base_string_is_authlibs(params: dict[str, str]) -> None:
    signed = params | {"oauth_consumer_key": "ck", "oauth_nonce": "n"}
    assert base_string("get", URL, signed) == construct_base_string("GET", URL, list(signed.items()))


def test_a_whole_query() -> None:
    query = signed_query("GET", URL, {"page": "2"}, key="ck_1", secret="cs_2", nonce="abc", timestamp=1795210226)
    sent = dict(parse_qsl(query))
    base = (
        "GET&http%3A%2F%2Fshop.example%3A8080%2Fwp-json%2Fwc%2Fv3%2Forders&oauth_consumer_key%3Dck_1%26oauth_nonce"
        "%3Dabc%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1795210226%26page%3D2"
    )
    expected = base64.b64encode(hmac.new(b"cs_2&", base.encode(), hashlib.sha256).digest()).decode()
    assert sent["oauth_signature"] == expected
    assert "cs_2" not in query
    assert set(sent) == {
        "page",
        "oauth_consumer_key",
        "oauth_nonce",
        "oauth_signature",
        "oauth_signature_method",
        "oauth_timestamp",
    }
