"""How fast a store is asked: as fast as its connections go, until it says that this is too fast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from longshore.platforms.protocols import StoreThrottled

FIRST_GAP_S = 0.25
LONGEST_GAP_S = 5.0
DEFAULT_PAUSE_S = 2.0


class Pace:
    """Shared by all requests to one host. WooCommerce names no limit; hosts and firewalls that have one answer 429.

    Each 429 doubles the gap between requests, each good answer shrinks it by a tenth until it is gone.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._gap = 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for this request's turn. Raises StoreThrottled when that is far away: the job comes again then."""
        now = self._clock()
        wait = self._next - now
        if wait > LONGEST_GAP_S:
            raise StoreThrottled("throttled", "The store asked us to slow down.", wait)
        self._next = max(self._next, now) + self._gap
        if wait > 0:
            await asyncio.sleep(wait)

    def throttled(self, retry_after: float | None) -> float:
        """The store said "too many"; answers the seconds to stay away."""
        self._gap = min(max(self._gap * 2, FIRST_GAP_S), LONGEST_GAP_S)
        pause = DEFAULT_PAUSE_S if retry_after is None else retry_after
        self._next = max(self._next, self._clock() + pause)
        return pause

    def good(self) -> None:
        """The store answered."""
        if self._gap:
            self._gap = self._gap * 0.9 if self._gap > FIRST_GAP_S / 10 else 0.0


class Paces:
    """The pace of each host: shops in folders of one host are one to its firewall."""

    def __init__(self) -> None:
        self._by_host: WeakValueDictionary[str, Pace] = WeakValueDictionary()

    def of(self, store_url: str) -> Pace:
        """The pace that all stores at the host and port of this URL share."""
        return self._by_host.setdefault(urlsplit(store_url).netloc.lower(), Pace())
