"""Planted secrets and buyers' data do not come out."""

from __future__ import annotations

import base64

import pytest

from longshore.redaction import REDACTED, hide, is_sensitive, redact, scrub

SECRETS = [
    "ck_0123456789abcdef0123456789abcdef01234567",
    "cs_0123456789abcdef0123456789abcdef01234567",
    "shpat_0123456789abcdef0123456789abcdef",
    "shpca_0123456789abcdef0123456789abcdef",
    "shpss_0123456789abcdef0123456789abcdef",
    "lsk_aB3dE6gH9jK2mN5pQ8sT1vW4",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "Basic Y2tfYTpjc19i",
    "gAAAAABmZm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9v",
    "postgresql://longshore:hunter22@db:5432/hub",
    "https://shop.example/wp-json/wc/v3/orders?consumer_key=abc123def&consumer_secret=ghi456jkl",
    '{"access_token": "abcdef123456", "expires_in": 1}',
    "alice.o'hara+shop@mail.example.co.uk",
    "call +49 151 2345 6789 please",
]
PARTS = [
    "0123456789abcdef", "aB3dE6gH9j", "eyJhbGciOiJIUzI1NiJ9", "Y2tfYTpjc19i", "gAAAAABm", "hunter22", "abc123def",
    "ghi456jkl", "abcdef123456", "@mail.example", "2345 6789",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_in_texts_are_taken_out(secret: str) -> None:
    for said in (scrub(f"it failed with {secret} at once"), str(redact({"event": secret, "deep": [{"x": secret}]}))):
        assert not [part for part in PARTS if part in said]


@pytest.mark.parametrize(
    "key",
    [
        "token", "access_token", "refresh-token", "client_secret", "password", "Authorization", "consumer_key",
        "consumer_secret", "webhook_secret", "api_key", "credentials", "encryption_keys", "X-Shopify-Hmac-Sha256",
        "set-cookie", "database_url", "email", "customer_email", "phone", "billing_address", "shipping_address",
        "address1", "name", "first_name", "last_name", "customer", "payload", "body",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["hunter22", 4915112345678, ["hunter22"], {"x": "hunter22"}])
def test_whatever_lies_under_a_sensitive_name_is_dropped_whole(key: str, value: object) -> None:
    assert redact({key: value, "outer": {key: value}}) == {key: REDACTED, "outer": {key: REDACTED}}


@pytest.mark.parametrize(
    "key", ["event", "topic", "group", "order_id", "logger", "level", "service", "records", "attempt", "reason"]
)
def test_what_ops_need_is_kept(key: str) -> None:
    assert not is_sensitive(key)
    assert redact({key: "commerce.orders", "n": 5, "ok": True, "none": None}) == {
        key: "commerce.orders", "n": 5, "ok": True, "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27T11:00:00.005000Z",
        "6f1d3c52-7f0a-5e7b-9a43-3d3f0d1c8a10:1234567890",
        "order 1234567890123 of gid://shopify/Order/5678901234",
        "http://127.0.0.1:9300/wp-json",
        "POST /webhooks/shopify answered 401",
    ],
)
def test_ordinary_sentences_are_left_alone(text: str) -> None:
    assert scrub(text) == text


def test_bytes_deep_nesting_and_long_texts_are_cut_short() -> None:
    deep: dict[str, object] = {}
    for _ in range(50):
        deep = {"x": deep}
    said = redact({"raw": b"alice@example.com", "deep": deep, "long": "x" * 1_000_000})
    assert said["raw"] == "[17 bytes]"
    assert "[...]" in str(said["deep"])
    assert len(said["long"]) < 20_000


class TestWhatAStoreRepeats:
    KEY, SECRET = "tea-Shops-own-key-17", "tea-Shops-own-secret-4711"

    def hidden(self, text: str) -> str:
        return hide(text, [self.KEY, self.SECRET, "ck", ""])

    @pytest.mark.parametrize("before", ["", "Basic ", "x", "xy"])
    def test_as_it_is_and_in_base64(self, before: str) -> None:
        pair = base64.b64encode(f"{before}{self.KEY}:{self.SECRET}".encode()).decode()
        for text in (f"key={self.KEY}&secret={self.SECRET}.", f"you sent {pair} to us"):
            said = self.hidden(text)
            assert REDACTED in said
            for secret in (self.KEY, self.SECRET):
                assert secret[:12] not in said
                for start in range(len(said) - 16):
                    piece = said[start : start + 16]
                    if piece.isalnum():
                        assert secret[4:12].encode() not in base64.b64decode(piece)

    def test_what_was_cut_off_is_hidden_too(self) -> None:
        said = self.hidden(f"You sent {self.SECRET}"[:27])
        assert said == f"You sent {REDACTED}"

    def test_the_rest_stays_readable_and_short_words_are_no_secrets(self) -> None:
        text = "Error code: 404. The order of ck was not found at https://tea.example (for a@example.com)."
        assert self.hidden(text) == text

    def test_tokens_that_nobody_named(self) -> None:
        assert self.hidden("with shpat_0123456789abcdef") == f"with {REDACTED}"
