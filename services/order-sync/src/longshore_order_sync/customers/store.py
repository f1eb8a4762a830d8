"""Queries of customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import CustomerDeleted, CustomerSnapshot
from longshore.db import for_org
from longshore.paging import Place
from longshore_order_sync.customers.models import customers, gone_customers
from longshore_order_sync.database import SCHEMA

_WRITE = text(
    f"""
    INSERT INTO {SCHEMA}.customers AS old (
        id, org_id, integration_id, external_id, updated_at, observed_at, raw_offset, digest, body
    )
    SELECT * FROM unnest(
        CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:integration_id AS uuid[]), CAST(:external_id AS text[]),
        CAST(:updated_at AS timestamptz[]), CAST(:observed_at AS timestamptz[]), CAST(:raw_offset AS bigint[]),
        CAST(:digest AS text[]), CAST(:body AS text[])
    )
    ON CONFLICT (id) DO UPDATE SET
        updated_at = excluded.updated_at, observed_at = excluded.observed_at, raw_offset = excluded.raw_offset,
        digest = excluded.digest, body = excluded.body
    WHERE (excluded.updated_at, excluded.observed_at, excluded.raw_offset, excluded.digest)
        > (old.updated_at, old.observed_at, old.raw_offset, old.digest COLLATE "C")
    """  # noqa: S608  (names of our own)
)


_GONE = text(
    f"""
    INSERT INTO {SCHEMA}.gone_customers AS old (id, org_id, integration_id, gone_at)
    SELECT * FROM unnest(
        CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:integration_id AS uuid[]), CAST(:gone_at AS timestamptz[])
    )
    ON CONFLICT (id) DO UPDATE SET gone_at = excluded.gone_at WHERE excluded.gone_at > old.gone_at
    """  # noqa: S608
)

# unscoped: by ids of customers, each of one organisation. As rules.outlives has it.
_DROP = text(
    f"""
    DELETE FROM {SCHEMA}.customers c USING {SCHEMA}.gone_customers g
    WHERE g.id = ANY(CAST(:id AS uuid[])) AND c.id = g.id AND (c.observed_at <= g.gone_at OR (
        c.updated_at <= g.gone_at AND CAST(c.body AS jsonb) #>> '{{raw,origin}}' <> 'fetch'))
    """  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Gone:
    """A customer that its store does not have any more."""

    id: UUID
    told: CustomerDeleted


async def drop_customers(conn: AsyncConnection, gone: Iterable[Gone]) -> None:
    """Remember that customers are gone, and remove what is known of them."""
    newest: dict[UUID, CustomerDeleted] = {}
    for each in gone:
        if each.id not in newest or each.told.observed_at > newest[each.id].observed_at:
            newest[each.id] = each.told
    if not newest:
        return
    ids = sorted(newest)
    values = {
        "id": ids,
        "org_id": [newest[id].org_id for id in ids],
        "integration_id": [newest[id].integration_id for id in ids],
        "gone_at": [newest[id].observed_at for id in ids],
    }
    await conn.execute(_GONE, values)
    await conn.execute(_DROP, {"id": ids})


async def gone_among(conn: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, datetime]:
    """When each of these customers was gone; those that are there are left out."""
    # unscoped: by ids of customers, each of one organisation
    query = select(gone_customers.c.id, gone_customers.c.gone_at).where(gone_customers.c.id.in_(list(ids)))
    return {row.id: row.gone_at for row in await conn.execute(query)}


async def upsert_customers(conn: AsyncConnection, rows: Sequence[tuple[UUID, CustomerSnapshot, bytes]]) -> None:
    """Write customers (id, snapshot, its JSON; sorted by id), each where it is newer than what is stored."""
    await conn.execute(
        _WRITE,
        {
            "id": [each[0] for each in rows],
            "org_id": [each[1].org_id for each in rows],
            "integration_id": [each[1].integration_id for each in rows],
            "external_id": [each[1].external_id for each in rows],
            "updated_at": [each[1].version.updated_at for each in rows],
            "observed_at": [each[1].version.observed_at for each in rows],
            "raw_offset": [each[1].version.offset for each in rows],
            "digest": [each[1].digest for each in rows],
            "body": [each[2].decode() for each in rows],
        },
    )


async def list_customers(
    conn: AsyncConnection, org_id: UUID, integration_id: UUID | None, after: Place | None, limit: int
) -> list[tuple[UUID, CustomerSnapshot]]:
    """Last changed first, by (updated_at, id)."""
    query = for_org(select(customers.c.id, customers.c.body), customers, org_id)
    if integration_id is not None:
        query = query.where(customers.c.integration_id == integration_id)
    if after is not None:
        query = query.where(tuple_(customers.c.updated_at, customers.c.id) < tuple_(*after))
    query = query.order_by(customers.c.updated_at.desc(), customers.c.id.desc()).limit(limit)
    return [(row.id, CustomerSnapshot.from_json(row.body)) for row in await conn.execute(query)]
