"""Ending background tasks, surely."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 0.5
GIVE_UP_AFTER_S = 5.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel these and wait until they have ended, whatever of; after five seconds they are left behind, with their
    names in the log.

    Once is not enough: `asyncio.wait_for` (Python 3.11) loses a cancellation that comes in the moment in which what it
    waits for is done, and a loop around it then goes on for ever. A service was seen to outlive its SIGTERM so.
    """
    pending = set(tasks)
    for _ in range(round(GIVE_UP_AFTER_S / AGAIN_AFTER_S)):
        for task in pending:
            task.cancel()
        if not pending:
            return
        _, pending = await asyncio.wait(pending, timeout=AGAIN_AFTER_S)
    if pending:
        log.error("tasks did not end", tasks=sorted(task.get_name() for task in pending))


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, which has to be bounded in time, to its end: for what cleans up in a task that is ended.

    `end` cancels a task again and again, and each time what it awaits just then. Here the cancellation counts when
    `work` is done."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


async def contained(work: Awaitable[T]) -> T:
    """What `work` returns or raises; InterruptedError when it ends by a cancellation that nobody asked for.

    aiokafka lets those of its own tasks escape when a consumer is stopped while Kafka is away. They would end whoever
    waits, as if they were meant."""
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise InterruptedError("it was cancelled from inside") from None


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises. After so long it is ended as by `end`, and TimeoutError raised: surely, unlike
    `asyncio.timeout`, whose one cancellation `work` may lose or keep.

    InterruptedError as `contained`."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            if task.cancelled():
                raise InterruptedError("it was cancelled from inside")
            return task.result()
    finally:
        await end(task)
    raise TimeoutError
