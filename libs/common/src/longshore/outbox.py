"""The transactional outbox: what a service has to say is written with the change that it speaks of, then relayed.

At least once: a crash between publishing and deleting publishes again. Order per key holds when a transaction locks
or writes its entity before it adds to the outbox, as ids then follow the order of commits for that entity.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import asyncpg
import structlog
from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, MetaData, Table, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from longshore import tasks
from longshore.broker.errors import BrokerUnavailable, MessageTooLarge, describe
from longshore.broker.metrics import StreamMetrics
from longshore.broker.producer import MAX_REQUEST_SIZE
from longshore.broker.records import ORG_ID_HEADER, Message

log = structlog.get_logger(__name__)

TABLE = "outbox"
BATCH = 1_000
# A bound for `pending`, so that a long outage does not make each look at it slow.
MAX_COUNTED = 1_000_000
_HEADROOM = 64 * 1024


def outbox_table(metadata: MetaData, schema: str) -> Table:
    """The outbox in a service's own schema; call it in models.py, so that Alembic sees it."""
    return Table(
        TABLE,
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("org_id", Uuid, nullable=True, comment="the organisation of the message, from its headers"),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        schema=schema,
        # Rows live for milliseconds: without eager vacuum the head of the index fills with dead entries.
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.0", "autovacuum_vacuum_threshold": "5000"},
    )


async def add(conn: AsyncConnection | AsyncSession, schema: str, messages: Sequence[Message]) -> None:
    """Write `messages` within the caller's transaction; the relay hears of it when that commits.

    Raises MessageTooLarge for what Kafka would never take. Call it after the writes of the entity (see above).
    """
    if not messages:
        return
    for message in messages:
        if len(message.value) > MAX_REQUEST_SIZE - _HEADROOM:
            raise MessageTooLarge(f"A message for {message.topic} is larger than Kafka takes.")
    if isinstance(conn, AsyncSession):
        conn = await conn.connection()
    await conn.execute(
        _insert(schema),
        {
            "orgs": [message.headers.get(ORG_ID_HEADER) for message in messages],
            "topics": [message.topic for message in messages],
            "keys": [message.key for message in messages],
            "bodies": [message.value for message in messages],
            "headers": [json.dumps(message.headers) for message in messages],
            "channel": _channel(schema),
        },
    )


class SendMany(Protocol):
    """What the relay needs of a producer: all are acknowledged, or it raises."""

    async def send_many(self, messages: Sequence[Message]) -> None: ...


class Withhold(Protocol):
    """What is not said for the time being (longshore.rebuild)."""

    async def holds(self, raw: Any) -> bool:
        """Whether anything is withheld now; `raw`: an asyncpg connection."""
        ...

    def keeps_back(self, headers: Mapping[str, str]) -> bool:
        """Whether a message with these headers is then dropped instead of published."""
        ...


class OutboxRelay:
    """Publishes a schema's outbox, in order of ids. Of several processes one is active, the others stand by."""

    def __init__(
        self,
        engine: AsyncEngine,
        schema: str,
        producer: SendMany,
        service: str,
        *,
        metrics: StreamMetrics | None = None,
        poll_s: float = 5.0,
        retry_s: float = 0.5,
        batch: int = BATCH,
        withhold: Withhold | None = None,
    ) -> None:
        self.schema = schema
        self._engine = engine
        self._producer = producer
        self._service = service
        self._metrics = metrics or StreamMetrics()
        self._poll_s = poll_s
        self._retry_s = retry_s
        self._batch = batch
        self._withhold = withhold
        self._task: asyncio.Task[None] | None = None
        self._active = False

    @property
    def active(self) -> bool:
        """Whether this process is the one that publishes now."""
        return self._active

    async def start(self) -> None:
        """Begin to relay in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"outbox {self.schema}")

    async def stop(self) -> None:
        """Stop; what was not published waits for the next start."""
        task, self._task = self._task, None
        if task is not None:
            await tasks.end(task)

    async def pending(self) -> int:
        """How many messages wait to be published (at most MAX_COUNTED are counted)."""
        async with self._engine.connect() as conn:
            counted = await conn.scalar(
                text(f'SELECT count(*) FROM (SELECT 1 FROM "{self.schema}".{TABLE} LIMIT {MAX_COUNTED}) AS waiting')  # noqa: S608
            )
        return int(counted or 0)

    async def _run(self) -> None:
        while True:
            try:
                await self._relay()
            except (
                SQLAlchemyError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,  # a connection that broke in the middle of a statement
                BrokerUnavailable,
                OSError,
            ) as error:
                log.warning("the outbox waits", schema=self.schema, error=describe(error))
            except Exception:
                # It must not end: what is written here has been promised to others.
                log.exception("the outbox failed and is tried again", schema=self.schema)
            finally:
                self._active = False
            await asyncio.sleep(self._retry_s)

    async def _relay(self) -> None:
        """Relay for as long as the connection lasts; it holds the lock and hears the notifications."""
        news = asyncio.Event()

        def on_news(*_: object) -> None:
            news.set()

        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as conn:
            raw = cast("asyncpg.Connection", (await conn.get_raw_connection()).driver_connection)
            raw.add_termination_listener(on_news)
            try:
                if not await raw.fetchval(
                    "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", _channel(self.schema)
                ):
                    return
                self._active = True
                await raw.add_listener(_channel(self.schema), on_news)
                while not raw.is_closed():
                    news.clear()
                    await self._drain(raw)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), self._poll_s)
            finally:
                # The lock and the listener belong to the session, so it must not go back to the pool.
                raw.remove_termination_listener(on_news)
                raw.terminate()
                await conn.invalidate()

    async def _drain(self, raw: Any) -> None:
        """Publish until nothing is left. A gap in the ids may be filled later: a transaction still open."""
        table = f'"{self.schema}".{TABLE}'
        published = self._metrics.outbox_published.labels(self._service)
        pending = self._metrics.outbox_pending.labels(self._service)
        while True:
            withheld = self._withhold is not None and await self._withhold.holds(raw)
            rows = await raw.fetch(
                f"SELECT id, topic, key, value, headers::text FROM {table} ORDER BY id LIMIT $1",  # noqa: S608
                self._batch,
            )
            if not rows:
                pending.set(0)
                return
            pending.set(len(rows) if len(rows) < self._batch else await self.pending())
            messages = [Message(row["topic"], row["key"], row["value"], json.loads(row["headers"])) for row in rows]
            if withheld and self._withhold is not None:
                # Only what was read while it still held: what is written at its end is to be said.
                if not await self._withhold.holds(raw):
                    continue
                messages = [each for each in messages if not self._withhold.keeps_back(each.headers)]
            await self._producer.send_many(messages)
            await raw.execute(
                f"DELETE FROM {table} WHERE id = ANY($1::bigint[])",  # noqa: S608
                [row["id"] for row in rows],
            )
            published.inc(len(rows))
            if len(rows) < self._batch:
                pending.set(0)


def _channel(schema: str) -> str:
    return f"longshore_outbox_{schema}"


def _insert(schema: str) -> Any:
    # PostgreSQL folds equal notifications of one transaction into one.
    return text(
        f"""
        WITH added AS (
            INSERT INTO "{schema}".{TABLE} (org_id, topic, key, value, headers)
            SELECT org::uuid, topic, key, body, headers::jsonb
            FROM unnest(
                CAST(:orgs AS text[]), CAST(:topics AS text[]), CAST(:keys AS text[]),
                CAST(:bodies AS bytea[]), CAST(:headers AS text[])
            ) WITH ORDINALITY AS messages(org, topic, key, body, headers, number)
            ORDER BY number
        )
        SELECT pg_notify(CAST(:channel AS text), '')
        """  # noqa: S608  (the schema is a name in our code)
    )
