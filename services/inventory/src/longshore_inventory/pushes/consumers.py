"""Subscriber of commands.outcomes, and the task that tells stores what has waited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from longshore.broker import COMMANDS_OUTCOMES, Record, Rejected, read_contracts
from longshore.contracts import CommandOutcome
from longshore.rebuild import Rebuilding
from longshore.runtime import Service
from longshore_inventory.pushes.rules import STOCK_SET
from longshore_inventory.pushes.service import Pushes
from longshore_inventory.selling.service import Selling
from longshore_inventory.stock.closing import REPLY_TO

_TYPES = {CommandOutcome.event_type: CommandOutcome}


def subscribe_outcomes(service: Service, pushes: Pushes, selling: Selling, rebuilding: Rebuilding) -> None:
    """What became of the pushes that we asked for, and of what else stores were asked about their products."""

    async def apply_outcomes(records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        outcomes = [each for _, each in read_contracts(records, _TYPES, rejected)]
        ours = [each for each in outcomes if each.reply_to == REPLY_TO]
        await pushes.apply([each for each in ours if each.type == STOCK_SET])
        await selling.settle([each for each in ours if each.type != STOCK_SET])
        return rejected

    service.subscribe(
        topics=[COMMANDS_OUTCOMES],
        group="inventory.outcomes",
        apply=rebuilding.after(apply_outcomes),
        schema=CommandOutcome,
        description="Learns what stores have after a push.",
    )


def waiting_pushes(pushes: Pushes, begin: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """A background task: after `begin`, looks at each second's beginning for what has waited long enough."""

    async def run() -> None:
        await begin()
        while True:
            await asyncio.sleep(1.0 - time.time() % 1.0)
            await pushes.push_waiting()

    return run
