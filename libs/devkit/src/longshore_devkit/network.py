"""The lines of a stack, each through a proxy of its own: from every service to Kafka and to PostgreSQL, and from the
gateway to every service behind it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from longshore_devkit.data_dir import DataDir
from longshore_devkit.infra import DATABASE_VARIABLE, KAFKA_VARIABLE, local_kafka
from longshore_devkit.infra.kafka_broker import Listener
from longshore_devkit.ports import HOST, PortBook, free_port
from longshore_devkit.proxy import Proxy
from longshore_devkit.stack import BEHIND_GATEWAY, SERVICES
from longshore_devkit.supervisor import Supervisor


class Network:
    """Proxies, and a Kafka of its own with a listener for each of them (who comes by a listener is told to come back by
    it). `database_url`: a PostgreSQL that runs. `data_dir`: that of the stack, whose ports it must know beforehand.

    `start` it, then start the stack with `environ` and `service_environ`; `stop` it after the stack."""

    def __init__(self, database_url: str, data_dir: DataDir, environ: Mapping[str, str] | None = None) -> None:
        self._database_url = database_url
        self.data_dir = data_dir
        self._environ = dict(os.environ if environ is None else environ)
        self._supervisor: Supervisor | None = None
        self.bootstrap_servers = ""
        self.kafka: dict[str, Proxy] = {}
        """From each service to Kafka, by the service's name."""
        self.postgres: dict[str, Proxy] = {}
        """From each service to PostgreSQL."""
        self.behind: dict[str, Proxy] = {}
        """From the gateway to each service behind it."""

    @property
    def lines(self) -> dict[str, Proxy]:
        """All of them, such as "order-sync to kafka"."""
        return (
            {f"{name} to kafka": proxy for name, proxy in self.kafka.items()}
            | {f"{name} to postgres": proxy for name, proxy in self.postgres.items()}
            | {f"gateway to {name}": proxy for name, proxy in self.behind.items()}
        )

    @property
    def environ(self) -> dict[str, str]:
        """The direct ways, for tests: services have others."""
        return {KAFKA_VARIABLE: self.bootstrap_servers, DATABASE_VARIABLE: self._database_url}

    @property
    def service_environ(self) -> dict[str, dict[str, str]]:
        """For the stack: each service's own ways."""
        own = {
            service.name: {
                KAFKA_VARIABLE: self.kafka[service.name].address,
                DATABASE_VARIABLE: _by_way_of(self._database_url, self.postgres[service.name]),
            }
            for service in SERVICES
        }
        own["gateway"] |= {
            service.url_variable: f"http://{self.behind[service.name].address}" for service in BEHIND_GATEWAY
        }
        return own

    async def start(self) -> None:
        """Start proxies and Kafka. Raises DevkitError."""
        ports = PortBook(self.data_dir.path / "ports.json")
        database = urlsplit(self._database_url)
        listeners = []
        for service in SERVICES:
            inside = free_port()
            self.kafka[service.name] = proxy = Proxy((HOST, inside))
            await proxy.start()
            listeners.append(Listener(service.name.upper().replace("-", "_"), inside, proxy.port))
            self.postgres[service.name] = Proxy((database.hostname or HOST, database.port or 5432))
            await self.postgres[service.name].start()
        for service in BEHIND_GATEWAY:
            self.behind[service.name] = Proxy((HOST, ports.port(service.name)))
            await self.behind[service.name].start()
        kafka = local_kafka(self.data_dir.path, ports, self._environ)
        self.bootstrap_servers = kafka.bootstrap_servers
        self._supervisor = Supervisor([await dataclasses.replace(kafka, listeners=tuple(listeners)).spec()])
        await self._supervisor.start()

    async def stop(self) -> None:
        """Stop all of it."""
        if self._supervisor is not None:
            await self._supervisor.stop()
        for proxy in self.lines.values():
            await proxy.stop()

    def heal(self) -> None:
        """All lines as they should be."""
        for proxy in self.lines.values():
            proxy.heal()


def _by_way_of(url: str, proxy: Proxy) -> str:
    """The same URL, to the proxy."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}@{proxy.address}").geturl()
