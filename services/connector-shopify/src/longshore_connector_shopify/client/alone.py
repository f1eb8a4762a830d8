"""Entities of a sync step that are read alone, a request each. A passing fault costs one of them, not the step: what
was read is kept, and the cursor names what is left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    Resource,
    StoreError,
    StoreRefused,
    StoreUnauthorized,
    StoreUnavailable,
    SyncFailure,
    SyncPage,
)
from longshore_connector_shopify.client import fetching
from longshore_connector_shopify.client.admin_api import AdminApi

# What they may cost is the bucket's to say.
AT_ONCE = 4
# Before the next step after a fault, where the store names no time.
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Left:
    """A cursor: `alone` are the numbers of entities still to be read, `then` is where the run goes on."""

    alone: tuple[str, ...]
    then: str | None

    def to_cursor(self) -> str:
        return json.dumps({"alone": self.alone, "then": self.then}, separators=(",", ":"))


def left_of(cursor: str | None) -> Left | None:
    """What is left by a cursor; None if it is another kind."""
    if cursor is None or not cursor.startswith('{"alone":'):
        return None
    told = json.loads(cursor)
    return Left(tuple(told["alone"]), told["then"])


async def with_alone(api: AdminApi, resource: Resource, numbers: Sequence[str], page: SyncPage) -> SyncPage:
    """`page`, and these entities beside it (its count has them already), as far as they can be read now.

    Raises StoreError: StoreUnavailable only if the step would have nothing to show.
    """
    read = await _read(api, [FetchRequest(resource, number) for number in numbers])
    if read.fatal is not None:
        raise read.fatal
    left = tuple(number for number in numbers if number not in read.done)
    page = replace(
        page,
        entities=[*page.entities, *read.entities],
        # A file's strays may be more than the entities that it counted.
        count=max(0, page.count - len(read.failed) - len(left)),
        failed=[*page.failed, *read.failed],
    )
    if not left:
        return page
    if read.trouble is None or not (page.entities or page.failed):
        raise read.trouble or StoreUnavailable("unread", "The store did not answer.")
    pause = read.trouble.retry_after or _PAUSE_S
    return replace(page, cursor=Left(left, page.cursor).to_cursor(), again_in_s=max(pause, page.again_in_s))


@dataclass(slots=True)
class _Read:
    """What came of some requests. `trouble` and `fatal` are the first faults of their kind; no more was asked then."""

    entities: list[FetchedEntity] = field(default_factory=list)
    failed: list[SyncFailure] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    trouble: StoreUnavailable | None = None
    fatal: StoreError | None = None


async def _read(api: AdminApi, requests: Sequence[FetchRequest]) -> _Read:
    """A few at a time, until a fault; what the store refuses to show is named."""
    found = _Read()
    waiting = iter(requests)

    async def reader() -> None:
        for request in waiting:
            try:
                found.entities += await fetching.fetch(api, request)
            except StoreUnavailable as error:
                found.trouble = found.trouble or error
            except StoreUnauthorized as error:
                found.fatal = found.fatal or error
            except StoreRefused as error:
                found.failed.append(SyncFailure(request, error.code, error.detail))
                found.done.add(request.external_id)
            else:
                found.done.add(request.external_id)
            if found.trouble or found.fatal:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(requests))):
            group.create_task(reader())
    return found
