"""Store clients and circuit breakers, one of each per connected store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from longshore.platforms.breaker import Breaker
from longshore.platforms.jobs import RetryLater
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.protocols import (
    Integration,
    StoreClient,
    StoreError,
    StoreThrottled,
    StoreUnavailable,
)
from longshore.platforms.usage import Metered, Reading
from longshore.redaction import hide

MakeClient = Callable[[Integration], StoreClient]

IDLE_S = 600.0
LONGEST_THROTTLE_S = 300.0


@dataclass(slots=True)
class _Entry:
    integration: Integration
    client: StoreClient
    breaker: Breaker = field(default_factory=Breaker)
    users: int = 0
    last_used: float = 0.0
    # Until when the store has asked us to stay away, on the monotonic clock.
    throttled_until: float = 0.0

    def left_s(self) -> float:
        """Seconds until the store may be called again."""
        return max(self.breaker.left_s(), self.throttled_until - time.monotonic(), 0.0)


class Clients:
    """Makes a client when a store is first talked to, anew when its credentials change; closes idle ones."""

    def __init__(self, make: MakeClient, metrics: ConnectorMetrics, idle_s: float = IDLE_S) -> None:
        self._make = make
        self._metrics = metrics
        self._idle_s = idle_s
        self._entries: dict[UUID, _Entry] = {}

    @asynccontextmanager
    async def calling(self, integration: Integration) -> AsyncIterator[StoreClient]:
        """A client to call the store with. Raises RetryLater at once while its breaker is open or it has asked for a
        pause.

        The breaker hears of what the calls inside raise; the error itself goes on to the caller, without what the store
        has repeated of its credentials.
        """
        entry = await self._entry(integration)
        wait = entry.throttled_until - time.monotonic()
        if wait <= 0:
            wait = entry.breaker.wait_s()
        if wait > 0:
            raise RetryLater(wait)
        entry.users += 1
        try:
            with hiding(integration):
                yield entry.client
        except StoreThrottled as error:
            entry.throttled_until = time.monotonic() + min(error.retry_after or 0.0, LONGEST_THROTTLE_S)
            raise
        except StoreUnavailable:
            entry.breaker.failed()
            raise
        except StoreError:
            # It said no: so it is there.
            entry.breaker.succeeded()
            raise
        else:
            entry.breaker.succeeded()
        finally:
            entry.users -= 1
            entry.last_used = time.monotonic()
            if not entry.users and self._entries.get(integration.id) is not entry:
                await entry.client.close()
            self._metrics.breakers_open.labels(integration.platform.value).set(
                sum(each.breaker.open for each in self._entries.values())
            )

    async def stock_batch(self, integration: Integration) -> int:
        """How many listings one push to this store may hold."""
        return (await self._entry(integration)).client.stock_batch

    def at_store(self, integration: Integration, now: datetime) -> datetime:
        """What the store's own clock says `now`, as far as its answers told."""
        entry = self._entries.get(integration.id)
        return now if entry is None else now + timedelta(seconds=entry.client.clock_ahead_s)

    def paused(self) -> dict[UUID, float]:
        """Stores that are not to be called now, and for how many seconds more."""
        left = {id: entry.left_s() for id, entry in self._entries.items()}
        return {id: seconds for id, seconds in left.items() if seconds > 0}

    def readings(self) -> list[Reading]:
        """What calling each store has cost, of those that are called."""
        return [
            Reading(id, entry.breaker.open, entry.client.usage if isinstance(entry.client, Metered) else None)
            for id, entry in self._entries.items()
        ]

    async def close(self) -> None:
        """Close all clients."""
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            await entry.client.close()

    async def _entry(self, integration: Integration) -> _Entry:
        entry = self._entries.get(integration.id)
        if entry is not None and entry.integration == integration:
            return entry
        # Before anything is awaited: two tasks must not make two.
        now = time.monotonic()
        made = _Entry(integration, self._make(integration), last_used=now)
        self._entries[integration.id] = made
        idle = [
            id
            for id, each in self._entries.items()
            if each is not made and each.users == 0 and each.last_used < now - self._idle_s
        ]
        dropped = [self._entries.pop(id) for id in idle]
        if entry is not None and entry.users == 0:
            # New credentials or settings. A client in use is closed by its last user.
            dropped.append(entry)
        for each in dropped:
            await each.client.close()
        return made


@contextmanager
def hiding(integration: Integration) -> Iterator[None]:
    """What a store says goes into statuses, outcomes and events: it must not hold what the store was sent."""
    try:
        yield
    except StoreError as error:
        error.code = hide(error.code, integration.credentials.values())
        error.detail = hide(error.detail, integration.credentials.values())
        error.args = (f"{error.code}: {error.detail}",)
        raise
