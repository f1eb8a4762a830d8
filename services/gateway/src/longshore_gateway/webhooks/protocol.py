"""The short way of an ordinary delivery: from uvicorn's parser to Kafka and back, with no task and no ASGI between
(docs/adr has why).

uvicorn's protocol stays what it is for everything else. A request that may be an ordinary delivery (small, whole,
POSTed to the hot route) is kept until its body is there; if `WebhookRoute.offer` does not take it, it is begun again as
any request, and the route says what is wrong with it. So there is one place that refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from longshore_gateway.webhooks.route import PREFIX, Answer, WebhookRoute, declared_length

LARGEST_BODY = 64 * 1024
_PREFIX = PREFIX.encode()


class _Delivery:
    """To uvicorn, and to who looks for slow clients, a request like others (RequestResponseCycle)."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete", "response_started")
    # Nobody waits for it.
    message_event = asyncio.Event()

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.response_started = self.response_complete = self.disconnected = False


class DeliveryProtocol(HttpToolsProtocol):
    """uvicorn's, with the short way."""

    def __init__(
        self,
        route: WebhookRoute,
        *,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._route = route

    @classmethod
    def of(cls, route: WebhookRoute) -> Callable[..., DeliveryProtocol]:
        """What uvicorn is given to make its connections by."""
        return partial(cls, route)

    def on_headers_complete(self) -> None:
        """httptools': the head of a request is there."""
        if self._may_be_ordinary():
            self.cycle = cast("RequestResponseCycle", _Delivery(self.parser.should_keep_alive()))
        else:
            super().on_headers_complete()

    def _may_be_ordinary(self) -> bool:
        if not self.url.startswith(_PREFIX) or self.parser.get_method() != b"POST":
            return False
        if self.parser.should_upgrade() or self.parser.get_http_version() != "1.1" or self.expect_100_continue:
            return False
        # Who sends the next before this is answered, or does not read the answers, is uvicorn's to hold up.
        if self.flow.write_paused or (self.cycle is not None and not self.cycle.response_complete):
            return False
        return 0 < declared_length(self.headers) <= LARGEST_BODY

    def on_body(self, body: bytes) -> None:
        """httptools': a part of the body."""
        if isinstance(self.cycle, _Delivery):
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """httptools': the whole request is there."""
        delivery = cast("RequestResponseCycle | _Delivery", self.cycle)
        if not isinstance(delivery, _Delivery):
            super().on_message_complete()
            return
        delivery.more_body = False
        answer = partial(self._answer, delivery)
        if self._route.offer(self.url.decode("latin-1"), self.headers, delivery.body, answer):
            return
        self.cycle = cast("RequestResponseCycle", None)
        super().on_headers_complete()
        super().on_body(delivery.body)
        super().on_message_complete()

    def _answer(self, delivery: _Delivery, answer: Answer) -> None:
        if delivery.disconnected or self.transport.is_closing():
            return
        status, headers, body = answer
        head = [STATUS_LINE[status]]
        told = False
        for name, value in (*self.server_state.default_headers, *headers):
            head += (name, b": ", value, b"\r\n")
            told = told or name == b"connection"
        if not (delivery.keep_alive or told):
            head.append(b"connection: close\r\n")
        self.transport.write(b"".join((*head, b"\r\n", body)))
        delivery.response_started = delivery.response_complete = True
        # The only word that we ever say of a connection is that it ends.
        if told or not delivery.keep_alive:
            self.transport.close()
        self.on_response_complete()
