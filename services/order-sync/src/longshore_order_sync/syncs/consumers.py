"""integrations.events -> sync runs."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import SyncRunChanged, WebhooksRepaired
from longshore_order_sync.syncs.service import Syncs

_TYPES = {SyncRunChanged.event_type: SyncRunChanged}
_REPAIRS = {WebhooksRepaired.event_type: WebhooksRepaired}


class SyncRunsConsumer:
    """Applies batches of `integrations.events`: what connectors tell of runs; the rest is passed over."""

    def __init__(self, service: Syncs) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        rejected: list[Rejected] = []
        await self._service.follow([each for _, each in read_contracts(records, _TYPES, rejected)])
        return rejected


class RepairsConsumer:
    """Applies batches of `integrations.events`: what was not delivered while webhooks were out of order is read."""

    def __init__(self, service: Syncs) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read; the others are poison. Safe to repeat: the runs' ids are made of the events."""
        rejected: list[Rejected] = []
        for _, each in read_contracts(records, _REPAIRS, rejected):
            await self._service.repair(each)
        return rejected
