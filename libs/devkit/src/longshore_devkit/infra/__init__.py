"""Kafka and PostgreSQL: given by the environment, in containers (tests), or local. Above that, one path."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longshore_devkit.infra.containers import Container, docker_answers, start_kafka, start_postgres
from longshore_devkit.infra.kafka import LocalKafka
from longshore_devkit.infra.postgres import LocalPostgres
from longshore_devkit.ports import PortBook
from longshore_devkit.processes import ProcessSpec

KAFKA_VARIABLE = "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"
DATABASE_VARIABLE = "LONGSHORE_DATABASE_URL"


@dataclass(frozen=True)
class Infra:
    """Where Kafka and PostgreSQL are, and the local processes (if any) that somebody must supervise for that."""

    bootstrap_servers: str
    database_url: str
    specs: tuple[ProcessSpec, ...] = ()
    containers: tuple[Container, ...] = field(default=(), repr=False)

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
    bootstrap_servers, database_url = environ.get(KAFKA_VARIABLE), environ.get(DATABASE_VARIABLE)
    in_containers = allow_containers and not (bootstrap_servers and database_url) and docker_answers(environ)
    ports = PortBook(data_dir / "ports.json")
    specs: list[ProcessSpec] = []
    containers: list[Container] = []
    if bootstrap_servers:
        pass
    elif in_containers:
        container, bootstrap_servers = await asyncio.to_thread(start_kafka)
        containers.append(container)
    else:
        kafka = local_kafka(data_dir, ports, environ)
        bootstrap_servers = kafka.bootstrap_servers
        specs.append(await kafka.spec())
    if database_url:
        pass
    elif in_containers:
        container, database_url = await asyncio.to_thread(start_postgres)
        containers.append(container)
    else:
        postgres = local_postgres(data_dir, ports, environ, durable=durable)
        database_url = postgres.database_url
        specs.append(await postgres.spec())
    return Infra(bootstrap_servers, database_url, tuple(specs), tuple(containers))


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
