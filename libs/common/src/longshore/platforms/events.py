"""What every translator's events begin with: whose they are, of which raw record, how new."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from longshore.contracts import CustomerDeleted, OrderDeleted, ProductDeleted
from longshore.platforms.protocols import RawRecord

# A store's clock may be an hour off, or read its own zone as UTC. What is further ahead is no time of an update.
MOST_AHEAD = timedelta(days=2)
# Stores themselves bound a SKU at 255 characters (Shopify) or 100; it is the key of our variants.
LONGEST_SKU = 255


def is_far_ahead(moment: datetime, record: RawRecord) -> bool:
    """Whether a store's time lies so far after its delivery that it would outrank all that the store says later."""
    return moment > record.received_at + MOST_AHEAD


def snapshot_head(record: RawRecord, external_id: str, updated_at: datetime) -> dict[str, Any]:
    """The fields of contracts.Snapshot, but digest and problems, and `updated_at`."""
    return {
        "org_id": record.org_id,
        "integration_id": record.integration_id,
        "platform": record.platform,
        "external_id": external_id,
        "version": {"updated_at": updated_at, "observed_at": record.received_at, "offset": record.ref.offset},
        "raw": record.ref,
        "updated_at": updated_at,
    }


def order_deleted(record: RawRecord, external_id: str) -> OrderDeleted:
    """The store does not have the order any more, or has it in its trash."""
    return OrderDeleted(**_gone(record, external_id))


def product_deleted(record: RawRecord, external_id: str) -> ProductDeleted:
    """The store does not have the product any more, or has it in its trash."""
    return ProductDeleted(**_gone(record, external_id))


def customer_deleted(record: RawRecord, external_id: str) -> CustomerDeleted:
    """The store does not have the customer any more."""
    return CustomerDeleted(**_gone(record, external_id))


def _gone(record: RawRecord, external_id: str) -> dict[str, Any]:
    return {
        "org_id": record.org_id,
        "integration_id": record.integration_id,
        "platform": record.platform,
        "external_id": external_id,
        "observed_at": record.received_at,
        "raw": record.ref,
    }
