"""Kafka and PostgreSQL in containers, for tests on machines with a Docker engine (extra `containers`)."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
_DEFAULT_SOCKET = Path("/var/run/docker.sock")
_KAFKA_PORT = 9092


class Container(Protocol):
    """What we ask of a started container (testcontainers' classes have more)."""

    def stop(self) -> None: ...


def docker_answers(environ: Mapping[str, str]) -> bool:
    """Whether testcontainers is installed and a Docker engine answers a ping. Takes a second at most."""
    if importlib.util.find_spec("testcontainers") is None:
        return False
    try:
        with _connect(environ.get("DOCKER_HOST")) as engine:
            engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in engine.recv(64)
    except OSError:
        return False


def start_kafka() -> tuple[Container, str]:
    """A started one-node Kafka and its bootstrap servers."""
    from testcontainers.kafka import KafkaContainer

    container = KafkaContainer(KAFKA_IMAGE).with_kraft()
    container.start()
    return container, str(container.get_bootstrap_server())


def start_postgres() -> tuple[Container, str]:
    """A started PostgreSQL and the URL of its database `longshore`."""
    from testcontainers.postgres import PostgresContainer

    container = PostgresContainer(POSTGRES_IMAGE, username="longshore", dbname="longshore", driver="asyncpg")
    container.start()
    return container, str(container.get_connection_url())


def _connect(docker_host: str | None) -> socket.socket:
    parts = urlsplit(docker_host or f"unix://{_DEFAULT_SOCKET}")
    if parts.scheme == "tcp":
        return socket.create_connection((parts.hostname, parts.port or 2375), timeout=1)
    engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    engine.settimeout(1)
    try:
        engine.connect(parts.path)
    except OSError:
        engine.close()
        raise
    return engine
