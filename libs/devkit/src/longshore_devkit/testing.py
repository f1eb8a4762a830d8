"""Pytest plugin of the whole workspace: real Kafka and PostgreSQL, one of each for a test session.

Registered by the root conftest (`pytest_plugins = ["longshore_devkit.testing"]`). Nothing starts before a test asks.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TypeVar, overload

import pytest

from longshore_devkit.background import LoopThread
from longshore_devkit.infra import Infra, find_infra
from longshore_devkit.infra.postgres import create_database, drop_database, with_database
from longshore_devkit.supervisor import Supervisor

T = TypeVar("T")

MakeDatabase = Callable[[], str]


class RunningInfra:
    """The session's Kafka and PostgreSQL, with hands on their processes for tests that kill one.

    `supervisor` is None when both are external. Whatever dies is started again by itself (kill: about 1.5 s for
    Kafka, 0.5 s for PostgreSQL)."""

    def __init__(self, infra: Infra, supervisor: Supervisor | None, loop: LoopThread) -> None:
        self.bootstrap_servers = infra.bootstrap_servers
        self.database_url = infra.database_url
        self.environ = infra.environ
        self.supervisor = supervisor
        self._loop = loop

    def call(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine to its end on the loop of the infrastructure, from code that is not async."""
        return self._loop.call(work)

    def kill_and_wait(self, *names: str) -> None:
        """kill -9 of "kafka" or "postgres", and wait until they are back. Blocks: in an async test use
        `await asyncio.to_thread(infra.kill_and_wait, "kafka")`."""
        supervisor = self.supervisor
        if supervisor is None:
            raise LookupError("Kafka and PostgreSQL are external: there is no process of ours to kill")

        async def kill() -> None:
            for name in names:
                supervisor.signal(name, signal.SIGKILL)
            await supervisor.wait_ready(*names)

        self.call(kill())


@pytest.fixture(scope="session")
def infra() -> Iterator[RunningInfra]:
    """One Kafka and one PostgreSQL for the session, in a data directory of its own."""
    data_dir = Path(tempfile.mkdtemp(prefix="longshore-test-"))
    data_dir.chmod(0o711)  # PostgreSQL may run as another user
    with LoopThread() as loop:
        found = loop.call(find_infra(data_dir, os.environ, allow_containers=True, durable=False))
        supervisor = Supervisor(found.specs) if found.specs else None
        try:
            if supervisor is not None:
                loop.call(supervisor.start())
            yield RunningInfra(found, supervisor, loop)
        finally:
            if supervisor is not None:
                loop.call(supervisor.stop())
            found.close()
            shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def bootstrap_servers(infra: RunningInfra) -> str:
    """Kafka's address, host:port."""
    return infra.bootstrap_servers


@pytest.fixture(scope="session")
def make_database(infra: RunningInfra) -> Iterator[MakeDatabase]:
    """Makes a fresh, empty database and returns its URL (postgresql+asyncpg://...); all are dropped at the end."""
    made: list[str] = []

    def make() -> str:
        name = f"t_{secrets.token_hex(6)}"
        infra.call(create_database(infra.database_url, name))
        made.append(name)
        return with_database(infra.database_url, name)

    yield make
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

    An AssertionError raised by it counts as "not yet". After `timeout` seconds raises AssertionError with the last
    value or the last assertion."""
    deadline = time.monotonic() + timeout
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
        await asyncio.sleep(interval)
