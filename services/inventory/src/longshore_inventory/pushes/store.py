"""Queries of stock pushes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.contracts import Command, CommandOutcome, CommandStatus, StockSet
from longshore.pruning import Past
from longshore_inventory.pushes.rules import Asked
from longshore_inventory.stock.rules import ONE_AT_A_TIME_S, milliseconds
from longshore_inventory.stock.store import Wanted

_INSERT = text(
    """
    INSERT INTO inventory.commands (id, org_id, integration_id, listing_id, sequence, quantity, status, attempts,
        created_at, caused_at, sold)
    SELECT id, org_id, integration_id, listing_id, sequence, quantity, 'pending', 0, created_at, caused_at, sold
    FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:integrations AS uuid[]), CAST(:listings AS uuid[]),
        CAST(:sequences AS bigint[]), CAST(:quantities AS bigint[]), CAST(:created AS timestamptz[]),
        CAST(:caused AS timestamptz[]), CAST(:sold AS bigint[]))
        AS n (id, org_id, integration_id, listing_id, sequence, quantity, created_at, caused_at, sold)
    """
)

# A final status stays; attempts only grow.
# unscoped: by ids of commands and listings, each of one organisation
_UPDATE = text(
    """
    UPDATE inventory.commands c
    SET status = n.status, attempts = greatest(c.attempts, n.attempts), error = CAST(n.error AS jsonb),
        finished_at = n.finished_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:attempts AS int[]), CAST(:errors AS text[]),
        CAST(:finished AS timestamptz[])) AS n (id, status, attempts, error, finished_at)
    WHERE c.id = n.id AND c.finished_at IS NULL
        AND (n.finished_at IS NOT NULL OR n.attempts >= c.attempts)
    RETURNING c.id
    """
)

# What landed ends the window of all older pushes of the listing, and makes those that are open needless.
# unscoped: by ids of commands and listings, each of one organisation
_LAND = text(
    """
    UPDATE inventory.commands c
    SET landed_at = n.at,
        status = CASE WHEN c.finished_at IS NULL THEN 'superseded' ELSE c.status END,
        finished_at = coalesce(c.finished_at, n.at)
    FROM unnest(CAST(:listings AS uuid[]), CAST(:sequences AS bigint[]), CAST(:ats AS timestamptz[]))
        AS n (listing_id, sequence, at)
    WHERE c.listing_id = n.listing_id AND c.sequence <= n.sequence AND c.landed_at IS NULL
    RETURNING c.caused_at, c.landed_at
    """
)

# unscoped: by ids of commands and listings, each of one organisation
_UNANSWERED = text(
    """
    SELECT c.listing_id, c.sequence, c.quantity, c.created_at, c.answer_lost, c.sold
    FROM unnest(CAST(:listings AS uuid[])) AS n (listing_id)
    JOIN inventory.commands c ON c.listing_id = n.listing_id
    WHERE c.landed_at IS NULL AND (c.status <> 'failed' OR c.answer_lost)
    ORDER BY c.listing_id, c.sequence DESC
    """
)

# unscoped: by ids of commands and listings, each of one organisation
_ASKED = text(
    """
    SELECT id, listing_id, sequence, quantity, created_at, answer_lost, sold
    FROM inventory.commands WHERE id = ANY(CAST(:ids AS uuid[]))
    """
)

# unscoped: by ids of commands and listings, each of one organisation
_ANSWERS_LOST = text(
    """
    UPDATE inventory.commands c SET answer_lost = true
    FROM unnest(CAST(:listings AS uuid[]), CAST(:sequences AS bigint[])) AS n (listing_id, sequence)
    WHERE c.listing_id = n.listing_id AND c.sequence = n.sequence AND c.landed_at IS NULL
    """
)

WAITING_LIMIT = 500

# A store that has refused what we believe is not told before we believe something else (StoreListing.waits).
_IS_WAITING = "s.waiting_since IS NOT NULL AND (s.differs_since IS NULL OR s.refuted IS DISTINCT FROM s.believed)"

# unscoped: a look for all that is due; each row says whose it is
_WAITING = text(
    f"""
    SELECT DISTINCT l.variant_id, l.org_id, l.sku
    FROM inventory.store_levels s JOIN inventory.listings l ON l.id = s.listing_id
    WHERE {_IS_WAITING} AND (s.acked >= s.sequence OR s.sequence NOT BETWEEN :after AND :before)
        AND l.variant_id IS NOT NULL
    LIMIT :limit
    """  # noqa: S608  (our own constants)
)


def past(history_days: int) -> list[Past]:
    """Pushes that may go: ended, and so long ago that nobody asks for them."""
    where = "created_at < :before AND finished_at < :before"
    return [Past("inventory.commands", where, timedelta(days=history_days))]


async def add_commands(
    conn: AsyncConnection,
    added: Sequence[Command],
    caused: Sequence[datetime | None],
    sold: Sequence[int | None],
) -> None:
    """Write new pushes, each with its cause and what the store's own orders had sold (see rules.Asked)."""
    payloads = [command.payload for command in added if isinstance(command.payload, StockSet)]
    await conn.execute(
        _INSERT,
        {
            "ids": [each.id for each in added],
            "orgs": [each.org_id for each in added],
            "integrations": [each.integration_id for each in added],
            "listings": [each.listing_id for each in payloads],
            "sequences": [each.sequence for each in payloads],
            "quantities": [each.quantity for each in payloads],
            "created": [each.created_at for each in added],
            "caused": list(caused),
            "sold": list(sold),
        },
    )


async def waiting(conn: AsyncConnection, now: datetime) -> dict[UUID, Wanted]:
    """Variants of which a change waits: for no answer, or for one that does not come in time. Of many, some."""
    at, patience = milliseconds(now), int(ONE_AT_A_TIME_S * 1000)
    rows = await conn.execute(
        _WAITING, {"after": at - patience + 1, "before": at + patience - 1, "limit": WAITING_LIMIT}
    )
    return {row.variant_id: Wanted(row.org_id, row.sku) for row in rows}


async def variants_of(conn: AsyncConnection, listing_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, UUID, str]]:
    """(variant, org, SKU) of listings that have one."""
    # unscoped: by ids of commands and listings, each of one organisation
    rows = await conn.execute(
        text(
            "SELECT id, variant_id, org_id, sku FROM inventory.listings"
            " WHERE id = ANY(CAST(:ids AS uuid[])) AND variant_id IS NOT NULL"
        ),
        {"ids": list(listing_ids)},
    )
    return {row.id: (row.variant_id, row.org_id, row.sku) for row in rows}


async def update_commands(conn: AsyncConnection, outcomes: Sequence[CommandOutcome]) -> set[UUID]:
    """Write what became of pushes, one outcome per command; answers those whose row it changed."""
    final = [each.status is not CommandStatus.RUNNING for each in outcomes]
    rows = await conn.execute(
        _UPDATE,
        {
            "ids": [each.command_id for each in outcomes],
            "statuses": [each.status.value for each in outcomes],
            "attempts": [each.attempts for each in outcomes],
            "errors": [None if each.error is None else each.error.model_dump_json() for each in outcomes],
            "finished": [each.at if done else None for each, done in zip(outcomes, final, strict=True)],
        },
    )
    return {row.id for row in rows}


async def land(
    conn: AsyncConnection, landed: Sequence[tuple[UUID, int, datetime]]
) -> list[tuple[datetime | None, datetime]]:
    """(listing, sequence, at) took effect: (cause, landing) of each push that ends with it."""
    if not landed:
        return []
    rows = await conn.execute(
        _LAND,
        {
            "listings": [each[0] for each in landed],
            "sequences": [each[1] for each in landed],
            "ats": [each[2] for each in landed],
        },
    )
    return [(row.caused_at, row.landed_at) for row in rows]


async def asked(conn: AsyncConnection, command_ids: Sequence[UUID]) -> dict[UUID, Asked]:
    """These commands as they were asked for, as far as we still know."""
    if not command_ids:
        return {}
    rows = await conn.execute(_ASKED, {"ids": list(command_ids)})
    return {row.id: Asked(*row[1:]) for row in rows}


async def unanswered(conn: AsyncConnection, listing_ids: Sequence[UUID]) -> list[Asked]:
    """Pushes of these listings that were never answered for, the newest of each listing first.

    A connector that dies between the store's answer and its own note of it carries out what has been asked since, and
    reports the older push superseded.
    """
    if not listing_ids:
        return []
    rows = await conn.execute(_UNANSWERED, {"listings": list(listing_ids)})
    return [Asked(*row) for row in rows]


async def note_lost(conn: AsyncConnection, lost: Sequence[tuple[UUID, int]]) -> None:
    """These pushes (listing, sequence) were sent to their stores, and the answers were lost."""
    if lost:
        await conn.execute(
            _ANSWERS_LOST, {"listings": [each[0] for each in lost], "sequences": [each[1] for each in lost]}
        )


async def resting(engine: AsyncEngine) -> int:
    """How many listings are to be told before long, and not because a store answers."""
    # unscoped: a count over all
    query = f"SELECT count(*) FROM inventory.store_levels s WHERE {_IS_WAITING} AND s.acked >= s.sequence"  # noqa: S608
    async with engine.connect() as conn:
        return int(await conn.scalar(text(query)) or 0)
