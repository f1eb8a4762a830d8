"""Asking a store for something about an order, and what its command's outcomes do: one transaction each, under the
order's row lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.broker import Message
from longshore.clock import Clock, utc_now
from longshore.commands import command_message, new_command_view
from longshore.contracts import (
    Command,
    CommandLine,
    CommandOutcome,
    CommandStatus,
    CommandView,
    FulfillmentCancel,
    FulfillmentTracking,
    OrderAction,
    OrderActionRequested,
    OrderActionSettled,
    OrderRefund,
)
from longshore.idempotency import key_reused
from longshore.ids import OrgId, uuid7
from longshore.platforms.declaration import Ability
from longshore.problems import not_found
from longshore_order_sync.actions.requests import ActionType, Wanted
from longshore_order_sync.actions.rules import Asked, asked_of, plan, superseded
from longshore_order_sync.actions.store import (
    NewAction,
    create_action,
    get_actions,
    get_by_key,
    get_orders_of,
    settle_action,
)
from longshore_order_sync.commands.rules import FINAL, CommandState, settle
from longshore_order_sync.commands.store import create_command, find_command, get_states, update_command
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.store import cancel_fulfillment, name_fulfillment, track_fulfillment
from longshore_order_sync.metrics import OrderMetrics
from longshore_order_sync.orders import store
from longshore_order_sync.orders.canonical import status_of
from longshore_order_sync.orders.changes import changed
from longshore_order_sync.orders.locked import LockedOrder, lock_order, look_again, read_order, touch
from longshore_order_sync.orders.messages import REPLY_TO, action_event, order_changed
from longshore_order_sync.orders.state import summary_of


class Actions:
    """Use cases of what is asked of stores about orders. `abilities`: what each platform can be asked, by its id."""

    def __init__(
        self,
        engine: AsyncEngine,
        metrics: OrderMetrics,
        abilities: Mapping[str, frozenset[Ability]],
        clock: Clock = utc_now,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._abilities = abilities
        self._clock = clock

    async def request(
        self,
        org_id: OrgId,
        order_id: UUID,
        action: ActionType,
        wanted: Wanted,
        key: str | None = None,
        fulfillment_id: UUID | None = None,
    ) -> CommandView:
        """Ask the order's store for `wanted`, whose command is an `action`. The same `key` again gives what it gave
        the first time.

        Raises Problem: 404 no such order or fulfilment, 409 it cannot be done (any more), 422 it makes no sense.
        """
        digest = f"{wanted.digest()}{fulfillment_id or ''}"
        async with self._engine.begin() as conn:
            order = await lock_order(conn, order_id)
            if order is None or order.head.org_id != org_id:
                raise not_found("The order")
            if key is not None and (earlier := await get_by_key(conn, order_id, action, key)) is not None:
                return await _repeat(conn, order, *earlier, digest)
            before = await get_actions(conn, order_id)
            payload = plan(
                order.canonical(),
                wanted,
                before,
                id=uuid7(),
                abilities=self._abilities.get(order.snapshot.platform.value, frozenset()),
                observed_at=order.head.newest.observed_at,
                fulfillment_id=fulfillment_id,
            )
            view = await self._request(conn, order, payload, key, digest, superseded(payload, before))
        self._metrics.actions.labels(action, CommandStatus.PENDING.value).inc()
        return view

    async def _request(
        self,
        conn: AsyncConnection,
        order: LockedOrder,
        payload: OrderAction,
        key: str | None,
        digest: str,
        supersedes: list[UUID],
    ) -> CommandView:
        now = self._clock()
        command = Command(
            id=uuid7(),
            org_id=order.head.org_id,
            integration_id=order.head.integration_id,
            platform=order.snapshot.platform,
            payload=payload,
            reply_to=REPLY_TO,
            created_at=now,
            supersedes=supersedes,
        )
        view = new_command_view(command, order.head.id)
        await create_action(
            conn,
            NewAction(
                command_id=command.id,
                org_id=order.head.org_id,
                order_id=order.head.id,
                action=payload.type,
                asked=asked_of(payload),
                idempotency_key=key,
                request_digest=digest,
                created_at=now,
            ),
        )
        await create_command(conn, order.head.org_id, view)
        parcel = _parcel(payload)
        if parcel is not None and parcel.fulfillment_external_id is not None:
            # Known by its tracking number until its own command has ended, and that number may change now.
            await name_fulfillment(conn, parcel.fulfillment_id, parcel.fulfillment_external_id)
        await outbox.add(
            conn, SCHEMA, [action_event(_requested(command, payload), order.head.external_id), command_message(command)]
        )
        return view

    async def settle(self, outcomes: Sequence[CommandOutcome]) -> None:
        """Take in what became of commands. Repeated, late and foreign outcomes change nothing."""
        outcomes = [each for each in outcomes if each.reply_to == REPLY_TO]
        if not outcomes:
            return
        counted: list[tuple[str, str]] = []
        async with self._engine.begin() as conn:
            orders = await get_orders_of(conn, [each.command_id for each in outcomes])
            if not orders:
                return
            await store.lock_orders(conn, set(orders.values()))
            states = await get_states(conn, list(orders))
            messages: list[Message] = []
            for each in outcomes:
                before = states.get(each.command_id)
                if before is None or (after := settle(before, each)) == before:
                    continue
                states[each.command_id] = after
                await update_command(conn, each.command_id, after)
                if after.status in FINAL:
                    messages += await self._settle(conn, orders[each.command_id], each, after)
                    counted.append((each.type, after.status.value))
            await outbox.add(conn, SCHEMA, messages)
        for action, status in counted:
            self._metrics.actions.labels(action, status).inc()

    async def _settle(
        self, conn: AsyncConnection, order_id: UUID, outcome: CommandOutcome, state: CommandState
    ) -> list[Message]:
        at = state.finished_at or outcome.at
        asked = await settle_action(conn, outcome.command_id, state.status, outcome.made_external_id, at)
        succeeded = state.status is CommandStatus.SUCCEEDED
        parcel = succeeded and asked is not None and await _change_fulfillment(conn, asked, at)
        order = await read_order(conn, order_id)
        if order is None or asked is None:
            return []
        event = OrderActionSettled(
            order_id=order_id,
            org_id=order.head.org_id,
            integration_id=order.head.integration_id,
            command_id=outcome.command_id,
            action=outcome.type,
            fulfillment_id=asked.fulfillment_id,
            succeeded=succeeded,
            external_id=outcome.made_external_id,
            error=state.error,
            at=at,
        )
        messages = [action_event(event, order.head.external_id)]
        if parcel:
            # A parcel of ours: the store may not list it, and its next snapshot may be the one that we have.
            status = status_of(order.snapshot, order.facts)
            head = await touch(conn, replace(order.head, status=status.value))
            news = changed(summary_of(order.snapshot), order_id, status, head.newest, order.head)
            messages.append(order_changed(news, head.row_version, self._clock()))
        # What the store has made of it, or why it did not: not every store tells of each by itself. No attempts: it was
        # not asked (not connected any more, or a rebuild, which calls no store).
        if outcome.attempts:
            messages.append(command_message(look_again(order, self._clock())))
        return messages


async def _change_fulfillment(conn: AsyncConnection, asked: Asked, at: datetime) -> bool:
    """What an action that succeeded does to a fulfilment of ours; whether it was one."""
    if asked.fulfillment_id is None:
        return False
    if asked.action == FulfillmentCancel.model_fields["type"].default:
        return await cancel_fulfillment(conn, asked.fulfillment_id, at)
    return await track_fulfillment(conn, asked.fulfillment_id, asked.tracking)


async def _repeat(
    conn: AsyncConnection, order: LockedOrder, asked: Asked, before: str, created_at: datetime, digest: str
) -> CommandView:
    if digest != before:
        raise key_reused(f"another {asked.action} of this order")
    found = await find_command(conn, order.head.org_id, asked.command_id)
    # One that was pruned, as the action tells of it.
    return found or CommandView(
        id=asked.command_id,
        type=asked.action,
        order_id=order.head.id,
        integration_id=order.head.integration_id,
        status=asked.status,
        attempts=1,
        created_at=created_at,
        finished_at=asked.settled_at,
    )


def _parcel(payload: OrderAction) -> FulfillmentTracking | FulfillmentCancel | None:
    return payload if isinstance(payload, FulfillmentTracking | FulfillmentCancel) else None


def _requested(command: Command, payload: OrderAction) -> OrderActionRequested:
    refund = payload if isinstance(payload, OrderRefund) else None
    parcel = _parcel(payload)
    return OrderActionRequested(
        order_id=payload.order_id,
        org_id=command.org_id,
        integration_id=command.integration_id,
        order_external_id=payload.order_external_id,
        command_id=command.id,
        action=payload.type,
        fulfillment_id=parcel.fulfillment_id if parcel else None,
        tracking=parcel.tracking if parcel else None,
        lines=[
            CommandLine(line_id=each.line_id, external_id=each.external_id, quantity=each.quantity)
            for each in (refund.lines if refund else ())
        ],
        amount=refund.amount if refund else None,
        full=refund.full if refund else False,
        requested_at=command.created_at,
    )
