"""What was asked of stores, from this service's own decision events: see fulfillments/restore.py.

No command goes out again, and what a note said is not in the events: only that it was asked for, and what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.contracts import (
    CommandOutcome,
    CommandStatus,
    CommandView,
    OrderActionRequested,
    OrderActionSettled,
)
from longshore_order_sync.actions.service import Actions
from longshore_order_sync.actions.store import NewAction, create_action
from longshore_order_sync.commands.store import create_command
from longshore_order_sync.orders import store
from longshore_order_sync.orders.messages import REPLY_TO

Decision = OrderActionRequested | OrderActionSettled


class RestoreActions:
    """Makes actions and their commands that are missing, and ends those that had ended."""

    def __init__(self, engine: AsyncEngine, actions: Actions) -> None:
        self._engine = engine
        self._actions = actions

    async def apply(self, decisions: Sequence[Decision]) -> None:
        """In the order in which they were made."""
        requested = [each for each in decisions if isinstance(each, OrderActionRequested)]
        if requested:
            async with self._engine.begin() as conn:
                await store.lock_orders(conn, {each.order_id for each in requested})
                for each in requested:
                    await _restore(conn, each)
        await self._actions.settle([_outcome(each) for each in decisions if isinstance(each, OrderActionSettled)])


async def _restore(conn: AsyncConnection, decided: OrderActionRequested) -> None:
    await create_action(
        conn,
        NewAction(
            command_id=decided.command_id,
            org_id=decided.org_id,
            order_id=decided.order_id,
            action=decided.action,
            asked=_asked(decided),
            idempotency_key=None,
            request_digest="",
            created_at=decided.requested_at,
        ),
    )
    await create_command(
        conn,
        decided.org_id,
        CommandView(
            id=decided.command_id,
            type=decided.action,
            order_id=decided.order_id,
            integration_id=decided.integration_id,
            status=CommandStatus.PENDING,
            attempts=0,
            created_at=decided.requested_at,
        ),
    )


def _asked(decided: OrderActionRequested) -> dict[str, Any]:
    kept = decided.model_dump(mode="json", include={"fulfillment_id", "tracking", "amount", "full"})
    return kept | {"lines": {str(each.line_id): each.quantity for each in decided.lines}}


def _outcome(settled: OrderActionSettled) -> CommandOutcome:
    return CommandOutcome(
        command_id=settled.command_id,
        type=settled.action,
        org_id=settled.org_id,
        integration_id=settled.integration_id,
        reply_to=REPLY_TO,
        status=CommandStatus.SUCCEEDED if settled.succeeded else CommandStatus.FAILED,
        attempts=0,
        error=settled.error,
        at=settled.at,
        made_external_id=settled.external_id,
    )
