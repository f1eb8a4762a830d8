"""The tables that every connector has in its own schema (pgqueuer brings its own): what stock each listing shall
have, which commands are done, sync runs, and the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import Command, CommandOutcome
from longshore.outbox import outbox_table
from longshore.platforms.heard import hearing_table
from longshore.platforms.limits import limits_table
from longshore.platforms.sync.tables import past_syncs, sync_tables
from longshore.pruning import Past

# Of tries whose answers were lost so many are kept, the newest: a store that loses more answers than that is not one.
MOST_TRIED = 8


def connector_metadata(schema: str) -> MetaData:
    """The tables of a connector in `schema`."""
    metadata = MetaData(schema=schema)
    Table(
        "stock_targets",
        metadata,
        Column("listing_id", Uuid, primary_key=True),
        Column("integration_id", Uuid, nullable=False),
        Column("org_id", Uuid, nullable=False),
        # The newest command for this listing, and the newest one that is dealt with.
        Column("sequence", BigInteger, nullable=False),
        Column("done_sequence", BigInteger, nullable=False),
        Column("command", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        # Sequences that were sent to the store and whose answers are not known: each may have taken effect.
        Column("tried", ARRAY(BigInteger), nullable=False, server_default="{}"),
        Index("stock_targets_open", "integration_id", "due_at", postgresql_where=text("done_sequence < sequence")),
    )
    Table(
        "done_commands",
        metadata,
        Column("command_id", Uuid, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("done_at", DateTime(timezone=True), nullable=False),
        Index("done_commands_by_age", "done_at"),
    )
    sync_tables(metadata)
    hearing_table(metadata)
    limits_table(metadata)
    outbox_table(metadata, schema)
    return metadata


def past(schema: str, history_days: int) -> list[Past]:
    """Rows that may go: commands that were carried out so long ago that their topic has forgotten them, and what a
    listing was last told then. A listing that is told again gets its row again."""
    keep = timedelta(days=history_days)
    return [
        Past(f"{schema}.done_commands", "done_at < :before", keep),
        Past(f"{schema}.stock_targets", "done_sequence >= sequence AND due_at < :before", keep),
        Past(f"{schema}.limits", "at < :before", keep),
        *past_syncs(schema, history_days),
    ]


@dataclass(frozen=True, slots=True)
class Target:
    """What a listing shall have, by its newest command; `done` if that command is dealt with.

    `tried`: sequences of earlier tries whose answers were lost.
    """

    listing_id: UUID
    sequence: int
    done_sequence: int
    command: Command
    attempts: int
    tried: tuple[int, ...] = ()

    @property
    def place(self) -> tuple[UUID, int]:
        """(listing, sequence)."""
        return (self.listing_id, self.sequence)

    @property
    def tried_before(self) -> bool:
        """Whether the answer to an earlier try of this very command was lost."""
        return self.sequence in self.tried

    @property
    def done(self) -> bool:
        """Whether nothing is left to do for this listing."""
        return self.done_sequence >= self.sequence


class ConnectorStore:
    """Queries on a connector's tables."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    async def targets(self, conn: AsyncConnection, listing_ids: Iterable[UUID]) -> dict[UUID, Target]:
        """The targets of these listings, locked in one order (two batches never deadlock)."""
        rows = await conn.execute(
            text(
                f"SELECT listing_id, sequence, done_sequence, command, attempts FROM {self._schema}.stock_targets"  # noqa: S608
                " WHERE listing_id = ANY(:ids) ORDER BY listing_id FOR UPDATE"
            ),
            {"ids": sorted(listing_ids)},
        )
        return {
            row.listing_id: Target(
                row.listing_id, row.sequence, row.done_sequence, Command.from_json(row.command), row.attempts
            )
            for row in rows
        }

    async def set_targets(self, conn: AsyncConnection, commands: Sequence[tuple[UUID, int, Command]]) -> None:
        """Put newer commands (listing, sequence, command) in the place of older ones."""
        if not commands:
            return
        rows = sorted(commands, key=lambda each: each[0])
        await conn.execute(
            text(
                f"INSERT INTO {self._schema}.stock_targets AS t"  # noqa: S608
                " (listing_id, integration_id, org_id, sequence, done_sequence, command, attempts, due_at)"
                " SELECT listing_id, integration_id, org_id, sequence, 0, command, 0, now() FROM unnest("
                " CAST(:listings AS uuid[]), CAST(:integrations AS uuid[]), CAST(:orgs AS uuid[]),"
                " CAST(:sequences AS bigint[]), CAST(:commands AS text[]))"
                " AS new (listing_id, integration_id, org_id, sequence, command)"
                " ON CONFLICT (listing_id) DO UPDATE SET sequence = EXCLUDED.sequence,"
                " command = EXCLUDED.command, attempts = 0, due_at = EXCLUDED.due_at"
                " WHERE EXCLUDED.sequence > t.sequence"
            ),
            {
                "listings": [listing for listing, _, _ in rows],
                "integrations": [command.integration_id for _, _, command in rows],
                "orgs": [command.org_id for _, _, command in rows],
                "sequences": [sequence for _, sequence, _ in rows],
                "commands": [command.to_json().decode() for _, _, command in rows],
            },
        )

    async def due_targets(self, conn: AsyncConnection, integration_id: UUID, limit: int) -> list[Target]:
        """What has to be pushed to a store now."""
        rows = await conn.execute(
            text(
                "SELECT listing_id, sequence, done_sequence, command, attempts, tried"  # noqa: S608
                f" FROM {self._schema}.stock_targets"
                " WHERE integration_id = :integration AND done_sequence < sequence AND due_at <= now()"
                " ORDER BY due_at, listing_id LIMIT :limit"
            ),
            {"integration": integration_id, "limit": limit},
        )
        return [
            Target(
                row.listing_id,
                row.sequence,
                row.done_sequence,
                Command.from_json(row.command),
                row.attempts,
                tuple(row.tried),
            )
            for row in rows
        ]

    async def note_tried(self, conn: AsyncConnection, tried: Sequence[tuple[UUID, int]]) -> None:
        """These (listing, sequence) are about to be sent to their store: without an answer, they may have taken effect.

        The caller commits before it calls the store.
        """
        await self._set_tried(
            conn,
            tried,
            "CASE WHEN x.sequence = ANY(t.tried) THEN t.tried"
            f" ELSE t.tried[greatest(1, cardinality(t.tried) - {MOST_TRIED} + 2):] || x.sequence END",
        )

    async def forget_tried(self, conn: AsyncConnection, tried: Sequence[tuple[UUID, int]]) -> None:
        """These (listing, sequence) were not sent after all: the store asked us to come later."""
        await self._set_tried(conn, tried, "array_remove(t.tried, x.sequence)")

    async def _set_tried(self, conn: AsyncConnection, places: Sequence[tuple[UUID, int]], value: str) -> None:
        await conn.execute(
            text(
                # Locked in the order in which others lock them.
                "WITH x AS (SELECT x.listing_id, x.sequence FROM unnest(CAST(:listings AS uuid[]),"  # noqa: S608
                f" CAST(:sequences AS bigint[])) AS x (listing_id, sequence) JOIN {self._schema}.stock_targets l"
                " ON l.listing_id = x.listing_id ORDER BY x.listing_id FOR UPDATE OF l)"
                f" UPDATE {self._schema}.stock_targets t SET tried = {value} FROM x WHERE t.listing_id = x.listing_id"
            ),
            {"listings": [each for each, _ in places], "sequences": [sequence for _, sequence in places]},
        )

    async def next_due_s(self, conn: AsyncConnection, integration_id: UUID) -> float | None:
        """Seconds until the next target of a store is due; None when none is open."""
        seconds = await conn.scalar(
            text(
                f"SELECT extract(epoch FROM min(due_at) - now()) FROM {self._schema}.stock_targets"  # noqa: S608
                " WHERE integration_id = :integration AND done_sequence < sequence"
            ),
            {"integration": integration_id},
        )
        return None if seconds is None else max(0.0, float(seconds))

    async def targets_done(self, conn: AsyncConnection, done: Sequence[tuple[UUID, int]]) -> None:
        """These (listing, sequence) are dealt with, and with them all earlier tries; a newer command stays open."""
        if done:
            await conn.execute(
                text(
                    f"UPDATE {self._schema}.stock_targets t SET done_sequence = d.sequence, tried = '{{}}'"  # noqa: S608
                    " FROM (SELECT * FROM unnest(CAST(:listings AS uuid[]), CAST(:sequences AS bigint[]))"
                    " AS x (listing_id, sequence) ORDER BY listing_id) d"
                    " WHERE t.listing_id = d.listing_id AND t.done_sequence < d.sequence"
                ),
                {"listings": [each for each, _ in done], "sequences": [sequence for _, sequence in done]},
            )

    async def targets_asked(self, conn: AsyncConnection, asked: Sequence[tuple[UUID, int]]) -> None:
        """These (listing, sequence) were tried, and the store could not be asked: they are due as before."""
        await conn.execute(
            text(
                f"UPDATE {self._schema}.stock_targets t SET attempts = attempts + 1"  # noqa: S608
                " FROM (SELECT * FROM unnest(CAST(:listings AS uuid[]), CAST(:sequences AS bigint[]))"
                " AS x (listing_id, sequence) ORDER BY listing_id) f"
                " WHERE t.listing_id = f.listing_id AND t.sequence = f.sequence"
            ),
            {"listings": [each for each, _ in asked], "sequences": [sequence for _, sequence in asked]},
        )

    async def targets_failed(self, conn: AsyncConnection, failed: Sequence[tuple[UUID, int]], delay_s: float) -> None:
        """These (listing, sequence) have to be tried again, after `delay_s`."""
        if failed:
            await conn.execute(
                text(
                    f"UPDATE {self._schema}.stock_targets t SET attempts = attempts + 1,"  # noqa: S608
                    " due_at = now() + make_interval(secs => :delay)"
                    " FROM unnest(CAST(:listings AS uuid[]), CAST(:sequences AS bigint[])) AS f (listing_id, sequence)"
                    " WHERE t.listing_id = f.listing_id AND t.sequence = f.sequence"
                ),
                {
                    "listings": [each for each, _ in failed],
                    "sequences": [sequence for _, sequence in failed],
                    "delay": delay_s,
                },
            )

    async def done(self, conn: AsyncConnection, command_id: UUID) -> CommandOutcome | None:
        """The outcome of a command that was carried out already."""
        outcome = await conn.scalar(
            text(f"SELECT outcome FROM {self._schema}.done_commands WHERE command_id = :id"),  # noqa: S608
            {"id": command_id},
        )
        return None if outcome is None else CommandOutcome.from_json(outcome)

    async def record_done(self, conn: AsyncConnection, outcome: CommandOutcome, now: datetime) -> None:
        """Remember that a command is carried out: a repeated one is answered, not done again."""
        await self.end_once(conn, outcome, now)

    async def end_once(self, conn: AsyncConnection, outcome: CommandOutcome, now: datetime) -> bool:
        """As `record_done`; whether the command had not ended before."""
        ended = await conn.execute(
            text(
                f"INSERT INTO {self._schema}.done_commands (command_id, org_id, outcome, done_at)"  # noqa: S608
                " VALUES (:id, :org, :outcome, :now) ON CONFLICT DO NOTHING RETURNING command_id"
            ),
            {
                "id": outcome.command_id,
                "org": outcome.org_id,
                "outcome": outcome.to_json().decode(),
                "now": now,
            },
        )
        return ended.one_or_none() is not None
