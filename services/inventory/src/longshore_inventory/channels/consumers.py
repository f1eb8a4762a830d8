"""Subscriber of integrations.events."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.broker import INTEGRATIONS_EVENTS, Record, Rejected, read_contracts
from longshore.contracts import IntegrationChanged
from longshore.runtime import Service
from longshore_inventory.channels.service import Channels

_TYPES = {IntegrationChanged.event_type: IntegrationChanged}


def subscribe_integrations(service: Service, channels: Channels) -> None:
    """Mode and buffer of each store follow its settings."""

    async def apply_integrations(records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        await channels.apply([each for _, each in read_contracts(records, _TYPES, rejected)])
        return rejected

    service.subscribe(
        topics=[INTEGRATIONS_EVENTS],
        group="inventory.integrations",
        apply=apply_integrations,
        types=[IntegrationChanged.event_type],
        schema=IntegrationChanged,
        description="Keeps what each store's settings say of its stock.",
    )
