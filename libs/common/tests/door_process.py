"""A process that serves at a shared door and answers its id, after a moment. `ready` is the file that it waits for."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn

from longshore.serving import SharedDoorServer, inherited_socket

ANSWER_AFTER_S = 0.02


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await receive()
        await asyncio.sleep(ANSWER_AFTER_S)
        body = str(os.getpid()).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
        )
        await send({"type": "http.response.body", "body": body})


def main(fd: int, ready: Path) -> None:
    config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", lifespan="off", log_level="error")
    # Callers may stand still for a while; who is silent for so long is hung up on.
    SharedDoorServer(config, inherited_socket(fd), ready=ready.exists, drain_s=5.0).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
