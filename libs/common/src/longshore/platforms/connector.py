"""A connector service from its platform's two halves. Every connector's app.py calls this; nothing here names one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from pydantic import Field

from longshore.broker import (
    COMMANDS,
    COMMANDS_OUTCOMES,
    COMMERCE_CUSTOMERS,
    COMMERCE_ORDERS,
    COMMERCE_PRODUCTS,
    COMMERCE_STOCK,
    INTEGRATIONS_EVENTS,
    RAW,
)
from longshore.contracts import Command, IntegrationChanged, Platform, SyncResource
from longshore.platforms.accepting import AcceptCommands, FollowIntegrations
from longshore.platforms.access import GrantedClients, GrantedTokens
from longshore.platforms.clients import Clients, MakeClient
from longshore.platforms.connecting import ConnectStore
from longshore.platforms.heard import Ears, HeardStore
from longshore.platforms.inspection import Inspection, inspection_router
from longshore.platforms.job_runner import JobQueue
from longshore.platforms.jobs import JobTables, RunningJob
from longshore.platforms.limits import StoreLimits
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.protocols import Integration, StoreClient, Translator
from longshore.platforms.running import RunJobs
from longshore.platforms.standing import Standing
from longshore.platforms.sync.beginning import BeginSyncs
from longshore.platforms.sync.engine import RunSync
from longshore.platforms.sync.schedule import Schedule
from longshore.platforms.sync.tables import SyncStore
from longshore.platforms.tables import ConnectorStore, past
from longshore.platforms.translating import TranslateRaw
from longshore.platforms.usage import UsageCollector
from longshore.platforms.webhook_care import Watchdog, WebhookCare
from longshore.pruning import pruning
from longshore.rebuild import Rebuilding, RebuildPlan
from longshore.rebuild_command import asks_for_rebuild, rebuild_command
from longshore.runtime import Service, serve
from longshore.settings import ServiceSettings
from longshore.vault import MIGRATIONS as VAULT_MIGRATIONS
from longshore.vault import SCHEMA as VAULT_SCHEMA
from longshore.vault import Sealer, TokenStore, Vault, is_granted
from longshore.vault.start import fitting_keys


class ConnectorSettings(ServiceSettings):
    """What every connector needs; a platform adds its own by inheriting."""

    # Where stores reach the gateway: the base of the webhooks' addresses.
    public_url: str = "http://127.0.0.1:8000"
    # How often a store's webhooks are looked at, in seconds; up to a quarter sooner or later.
    webhook_check_s: float = Field(default=300.0, gt=0)


@dataclass(frozen=True, slots=True)
class Connector:
    """A platform as its package declares it.

    `resources`: what is polled; without inventory where stock stands in the products.
    `snapshot_topics`: webhook topics whose body is the whole entity, whatever the topic's word.
    `granted`: for platforms whose stores are connected through OAuth, with tokens that expire.
    `limits`: what its clients share with other processes of the connector.
    """

    platform: Platform
    name: str
    version: str
    schema: str
    migrations: Path
    translator: Translator
    make_client: MakeClient
    snapshot_topics: frozenset[str] = frozenset()
    granted: GrantedClients | None = None
    limits: StoreLimits | None = None
    resources: tuple[SyncResource, ...] = ("products", "inventory", "orders", "customers")


def rebuild_plan(connector: Connector) -> RebuildPlan:
    """A connector has no canonical state: its raw log is read again, and no store is asked for what it was asked."""
    return RebuildPlan(connector.schema, {f"{connector.name}.raw": (RAW(connector.platform.value), "beginning")})


def serve_connector(settings: ConnectorSettings, connector: Connector) -> None:
    """What `python -m` of a connector does: `rebuild` begins a rebuild, without an argument it serves."""
    if asks_for_rebuild(sys.argv[1:]):
        sys.exit(rebuild_command(connector.name, settings, rebuild_plan(connector), sys.argv[2:]))
    serve(build_connector(settings, connector), settings)


def build_connector(settings: ConnectorSettings, connector: Connector) -> FastAPI:
    """Wire a connector: raw records to events, commands and new stores to jobs, jobs to the store."""
    service = Service(connector.name, connector.version, settings)
    service.migrations(VAULT_MIGRATIONS, VAULT_SCHEMA)
    service.migrations(connector.migrations, connector.schema)
    metrics = ConnectorMetrics(service.registry)
    if connector.limits is not None:
        connector.limits.use(service.engine)
    sealer = Sealer(settings.encryption_keys)
    vault = Vault(sealer)
    store = ConnectorStore(connector.schema)
    make_client = _client_maker(connector, service, vault, TokenStore(sealer), metrics)
    clients = Clients(make_client, metrics)
    service.registry.register(UsageCollector(connector.platform, clients.readings))
    tables = JobTables(settings.database_url, connector.schema)
    syncs = SyncStore(connector.schema)
    begin = BeginSyncs(connector.schema, syncs, tables)
    schedule = Schedule(
        platform=connector.platform,
        engine=service.engine,
        vault=vault,
        store=syncs,
        begin=begin,
        jobs=tables,
        resources=connector.resources,
    )
    connect = ConnectStore(
        platform=connector.platform,
        schema=connector.schema,
        engine=service.engine,
        producer=service.producer,
        vault=vault,
        clients=clients,
        public_url=settings.public_url,
        connected=schedule.connected,
    )
    standing = Standing(
        schema=connector.schema,
        engine=service.engine,
        vault=vault,
        clients=clients,
        jobs=tables,
    )
    sync = RunSync(
        platform=connector.platform,
        schema=connector.schema,
        engine=service.engine,
        producer=service.producer,
        store=syncs,
        clients=clients,
        standing=standing,
        jobs=tables,
        metrics=metrics,
    )
    care = WebhookCare(
        schema=connector.schema, engine=service.engine, callback_url=connect.callback_url, metrics=metrics
    )
    watchdog = Watchdog(
        platform=connector.platform,
        engine=service.engine,
        vault=vault,
        standing=standing,
        care=care,
        jobs=tables,
        every_s=settings.webhook_check_s,
    )
    run = RunJobs(
        platform=connector.platform,
        schema=connector.schema,
        engine=service.engine,
        producer=service.producer,
        vault=vault,
        store=store,
        clients=clients,
        connect=connect,
        standing=standing,
        watchdog=watchdog,
        sync=sync,
        poll=schedule.poll,
        permitted=schedule.permitted,
        reread=schedule.reread,
        metrics=metrics,
    )

    async def handle(job: RunningJob) -> None:
        await run(job)

    jobs = JobQueue(settings.database_url, connector.schema, handle, paused=clients.paused)
    _subscribe(service, connector, store, jobs, begin, metrics, service.rebuilding(rebuild_plan(connector)))
    service.outbox(connector.schema)
    service.background(
        "pruning", pruning(service.engine, past(connector.schema, settings.history_days), service.registry)
    )
    service.on_start(fitting_keys(service, sealer))
    service.on_start(jobs.install)
    service.on_start(watchdog.begin)
    service.on_start(schedule.begin)
    service.background("jobs", jobs.run)
    service.on_stop(jobs.stop)
    service.on_stop(clients.close)
    service.jobs(lambda: jobs.due(service.engine))
    return service.app(inspection_router(Inspection(service.engine, vault, make_client, care)))


def _client_maker(
    connector: Connector, service: Service, vault: Vault, store: TokenStore, metrics: ConnectorMetrics
) -> MakeClient:
    """Makes clients that have their token from where it is: with the integration, or granted and refreshed."""
    granted = connector.granted
    if granted is None:
        return connector.make_client
    platform = connector.platform.value
    tokens = GrantedTokens(
        schema=connector.schema,
        engine=service.engine,
        vault=vault,
        store=store,
        refresh=granted.refresh,
        on_end=lambda result: metrics.token_refreshes.labels(platform, result).inc(),
    )

    def make_client(integration: Integration) -> StoreClient:
        if is_granted(integration.credentials):
            return granted.make_client(integration, tokens.of(integration))
        return connector.make_client(integration)

    return make_client


def _subscribe(
    service: Service,
    connector: Connector,
    store: ConnectorStore,
    jobs: JobQueue,
    begin: BeginSyncs,
    metrics: ConnectorMetrics,
    rebuilding: Rebuilding,
) -> None:
    platform = connector.platform.value
    service.topics(COMMERCE_ORDERS, COMMERCE_PRODUCTS, COMMERCE_STOCK, COMMERCE_CUSTOMERS, COMMANDS_OUTCOMES)
    service.subscribe(
        topics=[RAW(platform)],
        group=f"{connector.name}.raw",
        apply=TranslateRaw(
            connector.platform,
            connector.translator,
            service.producer,
            service.engine,
            jobs,
            metrics,
            connector.snapshot_topics,
            rebuilding.translated_before,
            Ears(platform, service.engine, HeardStore(connector.schema), metrics),
        ).apply,
        description="Exact bytes of the platform, translated into normalized events.",
    )
    service.subscribe(
        topics=[COMMANDS(platform)],
        group=f"{connector.name}.commands",
        apply=AcceptCommands(connector.schema, service.engine, store, jobs, begin).apply,
        schema=Command,
        description="Commands for the platform's stores, made durable jobs.",
    )
    service.subscribe(
        topics=[INTEGRATIONS_EVENTS],
        group=f"{connector.name}.integrations",
        apply=FollowIntegrations(connector.platform, service.engine, jobs).apply,
        types=[IntegrationChanged.event_type],
        schema=IntegrationChanged,
        description="Stores to connect or to take down.",
    )
