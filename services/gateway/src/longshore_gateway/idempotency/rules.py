"""Which requests are the same, and which answers are kept. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
# What is told again of an answer, besides its body.
_HEADERS = ("content-type", "location", "cache-control")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, to be given again."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def as_texts(self) -> dict[str, str]:
        """To be sealed."""
        headers = {f"header:{name}": value for name, value in self.headers}
        return {"status": str(self.status), "body": base64.b64encode(self.body).decode(), **headers}


def answer_of(texts: Mapping[str, str]) -> Answer:
    """What was sealed."""
    headers = tuple(
        (name.removeprefix("header:"), value) for name, value in texts.items() if name.startswith("header:")
    )
    return Answer(int(texts["status"]), headers, base64.b64decode(texts["body"]))


def kept_headers(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """The headers of an answer that are given again."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    return tuple((name, value) for name, value in pairs if name in _HEADERS)


def is_kept(status: int) -> bool:
    """Whether an answer is given again. After an error nothing was done: the request may be mended and sent again
    with its key."""
    return 200 <= status < 300


def hands_out(path: str) -> bool:
    """Whether an answer of this path holds a buyer's data: those are kept nowhere else, or they would outlive their
    erasure. Asked again, it hands out what there is then."""
    return path.startswith("/api/v1/privacy/") and path.endswith(("/exports", "/export"))


def is_key(text: str) -> bool:
    """Whether it can be a key: 1 to 255 printable characters of ASCII."""
    return 0 < len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()


def request_digests(keys: Sequence[str], method: str, target: str, content_type: str, body: bytes) -> tuple[str, ...]:
    """What tells requests apart, one digest per encryption key, newest first: keys rotate, and with a plain digest the
    passwords in bodies could be guessed from the table."""
    message = b"\0".join([method.encode(), target.encode("utf-8", "surrogateescape"), content_type.encode(), body])
    return tuple(hmac.new(b"longshore-request-v1:" + key.encode(), message, hashlib.sha256).hexdigest() for key in keys)
