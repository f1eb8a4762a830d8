"""Messages that come one by one, sent together where there are many (docs/adr has why)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from longshore import tasks
from longshore.broker.records import EncodedMessage

PER_MESSAGE_S = 0.002
LONGEST_S = 0.02
ENOUGH = 32
# For so long those that come wait for the acknowledgement of those before them.
BEHIND_S = 0.25

Done = Callable[[Exception | None], None]
"""Hears that a message is acknowledged, or why not. Must not raise."""
Offer = tuple[EncodedMessage, Done]


class Gathering:
    """Hands messages on in groups: none before the last group has been gone for a while, unless enough is waiting.

    That while is `PER_MESSAGE_S` for each message of the last group, `LONGEST_S` at most: of 500 messages a second or
    fewer none waits. `ENOUGH` of them wait for the last group's acknowledgement alone.
    """

    def __init__(self, send: Callable[[Sequence[Offer]], Coroutine[Any, Any, None]]) -> None:
        """`send` returns when all have been told what became of them, and does not raise."""
        self._send = send
        self._waiting: list[Offer] = []
        self._groups: set[asyncio.Task[None]] = set()
        self._rest_until = 0.0
        self._behind_until = 0.0
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: EncodedMessage, done: Done) -> None:
        """Send `message` with those that come about now; called in the event loop."""
        self._waiting.append((message, done))
        if len(self._waiting) in (1, ENOUGH):
            self._plan()

    async def close(self, timeout_s: float) -> None:
        """Send what waits, and wait for all acknowledgements for at most `timeout_s`."""
        self._go()
        if self._groups:
            await asyncio.wait(self._groups, timeout=timeout_s)
        await tasks.end(*self._groups)

    def _plan(self) -> None:
        """Set the timer for those that wait."""
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        at = 0.0 if len(self._waiting) >= ENOUGH else self._rest_until
        if self._groups:
            at = max(at, self._behind_until)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        # Not at once: what has come with it is read in the same turn of the loop.
        self._timer = loop.call_soon(self._go) if at <= loop.time() else loop.call_at(at, self._go)
        self._timer_at = at

    def _go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        group, self._waiting = self._waiting, []
        if not group:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._rest_until = now + min(len(group) * PER_MESSAGE_S, LONGEST_S)
        self._behind_until = now + BEHIND_S
        task = loop.create_task(self._send(group), name="messages that gathered")
        self._groups.add(task)
        task.add_done_callback(self._gone)

    def _gone(self, group: asyncio.Task[None]) -> None:
        self._groups.discard(group)
        self._plan()
