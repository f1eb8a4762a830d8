"""Kafka and PostgreSQL: given by the environment, in containers (tests), or local. Above that, one path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longshore_devkit.errors import InfraError
from longshore_devkit.infra.containers import Container, docker_answers, start_kafka, start_postgres
from longshore_devkit.infra.kafka import LocalKafka
from longshore_devkit.infra.kafka_broker import kafka_is_ready
from longshore_devkit.infra.postgres import LocalPostgres, postgres_is_ready
from longshore_devkit.ports import PortBook
from longshore_devkit.processes import ProcessSpec, ReadyCheck, is_ready

KAFKA_VARIABLE = "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"
DATABASE_VARIABLE = "LONGSHORE_DATABASE_URL"
_CONTAINER_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Infra:
    """Where Kafka and PostgreSQL are, and the local processes (if any) that somebody must supervise for that."""

    bootstrap_servers: str
    database_url: str
    specs: tuple[ProcessSpec, ...] = ()
    containers: tuple[Container, ...] = field(default=(), repr=False)
    postgres_dir: Path | None = None
    """Where a local PostgreSQL keeps its data."""

    @property
    def environ(self) -> dict[str, str]:
        """The two variables that tell every service."""
        return {KAFKA_VARIABLE: self.bootstrap_servers, DATABASE_VARIABLE: self.database_url}

    def close(self) -> None:
        """Remove containers, if some were started. Local processes are their supervisor's."""
        for container in self.containers:
            container.stop()


async def find_infra(
    data_dir: Path, environ: Mapping[str, str], *, allow_containers: bool = False, durable: bool = True
) -> Infra:
    """Kafka and PostgreSQL, each by itself: its variable if set, else a container if allowed and an engine answers,
    else local with its data in `data_dir`. `durable=False`: PostgreSQL without fsync (tests).

    Raises InfraError."""
    in_containers = allow_containers and docker_answers(environ)
    ports = PortBook(data_dir / "ports.json")
    kafka = await _find_kafka(data_dir, ports, environ, in_containers)
    postgres = await _find_postgres(data_dir, ports, environ, in_containers, durable)
    found = (kafka, postgres)
    return Infra(
        kafka.address,
        postgres.address,
        tuple(part.spec for part in found if part.spec is not None),
        tuple(part.container for part in found if part.container is not None),
        data_dir / "postgres" if postgres.spec is not None else None,
    )


def local_kafka(data_dir: Path, ports: PortBook, environ: Mapping[str, str]) -> LocalKafka:
    """A local Kafka in its place below the data directory."""
    return LocalKafka(
        data_dir=data_dir / "kafka",
        port=ports.port("kafka"),
        controller_port=ports.port("kafka-controller"),
        log_file=data_dir / "logs" / "kafka.log",
        environ=environ,
    )


def local_postgres(
    data_dir: Path, ports: PortBook, environ: Mapping[str, str], *, durable: bool = True
) -> LocalPostgres:
    """A local PostgreSQL in its place below the data directory."""
    return LocalPostgres(
        data_dir=data_dir / "postgres",
        port=ports.port("postgres"),
        log_file=data_dir / "logs" / "postgres.log",
        environ=environ,
        durable=durable,
    )


@dataclass(frozen=True)
class _Part:
    address: str
    spec: ProcessSpec | None = None
    container: Container | None = None


async def _find_kafka(data_dir: Path, ports: PortBook, environ: Mapping[str, str], in_containers: bool) -> _Part:
    if given := environ.get(KAFKA_VARIABLE):
        return _Part(given)
    if in_containers:
        container, address = await asyncio.to_thread(start_kafka)
        await _until_ready(container, lambda: kafka_is_ready(address))
        return _Part(address, container=container)
    kafka = local_kafka(data_dir, ports, environ)
    return _Part(kafka.bootstrap_servers, spec=await kafka.spec())


async def _find_postgres(
    data_dir: Path, ports: PortBook, environ: Mapping[str, str], in_containers: bool, durable: bool
) -> _Part:
    if given := environ.get(DATABASE_VARIABLE):
        return _Part(given)
    if in_containers:
        container, address = await asyncio.to_thread(start_postgres)
        await _until_ready(container, lambda: postgres_is_ready(address))
        return _Part(address, container=container)
    postgres = local_postgres(data_dir, ports, environ, durable=durable)
    return _Part(postgres.database_url, spec=await postgres.spec())


async def _until_ready(container: Container, check: ReadyCheck) -> None:
    deadline = time.monotonic() + _CONTAINER_TIMEOUT_S
    while not await is_ready(check):
        if time.monotonic() > deadline:
            container.stop()
            raise InfraError(f"A container was not ready within {_CONTAINER_TIMEOUT_S:.0f} s.")
        await asyncio.sleep(0.2)
