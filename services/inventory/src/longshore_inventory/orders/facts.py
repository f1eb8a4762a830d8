"""What inventory reads of an order snapshot: a smaller model of the same contract, which costs a third to parse.

No buyers' data enters this service.
"""

from __future__ import annotations

from uuid import UUID

from longshore.contracts import Contract, FulfillmentState, OrderStatus, Platform, UtcDatetime, Version


class LineFacts(Contract):
    """See contracts.OrderLine."""

    id: UUID
    variant_external_id: str | None = None
    sku: str | None = None
    quantity: int
    fulfilled_quantity: int = 0
    refunded_quantity: int = 0
    restocked_quantity: int = 0
    stock_taken: int | None = None


class FulfillmentFacts(Contract):
    """See contracts.Fulfillment."""

    external_id: str | None = None
    status: FulfillmentState


class OrderFacts(Contract):
    """See contracts.OrderSnapshot."""

    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    version: Version
    digest: str = ""
    status: OrderStatus
    platform_status: str
    lines: list[LineFacts]
    fulfillments: list[FulfillmentFacts] = []
    placed_at: UtcDatetime
    cancelled_at: UtcDatetime | None = None
