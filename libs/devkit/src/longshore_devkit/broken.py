"""Deliveries that are signed and broken: what plugins, proxies, caches and half-dead stores make of a good one.

All chance comes from the `random.Random` that is handed in: the same seed gives the same bytes (hypothesis' own
generators do, too, and make failures small).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from longshore_devkit.loadgen.plan import Platform
from longshore_devkit.stores.common import sign_base64

Headers = tuple[tuple[bytes, bytes], ...]

# Values as JSON texts, so that what no writer of JSON would write can stand there as well.
_PHP = ('""', "[]", "{}", "null", "false", "true", "0", '"0"', '" "', '"1"', '"0.00"', '"-0"', '"1,50"', '"1_0"')
_NUMBERS = (
    "-1",
    "0.1",
    "12.3456789012345",
    "1e3",
    "1E-9",
    "1e400",
    "-1e999999999",
    "0e-1000000",
    "NaN",
    "Infinity",
    "-Infinity",
    "2147483647",
    "2147483648",
    "9007199254740993",
    "9223372036854775808",
    "-9223372036854775809",
    "1" + "0" * 40,
    "9" * 4400,
    '"NaN"',
    '"sNaN"',
    '"Infinity"',
    '"1e400"',
    '"1e-400"',
    '"99999999999999999999999999999999"',
    '"9223372036854775808"',
    '"12345678.123456789012"',
    '"0x10"',
    '"٣"',
    '"１２"',
)
_MOMENTS = (
    '"0000-00-00T00:00:00"',
    '"0001-01-01T00:00:00"',
    '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59"',
    '"9999-12-31T23:59:59-23:59"',
    '"2026-02-30T10:00:00"',
    '"2026-11-20T25:61:61Z"',
    '"2026-11-20"',
    '"2026-W47-5"',
    '"20261120T100000Z"',
    '"2026-11-20T10:00:00.123456789Z"',
    '"1763632800"',
    "1763632800",
    '"tomorrow"',
)
_TEXTS = (
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udfff and \\ud83d"',
    '"\\ud83d\\ude00"',
    '"\\u202e\\u200b"',
    '"&amp;amp;&#0;&#55296;&nbsp;"',
    '"<script>alert(1)</script>"',
    '"\'; DROP TABLE orders; --"',
    '"%s %n {0} \\\\u0000"',
    '"\\u001f\\u001e"',
    '"' + "x" * 70_000 + '"',
    '"gid://shopify/Order/12?a=1"',
    '"gid://shopify/Order/"',
)
_NESTED = (
    "[[[[[[[[]]]]]]]]",
    '{"a":{"a":{"a":{"a":{}}}}}',
    '[{}, null, "", 7]',
    '{"0":{},"2":{}}',
    '[{"id":1},{"id":1}]',
)
# Not JSON, or a key more: `1,"id":2` makes the object have two.
_RAW = ('1,"id":2', '"x","total":"1.00"', "{", "]", "'x'", "undefined", "/* */1", "01", "1.", ".5", '"\n"', "")
_DEEP = 3_000
_VALUES = (_PHP, _NUMBERS, _MOMENTS, _TEXTS, _NESTED)


@dataclass(frozen=True)
class Signed:
    """One delivery as it goes over the wire; `headers` without those of HTTP itself, names in lower case."""

    platform: Platform
    topic: str
    headers: Headers
    body: bytes

    def resigned(self, secret: str, body: bytes) -> Signed:
        """The same with another body, signed anew: a store signs whatever it sends."""
        name = b"x-shopify-hmac-sha256" if self.platform == "shopify" else b"x-wc-webhook-signature"
        signature = sign_base64(secret, body).encode()
        kept = tuple((key, signature if key == name else value) for key, value in self.headers)
        return replace(self, body=body, headers=kept)

    def about(self, topic: str) -> Signed:
        """The same under another topic."""
        name = b"x-shopify-topic" if self.platform == "shopify" else b"x-wc-webhook-topic"
        kept = tuple((key, topic.encode() if key == name else value) for key, value in self.headers)
        return replace(self, topic=topic, headers=kept)


def signed(platform: Platform, topic: str, body: bytes, *, secret: str, shop: str) -> Signed:
    """A good delivery. `shop`: the domain of a Shopify shop, the address of a WooCommerce store."""
    signature = sign_base64(secret, body)
    if platform == "shopify":
        named = {
            "x-shopify-topic": topic,
            "x-shopify-hmac-sha256": signature,
            "x-shopify-shop-domain": shop,
            "x-shopify-api-version": "2026-07",
            "x-shopify-webhook-id": "8a1f0f6e-54b1-4f2e-9d0c-0d7e6f3c9a11",
            "x-shopify-event-id": "1c5d2e3f-0a9b-4c8d-8e7f-6a5b4c3d2e1f",
            "x-shopify-triggered-at": "2026-11-20T10:00:00.000000000Z",
        }
    else:
        resource, _, event = topic.partition(".")
        named = {
            "x-wc-webhook-source": shop,
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-signature": signature,
            "x-wc-webhook-id": "7",
            "x-wc-webhook-delivery-id": "0123456789abcdef0123456789abcdef",
        }
    headers = tuple((name.encode(), value.encode()) for name, value in named.items())
    return Signed(platform, topic, ((b"content-type", b"application/json"), *headers), body)


def break_body(body: bytes, chance: random.Random) -> bytes:
    """A broken copy. Three in four still begin and end as JSON does, so that they come past the gateway."""
    how = chance.random()
    if how < 0.70:
        return break_values(body, chance)
    if how < 0.95:
        return _BYTES[chance.randrange(len(_BYTES))](body, chance)
    return _WHOLE[chance.randrange(len(_WHOLE))](chance)


def break_values(body: bytes, chance: random.Random) -> bytes:
    """Well-formed, or nearly: one to four values replaced, left out, or moved."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    fragments: list[str] = []
    for _ in range(chance.randint(1, 4)):
        holder, key = _place(value, chance)
        if holder is None:
            continue
        act = chance.random()
        if act < 0.12:
            del holder[key]
        elif act < 0.24:
            holder[key] = _as_php(holder[key])
        elif act < 0.30:
            other, other_key = _place(value, chance)
            # A copy: a value moved into itself would never end.
            holder[key] = json.loads(json.dumps(other[other_key])) if other is not None else None
        else:
            holder[key] = f"\x1a{len(fragments)}\x1a"
            fragments.append(_fragment(chance))
    text = json.dumps(value, separators=(",", ":"))
    for n, fragment in enumerate(fragments):
        text = text.replace(f'"\\u001a{n}\\u001a"', fragment)
    return text.encode("utf-8", "surrogatepass")


def break_headers(delivery: Signed, chance: random.Random) -> Signed:
    """Missing, doubled, empty, garbled headers; its signature and what names the store stay as they are."""
    kept = {b"x-shopify-hmac-sha256", b"x-shopify-shop-domain", b"x-wc-webhook-signature"}
    headers = list(delivery.headers)
    for _ in range(chance.randint(1, 3)):
        places = [n for n, (name, _) in enumerate(headers) if name not in kept]
        if not places:
            break
        at = chance.choice(places)
        name, value = headers[at]
        act = chance.randrange(6)
        if act == 0:
            del headers[at]
        elif act == 1:
            headers.append((name, chance.choice((b"", value, b"other"))))
        elif act == 2:
            headers[at] = (name, bytes(chance.choice(b"\xff\xfe\x80\xc3\xf0\tabc=;,") for _ in range(8)))
        elif act == 3:
            headers[at] = (name, chance.choice((b"", b" ", b"0", b"orders", b"order.", b".", b"a/b/c", b"\xc3\xa9")))
        elif act == 4:
            headers[at] = (name, value * chance.choice((2, 50)))
        else:
            headers.append((name[:9] + chance.choice((b"longshore", b"x", b"topic-", b"\xff")), b"longshore-org-id"))
    return replace(delivery, headers=tuple(headers))


def _place(value: Any, chance: random.Random) -> tuple[Any, Any]:
    """Somewhere in `value`: a container and a key of it. Each step goes down as likely as it stays."""
    holder: Any = None
    key: Any = None
    while isinstance(value, dict | list) and value:
        if holder is not None and chance.random() < 0.25:
            break
        holder = value
        key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        value = value[key]
    return holder, key


def _as_php(value: Any) -> Any:
    """The same value in one of the types that PHP and its plugins make of it."""
    match value:
        case None:
            return ""
        case bool():
            return int(value)
        case int() | float():
            return str(value)
        case dict() if value:
            return list(value.values())
        case list():
            return {str(n): each for n, each in enumerate(value)}
        case dict():
            return []
        case str() if value.replace(".", "", 1).lstrip("-").isdigit():
            return float(value)
        case _:
            return [value]


def _fragment(chance: random.Random) -> str:
    if chance.random() < 0.08:
        return chance.choice(_RAW)
    return chance.choice(chance.choice(_VALUES))


def _ends(content: bytes) -> bytes:
    """Closed like an object, whatever is inside: what the gateway takes for JSON."""
    return content + b"}"


def _truncated(body: bytes, chance: random.Random) -> bytes:
    cut = body[: chance.randrange(1, max(2, len(body)))]
    return cut if chance.random() < 0.25 else _ends(cut)


def _flipped(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        if len(changed) > 2:
            changed[chance.randrange(1, len(changed) - 1)] = chance.choice(
                (0, 10, 34, 44, 58, 92, 123, 125, 0x80, 0xC3, 0xED, 0xFF, chance.randrange(256))
            )
    return bytes(changed)


def _spliced(body: bytes, chance: random.Random) -> bytes:
    """A piece lost, doubled, or of elsewhere: buffers that were sent twice."""
    a, b = sorted(chance.randrange(1, max(2, len(body))) for _ in range(2))
    part = body[a : min(b, a + 2_000)]
    return chance.choice((body[:a] + body[b:], body[:b] + part + body[b:], body[:a] + part[::-1] + body[b:]))


def _wrapped(body: bytes, chance: random.Random) -> bytes:
    """PHP's warnings, byte order marks, second documents around the JSON."""
    return chance.choice(
        (
            b"\xef\xbb\xbf" + body,
            b"{<br />\n<b>Warning</b>: Undefined array key in /wp.php<br />" + body,
            body + body,
            body + b"\n<!-- cached -->}",
            b"[" + body + b"]",
            b"\n\r\t " + body + b"\n",
            body.decode("utf-8", "replace").encode("utf-16"),
            body.replace(b'":', b'" :', 3),
        )
    )


_BYTES: Sequence[Callable[[bytes, random.Random], bytes]] = (_truncated, _flipped, _spliced, _wrapped)


def _deep(chance: random.Random) -> bytes:
    opening = chance.choice((b'{"a":', b"[", b'{"id":1,"line_items":[', b'{"id":7,"currency":"EUR","total":'))
    closing = {b"{": b"}", b"[": b"]"}[opening[:1]]
    depth = chance.choice((60, 900, _DEEP, 20_000))
    return opening * depth + b"1" + closing * depth


def _nothing(chance: random.Random) -> bytes:
    return chance.choice(
        (b"{}", b"[]", b'{"id":1}', b'{"id":0}', b'{"id":-1}', b'{"id":"7"}', b'{"":{}}', b"[{}]", b"{{}}")
    )


def _error(chance: random.Random) -> bytes:
    """What WooCommerce delivers when it cannot show the resource, and odd ones of that kind."""
    return chance.choice(
        (
            b'{"code":"woocommerce_rest_cannot_view","message":"Sorry.","data":{"status":401}}',
            b'{"code":"x","data":null}',
            b'{"code":["x"],"message":7,"data":{"status":"404"}}',
            b'{"errors":"Not Found"}',
            b'{"success":false,"data":"<html>"}',
        )
    )


_WHOLE: Sequence[Callable[[random.Random], bytes]] = (_deep, _nothing, _error)
