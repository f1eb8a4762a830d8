"""Encryption keys of the vault: whether ours fit, and how an old one is made superfluous while the services run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Row, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.contracts import IntegrationStatus
from longshore.vault.crypto import InvalidKey, Sealer
from longshore.vault.models import CHANNEL, integrations, tokens

BATCH = 200

LOST_KEY = "The key that its credentials were sealed with is lost: connect the store once more."


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many rows there are, and how many of them were sealed anew."""

    rows: int = 0
    resealed: int = 0


@dataclass(frozen=True, slots=True)
class _Sealed:
    table: Table
    id: Column[UUID]
    value: Column[bytes]


# All that is sealed.
_SEALED = (
    _Sealed(integrations, integrations.c.id, integrations.c.credentials),
    _Sealed(tokens, tokens.c.integration_id, tokens.c.sealed),
)


async def check_keys(engine: AsyncEngine, sealer: Sealer) -> None:
    """Open all that is stored. Raises InvalidKey, with how much of it our keys do not open."""
    rows = closed = 0
    async with engine.connect() as conn:
        for sealed in _SEALED:
            async for batch in _batches(conn, sealed, lock=False):
                rows += len(batch)
                closed += sum(not sealer.opens(value) for _, value in batch)
    if closed:
        raise InvalidKey(
            f"{closed} of {rows} stored credentials were sealed with a key that LONGSHORE_ENCRYPTION_KEYS lacks;"
            " put it back, behind the newest (docs/operations.md, Encryption keys)"
        )


async def rotate(engine: AsyncEngine, sealer: Sealer) -> Rotated:
    """Seal with the newest key whatever was sealed with an older one. May be stopped and begun again at any time.

    Raises InvalidKey at what none of the keys opens; what was sealed anew before that stays so.
    """
    rows = resealed = 0
    for sealed in _SEALED:
        after: UUID | None = None
        while True:
            # One transaction for each batch: nobody waits for long.
            async with engine.begin() as conn:
                batch = await _batch(conn, sealed, after, lock=True)
                old = [(id, value) for id, value in batch if not sealer.is_newest(value)]
                for id, value in old:
                    await conn.execute(
                        update(sealed.table).where(sealed.id == id).values({sealed.value.name: sealer.reseal(value)})
                    )
            rows, resealed = rows + len(batch), resealed + len(old)
            if len(batch) < BATCH:
                break
            after = batch[-1][0]
    return Rotated(rows, resealed)


async def forget_unreadable(engine: AsyncEngine, sealer: Sealer, now: datetime) -> int:
    """Where a key is lost for good: drop what nobody can open, and say at each of those stores that it must be
    connected once more. Answers how many there were."""
    forgotten: set[UUID] = set()
    async with engine.begin() as conn:
        for sealed in _SEALED:
            async for batch in _batches(conn, sealed, lock=True):
                forgotten |= {id for id, value in batch if not sealer.opens(value)}
        for id in forgotten:
            # unscoped: encryption keys are the whole hub's
            await conn.execute(tokens.delete().where(tokens.c.integration_id == id))
            # unscoped: encryption keys are the whole hub's
            await conn.execute(
                update(integrations).where(integrations.c.id == id).values(credentials=None, updated_at=now)
            )
            # unscoped: encryption keys are the whole hub's
            await conn.execute(
                update(integrations)
                .where(integrations.c.id == id, integrations.c.deleted_at.is_(None))
                .values(status=IntegrationStatus.NEEDS_REAUTH.value, status_reason=LOST_KEY)
            )
            await conn.execute(select(func.pg_notify(CHANNEL, str(id))))
    return len(forgotten)


async def _batches(
    conn: AsyncConnection, sealed: _Sealed, *, lock: bool
) -> AsyncIterator[Sequence[tuple[UUID, bytes]]]:
    after: UUID | None = None
    while True:
        batch = await _batch(conn, sealed, after, lock=lock)
        yield batch
        if len(batch) < BATCH:
            return
        after = batch[-1][0]


async def _batch(
    conn: AsyncConnection, sealed: _Sealed, after: UUID | None, *, lock: bool
) -> Sequence[tuple[UUID, bytes]]:
    query = select(sealed.id, sealed.value).where(sealed.value.is_not(None)).order_by(sealed.id).limit(BATCH)
    if after is not None:
        query = query.where(sealed.id > after)
    if lock:
        query = query.with_for_update()
    rows: Sequence[Row[*tuple[Any, ...]]] = (await conn.execute(query)).all()
    return [(id, bytes(value)) for id, value in rows]
