"""Kafka and PostgreSQL in containers, for tests on machines with a Docker engine (extra `containers`)."""

from __future__ import annotations

import importlib.util
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from longshore_devkit.infra.kafka_broker import BROKER_SETTINGS
from longshore_devkit.ports import free_port

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
_DEFAULT_SOCKET = Path("/var/run/docker.sock")
_KAFKA_PORT = 9092
_CONTROLLER_PORT = 9093
_POSTGRES_PORT = 5432


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
    """A one-node Kafka, set as the local one is, and its bootstrap servers; it may not be ready yet."""
    from testcontainers.core.container import DockerContainer

    port = free_port()  # known before it starts: the broker tells its clients this address
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(_KAFKA_PORT, port)
    address = f"{container.get_docker_client().host()}:{port}"
    settings = dict(BROKER_SETTINGS) | {
        "controller.quorum.voters": f"1@localhost:{_CONTROLLER_PORT}",
        "listeners": f"PLAINTEXT://:{_KAFKA_PORT},CONTROLLER://:{_CONTROLLER_PORT}",
        "advertised.listeners": f"PLAINTEXT://{address}",
    }
    for key, value in settings.items():
        container.with_env("KAFKA_" + key.upper().replace(".", "_"), str(value))
    container.start()
    return container, address


def start_postgres() -> tuple[Container, str]:
    """A PostgreSQL and the URL of its database `longshore`; it may not be ready yet."""
    from testcontainers.core.container import DockerContainer

    password = secrets.token_hex(16)
    container = DockerContainer(POSTGRES_IMAGE).with_exposed_ports(_POSTGRES_PORT)
    container.with_envs(POSTGRES_USER="longshore", POSTGRES_DB="longshore", POSTGRES_PASSWORD=password)
    container.with_command("postgres -c fsync=off -c max_connections=200 -c timezone=UTC")
    container.start()
    address = f"{container.get_container_host_ip()}:{container.get_exposed_port(_POSTGRES_PORT)}"
    return container, f"postgresql+asyncpg://longshore:{password}@{address}/longshore"


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
