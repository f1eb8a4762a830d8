"""The hot route: what is answered when, and what is in Kafka by then. As an application, and by the short way that
connections have to it: nobody outside can tell which it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from longshore.broker import BrokerUnavailable, EncodedMessage, Message, MessageTooLarge
from longshore.broker.gathering import Done
from longshore.contracts import Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.raw import TOPIC_HEADER
from longshore.serving import Server
from longshore.slow_clients import Patience, SlowClients
from longshore_devkit.testing import eventually
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.protocol import LARGEST_BODY, DeliveryProtocol
from longshore_gateway.webhooks.route import WebhookRoute
from longshore_gateway.webhooks.rules import MAX_BODY, signature_of
from longshore_gateway.webhooks.stores import Sender, StoresUnavailable, sender_of

ORG = OrgId(uuid4())
STORE = IntegrationId(uuid4())
OTHER_STORE = IntegrationId(uuid4())
SECRET = b"wh-secret"
BODY = b'{"id":29,"status":"processing"}'


class FakeProducer:
    """Takes messages, or not."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.error: Exception | None = None
        self.offered = 0

    async def send_encoded(self, message: EncodedMessage) -> None:
        if self.error is not None:
            raise self.error
        self._take(message)

    def offer(self, message: EncodedMessage, done: Done) -> None:
        self.offered += 1
        if self.error is None:
            self._take(message)
        asyncio.get_running_loop().call_soon(done, self.error)

    def _take(self, message: EncodedMessage) -> None:
        headers = {name: text.decode() for name, text in message.headers}
        self.sent.append(Message(message.topic, message.key.decode(), message.value, headers))


class FakeStores:
    """Knows one WooCommerce store and one shop."""

    def __init__(self) -> None:
        self.available = True
        self.shop_senders: tuple[Sender, ...] = (sender_of(Platform.SHOPIFY, ORG, OTHER_STORE, (SECRET,)),)

    def remembered(self, platform: Platform, name: str) -> tuple[Sender, ...] | None:
        if not self.available:
            return None
        if (platform, name) == (Platform.WOOCOMMERCE, str(STORE)):
            return (sender_of(Platform.WOOCOMMERCE, ORG, STORE, (b"older", SECRET)),)
        return self.shop_senders if (platform, name) == (Platform.SHOPIFY, "demo.myshopify.com") else None

    async def woocommerce(self, integration_id: str) -> tuple[Sender, ...]:
        if not self.available:
            raise StoresUnavailable
        return self.remembered(Platform.WOOCOMMERCE, integration_id) or ()

    async def shopify(self, shop: str) -> tuple[Sender, ...]:
        return self.remembered(Platform.SHOPIFY, shop.lower()) or ()


class FakeRoom:
    """A disk that is full, or not."""

    full = False


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"behind"})


class Gate:
    def __init__(self) -> None:
        self.producer = FakeProducer()
        self.stores = FakeStores()
        self.room = FakeRoom()
        self.registry = CollectorRegistry()
        self.route = WebhookRoute(
            behind,
            self.stores,  # type: ignore[arg-type]  # a fake behind the same interface
            self.producer,  # type: ignore[arg-type]
            WebhookMetrics(self.registry),
            self.room,
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.route), base_url="http://hub")

    async def woo(
        self, body: bytes = BODY, *, store: object = STORE, signature: bytes | None = None, **headers: str
    ) -> httpx.Response:
        sent = {
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-ID": "7",
            "X-WC-Webhook-Signature": (signature or signature_of(SECRET, body)).decode("latin-1"),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            f"/webhooks/woocommerce/{store}",
            content=body,
            headers={k: v.encode("latin-1") for k, v in sent.items() if v},
        )

    async def shopify(self, body: bytes = BODY, shop: str = "demo.myshopify.com", **headers: str) -> httpx.Response:
        sent = {
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Webhook-Id": "w-1",
            "X-Shopify-Hmac-Sha256": signature_of(SECRET, body).decode(),
            "X-Shopify-Shop-Domain": shop,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/webhooks/shopify", content=body, headers={k: v for k, v in sent.items() if v})

    def count(self, platform: str, status: int) -> float | None:
        return self.registry.get_sample_value(
            "longshore_webhook_deliveries_total", {"platform": platform, "status": str(status)}
        )


@contextlib.asynccontextmanager
async def served(route: WebhookRoute) -> AsyncIterator[Server]:
    """Connections to it, as the gateway has them."""
    http: Any = DeliveryProtocol.of(route)
    config = uvicorn.Config(route, port=0, http=http, ws="none", lifespan="off", access_log=False, log_config=None)
    server = Server(config)
    serving = asyncio.create_task(server._serve())
    await eventually(lambda: server.started, interval=0.005)
    try:
        yield server
    finally:
        server.handle_exit(signal.SIGTERM, None)
        await serving


def port_of(server: Server) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@pytest.fixture(params=["application", "connection"])
async def gate(request: pytest.FixtureRequest) -> AsyncIterator[Gate]:
    gate = Gate()
    if request.param == "application":
        yield gate
        return
    async with (
        served(gate.route) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port_of(server)}") as gate.client,
    ):
        yield gate


@dataclass
class Line:
    """A connection to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Server

    async def says(self, sent: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the body of its answer."""
        self.writer.write(sent)
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """The next answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None
        )
        if length is not None:
            return int(head.split()[1]), await self.reader.readexactly(length)
        assert b"transfer-encoding: chunked" in head
        return int(head.split()[1]), await self.reader.readuntil(b"0\r\n\r\n")


def request(body: bytes = BODY, *, signature: bytes | None = None, **headers: str) -> bytes:
    """A WooCommerce store's delivery, as bytes."""
    signed = (signature or signature_of(SECRET, body)).decode()
    sent = {"Host": "hub", "X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signed, **headers}
    lines = [f"POST /webhooks/woocommerce/{STORE} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def refuses(port: int) -> bool:
    """Whether nobody listens there any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


class TestAccepted:
    async def test_exact_bytes_and_headers_are_in_kafka(self, gate: Gate) -> None:
        body = '{"id":29,  "name":"\u00fc \\u00fc"}\n'.encode()
        answer = await gate.woo(body)
        assert answer.status_code == 200
        (message,) = gate.producer.sent
        assert message.topic == "raw.woocommerce"
        assert message.value == body
        assert message.key == f"{STORE}:29"
        assert message.headers[TOPIC_HEADER] == "order.created"
        assert message.headers["x-wc-webhook-id"] == "7"
        assert message.headers["longshore-org-id"] == str(ORG)
        assert message.headers["longshore-integration-id"] == str(STORE)
        assert gate.count("woocommerce", 200) == 1

    async def test_shopify(self, gate: Gate) -> None:
        assert (await gate.shopify()).status_code == 200
        (message,) = gate.producer.sent
        assert (message.topic, message.key) == ("raw.shopify", f"{OTHER_STORE}:29")
        assert message.headers["x-shopify-webhook-id"] == "w-1"

    async def test_a_shop_of_two_organisations_goes_to_those_whose_secret_fits(self, gate: Gate) -> None:
        fits = sender_of(Platform.SHOPIFY, OrgId(uuid4()), IntegrationId(uuid4()), (SECRET,))
        fits_not = sender_of(Platform.SHOPIFY, OrgId(uuid4()), IntegrationId(uuid4()), (b"another",))
        gate.stores.shop_senders = (*gate.stores.shop_senders, fits, fits_not)
        assert (await gate.shopify()).status_code == 200
        assert [message.headers["longshore-integration-id"] for message in gate.producer.sent] == [
            str(OTHER_STORE),
            str(fits.integration_id),
        ]

    async def test_a_delivery_in_parts(self, gate: Gate) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for n in range(0, len(BODY), 5):
                yield BODY[n : n + 5]

        answer = await gate.client.post(
            f"/webhooks/woocommerce/{STORE}",
            content=parts(),
            headers={
                "X-WC-Webhook-Topic": "order.updated",
                "X-WC-Webhook-Signature": signature_of(SECRET, BODY).decode(),
            },
        )
        assert answer.status_code == 200
        assert gate.producer.sent[0].value == BODY

    async def test_the_largest_delivery(self, gate: Gate) -> None:
        body = b"{" + b" " * (MAX_BODY - 2) + b"}"
        assert (await gate.woo(body)).status_code == 200

    async def test_a_ping_is_answered_exactly_200_and_not_kept(self, gate: Gate) -> None:
        answer = await gate.client.post(
            f"/webhooks/woocommerce/{STORE}",
            content=b"webhook_id=12",
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 200
        assert gate.producer.sent == []

    async def test_other_paths_go_on(self, gate: Gate) -> None:
        assert (await gate.client.get("/api/v1/orders")).status_code == 418


class TestRefused:
    @pytest.mark.parametrize("signature", [b"x", b"AAAA", signature_of(b"wrong", BODY), b"\xc3\xbc"])
    async def test_a_bad_signature(self, gate: Gate, signature: bytes) -> None:
        assert_problem(await gate.woo(signature=signature), 401)
        assert gate.producer.sent == []
        assert gate.count("woocommerce", 401) == 1

    async def test_no_signature(self, gate: Gate) -> None:
        assert_problem(await gate.woo(X_WC_Webhook_Signature=""), 401)
        assert_problem(await gate.shopify(X_Shopify_Hmac_Sha256=""), 401)

    async def test_a_ping_needs_its_exact_form(self, gate: Gate) -> None:
        for body in (b"webhook_id=", b"webhook_id=1&x=2", b"webhook_id=1\n", b"x"):
            answer = await gate.client.post(f"/webhooks/woocommerce/{STORE}", content=body)
            assert_problem(answer, 401)

    async def test_changed_bytes(self, gate: Gate) -> None:
        answer = await gate.woo(json.dumps(json.loads(BODY)).encode(), signature=signature_of(SECRET, BODY))
        assert_problem(answer, 401)

    @pytest.mark.parametrize("store", [uuid4(), "no-uuid", "", "a/b", "demo.myshopify.com"])
    async def test_an_unknown_store(self, gate: Gate, store: object) -> None:
        assert_problem(await gate.woo(store=store), 404)

    async def test_an_unknown_shop(self, gate: Gate) -> None:
        assert_problem(await gate.shopify(shop="other.myshopify.com"), 404)

    @pytest.mark.parametrize("shop", ["", "evil.example", "demo.myshopify.com.evil.example", "a b.myshopify.com"])
    async def test_no_shop_at_all(self, gate: Gate, shop: str) -> None:
        assert_problem(await gate.shopify(shop=shop), 400)

    async def test_no_topic(self, gate: Gate) -> None:
        assert_problem(await gate.woo(X_WC_Webhook_Topic=""), 400)

    @pytest.mark.parametrize("body", [b"", b"null", b"not json", b'{"id":1'])
    async def test_no_json(self, gate: Gate, body: bytes) -> None:
        assert_problem(await gate.woo(body), 400)
        assert gate.producer.sent == []

    async def test_too_large_by_its_own_word(self) -> None:
        # (By a connection it is answered and closed at once, while the client still writes.)
        gate = Gate()
        assert_problem(await gate.woo(b"{" + b" " * MAX_BODY + b"}"), 413)

    async def test_too_large_is_found_while_reading(self) -> None:
        gate = Gate()
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield b" " * 1024 * 1024

        answer = await gate.client.post(
            f"/webhooks/woocommerce/{STORE}", content=endless(), headers={"X-WC-Webhook-Signature": "x"}
        )
        assert_problem(answer, 413)
        assert read <= 10

    async def test_other_methods(self, gate: Gate) -> None:
        answer = await gate.client.get("/webhooks/shopify")
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "POST"


class TestTryAgain:
    async def test_kafka_does_not_answer(self, gate: Gate) -> None:
        gate.producer.error = BrokerUnavailable("no")
        answer = await gate.woo()
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0

    async def test_there_is_no_room(self, gate: Gate) -> None:
        gate.room.full = True
        answer = await gate.woo()
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) == 60
        # Who may not deliver learns nothing of it.
        assert_problem(await gate.woo(signature=b"AAAA"), 401)
        assert gate.producer.sent == []
        gate.room.full = False
        assert (await gate.woo()).status_code == 200

    async def test_it_cannot_be_known_who_may_deliver(self, gate: Gate) -> None:
        gate.stores.available = False
        answer = await gate.woo()
        assert_problem(answer, 503)
        assert "retry-after" in answer.headers


def test_raw_topics_are_those_of_the_platforms() -> None:
    from longshore.broker import RAW
    from longshore_gateway.webhooks.route import RAW_TOPICS

    assert {platform: RAW(platform.value).name for platform in RAW_TOPICS} == RAW_TOPICS
    assert set(RAW_TOPICS) == {Platform.SHOPIFY, Platform.WOOCOMMERCE}


class TestConnections:
    """What only a connection shows."""

    @pytest.fixture
    def gate(self) -> Gate:
        return Gate()

    @pytest.fixture
    async def line(self, gate: Gate) -> AsyncIterator[Line]:
        async with served(gate.route) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            yield Line(reader, writer, server)
            writer.close()

    async def test_an_ordinary_delivery_goes_the_short_way(self, gate: Gate, line: Line) -> None:
        for _ in range(3):
            assert await line.says(request()) == (200, b"")
        assert (gate.producer.offered, len(gate.producer.sent)) == (3, 3)
        assert gate.count("woocommerce", 200) == 3

    async def test_another_one_goes_the_long_way_on_the_same_connection(self, gate: Gate, line: Line) -> None:
        large = b"{" + b" " * LARGEST_BODY + b"}"
        assert (await line.says(request()))[0] == 200
        assert (await line.says(request(large)))[0] == 200
        assert (await line.says(request(signature=b"wrong")))[0] == 401
        assert (await line.says(request()))[0] == 200
        assert (gate.producer.offered, len(gate.producer.sent)) == (2, 3)

    async def test_it_comes_byte_by_byte(self, gate: Gate, line: Line) -> None:
        for byte in request():
            line.writer.write(bytes([byte]))
            await line.writer.drain()
        assert await line.answer() == (200, b"")
        assert gate.producer.sent[0].value == BODY

    async def test_who_does_not_wait_for_answers_has_them_in_order(self, gate: Gate, line: Line) -> None:
        other = b"GET /api/v1/orders HTTP/1.1\r\nHost: hub\r\n\r\n"
        line.writer.write(request() + request(signature=b"wrong") + other + request() + request(b"[1]"))
        assert [(await line.answer())[0] for _ in range(5)] == [200, 401, 418, 200, 200]
        assert [message.value for message in gate.producer.sent] == [BODY, BODY, b"[1]"]

    @pytest.mark.parametrize(
        ("error", "status"), [(BrokerUnavailable("no"), 503), (MessageTooLarge("no"), 413), (ValueError("no"), 503)]
    )
    async def test_kafka_says_no(self, gate: Gate, line: Line, error: Exception, status: int) -> None:
        gate.producer.error = error
        told, body = await line.says(request())
        assert told == status
        assert json.loads(body)["status"] == status
        assert gate.count("woocommerce", status) == 1
        if status == 413:
            assert await line.reader.read() == b"", "the connection is closed"

    async def test_it_cannot_even_be_offered(self, gate: Gate, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
        def no(message: EncodedMessage, done: Done) -> None:
            raise BrokerUnavailable("no")

        monkeypatch.setattr(gate.producer, "offer", no)
        gate.producer.error = BrokerUnavailable("no")
        assert (await line.says(request()))[0] == 503
        assert gate.count("woocommerce", 503) == 1

    async def test_who_never_sends_the_rest_is_hung_up_on(self, line: Line) -> None:
        line.writer.write(request()[:-3])
        server = line.server
        await eventually(lambda: [each for each in server.server_state.connections if each.cycle is not None])
        slow = SlowClients(Patience(body=30.0))
        assert [slow.sweep(server.server_state.connections, now) for now in (0.0, 29.0, 31.0)] == [0, 0, 1]
        with contextlib.suppress(ConnectionResetError):
            assert await line.reader.read() == b""

    async def test_who_wants_it_closed_finds_it_closed(self, gate: Gate, line: Line) -> None:
        line.writer.write(request(Connection="close"))
        assert b"connection: close" in await line.reader.read()
        assert len(gate.producer.sent) == 1

    async def test_who_hangs_up_before_the_answer_is_counted_all_the_same(self, gate: Gate, line: Line) -> None:
        waiting: list[Done] = []
        gate.producer.offer = lambda message, done: waiting.append(done)  # type: ignore[method-assign]
        line.writer.write(request())
        await eventually(lambda: waiting)
        line.writer.transport.abort()
        await eventually(lambda: not line.server.server_state.connections)
        waiting[0](None)
        assert gate.count("woocommerce", 200) == 1

    async def test_a_server_that_stops_answers_first(self, gate: Gate) -> None:
        waiting: list[Done] = []
        gate.producer.offer = lambda message, done: waiting.append(done)  # type: ignore[method-assign]
        async with contextlib.AsyncExitStack() as stack:
            port = port_of(await stack.enter_async_context(served(gate.route)))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request())
            await eventually(lambda: waiting)
            ending = asyncio.create_task(stack.aclose())
            await eventually(lambda: refuses(port))
            waiting[0](None)
            answer = await asyncio.wait_for(reader.read(), 10)
            await ending
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        writer.close()
