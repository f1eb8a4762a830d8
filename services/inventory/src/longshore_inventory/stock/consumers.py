"""Subscriber of commerce.stock, and the task that counts differences when their time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from longshore.broker import COMMERCE_STOCK, NOBODY_WAITS, Record, Rejected, read_contracts
from longshore.contracts import StockLevel
from longshore.runtime import Service
from longshore_inventory.stock.reports import MATURE_BATCH, Reports

_TYPES = {StockLevel.event_type: StockLevel}


def subscribe_stock(service: Service, reports: Reports) -> None:
    """Each store's report is compared with what we expect it to have."""

    async def apply_stock(records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        await reports.apply([each for _, each in read_contracts(records, _TYPES, rejected)])
        return rejected

    service.subscribe(
        topics=[COMMERCE_STOCK],
        group="inventory.stock",
        apply=apply_stock,
        policy=NOBODY_WAITS,
        schema=StockLevel,
        description="Compares what stores report with what they are expected to have.",
    )


def settling(reports: Reports, settle_s: float, begin: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """A background task: after `begin` looks for differences that have outlived their window, several times in each.

    Those of before the process began get a whole window of its own: nobody read while it was away what may explain
    them, and a clock that was wrong may have noted them.
    """
    every_s = min(max(settle_s / 10, 0.1), 5.0)

    async def run() -> None:
        await begin()
        await asyncio.sleep(settle_s)
        while True:
            while await reports.settle_due() == MATURE_BATCH:
                pass
            await asyncio.sleep(every_s)

    return run
