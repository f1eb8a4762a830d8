"""What all tests of the connector use: recordings of a real store, and raw records made of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from longshore.contracts import Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import RawRecord
from longshore_devkit.raw_records import raw_record

FIXTURES = Path(__file__).parent / "fixtures"
ORG = OrgId(UUID("00000000-0000-0000-0000-0000000000a1"))
INTEGRATION = IntegrationId(UUID("00000000-0000-0000-0000-0000000000b2"))
RECEIVED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

Body = bytes | Mapping[str, Any]
MakeRecord = Callable[..., RawRecord]


@dataclass(frozen=True)
class Recordings:
    """Recorded by us from a real WooCommerce 11.0.1: exact bytes of deliveries, texts of REST answers."""

    def delivery_names(self) -> list[str]:
        """All deliveries, in their order."""
        return sorted(path.stem for path in (FIXTURES / "webhooks").glob("*.json"))

    def delivery(self, name: str) -> tuple[str, bytes]:
        """Topic and exact body of the delivery whose name begins with `name`."""
        path = next((FIXTURES / "webhooks").glob(f"{name}*.json"))
        recorded = json.loads(path.read_text())
        return recorded["headers"].get("X-WC-Webhook-Topic", ""), base64.b64decode(recorded["body_base64"])

    def order(self, name: str) -> dict[str, Any]:
        """The delivered order, parsed."""
        parsed: dict[str, Any] = json.loads(self.delivery(name)[1])
        return parsed

    def rest(self, name: str) -> str:
        """Text of the REST answer whose name begins with `name`."""
        path = next((FIXTURES / "rest").glob(f"{name}*.json"))
        text: str = json.loads(path.read_text())["body_text"]
        return text


@pytest.fixture(scope="session")
def recordings() -> Recordings:
    """The recordings."""
    return Recordings()


make_record = partial(
    raw_record,
    Platform.WOOCOMMERCE,
    org_id=ORG,
    integration_id=INTEGRATION,
    received_at=RECEIVED,
    partition=3,
    offset=7,
)
"""A webhook's raw record, or that of a fetch when `resource` is given."""


@pytest.fixture(scope="session")
def record() -> MakeRecord:
    """Makes raw records."""
    return make_record


@pytest.fixture(scope="session")
def rounding_orders() -> list[dict[str, Any]]:
    """Orders of a real store whose prices include tax, with refunds: what it shows does not sum to its totals."""
    parsed: list[dict[str, Any]] = json.loads((FIXTURES / "rounding" / "prices-include-tax.json").read_text())
    return parsed
