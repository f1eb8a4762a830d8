"""Subscriber of integrations.events."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.broker import INTEGRATIONS_EVENTS, Record, Rejected
from longshore.contracts import Contract, IntegrationChanged
from longshore.runtime import Service
from longshore_inventory.channels.service import Channels
from longshore_inventory.consuming import parse

_TYPES: dict[str, type[Contract]] = {IntegrationChanged.event_type: IntegrationChanged}


def subscribe_integrations(service: Service, channels: Channels) -> None:
    """Mode and buffer of each store follow its settings."""

    async def apply_integrations(records: Sequence[Record]) -> list[Rejected]:
        read, rejected = parse(records, _TYPES)
        await channels.apply(each for _, each in read if isinstance(each, IntegrationChanged))
        return rejected

    service.subscribe(
        topics=[INTEGRATIONS_EVENTS],
        group="inventory.integrations",
        apply=apply_integrations,
        schema=IntegrationChanged,
        description="Keeps what each store's settings say of its stock.",
    )
