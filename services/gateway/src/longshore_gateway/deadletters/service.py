"""Use cases of dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker import BrokerUnavailable, Producer, Record
from longshore.clock import Clock, utc_now
from longshore.ids import OrgId
from longshore.paging import Place
from longshore.problems import Problem, not_found
from longshore_gateway.audit import trail
from longshore_gateway.deadletters import store
from longshore_gateway.deadletters.rules import DeadLetter, read_letter, revive

MOST_AT_ONCE = 1_000


class DeadLetters:
    """Keeps, lists, shows and replays."""

    def __init__(self, engine: AsyncEngine, producer: Producer, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._producer = producer
        self._clock = clock

    async def apply(self, records: Sequence[Record]) -> None:
        """A batch of `<topic>.dlq` records."""
        letters = {letter.id: letter for letter in map(read_letter, records)}
        async with self._engine.begin() as conn:
            await store.add_letters(conn, [letters[id] for id in sorted(letters)])

    async def list(
        self, org_id: OrgId, *, topic: str | None, replayed: bool, after: Place | None, limit: int
    ) -> Sequence[DeadLetter]:
        """Newest first."""
        async with self._engine.connect() as conn:
            return await store.list_letters(conn, org_id, topic=topic, replayed=replayed, after=after, limit=limit)

    async def get(self, org_id: OrgId, id: UUID) -> DeadLetter:
        """One letter. Raises Problem 404."""
        async with self._engine.connect() as conn:
            letter = await store.get_letter(conn, org_id, id)
        if letter is None:
            raise not_found("This dead letter")
        return letter

    async def replay(self, org_id: OrgId, wanted: Sequence[UUID] | None, topic: str | None) -> int:
        """Send records back to their topics as they were; answers how many. Raises Problem 503 without Kafka.

        A record that several groups could not apply has several letters and goes back once. They are locked meanwhile,
        so that two replays at once send each of them once.
        """
        async with self._engine.begin() as conn:
            letters = await store.lock_open(conn, org_id, wanted=wanted, topic=topic, limit=MOST_AT_ONCE)
            records = {(letter.topic, letter.partition, letter.offset): letter for letter in letters}
            try:
                await self._producer.send_many([revive(letter) for letter in records.values()], 10.0)
            except BrokerUnavailable:
                raise Problem(503, "Kafka does not answer.", type="try-again", headers={"Retry-After": "5"}) from None
            now = self._clock()
            await store.mark_replayed(conn, org_id, [letter.id for letter in letters], now)
            if records:
                topics = sorted({letter.topic for letter in letters})
                told = {"replayed": len(records), "topics": topics}
                await trail.record(conn, org_id, "dead_letters.replayed", topic or ", ".join(topics), now, after=told)
        return len(records)

    async def count_open(self) -> int:
        """How many wait for a person."""
        async with self._engine.connect() as conn:
            return await store.count_open(conn)
