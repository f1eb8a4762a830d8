"""Background tasks end, also when a cancellation is lost."""

from __future__ import annotations

import asyncio

from longshore import tasks


async def test_a_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    lost = 0

    async def loses_the_first() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    stubborn = asyncio.create_task(loses_the_first())
    failed = asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.end(stubborn, failed), 3)
    assert stubborn.cancelled()
    assert failed.cancelled()
    assert lost == 1


async def test_what_has_ended_already_is_no_trouble() -> None:
    async def fail() -> None:
        raise ValueError

    done = asyncio.create_task(fail())
    await asyncio.wait([done])
    await tasks.end(done)
    await tasks.end()
    assert isinstance(done.exception(), ValueError)
