"""The reference for ingest: a bare ASGI application with the same HMAC and the same Kafka producer, and nothing else.

Run as `python -m bench.bare_gateway` with LONGSHORE_KAFKA_BOOTSTRAP_SERVERS and LONGSHORE_HTTP_PORT.
"""

from __future__ import annotations

import base64
import hmac
import os

import uvicorn
from aiokafka import AIOKafkaProducer
from starlette.types import Receive, Scope, Send

TOPIC = "bench.bare"
PARTITIONS = 4
SECRET = b"bench-secret"


class Bare:
    """Verify, produce with acks=all and idempotence, answer."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        signature = next((value for name, value in scope["headers"] if name == b"x-wc-webhook-signature"), b"")
        status = 401
        if hmac.compare_digest(base64.b64encode(hmac.digest(SECRET, body, "sha256")), signature):
            assert self._producer is not None
            await self._producer.send_and_wait(TOPIC, body, key=body[:16])
            status = 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=0
        )
        await self._producer.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._producer.stop()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(
        Bare(os.environ["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"]),
        host="127.0.0.1",
        port=int(os.environ["LONGSHORE_HTTP_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        ws="none",
    )
