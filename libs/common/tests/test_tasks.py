"""Background tasks end, also when a cancellation is lost."""

from __future__ import annotations

import asyncio

import pytest

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


async def test_work_within_its_time_gives_what_it_gives() -> None:
    async def give(what: int) -> int:
        return 10 // what

    assert await tasks.within(5, give(2)) == 5
    with pytest.raises(ZeroDivisionError):
        await tasks.within(5, give(0))


async def cancelled_inside() -> None:
    # As aiokafka stops a consumer that pauses after a fetch that has failed.
    fetch = asyncio.create_task(asyncio.sleep(3600))
    fetch.cancel()
    await fetch


async def test_a_cancellation_from_inside_does_not_end_who_waits() -> None:
    with pytest.raises(InterruptedError):
        await tasks.within(5, cancelled_inside())
    with pytest.raises(InterruptedError):
        await tasks.contained(cancelled_inside())


async def test_a_cancellation_of_who_waits_passes() -> None:
    for wait in (tasks.contained(asyncio.sleep(3600)), tasks.within(5, asyncio.sleep(3600))):
        waiting = asyncio.create_task(wait)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()


async def test_work_that_takes_too_long_is_ended_even_if_it_loses_a_cancellation() -> None:
    ended = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

    with pytest.raises(TimeoutError):
        await tasks.within(0.05, stubborn())
    assert ended.is_set()


async def test_who_is_cancelled_ends_its_work() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    waiting = asyncio.create_task(tasks.within(60, work()))
    await began.wait()
    await tasks.end(waiting)
    assert waiting.cancelled()
    assert ended.is_set()


async def test_what_cleans_up_is_finished_however_often_its_task_is_cancelled() -> None:
    began, release, cleaned = asyncio.Event(), asyncio.Event(), False

    async def clean() -> None:
        nonlocal cleaned
        await release.wait()
        cleaned = True

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await tasks.finish(clean())

    task = asyncio.create_task(work())
    await began.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.wait({task}, timeout=0.01)
    assert not task.done()
    release.set()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    assert cleaned


async def test_what_cleans_up_in_vain_says_so() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await tasks.finish(fail())
