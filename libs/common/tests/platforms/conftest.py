"""A connector of the toy platform on real PostgreSQL: one database for each module, emptied between its tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from longshore.broker import Record
from longshore.contracts import (
    Command,
    CommandOutcome,
    EntityFetch,
    FulfillmentCreate,
    IntegrationChanged,
    IntegrationStatus,
    Platform,
    StockSet,
    SyncCancel,
    SyncRunChanged,
    SyncStart,
)
from longshore.db import migrate
from longshore.ids import IntegrationId, OrgId, uuid7
from longshore.platforms.accepting import AcceptCommands
from longshore.platforms.clients import Clients
from longshore.platforms.connecting import ConnectStore
from longshore.platforms.job_runner import JobQueue
from longshore.platforms.jobs import JobTables, Lane, RunningJob
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.running import RunJobs
from longshore.platforms.standing import Standing
from longshore.platforms.sync.beginning import BeginSyncs
from longshore.platforms.sync.engine import RunSync
from longshore.platforms.sync.schedule import Schedule
from longshore.platforms.sync.tables import SyncStore
from longshore.platforms.tables import ConnectorStore
from longshore.platforms.webhook_care import Watchdog, WebhookCare
from longshore.platforms.work import CommandWork, StockWork, SyncWork, Work
from longshore.vault import MIGRATIONS as VAULT_MIGRATIONS
from longshore.vault import SCHEMA as VAULT_SCHEMA
from longshore.vault import Sealer, Vault
from longshore_devkit.testing import MakeDatabase

from .toy import NOW, KeptMessages, Shop, Shops

SCHEMA = "connector_toy"
ORG = OrgId(uuid4())
PLATFORM = Platform.API
TABLES = (
    f"{SCHEMA}.pgqueuer, {SCHEMA}.pgqueuer_log, {SCHEMA}.stock_targets, {SCHEMA}.done_commands, {SCHEMA}.outbox,"
    f" {SCHEMA}.sync_runs, {SCHEMA}.sync_items, {SCHEMA}.sync_marks, {SCHEMA}.heard, {VAULT_SCHEMA}.integrations"
)


async def no_handler(_: RunningJob) -> None: ...


@pytest.fixture(scope="session")
def with_tables(make_database: MakeDatabase) -> str:
    """A database with a connector's and the vault's tables, to copy: to make them takes a second."""
    url = make_database()

    async def prepare() -> None:
        await migrate(url, VAULT_MIGRATIONS, VAULT_SCHEMA)
        await migrate(url, Path(__file__).parent / "migrations", SCHEMA)
        await JobQueue(url, SCHEMA, no_handler).install()

    asyncio.run(prepare())
    return url


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase, with_tables: str) -> str:
    """A database with a connector's and the vault's tables."""
    return make_database(with_tables)


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the emptied database."""
    engine = create_async_engine(url, pool_pre_ping=True)
    async with engine.begin() as conn:
        await conn.execute(text(f"TRUNCATE {TABLES}"))
    yield engine
    await engine.dispose()


class Connector:
    """The parts of a connector, wired as connector.py does, with toy shops and no Kafka."""

    def __init__(self, url: str, engine: AsyncEngine, vault: Vault | None = None) -> None:
        self.engine = engine
        self.now = NOW
        self.shops = Shops()
        self.raw = KeptMessages()
        self.registry = CollectorRegistry()
        metrics = self.metrics = ConnectorMetrics(self.registry)
        self.vault = vault or Vault(Sealer([Fernet.generate_key().decode()]))
        self.store = ConnectorStore(SCHEMA)
        self.clients = Clients(self.shops.make_client, metrics)
        parts: dict[str, Any] = {
            "platform": PLATFORM,
            "schema": SCHEMA,
            "engine": engine,
            "producer": self.raw,
            "vault": self.vault,
            "clients": self.clients,
            "clock": self.clock,
        }
        self.syncs = SyncStore(SCHEMA)
        tables = JobTables(url, SCHEMA)
        self.begin = BeginSyncs(SCHEMA, self.syncs, tables)
        self.schedule = Schedule(
            platform=PLATFORM,
            engine=engine,
            vault=self.vault,
            store=self.syncs,
            begin=self.begin,
            jobs=tables,
            resources=("products", "orders", "customers"),
            clock=self.clock,
        )
        self.connect = ConnectStore(**parts, public_url="https://hub.example/", connected=self.schedule.connected)
        standing = {name: parts[name] for name in ("schema", "engine", "vault", "clients", "clock")}
        self.standing = Standing(**standing, jobs=JobTables(url, SCHEMA))
        unsealed = {name: part for name, part in parts.items() if name != "vault"}
        self.sync = RunSync(**unsealed, store=self.syncs, standing=self.standing, jobs=tables, metrics=metrics)
        self.care = WebhookCare(
            schema=SCHEMA,
            engine=engine,
            callback_url=self.connect.callback_url,
            metrics=metrics,
            clock=self.clock,
        )
        self.watchdog = Watchdog(
            platform=PLATFORM,
            engine=engine,
            vault=self.vault,
            standing=self.standing,
            care=self.care,
            jobs=JobTables(url, SCHEMA),
            every_s=300,
        )
        self.run = RunJobs(
            **parts,
            store=self.store,
            connect=self.connect,
            standing=self.standing,
            watchdog=self.watchdog,
            sync=self.sync,
            poll=self.schedule.poll,
            permitted=self.schedule.permitted,
            reread=self.schedule.reread,
            metrics=metrics,
        )
        self.jobs = JobQueue(url, SCHEMA, self.run, paused=self.clients.paused, heartbeat_s=2.0, grace_s=1.0)
        self.accept = AcceptCommands(SCHEMA, engine, self.store, self.jobs, self.begin, self.clock)
        self._offset = 0

    def clock(self) -> datetime:
        return self.now

    async def add_store(
        self, name: str = "a", *, status: IntegrationStatus | None = None, settings: Mapping[str, Any] | None = None
    ) -> tuple[IntegrationId, Shop]:
        """Connect a store; its shop comes with it."""
        store_url = f"https://{name}.example"
        async with self.engine.begin() as conn:
            row = await self.vault.create(
                conn,
                org_id=ORG,
                platform=PLATFORM,
                name=name,
                store_url=store_url,
                store_key=name,
                credentials={"token": f"secret of {name}"},
                settings=settings or {},
                now=self.now,
            )
            if status is not None:
                await self.vault.set_status(conn, row.id, status, None, self.now)
        return row.id, self.shops[store_url]

    async def delete_store(self, id: IntegrationId) -> None:
        async with self.engine.begin() as conn:
            assert await self.vault.delete(conn, ORG, id, self.now)

    def records(self, *commands: Command) -> list[Record]:
        """Commands as they come from their topic."""
        records = []
        for command in commands:
            self._offset += 1
            topic = f"commands.{PLATFORM.value}"
            records.append(Record(topic, 0, self._offset, 0, str(command.integration_id), command.to_json(), {}))
        return records

    async def work(self, store: UUID, work: Work, attempts: int = 0) -> None:
        """Run a job at once, as the queue would."""
        await self.run(RunningJob(store, Lane.WORK, work.to_json(), attempts))

    async def do(self, command: Command, attempts: int = 0) -> None:
        await self.work(command.integration_id, CommandWork(command=command), attempts)

    async def push(self, store: UUID, attempts: int = 0) -> None:
        await self.work(store, StockWork(), attempts)

    async def outcomes(self) -> list[CommandOutcome]:
        """What was said on commands.outcomes, in order."""
        return [CommandOutcome.from_json(each) for each in await self._said("commands.outcomes")]

    async def statuses(self, command: Command) -> list[str]:
        """The statuses that were said of one command, in order."""
        return [each.status.value for each in await self.outcomes() if each.command_id == command.id]

    async def events(self) -> list[IntegrationChanged]:
        """What was said on integrations.events, in order."""
        said = await self._said("integrations.events")
        return [IntegrationChanged.from_json(each) for each in said if b'"trigger"' not in each]

    async def runs(self) -> list[SyncRunChanged]:
        """What was said of sync runs, in order."""
        said = [json.loads(each) for each in await self._said("integrations.events")]
        return [SyncRunChanged.model_validate(each) for each in said if "trigger" in each]

    async def open_runs(self) -> list[tuple[str, str, str]]:
        """(resource, mode, trigger) of the runs that have not ended, in order."""
        async with self.engine.connect() as conn:
            rows = await conn.execute(
                text(
                    f"SELECT resource, mode, trigger FROM {SCHEMA}.sync_runs"
                    " WHERE finished_at IS NULL ORDER BY created_at, id"
                )
            )
            return [(row.resource, row.mode, row.trigger) for row in rows]

    async def run_syncs(self) -> None:
        """Run all runs that have not ended, as the queue would."""
        async with self.engine.connect() as conn:
            query = (
                f"SELECT id, integration_id FROM {SCHEMA}.sync_runs WHERE finished_at IS NULL ORDER BY created_at, id"
            )
            rows = (await conn.execute(text(query))).all()
        for row in rows:
            await self.work(row.integration_id, SyncWork(run_id=row.id))

    async def _said(self, topic: str) -> Sequence[bytes]:
        async with self.engine.connect() as conn:
            rows = await conn.execute(
                text(f"SELECT value FROM {SCHEMA}.outbox WHERE topic = :topic ORDER BY id"), {"topic": topic}
            )
            return [bytes(row.value) for row in rows]

    async def count(self, table: str) -> int:
        async with self.engine.connect() as conn:
            return int(await conn.scalar(text(f"SELECT count(*) FROM {SCHEMA}.{table}")) or 0)

    async def let_targets_be_due(self) -> None:
        """Let the pauses of stock targets be over."""
        async with self.engine.begin() as conn:
            await conn.execute(text(f"UPDATE {SCHEMA}.stock_targets SET due_at = now() - interval '1 second'"))


@pytest.fixture
async def connector(url: str, engine: AsyncEngine) -> AsyncIterator[Connector]:
    connector = Connector(url, engine)
    yield connector
    await connector.clients.close()


def command(store: UUID, payload: FulfillmentCreate | StockSet | EntityFetch | SyncStart | SyncCancel) -> Command:
    return Command(
        id=uuid7(),
        org_id=ORG,
        integration_id=store,
        platform=PLATFORM,
        payload=payload,
        reply_to="order-sync",
        created_at=NOW,
    )


def fulfilment(store: UUID, order: str = "29") -> Command:
    payload = FulfillmentCreate(order_id=uuid4(), order_external_id=order, fulfillment_id=uuid4(), lines=[])
    return command(store, payload)


def stock(store: UUID, listing: UUID, sequence: int, quantity: int | None = None, sku: str = "MUG") -> Command:
    payload = StockSet(
        listing_id=listing,
        sku=sku,
        variant_external_id="1",
        inventory_external_id="1",
        quantity=sequence * 10 if quantity is None else quantity,
        sequence=sequence,
        caused_at=NOW,
    )
    return command(store, payload)
