"""What an integration's settings say of its stock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from longshore.contracts import IntegrationChanged, IntegrationStatus, Platform
from longshore_inventory.stock.rules import Mode


@dataclass(frozen=True, slots=True)
class Channel:
    """A store as a channel of stock. `buffer`: pieces that it is never told of."""

    integration_id: UUID
    org_id: UUID
    platform: Platform
    mode: Mode
    buffer: int
    deleted: bool
    changed_at: datetime

    @property
    def terms(self) -> tuple[Mode, int, bool]:
        """What decides about pushes."""
        return (self.mode, self.buffer, self.deleted)


def channel_of(event: IntegrationChanged) -> Channel:
    """The channel that an integration is now. Settings that make no sense count as the default: shared, no buffer."""
    stock = event.settings.get("stock")
    settings: Mapping[str, Any] = stock if isinstance(stock, Mapping) else {}
    mode, buffer = settings.get("mode"), settings.get("buffer")
    return Channel(
        event.integration_id,
        event.org_id,
        event.platform,
        Mode(mode) if isinstance(mode, str) and mode in set(Mode) else Mode.SHARED,
        buffer if isinstance(buffer, int) and not isinstance(buffer, bool) and 0 <= buffer < 1_000_000_000 else 0,
        event.status is IntegrationStatus.DELETED,
        event.at,
    )
