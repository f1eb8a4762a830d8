"""PostgreSQL: the engine, one transaction per use case, scoping by organisation, migrations."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Connection, MetaData, Table, event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import Delete, Select, Update

from longshore import outbox
from longshore.broker.errors import describe, is_transient
from longshore.broker.records import Message

log = structlog.get_logger(__name__)

# One lock for all services: they share the database, and CREATE SCHEMA IF NOT EXISTS races.
_MIGRATION_LOCK = 0x4C4F4E4753484F52
_ATTRIBUTES = "longshore"
# Of a connection that has not been used for so long PostgreSQL is asked whether it still knows it.
ASK_AFTER_S = 10.0
_USED_AT = "longshore_used_at"
_REVISION = re.compile(r"""^revision\b[^=]*=\s*["']([^"']+)["']""", re.MULTILINE)
_DOWN_REVISION = re.compile(r"""^down_revision\b[^=]*=\s*["']([^"']+)["']""", re.MULTILINE)


class DatabaseSettings(Protocol):
    """What an engine needs to know; ServiceSettings has it."""

    @property
    def database_url(self) -> str: ...
    @property
    def database_pool_size(self) -> int: ...


def make_engine(settings: DatabaseSettings, application_name: str) -> AsyncEngine:
    """An engine for one process; connects when first used.

    A connection that PostgreSQL has dropped is found before it is used, so that a restart of the database costs at most
    the transactions that were open.
    """
    engine = create_async_engine(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=2,
        pool_timeout=10,
        # The one that was used last: its session has plans and pages at hand, and need not be asked whether it lives.
        pool_use_lifo=True,
        # Errors are logged, and parameters are buyers' data.
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "command_timeout": 60,
            "server_settings": {
                "application_name": application_name,
                "timezone": "UTC",
                # Whoever waits for a lock this long is better off starting again.
                "lock_timeout": "10s",
                "idle_in_transaction_session_timeout": "60s",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _see_that_it_lives)
    event.listen(engine.sync_engine, "checkin", _note_its_use)
    return engine


def _see_that_it_lives(connection: Any, record: Any, _: object) -> None:
    """The pool's listener of connections that are handed out. Raises InvalidatePoolError: the pool makes new ones.

    SQLAlchemy's pre-ping asks PostgreSQL each time, three round trips beside the four or five of a small transaction.
    asyncpg knows by itself when the line was closed, so only one that has lain idle is asked.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
    if time.monotonic() - record.info.get(_USED_AT, math.inf) > ASK_AFTER_S:
        try:
            connection.ping()
        except Exception as error:
            raise InvalidatePoolError from error


def _note_its_use(_: object, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed at the end, rolled back when anything is raised."""
    async with engine.begin() as conn:
        yield conn


@dataclass(slots=True)
class UnitOfWork:
    """A transaction and what is to be said when it commits."""

    conn: AsyncConnection
    messages: list[Message] = field(default_factory=list)

    def emit(self, *messages: Message) -> None:
        """Say this when, and only when, the transaction commits."""
        self.messages.extend(messages)


@asynccontextmanager
async def unit_of_work(engine: AsyncEngine, schema: str) -> AsyncIterator[UnitOfWork]:
    """A transaction whose messages go into the outbox of `schema`, after all other writes."""
    async with engine.begin() as conn:
        work = UnitOfWork(conn)
        yield work
        await outbox.add(conn, schema, work.messages)


Statement = TypeVar("Statement", Select[Any], Update, Delete)


def for_org(statement: Statement, table: Table, org_id: UUID) -> Statement:
    """`statement` restricted to one organisation's rows of `table` (ARCHITECTURE, the stream, rule 12)."""
    return statement.where(table.c.org_id == org_id)


def migrations_path(package_file: str, env: str = "LONGSHORE_MIGRATIONS_DIR") -> Path:
    """Where a service's migrations lie: `services/<name>/migrations`, beside `src/`.

    `package_file` is `__file__` of a module directly in the service's package. In an installation without a
    checkout `env` names the folder that holds `<package>/` for each service.
    """
    package = Path(package_file).resolve().parent
    if root := os.environ.get(env):
        return Path(root) / package.name
    return package.parents[1] / "migrations"


async def migrate(url: str, script_location: Path | str, schema: str, version_table: str = "alembic_version") -> None:
    """Bring `schema` to its newest version; creates it first. Waits until PostgreSQL answers.

    Safe when several processes do it at once. All of it is one transaction: it happens whole or not at all. A schema
    that a newer version has migrated is left as it is.
    Raises FileNotFoundError where there are no migrations.
    """
    location = Path(script_location)
    if not (location / "env.py").is_file():
        raise FileNotFoundError(f"no migrations (env.py) in {location}")
    delay = 0.2
    while True:
        try:
            await _migrate_once(url, location, schema, version_table)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("PostgreSQL is not ready", schema=schema, error=describe(error), retry_in_s=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)
        else:
            return


async def _migrate_once(url: str, script_location: Path, schema: str, version_table: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": 5})
    try:
        async with engine.begin() as conn:
            # As nearly always when a process starts: there is nothing to do, and Alembic need not be loaded.
            if await _is_new_enough(conn, script_location, schema, version_table):
                return
            await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await conn.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            # A migration that waits for a lock blocks all who come after it: rather fail, and try again.
            await conn.execute(text("SET LOCAL lock_timeout = '10s'"))
            await conn.run_sync(_upgrade, script_location, schema, version_table)
    finally:
        await engine.dispose()


async def _is_new_enough(conn: AsyncConnection, script_location: Path, schema: str, version_table: str) -> bool:
    """Whether the schema is of our version, or of a newer one: then a newer process has migrated it while we run on
    (or start once more), and its migrations suit us (CONTRIBUTING)."""
    table = f'"{schema}"."{version_table}"'
    if await conn.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        return False
    applied = set(await conn.scalars(text(f"SELECT version_num FROM {table}")))  # noqa: S608  (names of our own)
    known, followed = _revisions(script_location)
    if applied - known:
        log.warning("the schema is of a newer version than this process", schema=schema, version=sorted(applied))
        return True
    return applied == known - followed


def newest_revisions(script_location: Path) -> set[str]:
    """The revisions that no other follows, read from the migrations' own lines `revision = ` and `down_revision = `."""
    known, followed = _revisions(script_location)
    return known - followed


def _revisions(script_location: Path) -> tuple[set[str], set[str]]:
    """All revisions, and those that another follows."""
    scripts = [path.read_text() for path in (script_location / "versions").glob("*.py")]
    known = {each for script in scripts for each in _REVISION.findall(script)}
    return known, {each for script in scripts for each in _DOWN_REVISION.findall(script)}


def _upgrade(conn: Connection, script_location: Path, schema: str, version_table: str) -> None:
    # Here, not above: a fifth of a second of each start, for what is needed only when there is a new migration.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(script_location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes[_ATTRIBUTES] = {"connection": conn, "schema": schema, "version_table": version_table}
    command.upgrade(config, "head")


def run_env(target_metadata: MetaData, schema: str) -> None:
    """The whole of a service's migrations/env.py: `run_env(metadata, "orders")`.

    Uses the connection of `migrate`.
    """
    from alembic import context

    given: Mapping[str, Any] | None = context.config.attributes.get(_ATTRIBUTES)
    if given is None:
        raise RuntimeError("migrations are run by longshore.db.migrate")

    def ours(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        return kind != "schema" or name == schema

    context.configure(
        connection=given["connection"],
        target_metadata=target_metadata,
        version_table=given["version_table"],
        version_table_schema=given["schema"],
        include_schemas=True,
        include_name=ours,  # type: ignore[arg-type]  # the mapping of parents is a TypedDict of alembic's
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
