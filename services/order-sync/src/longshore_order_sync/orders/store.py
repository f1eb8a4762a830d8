"""What is known of many orders, and writing what changed: a few statements per batch, whatever its size.

Rows are written in the order of their ids, so that two writers cannot deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import OrderSnapshot, Platform, RawRef
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.orders.rules import RevisionKey, Seen
from longshore_order_sync.orders.state import Head, Known, Revision

_HEAD_COLUMNS = (
    "o.org_id, o.integration_id, o.external_id, o.status, o.placed_at, o.updated_at, o.observed_at, o.raw_offset,"
    " o.content_at, o.digest, o.fetched, o.deleted, o.fetch_asked_for, o.row_version"
)

# unscoped: by canonical ids, each of one organisation
_KNOWN = text(
    f"""
    SELECT k.id, {_HEAD_COLUMNS}, f.deleted_at, f.oversold, f.has_fulfillments
    FROM unnest(CAST(:ids AS uuid[])) AS k(id)
    LEFT JOIN {SCHEMA}.orders o ON o.id = k.id
    LEFT JOIN {SCHEMA}.order_facts f ON f.order_id = k.id
    """  # noqa: S608  (names of our own)
)

# unscoped: by canonical ids, each of one organisation
_LOCK = text(f"SELECT id FROM {SCHEMA}.orders WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")  # noqa: S608

_MAKE_FACTS = text(
    f"""
    INSERT INTO {SCHEMA}.order_facts (order_id, org_id)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:org_ids AS uuid[]))
    ON CONFLICT (order_id) DO NOTHING
    """  # noqa: S608
)

# unscoped: by canonical ids, each of one organisation
_LOCK_FACTS = text(
    f"SELECT 1 FROM {SCHEMA}.order_facts WHERE order_id = ANY(CAST(:ids AS uuid[])) ORDER BY order_id FOR UPDATE"  # noqa: S608
)

_SHIPS = text(
    f"""
    INSERT INTO {SCHEMA}.order_facts (order_id, org_id, has_fulfillments) VALUES (:order_id, :org_id, true)
    ON CONFLICT (order_id) DO UPDATE SET has_fulfillments = true
    """  # noqa: S608
)

_WRITE_HEADS = text(
    f"""
    INSERT INTO {SCHEMA}.orders AS old (
        id, org_id, integration_id, external_id, status, placed_at, updated_at, observed_at, raw_offset, content_at,
        digest, fetched, deleted, fetch_asked_for, row_version
    )
    SELECT * FROM unnest(
        CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:integration_id AS uuid[]), CAST(:external_id AS text[]),
        CAST(:status AS text[]), CAST(:placed_at AS timestamptz[]), CAST(:updated_at AS timestamptz[]),
        CAST(:observed_at AS timestamptz[]), CAST(:raw_offset AS bigint[]), CAST(:content_at AS timestamptz[]),
        CAST(:digest AS text[]), CAST(:fetched AS bool[]), CAST(:deleted AS bool[]),
        CAST(:fetch_asked_for AS timestamptz[]),
        CAST(:row_version AS int[])
    )
    ON CONFLICT (id) DO UPDATE SET
        status = excluded.status, placed_at = excluded.placed_at, updated_at = excluded.updated_at,
        observed_at = excluded.observed_at, raw_offset = excluded.raw_offset, content_at = excluded.content_at,
        digest = excluded.digest, fetched = excluded.fetched, deleted = excluded.deleted,
        fetch_asked_for = excluded.fetch_asked_for, row_version = excluded.row_version
    WHERE old.row_version = excluded.row_version - 1
    RETURNING 1
    """  # noqa: S608
)

_WRITE_REVISIONS = text(
    f"""
    INSERT INTO {SCHEMA}.order_revisions AS old (
        order_id, updated_at, digest, org_id, observed_at, status, origin, raw_topic, raw_partition, raw_offset, body
    )
    SELECT * FROM unnest(
        CAST(:order_id AS uuid[]), CAST(:updated_at AS timestamptz[]), CAST(:digest AS text[]),
        CAST(:org_id AS uuid[]), CAST(:observed_at AS timestamptz[]), CAST(:status AS text[]),
        CAST(:origin AS text[]), CAST(:raw_topic AS text[]), CAST(:raw_partition AS int[]),
        CAST(:raw_offset AS bigint[]), CAST(:body AS text[])
    )
    ON CONFLICT (order_id, updated_at, digest) DO UPDATE SET
        observed_at = excluded.observed_at, origin = excluded.origin, raw_topic = excluded.raw_topic,
        raw_partition = excluded.raw_partition, raw_offset = excluded.raw_offset, body = excluded.body
    WHERE (excluded.observed_at, excluded.raw_offset) < (old.observed_at, old.raw_offset)
    """  # noqa: S608
)

_WRITE_TERMS = text(
    f"""
    INSERT INTO {SCHEMA}.order_search AS old (order_id, org_id, terms)
    SELECT id, org_id, array_to_tsvector(string_to_array(words, E'\\n'))
    FROM unnest(CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:words AS text[])) AS new(id, org_id, words)
    ON CONFLICT (order_id) DO UPDATE SET terms = excluded.terms WHERE old.terms <> excluded.terms
    """  # noqa: S608
)

_WRITE_TOMBSTONES = text(
    f"""
    INSERT INTO {SCHEMA}.order_facts AS old (order_id, org_id, deleted_at, deleted_raw)
    SELECT id, org_id, deleted_at, raw::jsonb FROM unnest(
        CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:deleted_at AS timestamptz[]), CAST(:raw AS text[])
    ) AS new(id, org_id, deleted_at, raw)
    ON CONFLICT (order_id) DO UPDATE SET deleted_at = excluded.deleted_at, deleted_raw = excluded.deleted_raw
    WHERE old.deleted_at IS NULL OR old.deleted_at < excluded.deleted_at
    """  # noqa: S608
)

_WRITE_OVERSOLD = text(
    f"""
    INSERT INTO {SCHEMA}.order_facts AS old (order_id, org_id, oversold)
    SELECT id, org_id, oversold::jsonb
    FROM unnest(CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:oversold AS text[])) AS new(id, org_id, oversold)
    ON CONFLICT (order_id) DO UPDATE SET oversold = excluded.oversold
    """  # noqa: S608
)

_WRITE_STORES = text(
    f"""
    INSERT INTO {SCHEMA}.stores (integration_id, org_id, platform)
    SELECT * FROM unnest(CAST(:id AS uuid[]), CAST(:org_id AS uuid[]), CAST(:platform AS text[]))
    ON CONFLICT (integration_id) DO NOTHING
    """  # noqa: S608
)

# unscoped: by canonical ids, each of one organisation
_BODIES = text(
    f"""
    SELECT k.id, r.body
    FROM unnest(CAST(:ids AS uuid[]), CAST(:updated AS timestamptz[]), CAST(:digests AS text[]))
        AS k(id, updated_at, digest)
    JOIN {SCHEMA}.order_revisions r ON r.order_id = k.id AND r.updated_at = k.updated_at AND r.digest = k.digest
    """  # noqa: S608
)

# unscoped: by canonical ids, each of one organisation
_DETAILS = text(
    f"""
    SELECT DISTINCT ON (k.id) k.id, r.body
    FROM unnest(CAST(:ids AS uuid[]), CAST(:digests AS text[])) AS k(id, digest)
    JOIN {SCHEMA}.order_revisions r ON r.order_id = k.id AND starts_with(r.digest, k.digest || '+')
    ORDER BY k.id, r.updated_at DESC, r.digest COLLATE "C" DESC
    """  # noqa: S608
)


async def get_known(conn: AsyncConnection, order_ids: Sequence[UUID]) -> dict[UUID, Known]:
    """What is known of these orders; those of which nothing is known are left out."""
    found: dict[UUID, Known] = {}
    for row in await conn.execute(_KNOWN, {"ids": order_ids}):
        (
            order_id, org_id, integration_id, external_id, status, placed_at, updated_at, observed_at, offset,
            content_at, digest, fetched, deleted, asked_for, row_version, tombstone, oversold, has_fulfillments,
        ) = row  # fmt: skip
        if row_version is None and has_fulfillments is None:
            continue
        head = None
        if row_version is not None:
            newest = Seen(updated_at, observed_at, offset, digest, fetched)
            head = Head(
                order_id,
                org_id,
                integration_id,
                external_id,
                status,
                placed_at,
                newest,
                (content_at, digest),
                deleted,
                asked_for,
                row_version,
            )
        found[order_id] = Known(head, tombstone, oversold or {}, bool(has_fulfillments))
    return found


async def lock_orders(conn: AsyncConnection, order_ids: Iterable[UUID]) -> None:
    """Hold the rows of these orders until the transaction ends; those that do not exist are left out."""
    await conn.execute(_LOCK, {"ids": sorted(order_ids)})


async def lock_facts(conn: AsyncConnection, orders: Sequence[tuple[UUID, UUID]]) -> None:
    """Hold the facts of orders (id, organisation; sorted) until the transaction ends, made if there are none."""
    names = [each[0] for each in orders]
    await conn.execute(_MAKE_FACTS, {"ids": names, "org_ids": [each[1] for each in orders]})
    await conn.execute(_LOCK_FACTS, {"ids": names})


async def mark_shipping(conn: AsyncConnection, order_id: UUID, org_id: UUID) -> None:
    """Remember that fulfilments of this order have been asked for through Longshore."""
    await conn.execute(_SHIPS, {"order_id": order_id, "org_id": org_id})


async def write_heads(conn: AsyncConnection, heads: Sequence[Head]) -> bool:
    """Write rows, sorted by id; False when one of them has been written by somebody else since it was read."""
    result = await conn.execute(
        _WRITE_HEADS,
        {
            "id": [each.id for each in heads],
            "org_id": [each.org_id for each in heads],
            "integration_id": [each.integration_id for each in heads],
            "external_id": [each.external_id for each in heads],
            "status": [each.status for each in heads],
            "placed_at": [each.placed_at for each in heads],
            "updated_at": [each.newest.updated_at for each in heads],
            "observed_at": [each.newest.observed_at for each in heads],
            "raw_offset": [each.newest.offset for each in heads],
            "content_at": [each.content[0] for each in heads],
            "digest": [each.content[1] for each in heads],
            "fetched": [each.newest.fetched for each in heads],
            "deleted": [each.deleted for each in heads],
            "fetch_asked_for": [each.fetch_asked_for for each in heads],
            "row_version": [each.row_version for each in heads],
        },
    )
    return len(result.all()) == len(heads)


async def write_revisions(conn: AsyncConnection, revisions: Sequence[Revision]) -> None:
    """Keep each; of a known one only an earlier raw record replaces the one that it is recorded with."""
    given = [each.delivery for each in revisions]
    await conn.execute(
        _WRITE_REVISIONS,
        {
            "order_id": [each.order_id for each in revisions],
            "updated_at": [each.seen.updated_at for each in given],
            "digest": [each.seen.digest for each in given],
            "org_id": [each.summary.org_id for each in given],
            "observed_at": [each.seen.observed_at for each in given],
            "status": [each.summary.status.value for each in given],
            "origin": [each.summary.raw.origin.value for each in given],
            "raw_topic": [each.summary.raw.topic for each in given],
            "raw_partition": [each.summary.raw.partition for each in given],
            "raw_offset": [each.seen.offset for each in given],
            "body": [each.body.decode() for each in given],
        },
    )


async def write_terms(conn: AsyncConnection, terms: Sequence[tuple[UUID, UUID, list[str]]]) -> None:
    """Make orders (id, organisation, words) findable by these words."""
    await conn.execute(
        _WRITE_TERMS,
        {
            "id": [each[0] for each in terms],
            "org_id": [each[1] for each in terms],
            "words": ["\n".join(each[2]) for each in terms],
        },
    )


async def write_tombstones(conn: AsyncConnection, stones: Sequence[tuple[UUID, UUID, datetime, RawRef]]) -> None:
    """Remember that stores reported orders (id, organisation, observed at, raw record) as deleted."""
    await conn.execute(
        _WRITE_TOMBSTONES,
        {
            "id": [each[0] for each in stones],
            "org_id": [each[1] for each in stones],
            "deleted_at": [each[2] for each in stones],
            "raw": [each[3].to_json().decode() for each in stones],
        },
    )


async def write_oversold(
    conn: AsyncConnection, facts: Sequence[tuple[UUID, UUID, Mapping[str, tuple[int, str]]]]
) -> None:
    """Replace what is known to be oversold of orders (id, organisation, by line)."""
    await conn.execute(
        _WRITE_OVERSOLD,
        {
            "id": [each[0] for each in facts],
            "org_id": [each[1] for each in facts],
            "oversold": [json.dumps(each[2]) for each in facts],
        },
    )


async def write_stores(conn: AsyncConnection, stores: Mapping[UUID, tuple[UUID, Platform]]) -> None:
    """Remember whose store each is, by integration."""
    names = sorted(stores)
    await conn.execute(
        _WRITE_STORES,
        {
            "id": names,
            "org_id": [stores[each][0] for each in names],
            "platform": [stores[each][1].value for each in names],
        },
    )


async def get_bodies(conn: AsyncConnection, revisions: Mapping[UUID, RevisionKey]) -> dict[UUID, str]:
    """The snapshots of these revisions as JSON, by order."""
    names = list(revisions)
    rows = await conn.execute(
        _BODIES,
        {
            "ids": names,
            "updated": [revisions[each][0] for each in names],
            "digests": [revisions[each][1] for each in names],
        },
    )
    return {row.id: row.body for row in rows}


async def get_details(conn: AsyncConnection, digests: Mapping[UUID, str]) -> dict[UUID, str]:
    """Of orders the last snapshot, as JSON, that says what `digests` say, with the detail that they lack."""
    rows = await conn.execute(_DETAILS, {"ids": list(digests), "digests": list(digests.values())})
    return {row.id: row.body for row in rows}


async def get_snapshots(conn: AsyncConnection, revisions: Mapping[UUID, RevisionKey]) -> dict[UUID, OrderSnapshot]:
    """The snapshots of these revisions, by order."""
    bodies = await get_bodies(conn, revisions)
    return {order_id: OrderSnapshot.from_json(body) for order_id, body in bodies.items()}
