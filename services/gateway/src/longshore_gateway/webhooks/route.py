"""The hot route, as a plain ASGI application in front of FastAPI (docs/adr has why).

It answers 2xx only after Kafka has acknowledged the exact bytes (ARCHITECTURE, the stream, rules 1 and 2). Nearly all
deliveries pass by a shorter way (`webhooks.protocol`), for which `offer` is the door.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Event

from longshore.broker import BrokerUnavailable, EncodedMessage, MessageTooLarge, Producer
from longshore.contracts import Platform
from longshore.platforms.raw import encoded_delivery_headers
from longshore.problems import MEDIA_TYPE, Problem
from longshore_gateway.privacy.rules import COMPLIANCE
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.rules import (
    MAX_BODY,
    PING,
    SHOP_DOMAIN,
    WORDING,
    entity_of,
    looks_like_json,
    platform_headers,
    signed_by,
)
from longshore_gateway.webhooks.stores import Sender, Stores, StoresUnavailable

log = structlog.get_logger(__name__)

RawHeaders = Sequence[tuple[bytes, bytes]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers, body."""

PREFIX = "/webhooks/"
RETRY_AFTER_S = 5
RETRY_AFTER_FULL_S = 60

_SHOP = b"x-shopify-shop-domain"
# What the path says, and whether it names a store.
_ADDRESSES = {("woocommerce", True): Platform.WOOCOMMERCE, ("shopify", False): Platform.SHOPIFY}
_KINDS = frozenset(platform.value for platform in WORDING)
_OK: Answer = 200, [(b"content-length", b"0")], b""
RAW_TOPICS = {platform: f"raw.{platform.value}" for platform in WORDING}


class Room(Protocol):
    """Whether the disk of the raw log is too full to take more."""

    @property
    def full(self) -> bool: ...


class Compliance(Protocol):
    """What takes a platform's requests about people's data, instead of the raw log."""

    @property
    def secrets(self) -> Sequence[bytes]:
        """What those are signed with, whether the store is connected or not."""

    async def take(
        self,
        shop: str,
        topic: bytes,
        delivery_id: str,
        body: bytes,
        received_at: datetime,
        only: Collection[UUID] | None,
    ) -> None:
        """Record one; for these integrations, or (None) for all of the shop's. Raises Problem."""


class WebhookRoute:
    """Takes `/webhooks/...`; hands everything else on to `app`."""

    def __init__(
        self,
        app: ASGIApp,
        stores: Stores,
        producer: Producer,
        metrics: WebhookMetrics,
        room: Room | None = None,
        compliance: Compliance | None = None,
    ) -> None:
        self._app = app
        self._stores = stores
        self._producer = producer
        self._metrics = metrics
        self._room = room
        self._compliance = compliance
        # Label look-ups cost more than the count itself.
        self._accepted = {platform: metrics.deliveries.labels(platform.value, "200") for platform in WORDING}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        kind = scope["path"][len(PREFIX) :].partition("/")[0]
        try:
            await self._take(scope, receive)
        except Problem as problem:
            status, headers, body = self._refuse(kind, problem)
        else:
            status, headers, body = _OK
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def offer(self, path: str, headers: RawHeaders, body: bytes, answer: Callable[[Answer], None]) -> bool:
        """Take a delivery as nearly all are, POSTed to `path`: of one remembered store, signed, to be kept.

        `answer` is then called with what it is answered, as soon as that is known. False for every other delivery, and
        nothing has happened: the application says what becomes of it.
        """
        platform, name = _address(path)
        if platform is None or (self._room is not None and self._room.full):
            return False
        if platform is Platform.SHOPIFY:
            name = _said_shop(headers).lower()
        senders = self._stores.remembered(platform, name)
        if senders is None or len(senders) != 1:
            return False
        wording = WORDING[platform]
        kept = platform_headers(headers, wording)
        signature, topic = kept.get(wording.signature), kept.get(wording.topic)
        if signature is None or not topic or topic in COMPLIANCE:
            return False
        if not signed_by(senders[0].keys, body, signature) or not looks_like_json(body):
            return False
        (record,) = _records(platform, senders, kept, body, datetime.now(UTC))
        try:
            self._producer.offer(record, partial(self._offered, platform, answer))
        except BrokerUnavailable:
            return False
        return True

    def _offered(self, platform: Platform, answer: Callable[[Answer], None], error: Exception | None) -> None:
        if error is None:
            self._accepted[platform].inc()
            answer(_OK)
            return
        if not isinstance(error, BrokerUnavailable | MessageTooLarge):
            log.error("a delivery could not be stored", error=type(error).__name__)
        answer(self._refuse(platform.value, _not_kept(error)))

    def _refuse(self, kind: str, problem: Problem) -> Answer:
        """Count what is not taken; what it is answered."""
        self._metrics.deliveries.labels(kind if kind in _KINDS else "unknown", str(problem.status)).inc()
        headers = [(b"content-type", MEDIA_TYPE.encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in (problem.headers or {}).items()]
        body = json.dumps(problem.body()).encode()
        return problem.status, [(b"content-length", str(len(body)).encode()), *headers], body

    async def _take(self, scope: Scope, receive: Receive) -> None:
        """Take one delivery; returns when it is safe. Raises Problem."""
        headers: RawHeaders = scope["headers"]
        platform, senders = await self._senders(scope, headers)
        wording = WORDING[platform]
        kept = platform_headers(headers, wording)
        asks = platform is Platform.SHOPIFY and kept.get(wording.topic) in COMPLIANCE
        if not senders and not asks:
            raise Problem(404, "No such store is connected.", type="unknown-store")
        if declared_length(headers) > MAX_BODY:
            raise _too_large()
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
        else:
            body = await _read_on(message, receive)
        if len(body) > MAX_BODY:
            raise _too_large()
        received_at = datetime.now(UTC)
        signature = kept.get(wording.signature)
        if signature is None:
            if platform is Platform.WOOCOMMERCE and PING.fullmatch(body):
                # Sent on creation of a webhook, unsigned; anything but 200 makes the store repeat it for ever.
                return
            raise Problem(401, "The delivery is not signed.", type="bad-signature")
        if asks and self._compliance is not None:
            await self._comply(self._compliance, _shop(headers), senders, kept, body, received_at)
            self._accepted[platform].inc()
            return
        trusted = [sender for sender in senders if signed_by(sender.keys, body, signature)]
        if not trusted:
            raise Problem(401, "The signature does not fit the body and this store's secret.", type="bad-signature")
        if not kept.get(wording.topic):
            raise Problem(400, f"The header {wording.topic} is missing.", type="malformed-delivery")
        if not looks_like_json(body):
            raise Problem(400, "The body is not a JSON object.", type="malformed-delivery")
        await self._keep(platform, trusted, kept, body, received_at)
        self._accepted[platform].inc()

    async def _senders(self, scope: Scope, headers: RawHeaders) -> tuple[Platform, tuple[Sender, ...]]:
        """Which store delivers, by path or header."""
        if scope["method"] != "POST":
            raise Problem(405, "Deliveries are POST requests.", headers={"Allow": "POST"})
        platform, name = _address(scope["path"])
        if platform is None:
            raise Problem(404, "There is no such webhook address.", type="unknown-store")
        try:
            if platform is Platform.SHOPIFY:
                senders = await self._stores.shopify(_shop(headers))
            else:
                senders = await self._stores.woocommerce(name)
        except StoresUnavailable:
            raise _try_again("It cannot be checked now who may deliver.") from None
        return platform, senders

    async def _comply(
        self,
        compliance: Compliance,
        shop: str,
        senders: Sequence[Sender],
        kept: Mapping[str, bytes],
        body: bytes,
        received_at: datetime,
    ) -> None:
        """Take a request about people's data. It comes also of shops that are not connected any more."""
        wording = WORDING[Platform.SHOPIFY]
        signature = kept[wording.signature]
        by_app = signed_by(compliance.secrets, body, signature)
        # Who signs with the secret of a custom app speaks for the organisation that has given it, and for no other.
        trusted = frozenset(each.integration_id for each in senders if signed_by(each.keys, body, signature))
        if not (by_app or trusted):
            raise Problem(401, "The signature does not fit the body and the app's secret.", type="bad-signature")
        delivery_id = (kept.get(wording.delivery) or signature).decode("latin-1")
        try:
            await compliance.take(
                shop, kept[wording.topic], delivery_id, body, received_at, None if by_app else trusted
            )
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            raise _try_again("The request could not be recorded; send it again.") from None

    async def _keep(
        self,
        platform: Platform,
        senders: Sequence[Sender],
        kept: Mapping[str, bytes],
        body: bytes,
        received_at: datetime,
    ) -> None:
        """Write the raw record, for each organisation that has connected this store."""
        if self._room is not None and self._room.full:
            raise _try_again("There is no room to store deliveries.", RETRY_AFTER_FULL_S)
        try:
            for record in _records(platform, senders, kept, body, received_at):
                await self._producer.send_encoded(record)
        except (BrokerUnavailable, MessageTooLarge) as error:
            raise _not_kept(error) from None


def _not_kept(error: Exception) -> Problem:
    """What is said of a delivery that did not come into Kafka."""
    if isinstance(error, MessageTooLarge):
        return _too_large()
    return _try_again("The delivery could not be stored; send it again.")


def _records(
    platform: Platform,
    senders: Sequence[Sender],
    kept: Mapping[str, bytes],
    body: bytes,
    received_at: datetime,
) -> list[EncodedMessage]:
    """The raw record of a delivery, for each of its senders."""
    wording = WORDING[platform]
    topic_name = kept[wording.topic]
    # WooCommerce's delivery ids are not unique: the webhook and the signature (a digest of the body) are.
    delivery_id = kept.get(wording.delivery, b"") + b"/" + kept[wording.signature]
    entity = entity_of(topic_name, body) or delivery_id
    return [
        EncodedMessage(
            RAW_TOPICS[platform],
            sender.key_prefix + entity,
            body,
            encoded_delivery_headers(
                sender.headers,
                topic_name=topic_name,
                received_at=received_at,
                delivery_id=delivery_id,
                platform_headers=kept,
            ),
        )
        for sender in senders
    ]


def _address(path: str) -> tuple[Platform | None, str]:
    """The platform that a path is for, if there is such an address, and the store that it names."""
    kind, _, name = path[len(PREFIX) :].partition("/")
    return _ADDRESSES.get((kind, bool(name))), name


def declared_length(headers: RawHeaders) -> int:
    """What Content-Length says; 0 if it is not there (a chunked body)."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


async def _read_on(message: Event, receive: Receive) -> bytes:
    """The whole of a body that came in parts. Raises Problem(413) as soon as it is too large, and does not read on."""
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Problem(400, "The connection was closed before the end of the body.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def _said_shop(headers: RawHeaders) -> str:
    return next((value for name, value in headers if name == _SHOP), b"").decode("latin-1").strip()


def _shop(headers: RawHeaders) -> str:
    shop = _said_shop(headers)
    if not SHOP_DOMAIN.fullmatch(shop):
        raise Problem(400, "The header x-shopify-shop-domain does not name a shop.", type="malformed-delivery")
    return shop


def _too_large() -> Problem:
    # The rest of the body is not read: the connection cannot be used again.
    return Problem(413, "A delivery is at most 8 MiB.", headers={"Connection": "close"})


def _try_again(detail: str, after_s: int = RETRY_AFTER_S) -> Problem:
    return Problem(503, detail, type="try-again", headers={"Retry-After": str(after_s)})
