"""One batch and its three fates (ARCHITECTURE, the stream, rule 6). Knows nothing of Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Protocol, TypeVar

import structlog

from longshore.broker.deadletters import dead_letter
from longshore.broker.errors import describe, is_transient, stack_of
from longshore.broker.policy import ConsumerPolicy, PoisonGuard, Rejected
from longshore.broker.records import Message, Record

log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

Apply = Callable[[Sequence[Record]], Awaitable[Sequence[Rejected] | None]]


class Outcome(Enum):
    """What became of a batch."""

    DONE = "done"  # applied or set aside: its offsets may be committed
    HALTED = "halted"  # too much poison: nothing was set aside, nothing may be committed
    ABANDONED = "abandoned"  # the consumer stops or has lost its partitions: whoever takes over does it again


class SendMany(Protocol):
    """What a dead letter needs of a producer."""

    async def send_many(self, messages: Sequence[Message]) -> None: ...


class Batches:
    """Applies batches: retries what is transient, sets aside what is poison, halts when that is too much."""

    def __init__(
        self,
        group: str,
        apply: Apply,
        producer: SendMany,
        policy: ConsumerPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_retry: Callable[[], None] = lambda: None,
        on_dead_letter: Callable[[Record], None] = lambda record: None,
    ) -> None:
        self._group = group
        self._apply = apply
        self._producer = producer
        self._policy = policy
        self._guard = PoisonGuard(policy, clock)
        self._on_retry = on_retry
        self._on_dead_letter = on_dead_letter

    async def run(self, records: Sequence[Record], give_up: asyncio.Event) -> Outcome:
        """Apply all of `records`, in order, for as long as it takes or until `give_up` is set."""
        try:
            poison = await self._apply_all(records, give_up)
            if self._guard.would_halt(len(records), len(poison)):
                raise _TooMuchPoison(poison)
            await self._set_aside(poison, give_up)
        except _TooMuchPoison as halt:
            log.error(
                "too many records are poison: the consumer halts, nothing is skipped",
                group=self._group,
                records=len(records),
                poison=len(halt.poison),
                reasons=sorted({each.reason for each in halt.poison})[:5],
                stack=stack_of(error) if (error := halt.poison[-1].error) else None,
            )
            return Outcome.HALTED
        except _GivenUp:
            log.info("a batch is left to whoever takes over", group=self._group, records=len(records))
            return Outcome.ABANDONED
        self._guard.add(len(records), len(poison))
        return Outcome.DONE

    async def _apply_all(self, records: Sequence[Record], give_up: asyncio.Event) -> list[Rejected]:
        """Apply all; what fails is halved until the records that fail alone are found. Order is kept."""
        poison: list[Rejected] = []
        pending = [records]
        while pending:
            part = pending.pop()
            try:
                rejected = await self._persist(self._apply, part, give_up)
                poison.extend(rejected or ())
            except _GivenUp:
                raise
            except Exception as error:
                if len(part) == 1:
                    poison.append(Rejected(part[0], describe(error), error))
                else:
                    middle = len(part) // 2
                    pending += [part[middle:], part[:middle]]
            # A bad deploy makes all records fail: no need to try each of them.
            if self._guard.would_halt(len(records), len(poison)):
                raise _TooMuchPoison(poison)
        return poison

    async def _set_aside(self, poison: list[Rejected], give_up: asyncio.Event) -> None:
        if not poison:
            return
        letters = [dead_letter(each, self._group) for each in poison]
        await self._persist(self._producer.send_many, letters, give_up)
        for each in poison:
            self._on_dead_letter(each.record)
            log.warning(
                "a record was set aside as poison",
                group=self._group,
                topic=each.record.topic,
                partition=each.record.partition,
                offset=each.record.offset,
                reason=each.reason,
            )

    async def _persist(
        self, attempt: Callable[[Sequence[T]], Awaitable[R]], items: Sequence[T], give_up: asyncio.Event
    ) -> R:
        """`attempt(items)`, again and again while what hinders it is transient. Raises _GivenUp."""
        tries = 0
        while True:
            try:
                return await attempt(items)
            except Exception as error:
                if not is_transient(error):
                    raise
                tries += 1
                wait_s = self._policy.backoff_s(tries)
                self._on_retry()
                log.warning(
                    "a batch is tried again",
                    group=self._group,
                    records=len(items),
                    attempt=tries,
                    wait_s=round(wait_s, 2),
                    error=describe(error),
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(give_up.wait(), wait_s)
            if give_up.is_set():
                raise _GivenUp


class _TooMuchPoison(Exception):
    def __init__(self, poison: list[Rejected]) -> None:
        self.poison = poison


class _GivenUp(Exception):
    pass
