"""The composition root of order-sync."""

from __future__ import annotations

from fastapi import FastAPI

from longshore.broker import (
    COMMANDS,
    COMMANDS_OUTCOMES,
    COMMERCE_CUSTOMERS,
    COMMERCE_ORDERS,
    INTEGRATIONS_EVENTS,
    INVENTORY_EVENTS,
    NOBODY_WAITS,
    ORDERS_EVENTS,
)
from longshore.commands import commands_router
from longshore.contracts import (
    CommandOutcome,
    CustomerSnapshot,
    DataErased,
    FulfillmentRequested,
    FulfillmentSettled,
    OrderActionRequested,
    OrderActionSettled,
    OrderOversold,
    OrderSnapshot,
    Platform,
    SyncRunChanged,
    WebhooksRepaired,
)
from longshore.db import migrations_path
from longshore.platforms.declaration import find_platforms
from longshore.pruning import pruning
from longshore.runtime import Service
from longshore_order_sync import __version__
from longshore_order_sync.actions.api import actions_router
from longshore_order_sync.actions.restore import RestoreActions
from longshore_order_sync.actions.service import Actions
from longshore_order_sync.commands.models import commands
from longshore_order_sync.commands.store import past
from longshore_order_sync.customers.api import customers_router
from longshore_order_sync.customers.consumers import CustomersConsumer
from longshore_order_sync.customers.service import ApplyCustomers
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.api import fulfillments_router
from longshore_order_sync.fulfillments.consumers import DecisionsConsumer, OutcomesConsumer
from longshore_order_sync.fulfillments.restore import RestoreFulfillments
from longshore_order_sync.fulfillments.service import Fulfillments
from longshore_order_sync.metrics import OrderMetrics
from longshore_order_sync.orders.api import orders_router
from longshore_order_sync.orders.consumers import OrdersConsumer, OversoldConsumer
from longshore_order_sync.orders.oversold import MarkOversold
from longshore_order_sync.orders.service import ApplyOrders
from longshore_order_sync.privacy.api import privacy_router
from longshore_order_sync.privacy.service import Privacy
from longshore_order_sync.rebuild import PLAN
from longshore_order_sync.settings import Settings
from longshore_order_sync.statehash import state_hash_router
from longshore_order_sync.syncs.api import syncs_router
from longshore_order_sync.syncs.consumers import RepairsConsumer, SyncRunsConsumer
from longshore_order_sync.syncs.service import Syncs
from longshore_order_sync.syncs.store import past_syncs


def create_app(settings: Settings) -> FastAPI:
    """The service, wired; its lifespan starts and stops it."""
    service = Service("order-sync", __version__, settings)
    metrics = OrderMetrics(service.registry)
    fulfillments = Fulfillments(service.engine, metrics)
    abilities = {each.id: each.commands for each in find_platforms().values()}
    actions = Actions(service.engine, metrics, abilities)
    privacy = Privacy(service.engine)
    syncs = Syncs(service.engine)
    rebuilding = service.rebuilding(PLAN)

    service.migrations(migrations_path(__file__), SCHEMA)
    service.background(
        "pruning",
        pruning(service.engine, past(settings.history_days) + past_syncs(settings.history_days), service.registry),
    )
    service.topics(*(COMMANDS(platform.value) for platform in Platform))
    service.subscribe(
        topics=[COMMERCE_ORDERS],
        group="order-sync.orders",
        apply=OrdersConsumer(ApplyOrders(service.engine, metrics)).apply,
        schema=OrderSnapshot,
        description="Snapshots and deletions of orders; the newest snapshot of each is the order.",
    )
    service.subscribe(
        topics=[COMMERCE_CUSTOMERS],
        group="order-sync.customers",
        apply=CustomersConsumer(ApplyCustomers(service.engine)).apply,
        schema=CustomerSnapshot,
        description="Snapshots and deletions of customers; the newest of each is kept.",
    )
    service.subscribe(
        topics=[COMMANDS_OUTCOMES],
        group="order-sync.outcomes",
        apply=rebuilding.after(OutcomesConsumer(fulfillments, actions).apply),
        schema=CommandOutcome,
        description="What became of fulfilments and of what else was asked of stores.",
    )
    service.subscribe(
        topics=[INVENTORY_EVENTS],
        group="order-sync.inventory",
        apply=OversoldConsumer(MarkOversold(service.engine)).apply,
        policy=NOBODY_WAITS,
        types=[OrderOversold.event_type],
        schema=OrderOversold,
        description="Order lines that stock does not cover.",
    )
    service.subscribe(
        topics=[ORDERS_EVENTS],
        group="order-sync.decisions",
        apply=DecisionsConsumer(
            RestoreFulfillments(service.engine, fulfillments), RestoreActions(service.engine, actions), privacy
        ).apply,
        policy=NOBODY_WAITS,
        types=[
            FulfillmentRequested.event_type,
            FulfillmentSettled.event_type,
            OrderActionRequested.event_type,
            OrderActionSettled.event_type,
            DataErased.event_type,
        ],
        schema=FulfillmentRequested,
        description="Our own decisions: what makes fulfilments and actions again in a rebuild from the log.",
    )
    service.background("erasures", privacy.run)
    service.subscribe(
        topics=[INTEGRATIONS_EVENTS],
        group="order-sync.syncs",
        apply=SyncRunsConsumer(syncs).apply,
        types=[SyncRunChanged.event_type],
        schema=SyncRunChanged,
        description="Progress and ends of sync runs.",
    )
    service.subscribe(
        topics=[INTEGRATIONS_EVENTS],
        group="order-sync.repairs",
        apply=rebuilding.after(RepairsConsumer(syncs).apply),
        types=[WebhooksRepaired.event_type],
        schema=WebhooksRepaired,
        description="Webhooks that were put right: what they did not deliver is read.",
    )
    service.outbox(SCHEMA, withhold=rebuilding)
    return service.app(
        orders_router(service.engine),
        fulfillments_router(fulfillments),
        actions_router(actions),
        commands_router(service.engine, commands),
        customers_router(service.engine),
        syncs_router(syncs),
        state_hash_router(service.engine),
        privacy_router(privacy),
        dependencies=[rebuilding.refuse_changes],
    )
