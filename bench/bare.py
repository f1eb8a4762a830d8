"""The bare processes that a benchmark sets beside ours, started and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from bench import bare_gateway, child
from longshore_devkit.infra import Infra
from longshore_devkit.ports import free_port
from longshore_devkit.testing import eventually


@dataclass
class BareConsumer:
    """A running bare consumer; when it has ended, `committed` tells when each order was committed first."""

    process: asyncio.subprocess.Process
    committed: dict[str, float] = field(default_factory=dict)


@asynccontextmanager
async def gateway(infra: Infra) -> AsyncIterator[str]:
    """A bare gateway; the address that it takes deliveries at."""
    await make_topic(infra, bare_gateway.TOPIC, bare_gateway.PARTITIONS)
    port = free_port()
    environ = os.environ | infra.environ | {"LONGSHORE_HTTP_PORT": str(port)}
    process = await child.start("bench.bare_gateway", env=environ)
    try:
        url = f"http://127.0.0.1:{port}/"
        await eventually(lambda: _answers(url), timeout=20)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


@asynccontextmanager
async def consumer(infra: Infra, topic: str, kind: str) -> AsyncIterator[BareConsumer]:
    """A bare consumer of `topic`, from its beginning, on tables of its own. `kind`: see bare_consumer."""
    with tempfile.TemporaryDirectory(prefix="longshore-bench-bare-") as folder:
        out = Path(folder) / "committed.json"
        environ = os.environ | infra.environ | {"BENCH_TOPIC": topic, "BENCH_KIND": kind, "BENCH_OUT": str(out)}
        process = await child.start("bench.bare_consumer", env=environ, stdout=asyncio.subprocess.PIPE)
        running = BareConsumer(process)
        try:
            assert process.stdout is not None
            await asyncio.wait_for(process.stdout.readline(), 20)
            yield running
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
        running.committed = json.loads(out.read_text())


async def make_topic(infra: Infra, name: str, partitions: int) -> None:
    """Create a topic if it is not there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=infra.bootstrap_servers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1)])
    except TopicAlreadyExistsError:
        return
    finally:
        await admin.close()
    for _, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(name)


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).status_code == 401
        except httpx.HTTPError:
            return False
