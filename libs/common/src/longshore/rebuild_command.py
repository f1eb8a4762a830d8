"""`python -m longshore_<service> rebuild`: begin a rebuild while the service is stopped (see longshore.rebuild).

A log that has lost its beginning makes less than what is there: then it refuses, unless `--from-what-is-left` is given.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker import Producer, describe
from longshore.broker.offsets import Offsets, Places
from longshore.db import make_engine
from longshore.outbox import OutboxRelay
from longshore.rebuild import RAW_GROUP_SUFFIX, Rebuilding, RebuildPlan, read_mark, write_mark
from longshore.settings import ServiceSettings

# A process that was stopped with an instance id of its own leaves its group when its session has run out.
LEAVE_WITHIN_S = 15.0
DRAIN_WITHIN_S = 120.0
FROM_WHAT_IS_LEFT = "--from-what-is-left"


class NotPossible(Exception):
    """Why a rebuild cannot begin; a sentence for a person."""


def asks_for_rebuild(arguments: Sequence[str]) -> bool:
    """Whether these arguments of a service's command are for `rebuild_command`."""
    return list(arguments) in (["rebuild"], ["rebuild", FROM_WHAT_IS_LEFT])


def rebuild_command(name: str, settings: ServiceSettings, plan: RebuildPlan, arguments: Sequence[str] = ()) -> int:
    """Begin, and say what comes next; the exit code."""
    try:
        asyncio.run(begin(name, settings, plan, incomplete=FROM_WHAT_IS_LEFT in arguments))
    except (NotPossible, KafkaError, SQLAlchemyError, OSError, TimeoutError) as error:
        reason = str(error) if isinstance(error, NotPossible) else describe(error)
        sys.stderr.write(f"{name}: the rebuild did not begin. {reason}\n")
        return 1
    sys.stdout.write(f"{name}: the rebuild has begun; it goes on when the service is started.\n")
    return 0


async def begin(name: str, settings: ServiceSettings, plan: RebuildPlan, *, incomplete: bool = False) -> None:
    """Set the service's groups back and empty its tables. Raises NotPossible.

    `incomplete`: also from a log that has lost its beginning, which brings back only what is left in it. May be
    repeated, also while a rebuild is under way: that begins it anew, with what was set aside at first.
    """
    engine = make_engine(settings, f"longshore-{name}-rebuild")
    try:
        async with Offsets(settings.kafka_bootstrap_servers, settings.topic_prefix) as offsets:
            for group in plan.groups:
                if not await offsets.empty(group, LEAVE_WITHIN_S):
                    raise NotPossible(f"A process is in the group {group}: stop {name} first.")
            boundary = await (_translated(engine, offsets, plan) if plan.translates else raw_ends(offsets, incomplete))
            if not plan.translates:
                await _drain_outbox(name, engine, settings, plan)
            # First the groups: a crash before the mark leaves a service that reads again what it knows.
            for group, (topic, where) in plan.groups.items():
                await offsets.set(group, str(topic), await offsets.places(str(topic), where))
            async with engine.begin() as conn:
                await write_mark(conn, plan.aside, boundary)
                if plan.prepare is not None:
                    # Nobody works on these tables: a lock that is not free now is somebody's forgotten transaction.
                    await conn.execute(text("SET LOCAL lock_timeout = '10s'"))
                    await plan.prepare(conn, plan.aside)
    finally:
        await engine.dispose()


async def _translated(engine: AsyncEngine, offsets: Offsets, plan: RebuildPlan) -> dict[str, Places]:
    """How far the connector had come in its raw log, ever: what was translated has asked its store already."""
    ((group, (topic, _)),) = plan.groups.items()
    done = await offsets.committed(group, str(topic))
    async with engine.connect() as conn:
        mark = await read_mark(conn, plan.aside)
    for number, offset in (mark.boundary.get(str(topic), {}) if mark is not None else {}).items():
        done[number] = max(offset, done.get(number, 0))
    return {str(topic): done}


async def raw_ends(offsets: Offsets, incomplete: bool) -> dict[str, Places]:
    """Where the raw logs end. Raises NotPossible unless they are all about to be read from their beginning, and are
    whole (or may be `incomplete`)."""
    ends: dict[str, Places] = {}
    groups = [each for each in await offsets.groups() if each.endswith(RAW_GROUP_SUFFIX)]
    for topic in await offsets.raw_topics():
        beginnings = await offsets.places(topic, "beginning")
        ends[topic] = await offsets.places(topic, "end")
        if any(beginnings.values()) and not incomplete:
            raise NotPossible(
                f"{topic} has lost its oldest records, by a retention say: what they made would be gone. Restore"
                f" PostgreSQL from a backup instead, or rebuild what is left with {FROM_WHAT_IS_LEFT}."
            )
        filled = [number for number, end in ends[topic].items() if end > beginnings[number]]
        if not filled:
            continue
        readers = [group for group in groups if await offsets.committed(group, topic)]
        if not readers:
            raise NotPossible(f"Nobody reads {topic}: start its connector once.")
        for group in readers:
            committed = await offsets.committed(group, topic)
            if any(committed.get(number, beginnings[number]) > beginnings[number] for number in filled):
                connector = group.removesuffix(RAW_GROUP_SUFFIX)
                raise NotPossible(f"{topic} is not set back: stop {connector} and begin its rebuild first.")
    return ends


async def _drain_outbox(name: str, engine: AsyncEngine, settings: ServiceSettings, plan: RebuildPlan) -> None:
    """Decisions that still wait in the outbox have to be in the log before it is read."""
    rebuilding = Rebuilding(engine, settings, plan)
    await rebuilding.load()
    producer = Producer(settings.kafka_bootstrap_servers, settings.topic_prefix, f"longshore-{name}-rebuild")
    relay = OutboxRelay(engine, plan.schema, producer, name, withhold=rebuilding)
    await producer.start()
    try:
        await producer.wait_connected()
        await relay.start()
        async with asyncio.timeout(DRAIN_WITHIN_S):
            await _drained(relay)
    except TimeoutError:
        raise NotPossible("What waits in the outbox does not reach Kafka.") from None
    finally:
        await relay.stop()
        await producer.stop(1.0)


async def _drained(relay: OutboxRelay) -> None:
    while await relay.pending():  # noqa: ASYNC110  (a table tells nobody that it is empty)
        await asyncio.sleep(0.1)
