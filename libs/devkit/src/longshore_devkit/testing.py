"""Pytest plugin of the whole workspace: real Kafka and PostgreSQL, one of each for a test session.

Registered by the root conftest (`pytest_plugins = ["longshore_devkit.testing"]`). Nothing starts before a test asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar, overload

import httpx
import psutil
import pytest

from longshore_devkit.background import LoopThread
from longshore_devkit.data_dir import DataDir
from longshore_devkit.errors import DevkitError
from longshore_devkit.forking import ForkServer
from longshore_devkit.infra import find_infra
from longshore_devkit.infra.postgres import create_database, drop_database, with_database
from longshore_devkit.ports import free_port
from longshore_devkit.running import RunningInfra, RunningStack
from longshore_devkit.stack import SERVICES, Stack
from longshore_devkit.supervisor import Supervisor

T = TypeVar("T")

# Clients are made by the thousand in tests, and each would read the machine's CAs: 20 ms of CPU.
httpx._transports.default.create_ssl_context = cache(httpx.create_ssl_context)  # type: ignore[attr-defined]


class MakeDatabase(Protocol):
    """Makes a database and returns its URL (postgresql+asyncpg://...): empty, or with all that is in the one at the URL
    `template`, which nobody may use meanwhile."""

    def __call__(self, template: str | None = None) -> str: ...


PATIENCE = float(os.environ.get("LONGSHORE_TEST_PATIENCE", "1"))
"""How much longer than they say tests wait for a condition: for slow and busy machines. It costs only what fails."""

FEW_PARTITIONS = "2"
"""For stacks of tests: enough that records of one topic overtake each other; each costs Kafka and its clients CPU."""

_IMPORTED_LATER = ("alembic.command", "uvicorn.protocols.http.httptools_impl", "uvloop", "httpcore")
"""What services import when they run, for migrations and connections."""

_TEMPORARY = "longshore-test-"
_YOUNG_S = 60.0

MEMORY = Path("/dev/shm")  # noqa: S108  (with a directory of our own in it, that nobody else may write)
MEMORY_FREE = 4 * 1024**3
"""Bytes of memory that a test session's Kafka and PostgreSQL may take. (A whole suite takes a third of it in each.)"""


@pytest.fixture(scope="session")
def infra() -> Iterator[RunningInfra]:
    """One Kafka and one PostgreSQL for the session, in a data directory of its own."""
    for folder in (Path(tempfile.gettempdir()), MEMORY):
        remove_abandoned(folder)
    path = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=_in_memory()))
    path.chmod(0o711)  # PostgreSQL may run as another user
    with DataDir(path).lock(), LoopThread() as loop:
        found = loop.call(find_infra(path, os.environ, allow_containers=True, durable=False))
        supervisor = Supervisor(found.specs)
        try:
            loop.call(supervisor.start())
            yield RunningInfra(found, supervisor, loop)
        finally:
            loop.call(_throw_away(supervisor))
            found.close()
            # A hundred thousand files: nobody waits for that.
            subprocess.Popen(["rm", "-rf", "--", path], start_new_session=True)


def _in_memory() -> Path | None:
    """Where files are in memory, if there is room for those of all sessions of this run: hundreds of databases and
    topics are a hundred thousand small files, and to make a database takes a tenth of the time there."""
    wanted = MEMORY_FREE * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    try:
        free = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    except OSError:
        return None
    return MEMORY if free >= wanted and os.access(MEMORY, os.W_OK) else None


async def _throw_away(supervisor: Supervisor) -> None:
    # Kafka would put hundreds of topics away in order, for nobody. (PostgreSQL leaves shared memory when it is killed.)
    if "kafka" in supervisor.names:
        supervisor.hold("kafka")
    await supervisor.stop()


def remove_abandoned(folder: Path) -> None:
    """Remove the data directories of sessions that were killed (those that run hold a lock in theirs)."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(DevkitError, OSError):
            if time.time() - path.stat().st_mtime > _YOUNG_S:  # a young one may be about to take its lock
                with DataDir(path).lock():
                    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """Starts services: `Stack(..., spawn=forks.spawn)`. To import what they need takes longer than most tests."""
    server = ForkServer([*(f"{service.module}.__main__" for service in SERVICES), *_IMPORTED_LATER])
    yield server
    server.close()


@pytest.fixture(scope="session")
def bootstrap_servers(infra: RunningInfra) -> str:
    """Kafka's address, host:port."""
    return infra.bootstrap_servers


@pytest.fixture(scope="session")
def make_database(infra: RunningInfra) -> Iterator[MakeDatabase]:
    """Makes fresh databases; all are gone at the end."""
    made: list[str] = []

    def make(template: str | None = None) -> str:
        name = f"t_{secrets.token_hex(6)}"
        source = (template or "/template1").partition("?")[0].rpartition("/")[2]
        infra.call(create_database(infra.database_url, name, source))
        made.append(name)
        return with_database(infra.database_url, name)

    yield make
    if not infra.names:
        # Somebody's own PostgreSQL, that is there after us.
        for name in made:
            infra.call(drop_database(infra.database_url, name))


@pytest.fixture
def database_url(make_database: MakeDatabase) -> str:
    """A fresh database for this test alone."""
    return make_database()


@pytest.fixture(scope="module")
def module_database_url(make_database: MakeDatabase) -> str:
    """A fresh database shared by the tests of one module."""
    return make_database()


@pytest.fixture(scope="module")
def stack_environ() -> dict[str, str]:
    """More variables for the services of `stack`: override this fixture in a test module."""
    return {}


@pytest.fixture(scope="module")
def stack_database_url(make_database: MakeDatabase) -> str:
    """The database of `stack`."""
    return make_database()


@pytest.fixture(scope="module")
def stack(
    infra: RunningInfra,
    forks: ForkServer,
    stack_database_url: str,
    stack_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningStack]:
    """The five services for one test module: see `running_stack`."""
    with running_stack(infra, forks, stack_database_url, stack_environ, tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@contextlib.contextmanager
def running_stack(
    infra: RunningInfra, forks: ForkServer, database_url: str, environ: Mapping[str, str], path: Path
) -> Iterator[RunningStack]:
    """The five services on the session's Kafka and PostgreSQL, with topics, ports and keys of their own; stores may be
    on loopback and plain http. `environ`: more variables, or others."""
    whole = (
        dict(os.environ)
        | infra.environ
        | {
            "LONGSHORE_DATABASE_URL": database_url,
            "LONGSHORE_TOPIC_PREFIX": unique_prefix(),
            "LONGSHORE_HTTP_PORT": str(free_port()),
            "LONGSHORE_ALLOW_PRIVATE_STORES": "1",
            "LONGSHORE_TOPIC_PARTITIONS": FEW_PARTITIONS,
        }
        | dict(environ)
    )
    with LoopThread() as loop:
        services = Stack(DataDir(path), whole, spawn=forks.spawn)
        try:
            loop.call(services.start())
            yield RunningStack(services, loop)
        finally:
            loop.call(services.stop())


@pytest.fixture
def topic_prefix() -> str:
    """Goes before every topic and group name of this test, so that tests share a broker undisturbed."""
    return unique_prefix()


@pytest.fixture(scope="module")
def module_topic_prefix() -> str:
    """The same for the tests of one module."""
    return unique_prefix()


def unique_prefix() -> str:
    """Such as "t1a2b3c."."""
    return f"t{secrets.token_hex(3)}."


@overload
async def eventually(check: Callable[[], Awaitable[T]], *, timeout: float = ..., interval: float = ...) -> T: ...
@overload
async def eventually(check: Callable[[], T], *, timeout: float = ..., interval: float = ...) -> T: ...
async def eventually(check: Callable[[], object], *, timeout: float = 10.0, interval: float = 0.05) -> object:
    """Call `check` (plain or async) until it returns something true, and return that.

    An AssertionError raised by it counts as "not yet". After `timeout` seconds (of a quick machine: see PATIENCE) it
    raises AssertionError with the last value or the last assertion."""
    deadline = time.monotonic() + timeout * PATIENCE
    pause = interval
    while True:
        failed: AssertionError | None = None
        value: object = None
        try:
            value = check()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
        except AssertionError as error:
            failed = error
        if time.monotonic() > deadline:
            if failed is not None:
                raise AssertionError(f"not within {timeout:g} s: {failed}") from failed
            raise AssertionError(f"not within {timeout:g} s; the last value was {value!r}")
        # Rarer the longer it takes, so that looking does not slow what is waited for.
        await asyncio.sleep(pause)
        pause = min(pause * 1.1, interval * 10)
