"""The whole of Longshore on one machine: Kafka, PostgreSQL and the five services."""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from longshore_devkit.data_dir import API_KEY_VARIABLE, DataDir
from longshore_devkit.errors import DevkitError
from longshore_devkit.infra import Infra, find_infra
from longshore_devkit.ports import HOST, PortBook, port_is_free
from longshore_devkit.processes import ProcessSpec, Spawn, spawn
from longshore_devkit.supervisor import OnEvent, Supervisor

DEFAULT_HTTP_PORT = 8000
HTTP_PORT_VARIABLE = "LONGSHORE_HTTP_PORT"
HTTP_FD_VARIABLE = "LONGSHORE_HTTP_FD"
_BACKLOG = 2048


@dataclass(frozen=True)
class Service:
    """A service: its name, its module (`python -m`), and the variable that tells the gateway its URL."""

    name: str
    module: str
    url_variable: str


GATEWAY = Service("gateway", "longshore_gateway", "LONGSHORE_GATEWAY_URL")
BEHIND_GATEWAY = (
    Service("order-sync", "longshore_order_sync", "LONGSHORE_ORDER_SYNC_URL"),
    Service("inventory", "longshore_inventory", "LONGSHORE_INVENTORY_URL"),
    Service("connector-shopify", "longshore_connector_shopify", "LONGSHORE_CONNECTOR_SHOPIFY_URL"),
    Service("connector-woo", "longshore_connector_woo", "LONGSHORE_CONNECTOR_WOO_URL"),
)
SERVICES = (GATEWAY, *BEHIND_GATEWAY)


class Stack:
    """Infrastructure and services, supervised. Use as `async with`, or call `start` and `stop`.

    `environ` is what the services inherit; every `LONGSHORE_*` variable in it reaches them. `beside`: more processes
    to run with it (simulated stores). `python` runs the services. `service_environ`: variables of single services, by
    name, which win over all else (a proxy between one service and Kafka). `processes`: how many of a service, by its
    name; the second is called `gateway-2`. Several share its address, and each has one of its own (`own_urls`).
    `spawn`: what starts processes (a `ForkServer`'s, say).
    """

    def __init__(
        self,
        data_dir: DataDir,
        environ: Mapping[str, str],
        *,
        on_event: OnEvent | None = None,
        services: Sequence[Service] = SERVICES,
        beside: Sequence[ProcessSpec] = (),
        durable: bool = True,
        python: Sequence[str] = (sys.executable,),
        service_environ: Mapping[str, Mapping[str, str]] | None = None,
        processes: Mapping[str, int] | None = None,
        spawn: Spawn = spawn,
    ) -> None:
        self.data_dir = data_dir
        self.http_port = http_port(environ)
        self.keys = data_dir.keys(environ)
        self._environ = dict(environ)
        self._on_event = on_event
        self._services = tuple(services)
        self._beside = tuple(beside)
        self._durable = durable
        self._python = tuple(python)
        self._service_environ = dict(service_environ or {})
        self._processes = dict(processes or {})
        self._spawn = spawn
        self._doors: dict[str, socket.socket] = {}
        self._ports = PortBook(data_dir.path / "ports.json", frozenset({self.http_port}))
        self._infra: Infra | None = None
        self._supervisor: Supervisor | None = None
        self.urls: dict[str, str] = {}
        """Each service's address, filled by `start`."""
        self.own_urls: dict[str, str] = {}
        """Each process's own, by its name: /livez, /readyz and /metrics of just this one."""

    @property
    def url(self) -> str:
        """The public address, as reached from this machine."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def api_key(self) -> str:
        """The first of the bootstrap API keys."""
        return self.keys[API_KEY_VARIABLE].split(",")[0].strip()

    @property
    def supervisor(self) -> Supervisor:
        """The processes. Only after `start`."""
        if self._supervisor is None:
            raise RuntimeError("the stack is not started")
        return self._supervisor

    @property
    def infra(self) -> Infra:
        """Kafka and PostgreSQL. Only after `start`."""
        if self._infra is None:
            raise RuntimeError("the stack is not started")
        return self._infra

    async def start(self) -> float:
        """Start everything; return the seconds until all were ready. Raises DevkitError: a port is taken, Java is
        missing, a service does not start."""
        began = time.monotonic()
        if self._services and not port_is_free(self.http_port):
            raise DevkitError(
                f"Port {self.http_port} on {HOST} is in use: stop what listens there, or set {HTTP_PORT_VARIABLE}."
            )
        self._infra = await find_infra(self.data_dir.path, self._environ, durable=self._durable)
        self.urls = {
            service.name: self.url if service == GATEWAY else f"http://{HOST}:{self._ports.port(service.name)}"
            for service in self._services
        }
        services = [self._spec(service, name) for service in self._services for name in self.processes_of(service.name)]
        specs = [*self._beside, *self._infra.specs, *services]
        self._supervisor = Supervisor(specs, on_event=self._on_event, spawn=self._spawn)
        await self._supervisor.start()
        return time.monotonic() - began

    async def stop(self) -> None:
        """Stop services first, then what they stand on. Harmless when nothing runs."""
        if self._supervisor is not None:
            await self._supervisor.stop()
        while self._doors:
            self._doors.popitem()[1].close()

    def processes_of(self, service: str) -> tuple[str, ...]:
        """The names of a service's processes."""
        return (service, *(f"{service}-{n}" for n in range(2, self._processes.get(service, 1) + 1)))

    async def run_once(self, service: Service, *arguments: str) -> None:
        """Run a command of a service (`python -m <module> <arguments>`) to its end, with the variables that it serves
        with. Only after `start`. Raises DevkitError with what it said when it fails."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "said"
            process = await self._spawn(
                ProcessSpec(
                    name=service.name,
                    argv=(*self._python, "-m", service.module, *arguments),
                    env={"LONGSHORE_TOPIC_PREFIX": ""} | self._environ | self.infra.environ | self.keys,
                    log_file=log,
                )
            )
            code = await process.wait()
            said = log.read_text(errors="replace").strip()
        if code:
            raise DevkitError(said or f"{service.name} ended with code {code}")

    def kill(self) -> None:
        """End everything at once (a second Ctrl-C)."""
        if self._supervisor is not None:
            self._supervisor.kill_all()

    async def __aenter__(self) -> Stack:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _spec(self, service: Service, name: str) -> ProcessSpec:
        door = self._door(service)
        own = self.own_urls[name] = (
            self.urls[service.name] if door is None else f"http://{HOST}:{self._ports.port(f'{name}.own')}"
        )
        env = self._service_env(service) | {HTTP_PORT_VARIABLE: own.rpartition(":")[2]}
        return ProcessSpec(
            name=name,
            argv=(*self._python, "-m", service.module),
            env=env if door is None else env | {HTTP_FD_VARIABLE: str(door.fileno())},
            after=tuple(spec.name for spec in self.infra.specs),
            ready=f"{own}/readyz",
            log_file=self.data_dir.logs / f"{name}.log",
            pass_fds=() if door is None else (door.fileno(),),
        )

    def _door(self, service: Service) -> socket.socket | None:
        """The listening socket that all processes of a service accept from, where there are several."""
        if self._processes.get(service.name, 1) < 2:
            return None
        if service.name not in self._doors:
            port = int(self.urls[service.name].rpartition(":")[2])
            self._doors[service.name] = socket.create_server((HOST, port), backlog=_BACKLOG)
        return self._doors[service.name]

    def _service_env(self, service: Service) -> dict[str, str]:
        others = {other.url_variable: self.urls[other.name] for other in self._services if other != GATEWAY}
        return (
            {"LONGSHORE_PUBLIC_URL": self.url, "LONGSHORE_TOPIC_PREFIX": ""}
            | (self._watched_disks() if service == GATEWAY else {})
            | self._environ
            | self.infra.environ
            | self.keys
            | {"PYTHONUNBUFFERED": "1", "LONGSHORE_HTTP_HOST": HOST}
            | (others if service == GATEWAY else {})
            | dict(self._service_environ.get(service.name, {}))
        )

    def _watched_disks(self) -> dict[str, str]:
        """Kafka tells of its disk itself; of PostgreSQL's only this machine knows."""
        path = self.infra.postgres_dir
        return {} if path is None or "," in str(path) else {"LONGSHORE_WATCHED_DISKS": f"postgres={path}"}


def http_port(environ: Mapping[str, str]) -> int:
    """LONGSHORE_HTTP_PORT, 8000 when unset. Raises DevkitError when it is no port."""
    text = environ.get(HTTP_PORT_VARIABLE) or str(DEFAULT_HTTP_PORT)
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise DevkitError(f"{HTTP_PORT_VARIABLE} is {text!r}, not a port between 1 and 65535.")
    return int(text)
