"""Raw records as a connector reads them, made without a gateway: for tests and benchmarks of translators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from longshore.broker import RAW
from longshore.contracts import Origin, Platform, RawRef
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import RawRecord, Resource

ORG: Final = OrgId(UUID(int=1))
INTEGRATION: Final = IntegrationId(UUID(int=2))
ORDER_UPDATED: Final = {Platform.SHOPIFY: "orders/updated", Platform.WOOCOMMERCE: "order.updated"}
"""What platforms with webhooks call it."""


def raw_record(
    platform: Platform,
    body: Any,
    topic: str | None = None,
    *,
    resource: Resource | None = None,
    external_id: str | None = None,
    gone: bool = False,
    org_id: UUID = ORG,
    integration_id: UUID = INTEGRATION,
    received_at: datetime | None = None,
    headers: Mapping[str, str] | None = None,
    partition: int = 0,
    offset: int = 0,
) -> RawRecord:
    """A webhook's record (`topic` None: of an order that changed), or that of a fetch, or of an item of the custom
    channel, when `resource` is given.

    `body` is the delivery's bytes, or what to dump as JSON. `received_at` None: now.
    """
    if resource is None:
        origin, topic = Origin.WEBHOOK, ORDER_UPDATED[platform] if topic is None else topic
    else:
        origin = Origin.API if platform is Platform.API else Origin.FETCH
    return RawRecord(
        platform=platform,
        org_id=OrgId(org_id),
        integration_id=IntegrationId(integration_id),
        origin=origin,
        topic_name=topic or "",
        resource=resource,
        external_id=external_id,
        gone=gone,
        received_at=received_at or datetime.now(UTC),
        headers=headers or {},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        ref=RawRef(topic=RAW(platform.value).name, partition=partition, offset=offset, origin=origin),
    )
