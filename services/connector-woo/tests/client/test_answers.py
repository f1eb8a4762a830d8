"""What stores answer when they do not answer JSON, and what their errors mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from longshore.platforms.protocols import StoreError, StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_woo.client.answers import find_json, plain, read_answer, retry_after, split_array, store_error

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class TestFindJson:
    @pytest.mark.parametrize(
        "around",
        [
            "{}",
            "\ufeff\n{}",
            "<br />\n<b>Warning</b>:  Undefined array key [1] in <b>/x/{y}.php</b> on line <b>12</b><br />\n{}",
            "Notice: something [old] \n{}",
            "{}\n<!-- cached by a plugin -->",
        ],
    )
    def test_with_what_php_prints(self, around: str) -> None:
        exact = '{ "id": 5, "total": "1.10", "price": 0.10 }'
        found = find_json(around.replace("{}", exact))
        assert found is not None
        assert found[0] == exact

    @pytest.mark.parametrize("opening", ["<!DOCTYPE html>\n", "<html lang='de'>", "\n<!doctype HTML>"])
    def test_what_is_in_a_page_is_the_pages(self, opening: str) -> None:
        assert find_json(opening + '<script type="application/ld+json">{"@type": "WebSite"}</script></html>') is None

    @pytest.mark.parametrize("text", ["", "<html></html>", '{"id": 5', "nonsense", '"text"', "5", "[1, 2"])
    def test_none(self, text: str) -> None:
        assert find_json(text) is None


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "kind", "code"),
        [
            ("32-err-401-no-auth", StoreUnauthorized, "not-allowed"),
            ("33-err-401-bad-secret", StoreUnauthorized, "bad-key"),
            ("34-err-401-bad-key", StoreUnauthorized, "not-allowed"),
            ("35-err-401-basic-over-plain-http", StoreUnauthorized, "not-allowed"),
            ("36-err-401-readonly-key-write", StoreUnauthorized, "read-only-key"),
            ("37-err-404-order", StoreRefused, "not-found"),
            ("38-err-404-route", StoreUnavailable, "no-rest-api"),
        ],
    )
    def test_recorded(self, recordings: Any, name: str, kind: type[StoreError], code: str) -> None:
        body = recordings.rest(name)
        status = int(name.split("-")[2])
        with pytest.raises(kind) as caught:
            read_answer(status, {}, body.encode(), NOW)
        assert caught.value.code == code
        assert json.loads(body)["data"]["status"] == status

    @pytest.mark.parametrize(
        ("status", "content", "kind", "code"),
        [
            (200, b"<!DOCTYPE html><html>", StoreUnavailable, "not-json"),
            (200, b"", StoreUnavailable, "empty"),
            (200, b'[{"id":5},{"id"', StoreUnavailable, "broken-json"),
            (301, b"", StoreRefused, "redirect"),
            (302, b"", StoreUnavailable, "redirect"),
            (
                400,
                b'{"code":"rest_invalid_param","message":"Invalid parameter(s): per_page"}',
                StoreRefused,
                "rest-invalid-param",
            ),
            (
                400,
                b'{"code":"woocommerce_rest_shop_order_invalid_id","message":"ID is invalid."}',
                StoreRefused,
                "not-found",
            ),
            (403, b"<html>blocked", StoreUnavailable, "blocked"),
            (403, b'{"code":"rest_forbidden","message":"Sorry"}', StoreUnauthorized, "not-allowed"),
            (404, b"<html>Not found", StoreUnavailable, "no-rest-api"),
            (
                500,
                b'{"code":"internal_server_error","message":"<p>There has been a critical error</p>"}',
                StoreUnavailable,
                "http-500",
            ),
            (502, b"<html>Bad Gateway", StoreUnavailable, "http-502"),
            (503, b"", StoreUnavailable, "http-503"),
        ],
    )
    def test_others(self, status: int, content: bytes, kind: type[StoreError], code: str) -> None:
        with pytest.raises(StoreError) as caught:
            read_answer(status, {}, content, NOW)
        assert type(caught.value) is kind
        assert caught.value.code == code

    def test_a_used_nonce_is_passing(self) -> None:
        message = "Invalid nonce - nonce has already been used."
        error = store_error(401, {}, {"code": "woocommerce_rest_authentication_error", "message": message}, NOW)
        assert type(error) is StoreUnavailable

    def test_503_names_a_time(self) -> None:
        error = store_error(503, {"retry-after": "17"}, {}, NOW)
        assert isinstance(error, StoreUnavailable)
        assert error.retry_after == 17

    def test_a_redirect_names_the_host_alone(self) -> None:
        error = store_error(301, {"location": "https://www.shop.example/wp-json/?consumer_secret=cs_1"}, {}, NOW)
        assert "https://www.shop.example" in error.detail
        assert "cs_1" not in str(error)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("999999", 3600.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_plain() -> None:
    assert plain("<p>Use the\n /products/&lt;id&gt; <b>endpoint</b>.</p>") == "Use the /products/<id> endpoint ."
    assert plain({"a": 1}) == ""


def test_split_array_keeps_the_bytes(recordings: Any) -> None:
    text = recordings.rest("01-orders-page1")
    parts = split_array(text)
    assert "[" + ",".join(parts) + "]" == text
    assert split_array(' [ {"a": 1.10 } ,\n [2] ] ') == ['{"a": 1.10 }', "[2]"]
    assert split_array("[]") == []
