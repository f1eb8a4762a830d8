"""Writes the audit log: in the transaction of the change, so that there is neither without the other.

Who acts is known to the request, not to every function on the way: it is a context variable, as the trace is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.ids import OrgId, uuid7
from longshore.observability import current_traceparent
from longshore_gateway.audit import store
from longshore_gateway.audit.store import Entry


@dataclass(slots=True)
class Acting:
    """Who acts in this request, and whether something was written down of it."""

    actor: str
    name: str
    recorded: bool = False


# Nobody has called: a consumer, a background task.
SYSTEM = "system"
_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(actor: str, name: str = "") -> Iterator[Acting]:
    """Whatever is recorded inside was done by this actor."""
    acting = Acting(actor, name)
    token = _acting.set(acting)
    try:
        yield acting
    finally:
        _acting.reset(token)


async def record(
    conn: AsyncConnection,
    org_id: OrgId,
    action: str,
    subject: object,
    at: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down that the one who acts has done this, if and when the transaction commits.

    `before` and `after` are what JSON can hold: never a secret, a hash of one, or a buyer's data.
    """
    acting = _acting.get() or Acting(SYSTEM, "")
    traceparent = current_traceparent()
    await store.add_entry(
        conn,
        Entry(
            id=uuid7(),
            org_id=org_id,
            at=at,
            actor=acting.actor,
            actor_name=acting.name,
            action=action,
            subject=str(subject),
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
            trace_id=None if traceparent is None else traceparent[3:35],
        ),
    )
    acting.recorded = True
