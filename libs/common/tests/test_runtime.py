"""A composed service: up without its infrastructure, ready with it, gone within ten seconds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from longshore.broker import COMMERCE_ORDERS, Message, Producer
from longshore.ids import OrgId
from longshore.internal import internal_headers
from longshore.runtime import GC_THRESHOLDS, Service
from longshore.settings import ServiceSettings
from longshore_devkit.forking import ForkServer
from longshore_devkit.processes import Process, ProcessSpec, kill_group
from longshore_devkit.testing import eventually

KEYS = [Fernet.generate_key().decode()]
ORG = OrgId(UUID("6f1d3c52-7f0a-5e7b-9a43-3d3f0d1c8a10"))


class Running:
    def __init__(self, process: Process, client: httpx.AsyncClient, log: Path) -> None:
        self.process = process
        self.client = client
        self.log = log

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path, headers=internal_headers(KEYS, ORG))
        return answer.json()

    async def answers(self, path: str, status: int) -> bool:
        try:
            return (await self.client.get(path)).status_code == status
        except httpx.TransportError:
            return False

    async def terminate(self) -> tuple[int, float]:
        started = time.monotonic()
        os.kill(self.process.pid, signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 15)
        return code, time.monotonic() - started


@asynccontextmanager
async def running(forks: ForkServer, environ: Mapping[str, str], folder: Path) -> AsyncIterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / f"{port}.log"
    program = (sys.executable, str(Path(__file__).with_name("service_process.py")))
    env = {**os.environ, **environ, "LONGSHORE_HTTP_PORT": str(port)}
    process = await forks.spawn(ProcessSpec("warehouse", program, env=env, log_file=log))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            service = Running(process, client, log)
            await eventually(lambda: service.answers("/livez", 200), timeout=20)
            yield service
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await process.wait()


@pytest.fixture
def environ(bootstrap_servers: str, database_url: str, topic_prefix: str) -> dict[str, str]:
    return {
        "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "LONGSHORE_DATABASE_URL": database_url,
        "LONGSHORE_TOPIC_PREFIX": topic_prefix,
        "LONGSHORE_ENCRYPTION_KEYS": ",".join(KEYS),
        "LONGSHORE_INSTANCE_ID": "1",
    }


async def test_without_its_infrastructure_it_lives_and_says_what_is_missing(forks: ForkServer, tmp_path: Path) -> None:
    environ = {
        "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "LONGSHORE_DATABASE_URL": "postgresql://hub:hunter22@127.0.0.1:1/hub",
        "LONGSHORE_ENCRYPTION_KEYS": ",".join(KEYS),
    }
    async with running(forks, environ, tmp_path) as service:
        answer = await service.client.get("/readyz")
        assert answer.status_code == 503
        assert set(answer.json()["missing"]) == {"startup", "database", "producer"}
        status = await service.get("/internal/status")
        assert (status["ready"], status["outbox"]) == (False, None)
        code, seconds = await service.terminate()
        said = service.log.read_text()
    assert code == 0
    assert seconds < 10
    assert "hunter22" not in said
    assert all(json.loads(line)["service"] == "warehouse" for line in said.splitlines())


async def test_a_service_from_record_to_row_to_message(
    forks: ForkServer, tmp_path: Path, environ: dict[str, str]
) -> None:
    async with running(forks, environ, tmp_path) as service:
        await eventually(lambda: service.answers("/readyz", 200), timeout=20)
        async with Producer(
            environ["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"], environ["LONGSHORE_TOPIC_PREFIX"]
        ) as producer:
            await producer.wait_connected()
            await producer.send_many([Message(COMMERCE_ORDERS.name, f"k{n}", str(n).encode()) for n in range(100)])

        async def settled() -> bool:
            return (await service.get("/api/v1/bins"), (await service.get("/internal/status"))["outbox"]) == (100, 0)

        await eventually(settled)
        assert await service.get("/internal/status") == {
            "name": "warehouse",
            "version": "1.2.3",
            "ready": True,
            "missing": {},
            "groups": [{"group": "warehouse.orders", "topics": ["commerce.orders"]}],
            "outbox": 0,
            "jobs": None,
            "halted": [],
            "rebuilding": False,
            "detail": {"gc_threshold": GC_THRESHOLDS[0], "gc_spared": True},
        }

        async def counted() -> bool:
            metrics = (await service.client.get("/metrics")).text
            assert 'longshore_records_consumed_total{group="warehouse.orders",topic="commerce.orders"} 100.0' in metrics
            assert 'longshore_consumer_lag{group="warehouse.orders",topic="commerce.orders"} 0.0' in metrics
            assert 'longshore_outbox_published_total{service="warehouse"} 100.0' in metrics
            assert 'longshore_consumer_halted{group="warehouse.orders"} 0.0' in metrics
            return True

        # Offsets are committed, and what was relayed is counted, after the row is there.
        await eventually(counted)
        code, seconds = await service.terminate()
    assert code == 0
    assert seconds < 10


async def test_a_halted_consumer_makes_the_service_unready_but_keeps_it_alive(
    forks: ForkServer, tmp_path: Path, environ: dict[str, str]
) -> None:
    async with running(forks, environ, tmp_path) as service:
        await eventually(lambda: service.answers("/readyz", 200), timeout=20)
        async with Producer(
            environ["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"], environ["LONGSHORE_TOPIC_PREFIX"]
        ) as producer:
            await producer.wait_connected()
            await producer.send_many([Message(COMMERCE_ORDERS.name, f"k{n}", b"no number") for n in range(500)])

        async def halted() -> bool:
            return bool((await service.get("/internal/status"))["halted"] == ["warehouse.orders"])

        await eventually(halted)
        await eventually(lambda: service.answers("/readyz", 503))
        assert 'longshore_consumer_halted{group="warehouse.orders"} 1.0' in (await service.client.get("/metrics")).text
        code, seconds = await service.terminate()
    assert code == 0
    assert seconds < 10


async def test_only_services_see_the_status(forks: ForkServer, tmp_path: Path) -> None:
    environ = {
        "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "LONGSHORE_DATABASE_URL": "postgresql://127.0.0.1:1/hub",
        "LONGSHORE_ENCRYPTION_KEYS": ",".join(KEYS),
    }
    async with running(forks, environ, tmp_path) as service:
        assert await service.answers("/internal/status", 401)
        assert await service.answers("/metrics", 200)


async def test_the_numbers_of_the_status_are_asked_for_at_once() -> None:
    """Or a slow database would make it later than the gateway waits."""
    settings = ServiceSettings(
        kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://127.0.0.1:1/hub", encryption_keys=tuple(KEYS)
    )
    service = Service("warehouse", "1.2.3", settings)
    counted, described = asyncio.Event(), asyncio.Event()

    async def jobs() -> int:
        counted.set()
        await described.wait()
        return 7

    async def detail() -> dict[str, Any]:
        described.set()
        await counted.wait()
        return {"cups": 3}

    service.jobs(jobs)
    service.detail(detail)
    status = await service.status()
    assert (status["jobs"], status["detail"], status["outbox"]) == (7, {"cups": 3}, 0)
