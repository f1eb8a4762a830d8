"""Begins and ends requests that may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker.errors import describe, is_transient
from longshore.clock import Clock, utc_now
from longshore.idempotency import key_reused
from longshore.problems import Problem
from longshore.vault import InvalidKey, Sealer
from longshore_gateway.idempotency import store
from longshore_gateway.idempotency.rules import Answer, answer_of
from longshore_gateway.idempotency.store import Before, Place

log = structlog.get_logger(__name__)

# Longer than a request may take, so that none is begun again while it is under way.
CLAIMED_FOR = timedelta(seconds=90)
WAIT_S = 2.0
FIRST_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is under way and ours to end."""

    place: Place
    id: UUID


class Repeats:
    """Knows which requests came before."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer, clock: Clock = utc_now, wait_s: float = WAIT_S) -> None:
        self._engine = engine
        self._sealer = sealer
        self._clock = clock
        self._wait_s = wait_s

    async def begin(self, place: Place, requests: Sequence[str]) -> Claim | Answer:
        """The right to do it, or what was answered before. `requests`: the digests that this request can have, newest
        key first. Waits a moment for one that is under way.

        Raises Problem: 422 when the key came with another request, 409 when that request is still under way.
        """
        id, waited, look = uuid4(), 0.0, FIRST_LOOK_S
        while True:
            now = self._clock()
            async with self._engine.begin() as conn:
                if await store.claim(conn, place, requests, id, now, now + CLAIMED_FOR):
                    return Claim(place, id)
                before = await store.find(conn, place)
            if before is not None:
                if before.request not in requests:
                    raise key_reused("another request")
                if before.answer is not None:
                    return self._open(before)
            if waited >= self._wait_s:
                raise Problem(
                    409, "The first request with this Idempotency-Key is still under way.", type="request-under-way",
                    headers={"Retry-After": "1"},
                )  # fmt: skip
            await asyncio.sleep(look)
            waited, look = waited + look, look * 2

    async def keep(self, claim: Claim, answer: Answer) -> None:
        """It is done. Where that cannot be written now, the answer is given all the same: whoever repeats the request
        then has to wait until the claim has run out, and the services behind know its key themselves."""
        try:
            async with self._engine.begin() as conn:
                await store.finish(conn, claim.place, claim.id, self._sealer.seal(answer.as_texts()))
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("the answer to an Idempotency-Key is not kept", error=describe(error))

    async def release(self, claim: Claim) -> None:
        """It failed: the next one may try."""
        try:
            async with self._engine.begin() as conn:
                await store.release(conn, claim.place, claim.id)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("an Idempotency-Key is not free yet", error=describe(error))

    def _open(self, before: Before) -> Answer:
        try:
            return answer_of(self._sealer.open(before.answer or b""))
        except InvalidKey:
            raise Problem(
                409, "It was done; what it was answered can no longer be read.", type="answer-is-gone"
            ) from None
