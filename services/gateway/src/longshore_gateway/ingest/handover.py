"""Commands for custom channels: their shops read them for themselves (docs/adr/0020-custom-channel.md)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.broker import Message, Record
from longshore.clock import Clock, utc_now
from longshore.contracts import Command, CommandError, CommandStatus, EntityFetch, StockSet
from longshore.platforms.jobs import NewJob
from longshore.platforms.outcomes import outcome_message, outcome_of
from longshore_gateway.models import SCHEMA


class HandOver:
    """Applies batches of `commands.api`: a command is carried out when the shop can read it, and it can."""

    def __init__(self, engine: AsyncEngine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    async def apply(self, records: Sequence[Record]) -> None:
        """Answer each command. Repeated, it is answered again: that changes nothing for who asked."""
        messages = [self._answer(Command.from_json(record.value)) for record in records]
        async with self._engine.begin() as conn:
            await outbox.add(conn, SCHEMA, messages)

    def _answer(self, command: Command) -> Message:
        now = self._clock()
        if isinstance(command.payload, EntityFetch):
            error = CommandError(code="not-supported", detail="A custom channel sends by itself: it cannot be asked.")
            return outcome_message(outcome_of(command, CommandStatus.FAILED, attempts=0, at=now, error=error))
        quantity = command.payload.quantity if isinstance(command.payload, StockSet) else None
        return outcome_message(outcome_of(command, CommandStatus.SUCCEEDED, attempts=1, at=now, quantity=quantity))


class NothingToFetch:
    """The job queue of a channel that has no store to ask: its translator never asks for an entity."""

    async def add(self, conn: AsyncConnection, jobs: Sequence[NewJob]) -> None:
        """Raises RuntimeError: there is nobody to fetch from."""
        if jobs:
            raise RuntimeError("a custom channel has no store to fetch from")
