"""Fulfilments from this service's own decision events: what makes its state rebuildable from the log.

In ordinary operation the rows are there before their events are read, and nothing happens. After a rebuild they are
made again, and no command goes out: a replay never repeats an effect on a store (ARCHITECTURE, the stream, rule 2).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.contracts import (
    CommandOutcome,
    CommandStatus,
    CommandView,
    FulfillmentCreate,
    FulfillmentRequested,
    FulfillmentSettled,
)
from longshore_order_sync.commands.store import create_command
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.fulfillments.service import Fulfillments
from longshore_order_sync.fulfillments.store import NewFulfillment, create_fulfillment
from longshore_order_sync.orders import store
from longshore_order_sync.orders.messages import REPLY_TO

Decision = FulfillmentRequested | FulfillmentSettled
_TYPE: str = FulfillmentCreate.model_fields["type"].default


class RestoreFulfillments:
    """Makes fulfilments and their commands that are missing, and ends those that had ended."""

    def __init__(self, engine: AsyncEngine, fulfillments: Fulfillments) -> None:
        self._engine = engine
        self._fulfillments = fulfillments

    async def apply(self, decisions: Sequence[Decision]) -> None:
        """In the order in which they were made."""
        requested = [each for each in decisions if isinstance(each, FulfillmentRequested)]
        if requested:
            async with self._engine.begin() as conn:
                # As the API does: the order first, then what hangs on it.
                await store.lock_orders(conn, {each.order_id for each in requested})
                for each in requested:
                    await _restore(conn, each)
        await self._fulfillments.settle([_outcome(each) for each in decisions if isinstance(each, FulfillmentSettled)])


async def _restore(conn: AsyncConnection, decided: FulfillmentRequested) -> None:
    pieces = {line.line_id: line.quantity for line in decided.lines}
    shipment = Shipment(list(pieces.items()), decided.tracking, decided.notify_customer)
    await create_fulfillment(
        conn,
        NewFulfillment(
            id=decided.fulfillment_id,
            org_id=decided.org_id,
            order_id=decided.order_id,
            command_id=decided.command_id,
            lines=pieces,
            tracking=decided.tracking,
            notify_customer=decided.notify_customer,
            idempotency_key=None,
            request_digest=shipment.digest(),
            created_at=decided.requested_at,
        ),
    )
    await create_command(
        conn,
        decided.org_id,
        CommandView(
            id=decided.command_id,
            type=_TYPE,
            order_id=decided.order_id,
            integration_id=decided.integration_id,
            status=CommandStatus.PENDING,
            attempts=0,
            created_at=decided.requested_at,
        ),
    )
    await store.mark_shipping(conn, decided.order_id, decided.org_id)


def _outcome(settled: FulfillmentSettled) -> CommandOutcome:
    return CommandOutcome(
        command_id=settled.command_id,
        type=_TYPE,
        org_id=settled.org_id,
        integration_id=settled.integration_id,
        reply_to=REPLY_TO,
        status=CommandStatus.SUCCEEDED if settled.succeeded else CommandStatus.FAILED,
        attempts=0,
        error=settled.error,
        at=settled.at,
        fulfillment_id=settled.fulfillment_id,
        fulfillment_external_id=settled.external_id,
        more_fulfillment_external_ids=settled.more_external_ids,
    )
