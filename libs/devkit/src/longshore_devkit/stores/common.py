"""What the simulated stores share: fault knobs, signed deliveries, and a server that can hang up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import hmac
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import aiohttp
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HOLD_BACK_S = 0.5
"""A delivery chosen for reordering waits up to this long, so that later ones overtake it."""

ABORT_KEY = "longshore.abort"


_NO_SHARES = ("latency_ms", "retry_after_s")
# What caches and maintenance plugins send, with an island of JSON as themes have it.
_PAGE = (
    b'<!DOCTYPE html><html><head><script type="application/ld+json">{"@type": "WebSite"}</script></head>'
    b"<body>Briefly unavailable for scheduled maintenance.</body></html>"
)
_WARNING = (
    b"<br />\n<b>Warning</b>:  Undefined array key [1] in <b>/wp-content/plugins/{x}.php</b> on line <b>12</b><br />\n"
)


@dataclass
class Faults:
    """What goes wrong in a simulated store; all zero means nothing. Rates are shares from 0 to 1.

    `retry_after_s`: what a 429 or 5xx names in Retry-After; 0 names none. Lies are told after the request was carried
    out, with status 200: a page of HTML, the answer behind a PHP warning, the first half of it, it under a wrong
    content type, some other JSON. `unauthorized_rate`: the key is not known (any more). `down_rate`: hangs up without a
    word, before anything is done.
    """

    latency_ms: float = 0.0
    error_rate_429: float = 0.0
    error_rate_5xx: float = 0.0
    retry_after_s: float = 1.0
    down_rate: float = 0.0
    unauthorized_rate: float = 0.0
    drop_after_write_rate: float = 0.0
    html_rate: float = 0.0
    warning_rate: float = 0.0
    truncated_rate: float = 0.0
    wrong_type_rate: float = 0.0
    wrong_json_rate: float = 0.0
    webhook_duplicate_rate: float = 0.0
    webhook_reorder: float = 0.0
    webhook_loss_rate: float = 0.0

    def update(self, changes: Mapping[str, object]) -> None:
        """Change the named knobs at run time; ValueError on an unknown name or a value out of range."""
        names = {f.name for f in dataclasses.fields(self)}
        checked: dict[str, float] = {}
        for name, value in changes.items():
            if name not in names:
                raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(names))}")
            if not isinstance(value, int | float):
                raise ValueError(f"{name} must be a number")
            if value < 0 or (name not in _NO_SHARES and value > 1):
                raise ValueError(f"{name} < 0" if name in _NO_SHARES else f"{name} must lie between 0 and 1")
            checked[name] = float(value)
        for name, number in checked.items():
            setattr(self, name, number)

    def as_dict(self) -> dict[str, float]:
        """All knobs by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


def sign_base64(secret: str, body: bytes) -> str:
    """Base64 HMAC-SHA256 of the raw bytes: how Shopify and WooCommerce both sign a webhook."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class FaultyApp:
    """ASGI wrapper that delays, refuses or hangs up as the knobs say; control paths are spared.

    `drop_after_write_rate` lets the inner app finish a request whose method is not GET or HEAD and then
    aborts the connection without one byte of answer, as a crashed proxy does. `too_many` is the (status, JSON)
    that a throttled request gets.
    """

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        rng: random.Random,
        *,
        spare_prefix: str = "/_sim",
        too_many: tuple[int, bytes] = (429, b'{"code":"too_many_requests","message":"Slow down."}'),
        is_write: Callable[[Scope, bytes], bool] | None = None,
        unauthorized: bytes = b'{"code":"woocommerce_rest_authentication_error","message":"Invalid signature"}',
    ) -> None:
        self._app = app
        self._faults = faults
        self._rng = rng
        self._spare_prefix = spare_prefix
        self._too_many = too_many
        self._unauthorized = unauthorized
        # Requests that reached the store, by what became of them: what a store's own log would show.
        self.seen: Counter[str] = Counter()
        self._is_write = is_write or (lambda scope, _body: scope["method"] not in {"GET", "HEAD"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._spare_prefix):
            await self._app(scope, receive, send)
            return
        faults = self._faults
        if faults.latency_ms:
            await asyncio.sleep(faults.latency_ms / 1000)
        later = [(b"retry-after", b"%d" % faults.retry_after_s)] if faults.retry_after_s else []
        if self._happens(faults.down_rate):
            self.seen["down"] += 1
            await _hang_up(scope, receive)
        elif self._happens(faults.error_rate_429):
            self.seen["429"] += 1
            status, body = self._too_many
            await _answer(send, status, (b"application/json", body), later)
        elif self._happens(faults.error_rate_5xx):
            self.seen["5xx"] += 1
            await _answer(send, self._rng.choice([500, 502, 503]), (b"text/plain", b"simulated failure"), later)
        elif self._happens(faults.unauthorized_rate):
            self.seen["401"] += 1
            await _answer(send, 401, (b"application/json", self._unauthorized), [])
        elif lie := self._lie():
            self.seen[lie] += 1
            await self._tell(lie, scope, receive, send)
        elif faults.drop_after_write_rate:
            await self._maybe_hang_up(scope, receive, send)
        else:
            self.seen["good"] += 1
            await self._app(scope, receive, send)

    def _happens(self, rate: float) -> bool:
        return rate > 0 and self._rng.random() < rate

    def _lie(self) -> str:
        faults = self._faults
        rates = {
            "html": faults.html_rate,
            "warning": faults.warning_rate,
            "truncated": faults.truncated_rate,
            "wrong type": faults.wrong_type_rate,
            "wrong json": faults.wrong_json_rate,
        }
        return next((lie for lie, rate in rates.items() if self._happens(rate)), "")

    async def _tell(self, lie: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the request out, and lie about it."""
        status, headers, body = 200, list[tuple[bytes, bytes]](), b""

        async def keep(message: Message) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, keep)
        kind = next((value for name, value in headers if name == b"content-type"), b"application/json")
        match lie:
            case "html":
                status, kind, body = 200, b"text/html; charset=UTF-8", _PAGE
            case "warning":
                kind, body = b"text/html; charset=UTF-8", _WARNING + body
            case "truncated":
                body = body[: len(body) // 2]
            case "wrong type":
                kind = b"text/plain"
            case _:
                status, body = 200, b'{"success":false,"data":{"message":"Please log in."}}'
        others = [pair for pair in headers if pair[0] not in (b"content-type", b"content-length")]
        await _answer(send, status, (kind, body), others)

    async def _maybe_hang_up(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if not self._is_write(scope, body) or self._rng.random() >= self._faults.drop_after_write_rate:
            await self._app(scope, _replay(body, receive), send)
            return

        async def swallow(message: Message) -> None:
            del message

        await self._app(scope, _replay(body, receive), swallow)
        self.seen["dropped after the write"] += 1
        await _hang_up(scope, receive)


class DatedApp:
    """ASGI wrapper that dates answers by the store's own clock, right or wrong."""

    def __init__(self, app: ASGIApp, now: Callable[[], datetime]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._now().astimezone(UTC), usegmt=True).encode()
                message["headers"] = [*message.get("headers", []), (b"date", date)]
            await send(message)

        await self._app(scope, receive, dated)


class LocalServer:
    """One ASGI app on a loopback port inside the running event loop; port 0 takes a free one. The app dates answers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        ssl_certfile: str | None = None,
        ssl_keyfile: str | None = None,
    ) -> None:
        self._app = app
        self._host = host
        self._ssl = (ssl_certfile, ssl_keyfile)
        self.port = port
        self._server: _QuietServer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Origin without a trailing slash; the port is known after start."""
        return f"{'https' if self._ssl[0] else 'http'}://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen; returns once connections are accepted. OSError when the port is taken."""
        # The protocol is named because asyncio sets TCP_NODELAY only then; without it each answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self.port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http=_AbortableProtocol,
            lifespan="off",
            access_log=False,
            log_level="error",
            date_header=False,
            timeout_graceful_shutdown=1,
            # Longer than clients keep idle connections (httpx: 5 s), which would meet their end now and then.
            timeout_keep_alive=30,
            ssl_certfile=self._ssl[0],
            ssl_keyfile=self._ssl[1],
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the simulated store's server stopped while starting")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop listening and close what is open; safe to call twice."""
        server, task = self._server, self._task
        self._server = self._task = None
        if server is not None and task is not None:
            server.should_exit = True
            await task


@dataclass(frozen=True)
class Delivery:
    """One webhook to send; `label` and `context` say in `on_attempt` what it was for."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    label: str = ""
    context: object = None


@dataclass(frozen=True)
class Attempt:
    """What one attempt came to: an HTTP status, or None with the reason in `error`."""

    delivery: Delivery
    number: int
    status: int | None
    error: str
    seconds: float


@dataclass
class Deliverer:
    """Sends webhooks in the background, through the fault knobs, with a store's retry policy.

    Deliveries start in the order of `submit`, up to `concurrency` at once. `on_attempt` sees every attempt and
    returns True when the delivery is settled (accepted, or not to be retried); otherwise it is sent again
    after the next of `retry_delays_s`, byte for byte the same.
    """

    faults: Faults
    rng: random.Random
    on_attempt: Callable[[Attempt], bool]
    retry_delays_s: Sequence[float] = ()
    timeout_s: float = 5.0
    connect_timeout_s: float | None = None
    concurrency: int = 32
    lost: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None
    _slots: asyncio.Semaphore | None = None

    def submit(self, delivery: Delivery) -> None:
        """Queue one delivery; returns at once. Needs a running event loop."""
        if self.rng.random() < self.faults.webhook_loss_rate:
            self.lost += 1
            return
        copies = 2 if self.rng.random() < self.faults.webhook_duplicate_rate else 1
        for _ in range(copies):
            held = self.rng.random() < self.faults.webhook_reorder
            task = asyncio.create_task(self._run(delivery, self.rng.random() * HOLD_BACK_S if held else 0.0))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def pending(self) -> int:
        """Deliveries under way or waiting for a retry."""
        return len(self._tasks)

    async def drain(self, timeout_s: float = 10.0) -> None:
        """Wait until nothing is pending; TimeoutError otherwise."""
        async with asyncio.timeout(timeout_s):
            while self._tasks:
                await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Give up what is pending and close the connections."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _run(self, delivery: Delivery, hold_s: float) -> None:
        if hold_s:
            await asyncio.sleep(hold_s)
        for number, delay in enumerate([*self.retry_delays_s, None], start=1):
            attempt = await self._attempt(delivery, number)
            if self.on_attempt(attempt) or delay is None:
                return
            await asyncio.sleep(delay)

    async def _attempt(self, delivery: Delivery, number: int) -> Attempt:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=self.connect_timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        if self._slots is None:
            self._slots = asyncio.Semaphore(self.concurrency)
        async with self._slots:
            began = time.monotonic()
            status, error = None, ""
            try:
                async with self._session.post(
                    delivery.url, data=delivery.body, headers=delivery.headers, allow_redirects=False
                ) as response:
                    await response.read()
                    status = response.status
            except (aiohttp.ClientError, TimeoutError, OSError) as failure:
                error = f"{type(failure).__name__}: {failure}"
            return Attempt(delivery, number, status, error, time.monotonic() - began)


class Traffic:
    """Calls `act` at a rate that can be changed while it runs (a Poisson process: seconds are never even)."""

    def __init__(self, act: Callable[[], Awaitable[None]], rng: random.Random, per_minute: float = 0.0) -> None:
        self._act = act
        self._rng = rng
        self._per_minute = per_minute
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def per_minute(self) -> float:
        """Actions per minute; 0 pauses."""
        return self._per_minute

    @per_minute.setter
    def per_minute(self, rate: float) -> None:
        if rate < 0:
            raise ValueError("a rate cannot be negative")
        self._per_minute = rate
        self._changed.set()

    def start(self) -> None:
        """Begin in the background; needs a running event loop."""
        self._task = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        """Stop; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _loop(self) -> None:
        due = time.monotonic()
        while True:
            rate = self._per_minute
            if rate > 0:
                due = max(due + self._rng.expovariate(rate / 60), time.monotonic() - 1)
            wait_s = max(0.0, due - time.monotonic()) if rate > 0 else None
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait_s)
                due = time.monotonic()
            except TimeoutError:
                await self._act()


class _QuietServer(uvicorn.Server):
    """Leaves the process's signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _AbortableProtocol(HttpToolsProtocol):
    """Gives the app a way to cut its own connection: `scope["state"]["longshore.abort"]`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ABORT_KEY] = self.transport.abort


async def _answer(send: Send, status: int, content: tuple[bytes, bytes], extra: list[tuple[bytes, bytes]]) -> None:
    kind, body = content
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(scope: Scope, receive: Receive) -> None:
    abort = scope.get("state", {}).get(ABORT_KEY)
    if abort is None:
        raise ConnectionResetError("simulated: connection dropped")
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
