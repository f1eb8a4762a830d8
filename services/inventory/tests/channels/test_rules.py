"""Settings of an integration, sensible or not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from longshore.contracts import IntegrationChanged, IntegrationStatus, Platform
from longshore_inventory.channels.rules import channel_of
from longshore_inventory.stock.rules import Mode


@pytest.mark.parametrize(
    ("settings", "mode", "buffer"),
    [
        ({}, Mode.SHARED, 0),
        ({"stock": {"mode": "follower", "buffer": 2}}, Mode.FOLLOWER, 2),
        ({"stock": {"mode": "off"}}, Mode.OFF, 0),
        ({"stock": {"mode": "sometimes", "buffer": "2"}}, Mode.SHARED, 0),
        ({"stock": {"mode": 3, "buffer": -1}}, Mode.SHARED, 0),
        ({"stock": {"buffer": True}}, Mode.SHARED, 0),
        ({"stock": ["mode"]}, Mode.SHARED, 0),
    ],
)
def test_terms_of(settings: dict[str, Any], mode: Mode, buffer: int) -> None:
    event = IntegrationChanged(
        integration_id=UUID(int=1),
        org_id=UUID(int=2),
        platform=Platform.SHOPIFY,
        status=IntegrationStatus.ERROR,
        settings=settings,
        at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    assert channel_of(event).terms == (mode, buffer, False)
