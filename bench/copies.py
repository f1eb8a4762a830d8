"""A million orders in minutes: copies, made inside PostgreSQL, of a few that were written as the services do it.

`fill` (see fill.py) writes the first TEMPLATES orders of a store; `copy` makes order `n` of order `n % TEMPLATES`.
A copy has an id, a number, dates, a digest and words of its own, and takes the same room in every table and index.
Synthetic are its id (not the uuid5 that the hub would give it), its digest (of nothing), its lines' ids and its place
in the raw log (the template's). A test compares copies with orders written one by one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from bench.database import connected, plain
from bench.fill import EVERY_S, FIRST_AT, fill
from longshore_devkit.stores.woo.payloads import FIRST_ID

TEMPLATES = 64
"""As many as there are different goods (OrderBodies' variants)."""
CHUNK = 10_000
CONNECTIONS = 2

_NEW = f"""
    WITH new AS MATERIALIZED (
        SELECT n, md5(t.id::text || n)::uuid AS id, ({FIRST_ID} + n)::text AS external_id, md5(t.digest || n) AS digest,
            to_timestamp({FIRST_AT} + n * {EVERY_S}) AS at, t.id AS template_id, t.placed_at AS template_at,
            t.external_id AS template_external_id, t.digest AS template_digest
        FROM generate_series($2::bigint, $3::bigint) n
        JOIN order_sync.orders t ON t.integration_id = $1 AND t.external_id = ({FIRST_ID} + n % {TEMPLATES})::text
    )
"""

_ISO = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
_BODY = "r.body"
for _old, _now in (
    ("new.template_external_id", "new.external_id"),
    ("new.template_digest", "new.digest"),
    (_ISO.format("new.template_at"), _ISO.format("new.at")),
):
    _BODY = f"replace({_BODY}, {_old}, {_now})"


@dataclass(frozen=True)
class _Table:
    """How rows of a table are copied: which column names the order, which dates move with it, what else is new."""

    name: str
    order: str
    dates: tuple[str, ...] = ()
    others: dict[str, str] = field(default_factory=dict)

    def statement(self, columns: list[str]) -> str:
        """Copies the rows of orders $2 to $3 of store $1."""
        new = {self.order: "new.id"} | {each: f"r.{each} + (new.at - new.template_at)" for each in self.dates}
        values = [(new | self.others).get(each, f'r."{each}"') for each in columns]
        names = ", ".join(f'"{each}"' for each in columns)
        return (
            f"{_NEW} INSERT INTO {self.name} ({names}) SELECT {', '.join(values)}"
            f" FROM new JOIN {self.name} r ON r.{self.order} = new.template_id"
        )


_EXTERNAL = {"external_id": "new.external_id", "digest": "new.digest"}
TABLES = (
    _Table("order_sync.orders", "id", ("placed_at", "updated_at", "observed_at", "content_at"), _EXTERNAL),
    _Table(
        "order_sync.order_revisions", "order_id", ("updated_at", "observed_at"), {"digest": "new.digest", "body": _BODY}
    ),
    _Table(
        "order_sync.order_search",
        "order_id",
        (),
        {
            "terms": "array_to_tsvector(array_replace("
            "tsvector_to_array(r.terms), new.template_external_id, new.external_id))"
        },
    ),
    _Table("inventory.orders", "id", ("updated_at", "observed_at", "placed_at"), _EXTERNAL),
    _Table("inventory.order_lines", "order_id", ("placed_at",)),
)

_RESERVE = """
    UPDATE inventory.levels l SET reserved = held.pieces
    FROM (SELECT variant_id, sum(reserved) AS pieces FROM inventory.order_lines GROUP BY variant_id) held
    WHERE l.variant_id = held.variant_id
"""


async def filled(database_url: str, org_id: UUID, integration_id: UUID, first: int, count: int) -> None:
    """Give a store orders `first` to `first + count - 1`; those before `first` are there."""
    if first == 0:
        engine = create_async_engine(plain(database_url).replace("postgresql://", "postgresql+asyncpg://", 1))
        try:
            await fill(engine, org_id, integration_id, 0, TEMPLATES)
        finally:
            await engine.dispose()
    await copy(database_url, integration_id, max(first, TEMPLATES), first + count)


async def copy(database_url: str, integration_id: UUID, first: int, end: int) -> None:
    """Make orders `first` to `end - 1` of the templates, on as many connections as the machine has cores."""
    chunks = iter(range(first, end, CHUNK))

    async def work() -> None:
        async with connected(database_url) as conn:
            # A crash may cost the filling, not the time.
            await conn.execute("SET synchronous_commit = off")
            statements = [each.statement(await _columns(conn, each.name)) for each in TABLES]
            for start in chunks:
                async with conn.transaction():
                    for statement in statements:
                        await conn.execute(statement, integration_id, start, min(start + CHUNK, end) - 1)

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    async with connected(database_url) as conn:
        await conn.execute(_RESERVE)


async def _columns(conn: asyncpg.Connection, table: str) -> list[str]:
    rows = await conn.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
        " AND NOT attisdropped AND attidentity = ''",
        table,
    )
    return [row["attname"] for row in rows]
