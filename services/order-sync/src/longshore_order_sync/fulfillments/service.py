"""Asking for a fulfilment, and what its command's outcomes do: one transaction each, under the order's row lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.broker import Message
from longshore.clock import Clock, utc_now
from longshore.commands import command_message, new_command_view
from longshore.contracts import (
    Command,
    CommandOutcome,
    CommandStatus,
    CommandView,
    Fulfillment,
    FulfillmentCreate,
    FulfillmentRequested,
    FulfillmentSettled,
    FulfillmentState,
)
from longshore.idempotency import key_reused
from longshore.ids import OrgId, uuid7
from longshore.problems import not_found
from longshore_order_sync.commands.rules import CommandState, settle
from longshore_order_sync.commands.store import create_command, find_command, get_states, update_command
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.rules import SETTLED, Shipment, payload, plan
from longshore_order_sync.fulfillments.store import (
    NewFulfillment,
    create_fulfillment,
    get_by_key,
    get_orders_of,
    settle_fulfillment,
)
from longshore_order_sync.metrics import OrderMetrics
from longshore_order_sync.orders import store
from longshore_order_sync.orders.canonical import HubFulfillment, as_contract, status_of
from longshore_order_sync.orders.changes import changed
from longshore_order_sync.orders.locked import LockedOrder, lock_order, look_again, read_order, touch
from longshore_order_sync.orders.messages import REPLY_TO, fulfillment_event, order_changed
from longshore_order_sync.orders.state import Head, summary_of


@dataclass(frozen=True, slots=True)
class Requested:
    """A fulfilment that was asked for, and its command."""

    fulfillment: Fulfillment
    command: CommandView


class Fulfillments:
    """Use cases of fulfilments."""

    def __init__(self, engine: AsyncEngine, metrics: OrderMetrics, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock

    async def request(self, org_id: OrgId, order_id: UUID, wanted: Shipment, key: str | None = None) -> Requested:
        """Ask the order's store to ship. The same `key` again gives what it gave the first time.

        Raises Problem: 404 no such order, 409 nothing of the kind is left to ship, 422 wrong lines or key.
        """
        async with self._engine.begin() as conn:
            order = await lock_order(conn, order_id)
            if order is None or order.head.org_id != org_id:
                raise not_found("The order")
            if key is not None and (earlier := await get_by_key(conn, order_id, key)) is not None:
                return await _repeat(conn, order.head, *earlier, wanted)
            requested = await self._request(conn, order, wanted, key)
        self._metrics.fulfillments[FulfillmentState.PENDING].inc()
        return requested

    async def _request(self, conn: AsyncConnection, order: LockedOrder, wanted: Shipment, key: str | None) -> Requested:
        current = order.canonical()
        pieces = plan(current, wanted, order.fulfillments)
        now = self._clock()
        command = Command(
            id=uuid7(),
            org_id=order.head.org_id,
            integration_id=order.head.integration_id,
            platform=order.snapshot.platform,
            payload=payload(current, uuid7(), pieces, wanted),
            reply_to=REPLY_TO,
            created_at=now,
        )
        view = new_command_view(command, order.head.id)
        hub = await create_fulfillment(conn, _new_fulfillment(command, pieces, wanted, key))
        await create_command(conn, order.head.org_id, view)
        await store.mark_shipping(conn, order.head.id, order.head.org_id)
        await touch(conn, order.head)
        await outbox.add(
            conn, SCHEMA, [fulfillment_event(_requested(command), order.head.external_id), command_message(command)]
        )
        return Requested(as_contract(hub), view)

    async def settle(self, outcomes: Sequence[CommandOutcome]) -> None:
        """Take in what became of commands. Repeated, late and foreign outcomes change nothing."""
        outcomes = [each for each in outcomes if each.reply_to == REPLY_TO]
        if not outcomes:
            return
        counted: list[FulfillmentState] = []
        async with self._engine.begin() as conn:
            orders = await get_orders_of(conn, [each.command_id for each in outcomes])
            if not orders:
                return
            await store.lock_orders(conn, set(orders.values()))
            before = await get_states(conn, list(orders))
            after = dict(before)
            by_id: dict[UUID, CommandOutcome] = {}
            for each in outcomes:
                if each.command_id in after:
                    state = settle(after[each.command_id], each)
                    if state != after[each.command_id]:
                        after[each.command_id] = state
                        by_id[each.command_id] = each
            messages: list[Message] = []
            for command_id in sorted(by_id):
                await update_command(conn, command_id, after[command_id])
                status = SETTLED.get(after[command_id].status)
                if status is not None:
                    messages += await self._settle(
                        conn, orders[command_id], by_id[command_id], after[command_id], status
                    )
                    counted.append(status)
            await outbox.add(conn, SCHEMA, messages)
        for status in counted:
            self._metrics.fulfillments[status].inc()

    async def _settle(
        self,
        conn: AsyncConnection,
        order_id: UUID,
        outcome: CommandOutcome,
        state: CommandState,
        status: FulfillmentState,
    ) -> list[Message]:
        at = state.finished_at or outcome.at
        more = outcome.more_fulfillment_external_ids
        await settle_fulfillment(conn, outcome.command_id, status, outcome.fulfillment_external_id, at, more)
        order = await read_order(conn, order_id)
        if order is None:
            return []
        hub = next(each for each in order.fulfillments if each.command_id == outcome.command_id)
        event = FulfillmentSettled(
            order_id=order_id,
            org_id=order.head.org_id,
            integration_id=order.head.integration_id,
            fulfillment_id=hub.id,
            command_id=outcome.command_id,
            succeeded=status is FulfillmentState.SUCCESS,
            external_id=outcome.fulfillment_external_id,
            more_external_ids=more,
            error=state.error,
            at=at,
        )
        order_status = status_of(order.snapshot, order.facts)
        head = await touch(conn, replace(order.head, status=order_status.value))
        now = self._clock()
        messages = [
            fulfillment_event(event, order.head.external_id),
            order_changed(
                changed(summary_of(order.snapshot), order_id, order_status, head.newest, order.head),
                head.row_version,
                now,
            ),
        ]
        # A store that refuses to ship may have the order otherwise than we do: cancelled or deleted, and said nothing.
        # No attempts: the store was not asked (not connected any more, or a rebuild, which calls no store).
        # And which pieces are in which of several parcels only the store can say.
        if (status is FulfillmentState.FAILED or more) and outcome.attempts:
            messages.append(command_message(look_again(order, now)))
        return messages


async def _repeat(conn: AsyncConnection, head: Head, hub: HubFulfillment, digest: str, wanted: Shipment) -> Requested:
    if digest != wanted.digest():
        raise key_reused("another fulfilment of this order")
    command = await find_command(conn, head.org_id, hub.command_id)
    return Requested(as_contract(hub), command or _of_the_past(head, hub))


def _of_the_past(head: Head, hub: HubFulfillment) -> CommandView:
    """A fulfilment's command that was pruned, as the fulfilment tells of it."""
    failed = hub.status is FulfillmentState.FAILED
    return CommandView(
        id=hub.command_id,
        type=FulfillmentCreate.model_fields["type"].default,
        order_id=head.id,
        integration_id=head.integration_id,
        status=CommandStatus.FAILED if failed else CommandStatus.SUCCEEDED,
        attempts=1,
        created_at=hub.created_at,
        finished_at=hub.settled_at,
    )


def _new_fulfillment(command: Command, pieces: dict[UUID, int], wanted: Shipment, key: str | None) -> NewFulfillment:
    assert command.payload.type == "fulfillment.create"  # noqa: S101  (made above)
    return NewFulfillment(
        id=command.payload.fulfillment_id,
        org_id=command.org_id,
        order_id=command.payload.order_id,
        command_id=command.id,
        lines=pieces,
        tracking=wanted.tracking,
        notify_customer=wanted.notify_customer,
        idempotency_key=key,
        request_digest=wanted.digest(),
        created_at=command.created_at,
    )


def _requested(command: Command) -> FulfillmentRequested:
    told = command.payload
    assert told.type == "fulfillment.create"  # noqa: S101  (made above)
    return FulfillmentRequested(
        order_id=told.order_id,
        org_id=command.org_id,
        integration_id=command.integration_id,
        order_external_id=told.order_external_id,
        fulfillment_id=told.fulfillment_id,
        command_id=command.id,
        lines=told.lines,
        tracking=told.tracking,
        notify_customer=told.notify_customer,
        requested_at=command.created_at,
    )
