"""What every service's app.py composes: one process with its engine, producer, consumers, relay and HTTP routes.

It serves /livez at once and brings up the rest in the background, for as long as PostgreSQL or Kafka are missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import structlog
import uvicorn
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector
from pydantic import BaseModel
from sqlalchemy import text
from starlette.types import ASGIApp

from longshore import tasks
from longshore.broker import (
    Apply,
    Consumer,
    ConsumerPolicy,
    Producer,
    StreamMetrics,
    TopicSpec,
    ensure_topics,
    make_broker,
    subscribe,
)
from longshore.broker.errors import describe, is_transient
from longshore.db import make_engine, migrate
from longshore.internal import (
    OrgDep,
    internal_headers,
    internal_token,
    internal_tokens,
    require_internal,
    require_org,
)
from longshore.observability import configure_logging
from longshore.ops import TraceMiddleware, ops_router
from longshore.outbox import OutboxRelay, Withhold
from longshore.problems import install_problem_handlers
from longshore.rebuild import Rebuilding, RebuildPlan
from longshore.serving import Server, SharedDoorServer, inherited_socket
from longshore.settings import ServiceSettings

__all__ = [
    "OrgDep",
    "Service",
    "internal_headers",
    "internal_token",
    "internal_tokens",
    "require_internal",
    "require_org",
    "serve",
]

log = structlog.get_logger(__name__)

HEALTH_EVERY_S = 2.0
STOP_CONSUMERS_S = 7.0
GC_THRESHOLDS = (50_000, 20, 50)

EXIT_WRONG_SETTING = 2

Hook = Callable[[], Awaitable[None]]
Front = TypeVar("Front", bound=ASGIApp)


class WrongSetting(Exception):
    """A setting does not fit what is stored: the process ends, with this sentence and code 2."""


@dataclass(frozen=True, slots=True)
class _Migrations:
    path: Path
    schema: str
    version_table: str


class Service:
    """One process of a service. Compose it, then `app()`; the app's lifespan starts and stops it."""

    def __init__(self, name: str, version: str, settings: ServiceSettings) -> None:
        self.name = name
        self.version = version
        self.settings = settings
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.metrics = StreamMetrics(self.registry)
        self.engine = make_engine(settings, f"longshore-{name}")
        self.producer = Producer(
            settings.kafka_bootstrap_servers,
            settings.topic_prefix,
            f"longshore-{name}",
            metrics=self.metrics,
        )
        self.broker = make_broker(
            settings.kafka_bootstrap_servers,
            producer=self.producer,
            prefix=settings.topic_prefix,
            metrics=self.metrics,
            client_id=f"longshore-{name}",
            instance_id=settings.instance_id,
        )
        self.relays: list[OutboxRelay] = []
        self._topics: list[TopicSpec | str] = []
        self._migrations: list[_Migrations] = []
        self._on_start: list[Hook] = []
        self._on_stop: list[Hook] = []
        self._background: list[tuple[str, Hook]] = []
        self._checks: dict[str, Callable[[], bool]] = {}
        self._optional: frozenset[str] = frozenset()
        self._dependency_up = Gauge(
            "longshore_dependency_up",
            "Whether what this process needs answers it: database, kafka.",
            ["dependency"],
            registry=self.registry,
        )
        self._jobs: Callable[[], Awaitable[int]] | None = None
        self._detail: Callable[[], Awaitable[dict[str, Any]]] | None = None
        self._rebuilding: Rebuilding | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._up = False
        self._step = "starting"
        self.wrong_setting: str | None = None
        self._when_wrong: Callable[[], None] | None = None
        self._database_answers = False
        self._kafka_answers = False

    # Composition

    def migrations(self, path: Path, schema: str, version_table: str = "alembic_version") -> None:
        """Bring `schema` to its newest version before anything else starts."""
        self._migrations.append(_Migrations(path, schema, version_table))

    def topics(self, *topics: TopicSpec | str) -> None:
        """Topics to create before anything is sent or read; those subscribed to are among them already."""
        self._topics.extend(topics)

    def subscribe(
        self,
        *,
        topics: Iterable[TopicSpec | str],
        group: str,
        apply: Apply,
        policy: ConsumerPolicy | None = None,
        types: Iterable[str] | None = None,
        schema: type[BaseModel] | None = None,
        description: str | None = None,
    ) -> Consumer:
        """As `longshore.broker.subscribe`, on this service's broker; the topics are created when missing."""
        topics = list(topics)
        self.topics(*topics)
        return subscribe(
            self.broker,
            topics=topics,
            group=group,
            apply=apply,
            policy=policy,
            types=types,
            schema=schema,
            description=description,
        )

    def outbox(self, schema: str, withhold: Withhold | None = None) -> OutboxRelay:
        """Relay the outbox of `schema`, but not what is withheld."""
        relay = OutboxRelay(self.engine, schema, self.producer, self.name, metrics=self.metrics, withhold=withhold)
        self.relays.append(relay)
        return relay

    def background(self, name: str, run: Hook) -> None:
        """Run this once all is up, until the service stops; when it fails or returns it is started again."""
        self._background.append((name, run))

    def on_start(self, hook: Hook) -> None:
        """Await this when the database and the topics are there, before consumers start; again if it is transient."""
        self._on_start.append(hook)

    def when_wrong(self, end: Callable[[], None]) -> None:
        """How the process is ended when a start hook has found a setting wrong (WrongSetting)."""
        self._when_wrong = end

    def on_stop(self, hook: Hook) -> None:
        """Await this when consumers and background tasks have stopped, before producer and engine close."""
        self._on_stop.append(hook)

    def check(self, name: str, ready: Callable[[], bool]) -> None:
        """Something else that this process must have to be ready."""
        self._checks[name] = ready

    def serves_without(self, *missing: str) -> None:
        """What may be missing, once all was up, without this process being taken out of service (names of `missing`):
        it can still do what it is for, and says what it lacks."""
        self._optional = frozenset(missing)

    def jobs(self, count: Callable[[], Awaitable[int]]) -> None:
        """How many jobs are due: `jobs` of /internal/status."""
        self._jobs = count

    def detail(self, describe_it: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """More to tell in /internal/status."""
        self._detail = describe_it

    def rebuilding(self, plan: RebuildPlan) -> Rebuilding:
        """Take part in rebuilds of this service's state: until one is over, nothing is settled."""
        rebuilding = self._rebuilding = Rebuilding(self.engine, self.settings, plan)
        self._on_start.insert(0, rebuilding.load)
        self.background("rebuild", rebuilding.watch)
        return rebuilding

    def app(
        self,
        *routers: APIRouter,
        title: str | None = None,
        trace: bool = True,
        dependencies: Sequence[Callable[..., object]] = (),
    ) -> FastAPI:
        """The ASGI application with `routers`, each with these `dependencies`, and the operational routes."""
        app = FastAPI(
            title=title or f"Longshore {self.name}",
            version=self.version,
            lifespan=self._lifespan,
            docs_url=None,
            redoc_url=None,
            # Its address would be the Host header's, and http behind a proxy that ends TLS: keys would follow it there.
            redirect_slashes=False,
        )
        app.state.service = self
        app.state.internal_tokens = internal_tokens(self.settings.encryption_keys)
        install_problem_handlers(app, routers)
        app.include_router(ops_router(self))
        for router in routers:
            app.include_router(router, dependencies=[Depends(each) for each in dependencies])
        if trace:
            app.add_middleware(TraceMiddleware)
        return app

    # What ops and the gateway ask

    def missing(self) -> dict[str, str]:
        """What this process lacks to be ready; empty when it is."""
        missing: dict[str, str] = {}
        if not self._up:
            missing["startup"] = self._step
        if not self._database_answers:
            missing["database"] = "PostgreSQL does not answer"
        if not self._kafka_answers:
            missing["producer"] = "Kafka does not answer"
        for consumer in self.broker.consumers:
            if consumer.halted is not None:
                missing[f"consumer {consumer.group}"] = f"halted: {consumer.halted}"
            elif self._up and not consumer.ready:
                missing[f"consumer {consumer.group}"] = "it has no partitions yet"
        for name, ready in self._checks.items():
            if not ready():
                missing[name] = "not ready"
        return missing

    def hindered(self) -> bool:
        """Whether this process cannot do what it is for, and is to be sent nothing: /readyz."""
        missing = self.missing()
        return bool(missing) and not (self._up and self._optional.issuperset(missing))

    async def status(self) -> dict[str, Any]:
        """What /internal/status tells; a number that cannot be had is null."""
        missing = self.missing()
        # At once: the gateway waits 2.5 s for all of it, and with a slow database each takes its time.
        outbox, jobs, detail = await asyncio.gather(
            _or_none(self._count_outbox()),
            _or_none(self._jobs()) if self._jobs is not None else _nothing(),
            _or_none(self._detail()) if self._detail is not None else _nothing(),
        )
        return {
            "name": self.name,
            "version": self.version,
            "ready": not missing,
            "missing": missing,
            "groups": [{"group": each.group, "topics": list(each.topics)} for each in self.broker.consumers],
            "outbox": outbox,
            "jobs": jobs,
            "halted": [each.group for each in self.broker.consumers if each.halted is not None],
            "rebuilding": self._rebuilding is not None and self._rebuilding.active,
            "detail": detail if self._detail is not None else {},
        }

    async def _count_outbox(self) -> int:
        return sum([await relay.pending() for relay in self.relays])

    # Life

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin to bring everything up; returns at once. The app's lifespan calls this."""
        await self.producer.start()
        self._spawn("health", self._watch_health())
        self._spawn("bring up", self._bring_up())

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close all."""
        self._up = False
        self._step = "stopping"
        background, self._tasks = self._tasks, []
        await tasks.end(*background)
        await self._quietly("consumers", self.broker.stop(), STOP_CONSUMERS_S)
        for relay in self.relays:
            await self._quietly("outbox", relay.stop(), 1.0)
        for hook in self._on_stop:
            await self._quietly("hook", hook(), 2.0)
        await self._quietly("producer", self.producer.stop(1.0), 3.0)
        await self._quietly("engine", self.engine.dispose(), 1.0)
        log.info("stopped", version=self.version)

    async def _bring_up(self) -> None:
        settings = self.settings
        while not self._up:
            try:
                self._step = "waiting for PostgreSQL (migrations)"
                for each in self._migrations:
                    await migrate(settings.database_url, each.path, each.schema, each.version_table)
                self._step = "waiting for Kafka (topics)"
                await ensure_topics(
                    settings.kafka_bootstrap_servers,
                    settings.topic_prefix,
                    self._topics,
                    settings.topic_partitions,
                )
                self._step = "starting its parts"
                await self.producer.wait_connected()
                for hook in self._on_start:
                    await _persist(hook)
                for relay in self.relays:
                    await relay.start()
                await self._start_consumers()
            except WrongSetting as error:
                # Nothing that waiting mends.
                self.wrong_setting = self._step = str(error)
                log.error("a setting is wrong: the service ends", reason=str(error))
                if self._when_wrong is not None:
                    self._when_wrong()
                return
            except Exception as error:
                # A broken migration, say: stay alive, so that ops can look, and try again.
                log.exception("the service cannot start", step=self._step)
                self._step = f"{self._step}: {describe(error)}"
                await asyncio.sleep(5.0)
            else:
                self._up = True
        for name, run in self._background:
            self._spawn(name, self._supervise(name, run))
        _spare_the_collector()
        log.info("started", version=self.version)

    async def _start_consumers(self) -> None:
        if not self.broker.consumers:
            return
        delay = 0.2
        while True:
            try:
                await self.broker.start()
            except (KafkaError, OSError) as error:
                log.warning("consumers wait for Kafka", error=type(error).__name__, retry_in_s=delay)
                await self._quietly("consumers", self.broker.stop(), STOP_CONSUMERS_S)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
            else:
                return

    async def _supervise(self, name: str, run: Hook) -> None:
        delay = 0.5
        while True:
            try:
                await tasks.contained(run())
                delay = 0.5
            except Exception:
                log.exception("a background task failed and is started again", task=name, retry_in_s=delay)
                delay = min(delay * 2, 10.0)
            await asyncio.sleep(delay)

    async def _watch_health(self) -> None:
        database = kafka = False
        while True:
            before = database, kafka
            database, kafka = await asyncio.gather(self._database_ping(), self.producer.ping())
            # One failed look is not yet an outage: the pool may be busy, the machine stalled.
            self._database_answers, self._kafka_answers = database or before[0], kafka or before[1]
            self._dependency_up.labels("database").set(self._database_answers)
            self._dependency_up.labels("kafka").set(self._kafka_answers)
            healthy = database and kafka
            await asyncio.sleep(HEALTH_EVERY_S if healthy and self._up else 0.2)

    async def _database_ping(self) -> bool:
        try:
            engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            async with asyncio.timeout(2.0), engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
        except Exception as error:
            log.debug("PostgreSQL does not answer", error=describe(error))
            return False
        return True

    def _spawn(self, name: str, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work, name=f"{self.name} {name}"))

    async def _quietly(self, what: str, work: Awaitable[Any], timeout_s: float) -> None:
        """While stopping: one part's trouble must not keep the others from being closed."""
        try:
            await asyncio.wait_for(work, timeout_s)
        except Exception as error:
            log.warning("a part did not stop well", part=what, error=describe(error))


def serve(
    app: FastAPI,
    settings: ServiceSettings,
    front: Callable[[FastAPI], Front] | None = None,
    protocol: Callable[[Front], Any] | None = None,
) -> None:
    """Serve `app` in this process until SIGTERM or SIGINT; then finish within ten seconds and return code 0
    (2 when a start hook has found a setting wrong).

    `front` puts an ASGI application before `app`, for a route that FastAPI's own layers would slow down; `protocol`
    makes the connections to it (uvicorn's `http`), for a shorter way still. With LONGSHORE_HTTP_FD it serves at that
    shared socket too, from when it is ready.
    """
    service: Service = app.state.service
    configure_logging(settings.log_level, service.name)

    def end(number: int, frame: FrameType | None) -> None:
        if service.wrong_setting is not None:
            sys.stderr.write(service.wrong_setting + "\n")
            sys.exit(EXIT_WRONG_SETTING)
        sys.exit(0)

    # uvicorn raises the signal again when it is done, for whoever handled it before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    service.when_wrong(lambda: signal.raise_signal(signal.SIGTERM))
    served: ASGIApp = app
    connections: Any = "httptools"
    if front is not None:
        served = first = front(app)
        if protocol is not None:
            connections = protocol(first)
    config = uvicorn.Config(
        served,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=connections,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # Nobody asks for the client's address, and a look at each request's headers for it costs.
        proxy_headers=False,
        timeout_keep_alive=30,
        # A delivery waits up to three seconds for Kafka. Where nobody else is there to take what comes, be quick.
        timeout_graceful_shutdown=2 if settings.http_fd is None else 3,
    )
    if settings.http_fd is None:
        Server(config).run()
    else:
        SharedDoorServer(config, inherited_socket(settings.http_fd), ready=lambda: not service.missing()).run()


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what lives as long as the process, and look at the rest less often.

    A batch of parsed contracts is hundreds of thousands of objects that reference counting frees: searching them for
    cycles again and again while the batch is worked on costs more than parsing them (measured with Python's own
    thresholds of 700 objects, 10 and 10 passes). Cycles are few; they wait a little longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _or_none(work: Awaitable[Any]) -> Any:
    try:
        return await asyncio.wait_for(work, 2.0)
    except Exception as error:
        log.warning("a number for the status cannot be had", error=describe(error))
        return None


async def _nothing() -> None:
    """For what a service does not have."""


async def _persist(hook: Hook) -> None:
    delay = 0.2
    while True:
        try:
            return await tasks.contained(hook())
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("a start hook is tried again", error=describe(error), retry_in_s=delay)
        await asyncio.sleep(delay)
        delay = min(delay * 2, 5.0)
