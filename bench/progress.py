"""How fast something gets done that is looked at from outside: a backlog that is applied."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from longshore.broker.offsets import Offsets

WARM = 0.15
"""What is done before this share of all is warming up."""


async def rate_of(
    progress: Callable[[], Awaitable[int]], count: int, timeout_s: float = 600.0, every_s: float = 0.05
) -> float:
    """Items a second, from the first look at which at least WARM of `count` were done to the one at which all were."""
    began: tuple[float, int] | None = None
    deadline = time.monotonic() + timeout_s
    while True:
        done, now = await progress(), time.monotonic()
        if began is None and done >= WARM * count:
            began = (now, done)
        if done >= count and began is not None:
            if now == began[0]:
                raise RuntimeError("too few to measure: all were done at the first look")
            return (done - began[1]) / (now - began[0])
        if now > deadline:
            raise TimeoutError(f"{done} of {count} after {timeout_s:.0f} s")
        await asyncio.sleep(every_s)


async def committed(servers: str, group: str, topics: Sequence[str]) -> int:
    """How many records of these topics a group has applied, from the beginning of time."""
    async with Offsets(servers, "") as offsets:
        return sum([sum((await offsets.committed(group, topic)).values()) for topic in topics])
