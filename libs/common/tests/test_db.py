"""The engine, migrations by several processes at once, scoping by organisation, the unit of work."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, Uuid, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import db
from longshore.broker import Message, is_transient
from longshore.db import for_org, make_engine, migrate, migrations_path, newest_revisions, transaction, unit_of_work
from longshore_devkit.running import RunningInfra

MIGRATIONS = Path(__file__).parent / "migrations"
BINS = Table("bins", MetaData(), Column("id", Integer), Column("org_id", Uuid), schema="warehouse")


@dataclass
class Settings:
    database_url: str
    database_pool_size: int = 4


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    await migrate(database_url, MIGRATIONS, "warehouse")
    engine = make_engine(Settings(database_url), "tests")
    yield engine
    await engine.dispose()


async def test_several_processes_migrate_at_once(database_url: str) -> None:
    await asyncio.gather(*[migrate(database_url, MIGRATIONS, "warehouse") for _ in range(4)])
    engine = make_engine(Settings(database_url), "tests")
    async with engine.connect() as conn:
        versions = (await conn.execute(text("SELECT version_num FROM warehouse.alembic_version"))).all()
    await engine.dispose()
    assert versions == [("0001",)]


async def test_a_newer_migration_is_applied(database_url: str, tmp_path: Path) -> None:
    await migrate(database_url, MIGRATIONS, "warehouse")
    newer = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, newer)
    (newer / "versions" / "0002_shelves.py").write_text(
        "from alembic import op\n\n"
        'revision = "0002"\ndown_revision = "0001"\n\n\n'
        "def upgrade() -> None:\n"
        '    op.execute("CREATE TABLE warehouse.shelves (id int)")\n'
    )
    assert (newest_revisions(MIGRATIONS), newest_revisions(newer)) == ({"0001"}, {"0002"})
    for _ in range(2):
        await migrate(database_url, newer, "warehouse")
    # A process of the version before starts once more (a crash during an upgrade): it runs on what the newer one made.
    await migrate(database_url, MIGRATIONS, "warehouse")
    engine = make_engine(Settings(database_url), "tests")
    async with engine.connect() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM warehouse.shelves")) == 0
        assert await conn.scalar(text("SELECT version_num FROM warehouse.alembic_version")) == "0002"
    await engine.dispose()


@pytest.mark.parametrize("package", ["", "platforms"])
def test_newest_revisions_are_what_alembic_says(package: str) -> None:
    location = MIGRATIONS.parent / package / "migrations"
    scripts = ScriptDirectory(str(location))
    assert newest_revisions(location) == set(scripts.get_heads())


async def test_migrations_that_are_not_there_are_an_error(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no migrations"):
        await migrate(database_url, tmp_path, "warehouse")


async def test_migrating_waits_for_postgresql(infra: RunningInfra, database_url: str) -> None:
    await asyncio.to_thread(infra.signal, signal.SIGKILL, "postgres")
    await asyncio.wait_for(migrate(database_url, MIGRATIONS, "warehouse"), 30)


def test_migrations_lie_beside_src_or_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "/app/services/order-sync/src/order_sync/app.py"
    assert migrations_path(module) == Path("/app/services/order-sync/migrations")
    monkeypatch.setenv("LONGSHORE_MIGRATIONS_DIR", "/usr/share/longshore")
    assert migrations_path(module) == Path("/usr/share/longshore/order_sync")


async def test_connections_say_who_they_are_and_think_in_utc(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        assert await conn.scalar(text("SHOW application_name")) == "tests"
        assert await conn.scalar(text("SHOW timezone")) == "UTC"


async def test_a_connection_that_has_lain_idle_is_asked_for_before_it_is_used(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def session() -> int:
        async with engine.connect() as conn:
            return int(await conn.scalar(text("SELECT pg_backend_pid()")) or 0)

    def fail(_: object) -> None:
        raise OSError("nobody answers")

    first = await session()
    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", fail)
    # It was used just now.
    assert await session() == first
    monkeypatch.setattr(db, "ASK_AFTER_S", -1.0)
    assert await session() != first


async def test_a_restart_of_postgresql_costs_no_error_later(infra: RunningInfra, engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        await conn.execute(text("SELECT 1"))
    await asyncio.to_thread(infra.kill_and_wait, "postgres")
    async with engine.connect() as conn:
        assert await conn.scalar(text("SELECT 1")) == 1


async def test_a_transaction_is_all_or_nothing(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with transaction(engine) as conn:
            await conn.execute(insert(BINS).values(id=1, org_id=uuid4()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with engine.connect() as conn:
        assert (await conn.execute(select(BINS))).all() == []


async def test_errors_do_not_show_parameters(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT CAST(:value AS jsonb)"), {"value": "alice@example.com"})
    assert "parameters" in str(caught.value)
    assert not is_transient(caught.value)


async def test_statements_are_scoped_to_one_organisation(engine: AsyncEngine) -> None:
    ours, theirs = uuid4(), uuid4()
    async with transaction(engine) as conn:
        await conn.execute(insert(BINS), [{"id": 1, "org_id": ours}, {"id": 2, "org_id": theirs}])
        await conn.execute(for_org(update(BINS).values(id=10), BINS, ours))
        assert await _ids(conn, ours) == [10]
        assert await _ids(conn, theirs) == [2]
        await conn.execute(for_org(delete(BINS), BINS, ours))
        assert await _ids(conn, theirs) == [2]


async def _ids(conn: AsyncConnection, org_id: UUID) -> list[int]:
    return list((await conn.scalars(for_org(select(BINS.c.id), BINS, org_id))).all())


async def test_a_unit_of_work_speaks_when_it_commits_and_not_before(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with unit_of_work(engine, "warehouse") as work:
            work.emit(Message("orders.events", "k", b"never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with unit_of_work(engine, "warehouse") as work:
        work.emit(Message("orders.events", "k", b"one"), Message("orders.events", "k", b"two"))
        await work.conn.execute(insert(BINS).values(id=1, org_id=uuid4()))
    async with engine.connect() as conn:
        rows = (await conn.execute(text("SELECT value FROM warehouse.outbox ORDER BY id"))).all()
    assert rows == [(b"one",), (b"two",)]
