"""Whose delivery it is, and whether it is what it says: against recorded traffic and the platforms' vectors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.contracts import Platform
from longshore_gateway.webhooks.rules import (
    OLD_SECRET_FOR,
    PING,
    WORDING,
    entity_of,
    looks_like_json,
    platform_headers,
    shopify_secrets,
    signature_of,
    signed_by,
    with_old_secret,
    woocommerce_keys,
    woocommerce_secrets,
)

ROOT = Path(__file__).parents[4]
RECORDED = sorted((ROOT / "services/connector-woo/tests/fixtures/webhooks").glob("*.json"))
VECTORS = ROOT.parent / "shared/fixtures/shopify/hmac_vectors.json"


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    found["body"] = base64.b64decode(found["body_base64"])
    return found


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_deliveries_verify(path: Path) -> None:
    recorded = load(path)
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    signature = headers.get("x-wc-webhook-signature")
    if signature is None:
        assert PING.fullmatch(recorded["body"])
        return
    assert signed_by(woocommerce_keys(recorded["secret"]), recorded["body"], signature.encode())
    assert not signed_by(woocommerce_keys(recorded["secret"]), recorded["body"] + b" ", signature.encode())
    assert looks_like_json(recorded["body"])


def test_recorded_deliveries_are_there() -> None:
    assert len(RECORDED) > 50


@pytest.mark.skipif(not VECTORS.exists(), reason="the sample data of Shopify may not be copied into the project")
def test_shopify_vectors() -> None:
    for vector in json.loads(VECTORS.read_text())["webhook_body_base64"]:
        assert signature_of(vector["secret"].encode(), vector["body"].encode()).decode() == vector["hmac"]


def test_a_signature_in_hex_is_refused() -> None:
    body = b'{"id":1}'
    signature = base64.b64decode(signature_of(b"s", body)).hex().encode()
    assert not signed_by([b"s"], body, signature)


def test_any_of_several_secrets_signs() -> None:
    body = b'{"id":1}'
    assert signed_by([b"new", b"old"], body, signature_of(b"old", body))
    assert not signed_by([b"new", b"old"], body, signature_of(b"older", body))
    assert not signed_by([], body, signature_of(b"", body))


@given(st.binary(), st.binary(min_size=1), st.binary())
def test_only_the_right_secret_signs(body: bytes, secret: bytes, other: bytes) -> None:
    assert signed_by([secret], body, signature_of(secret, body))
    # HMAC pads short keys with zeros: keys that differ in those alone are one.
    if other.ljust(64, b"\0") != secret.ljust(64, b"\0") and len(secret) <= 64 and len(other) <= 64:
        assert not signed_by([other], body, signature_of(secret, body))


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        ("plain", (b"plain",)),
        ("a&amp;b", (b"a&b", b"a&amp;b")),
        ("&lt;x&gt;&quot;&#039;", (b"<x>\"'", b"&lt;x&gt;&quot;&#039;")),
    ],
)
def test_woocommerce_decodes_its_secret(secret: str, keys: tuple[bytes, ...]) -> None:
    assert woocommerce_keys(secret) == keys


def test_a_custom_apps_secret_stands_before_the_public_apps() -> None:
    assert shopify_secrets({"api_secret": "own"}, ["new", "old"]) == (b"own",)
    assert shopify_secrets({"access_token": "t"}, ["new", "old"]) == (b"new", b"old")
    assert shopify_secrets({}, []) == ()


@pytest.mark.parametrize(
    ("topic", "body", "entity"),
    [
        (b"order.created", b'{"id":29,"parent_id":0}', b"29"),
        (b"order.deleted", b' {\n "id" : 29 }', b"29"),
        (b"orders/create", b'{"id":820982911946154508,"x":1}', b"820982911946154508"),
        (b"refunds/create", b'{"id":1,"order_id":820982911946154508}', b"820982911946154508"),
        (b"fulfillments/update", b'{"id":1,"status":"success","order_id":77}', b"77"),
        (b"inventory_levels/update", b'{"inventory_item_id":271878346596884015,"location_id":24826418}',
         b"271878346596884015"),
        (b"orders/create", b'{"admin_graphql_api_id":"x","id":5}', None),
        (b"order.updated", b'{"code":"woocommerce_rest_shop_order_invalid_id","data":{"status":404}}', None),
        (b"order.updated", b"[]", None),
    ],
)  # fmt: skip
def test_the_entity_is_read_off_the_first_bytes(topic: bytes, body: bytes, entity: bytes | None) -> None:
    assert entity_of(topic, body) == entity


@pytest.mark.parametrize("body", [b"{}", b" [1]\n", b'{"a":1}', b'{"broken: but closed}'])
def test_looks_like_json(body: bytes) -> None:
    assert looks_like_json(body)


@pytest.mark.parametrize("body", [b"", b"  ", b"null", b"{", b'{"a":1', b"{]", b"webhook_id=3", b"<html></html>"])
def test_does_not_look_like_json(body: bytes) -> None:
    assert not looks_like_json(body)


def test_platform_headers_are_kept_and_others_are_not() -> None:
    headers = [
        (b"host", b"hub"),
        (b"authorization", b"secret"),
        (b"user-agent", b"WooCommerce/11"),
        (b"x-wc-webhook-topic", b"order.created"),
        (b"x-wc-webhook-source", "http://sh\u00f6p/".encode()),
        (b"x-shopify-topic", b"orders/create"),
        (b"content-type", b"application/json"),
    ]
    assert platform_headers(headers, WORDING[Platform.WOOCOMMERCE]) == {
        "user-agent": b"WooCommerce/11",
        "x-wc-webhook-topic": b"order.created",
        "x-wc-webhook-source": "http://sh\u00f6p/".encode(),
        "content-type": b"application/json",
    }


class TestOldSecrets:
    NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)

    def test_an_old_secret_is_good_for_a_while(self) -> None:
        kept = with_old_secret({"webhook_secret": "new"}, {"webhook_secret": "old"}, self.NOW)
        assert woocommerce_secrets(kept, self.NOW) == (b"new", b"old")
        last = self.NOW + OLD_SECRET_FOR
        assert woocommerce_secrets(kept, last - timedelta(seconds=1)) == (b"new", b"old")
        assert woocommerce_secrets(kept, last) == (b"new",)

    def test_only_the_last_one_and_never_for_longer(self) -> None:
        kept = with_old_secret({"webhook_secret": "b"}, {"webhook_secret": "a"}, self.NOW)
        kept = with_old_secret({"webhook_secret": "c"}, kept, self.NOW + timedelta(minutes=5))
        assert woocommerce_secrets(kept, self.NOW + timedelta(minutes=6)) == (b"c", b"b")

    @pytest.mark.parametrize(
        ("after", "before"),
        [
            ({"webhook_secret": "a"}, {"webhook_secret": "a"}),
            ({"webhook_secret": "a"}, {}),
            ({"access_token": "t"}, {"access_token": "s"}),
        ],
    )
    def test_there_is_nothing_to_keep(self, after: dict[str, str], before: dict[str, str]) -> None:
        assert with_old_secret(after, before, self.NOW) == after
