"""Composition root of inventory: settings in, a wired ASGI application out. Nothing else wires."""

from __future__ import annotations

from fastapi import FastAPI

from longshore.broker import COMMANDS, INVENTORY_EVENTS
from longshore.commands import commands_router
from longshore.contracts import Platform
from longshore.db import migrations_path
from longshore.platforms.declaration import find_platforms
from longshore.pruning import pruning
from longshore.runtime import Service
from longshore_inventory import __version__
from longshore_inventory.channels.consumers import subscribe_integrations
from longshore_inventory.channels.service import Channels
from longshore_inventory.listings.api import catalogue_router
from longshore_inventory.listings.consumers import subscribe_products
from longshore_inventory.listings.rules import VariantIds
from longshore_inventory.listings.service import Catalogue
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.orders.consumers import subscribe_fulfillments, subscribe_orders
from longshore_inventory.orders.service import OrderStock
from longshore_inventory.pushes.consumers import subscribe_outcomes, waiting_pushes
from longshore_inventory.pushes.models import commands
from longshore_inventory.pushes.rules import STOCK_SET
from longshore_inventory.pushes.service import Pushes
from longshore_inventory.pushes.store import past, resting
from longshore_inventory.rebuild import rebuild_plan
from longshore_inventory.selling.api import selling_router
from longshore_inventory.selling.models import product_commands
from longshore_inventory.selling.service import Selling
from longshore_inventory.selling.store import past as past_product_commands
from longshore_inventory.settings import Settings
from longshore_inventory.stock.api import inventory_router
from longshore_inventory.stock.consumers import settling, subscribe_stock
from longshore_inventory.stock.recovery import recover
from longshore_inventory.stock.reports import Reports
from longshore_inventory.stock.service import Ledger
from longshore_inventory.system.api import system_router
from longshore_inventory.tables import SCHEMA


def create_app(settings: Settings) -> FastAPI:
    """The application; its lifespan runs the service."""
    service = Service("inventory", __version__, settings)
    engine = service.engine
    metrics = InventoryMetrics(service.registry)
    variant_ids = VariantIds()
    stock = OrderStock(engine, metrics, variant_ids)
    reports = Reports(engine, metrics, settings.stock_settle_s)
    ledger = Ledger(engine, metrics, variant_ids)
    pushes = Pushes(engine, metrics)

    selling = Selling(engine, {each.id: each.commands for each in find_platforms().values()})

    service.migrations(migrations_path(__file__), SCHEMA)
    service.topics(INVENTORY_EVENTS, *(COMMANDS(each.value) for each in (Platform.SHOPIFY, Platform.WOOCOMMERCE)))
    rebuilding = service.rebuilding(rebuild_plan(metrics))
    service.outbox(SCHEMA, withhold=rebuilding)
    service.on_start(lambda: recover(engine, settings))
    subscribe_orders(service, stock)
    subscribe_fulfillments(service, stock)
    subscribe_products(service, Catalogue(engine, metrics, variant_ids))
    subscribe_stock(service, reports)
    subscribe_outcomes(service, pushes, selling, rebuilding)
    subscribe_integrations(service, Channels(engine, metrics))
    service.background(
        "pruning",
        pruning(engine, past(settings.history_days) + past_product_commands(settings.history_days), service.registry),
    )
    service.jobs(lambda: resting(engine))
    service.background("waiting pushes", waiting_pushes(pushes, rebuilding.over))
    service.background("settling", settling(reports, settings.stock_settle_s, rebuilding.over))
    return service.app(
        inventory_router(engine, ledger, variant_ids),
        catalogue_router(engine),
        selling_router(selling),
        commands_router(engine, commands, STOCK_SET, product_commands),
        system_router(engine),
        title="Longshore inventory",
        dependencies=[rebuilding.refuse_changes],
    )
