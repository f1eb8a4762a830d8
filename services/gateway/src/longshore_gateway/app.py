"""The composition root: settings -> the wired gateway. Nothing else wires."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from longshore import __version__
from longshore.broker import (
    COMMANDS,
    COMMANDS_OUTCOMES,
    COMMERCE_CUSTOMERS,
    COMMERCE_ORDERS,
    COMMERCE_PRODUCTS,
    COMMERCE_STOCK,
    INTEGRATIONS_EVENTS,
    INVENTORY_EVENTS,
    ORDERS_EVENTS,
    RAW,
    ConsumerPolicy,
    dlq_of,
)
from longshore.contracts import Command, Platform
from longshore.db import migrations_path
from longshore.ops import TraceMiddleware
from longshore.platforms.declaration import find_platforms
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.outbound import trusting
from longshore.platforms.translating import TranslateRaw
from longshore.pruning import pruning
from longshore.rebuild import RebuildPlan
from longshore.runtime import Service
from longshore.vault import MIGRATIONS as VAULT_MIGRATIONS
from longshore.vault import SCHEMA as VAULT_SCHEMA
from longshore.vault import Sealer, Vault
from longshore.vault.start import fitting_keys
from longshore_gateway.accounts.service import Accounts
from longshore_gateway.audit.api import router as audit_router
from longshore_gateway.audit.middleware import AuditMiddleware
from longshore_gateway.audit.store import past as past_audit
from longshore_gateway.connections.api import router as connections_router
from longshore_gateway.connections.service import Connections
from longshore_gateway.deadletters.api import router as dead_letters_router
from longshore_gateway.deadletters.service import DeadLetters
from longshore_gateway.deadletters.store import past
from longshore_gateway.disk.logdirs import LogDirs
from longshore_gateway.disk.metrics import DiskMetrics
from longshore_gateway.disk.rules import MIB
from longshore_gateway.disk.service import Disks
from longshore_gateway.door.headers import SecurityHeadersMiddleware
from longshore_gateway.door.middleware import DoorMiddleware, Limits
from longshore_gateway.forwarding.api import router as forwarding_router
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.idempotency.middleware import IdempotencyMiddleware
from longshore_gateway.idempotency.service import Repeats
from longshore_gateway.idempotency.store import past as past_keys
from longshore_gateway.ingest.api import router as ingest_router
from longshore_gateway.ingest.declaration import PLATFORM as CUSTOM_CHANNEL
from longshore_gateway.ingest.handover import HandOver, NothingToFetch
from longshore_gateway.ingest.rules import MAX_BODY as MAX_INGEST_BODY
from longshore_gateway.ingest.service import RAW_API, Ingest
from longshore_gateway.ingest.translator import ApiTranslator
from longshore_gateway.integrations.api import router as integrations_router
from longshore_gateway.integrations.service import Integrations
from longshore_gateway.keys.api import router as keys_router
from longshore_gateway.keys.service import ApiKeys
from longshore_gateway.limits.buckets import Buckets
from longshore_gateway.models import SCHEMA
from longshore_gateway.oauth.api import router as oauth_router
from longshore_gateway.oauth.service import Consent, ShopifyApp
from longshore_gateway.outgoing import HttpClient
from longshore_gateway.people.api import auth_router, me_router, users_router
from longshore_gateway.people.logins import Logins
from longshore_gateway.people.passwords import Passwords
from longshore_gateway.people.service import People
from longshore_gateway.people.sessions import past as past_sessions
from longshore_gateway.people.tokens import Tokens
from longshore_gateway.platforms.api import router as platforms_router
from longshore_gateway.privacy.api import router as privacy_router
from longshore_gateway.privacy.metrics import PrivacyMetrics
from longshore_gateway.privacy.service import PrivacyRequests
from longshore_gateway.published import publish
from longshore_gateway.settings import GatewaySettings
from longshore_gateway.sso import store as sso_store
from longshore_gateway.sso.api import CALLBACK as SSO_CALLBACK
from longshore_gateway.sso.api import router as sso_router
from longshore_gateway.sso.provider import WITHIN_S as SSO_WITHIN_S
from longshore_gateway.sso.provider import Client, Provider
from longshore_gateway.sso.rules import Policy
from longshore_gateway.sso.service import SingleSignOn
from longshore_gateway.system.api import router as system_router
from longshore_gateway.system.lag import LagReader
from longshore_gateway.system.service import System
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.route import WebhookRoute
from longshore_gateway.webhooks.stores import Stores

DEAD_LETTERS_GROUP = "gateway.dead-letters"
RAW_GROUP = "gateway.raw"

STREAM = [
    *[RAW(platform.value) for platform in Platform],
    *[COMMANDS(platform.value) for platform in Platform],
    COMMERCE_ORDERS,
    COMMERCE_PRODUCTS,
    COMMERCE_STOCK,
    COMMERCE_CUSTOMERS,
    ORDERS_EVENTS,
    INVENTORY_EVENTS,
    INTEGRATIONS_EVENTS,
    COMMANDS_OUTCOMES,
]


def rebuild_plan() -> RebuildPlan:
    """What the custom channel sent is read again; the gateway's own tables are no part of the canonical state."""
    return RebuildPlan(SCHEMA, {RAW_GROUP: (RAW_API, "beginning")})


def build(settings: GatewaySettings, passwords: Passwords | None = None) -> FastAPI:
    """The gateway's ASGI application. `passwords`: for tests, which need not be slow to guess."""
    service = Service("gateway", __version__, settings)
    service.migrations(VAULT_MIGRATIONS, VAULT_SCHEMA)
    service.migrations(migrations_path(__file__), SCHEMA)
    service.topics(*STREAM)
    service.outbox(SCHEMA)

    sealer = Sealer(settings.encryption_keys)
    vault = Vault(sealer)
    platforms = find_platforms(CUSTOM_CHANNEL)
    tokens = Tokens(settings.encryption_keys)
    accounts = Accounts(service.engine, tokens)
    passwords = passwords or Passwords()
    logins = Logins(service.engine, accounts, passwords, tokens)
    stores = Stores(service.engine, vault, settings.shopify_client_secrets)
    dead_letters = DeadLetters(service.engine, service.producer)
    client = HttpClient(limits=httpx.Limits(max_connections=100, max_keepalive_connections=20))
    lag = LagReader(settings.kafka_bootstrap_servers, settings.topic_prefix)
    log_dirs = LogDirs(settings.kafka_bootstrap_servers)
    disks = Disks(log_dirs, settings.watched_disks, settings.min_free_disk_mib * MIB, DiskMetrics(service.registry))
    behind = {
        "order-sync": settings.order_sync_url,
        "inventory": settings.inventory_url,
        "connector-shopify": settings.connector_shopify_url,
        "connector-woo": settings.connector_woo_url,
    }

    service.subscribe(
        topics=[dlq_of(topic) for topic in STREAM],
        group=DEAD_LETTERS_GROUP,
        apply=dead_letters.apply,
        description="Records that no consumer could apply.",
    )
    consumers = [DEAD_LETTERS_GROUP, *_custom_channel(service)]
    # Deliveries of the stores that it remembers are taken without any; a balancer must not turn them away.
    service.serves_without("database", *(f"consumer {group}" for group in consumers))
    gone = [
        *past(settings.history_days),
        *past_sessions(settings.history_days),
        *past_keys(),
        *past_audit(settings.audit_days),
        *sso_store.past(),
    ]
    service.background("pruning", pruning(service.engine, gone, service.registry))
    service.on_start(fitting_keys(service, sealer))
    service.on_start(_bootstrap(accounts, settings))
    service.background("stores", stores.listen)
    service.background("use of keys", accounts.watch_use)
    service.background("disks", disks.watch)
    service.on_stop(accounts.note_use)
    service.on_stop(log_dirs.close)
    service.on_stop(lag.close)
    service.on_stop(client.aclose)

    app = service.app(
        platforms_router,
        auth_router,
        sso_router,
        me_router,
        users_router,
        keys_router,
        audit_router,
        integrations_router,
        connections_router,
        ingest_router,
        oauth_router,
        dead_letters_router,
        privacy_router,
        system_router,
        forwarding_router,
        title="Longshore",
        trace=False,
    )
    _before_routes(app, settings, accounts, Repeats(service.engine, sealer))
    app.state.accounts = accounts
    app.state.logins = logins
    app.state.sso = _single_sign_on(service, settings, accounts, logins)
    app.state.sso_name = settings.oidc_name
    app.state.people = People(service.engine, accounts, logins, passwords)
    app.state.trusted_proxies = settings.trusted_proxies
    app.state.api_keys = ApiKeys(service.engine, accounts)
    app.state.public_url = settings.public_url.rstrip("/")
    integrations = Integrations(service.engine, vault, platforms, allow_private=settings.allow_private_stores)
    app.state.integrations = integrations
    app.state.platforms = platforms
    app.state.ingest = Ingest(service.engine, vault, service.producer, disks)
    app.state.consent = Consent(
        service.engine,
        vault,
        sealer,
        ShopifyApp(
            settings.shopify_client_id,
            settings.shopify_client_secrets,
            settings.shopify_admin_origin,
            settings.tls_ca_file,
        ),
        platforms,
        public_url=settings.public_url,
        allow_private=settings.allow_private_stores,
    )
    app.state.dead_letters = dead_letters
    forwarder = Forwarder(client, behind, settings.encryption_keys)
    app.state.forwarder = forwarder
    privacy = PrivacyRequests(
        service.engine, vault, forwarder, settings.shopify_client_secrets, PrivacyMetrics(service.registry)
    )
    service.background("privacy", privacy.run)
    app.state.privacy = privacy
    app.state.connections = Connections(integrations, platforms, forwarder)
    app.state.system = System(
        version=__version__,
        own_status=service.status,
        services=behind,
        client=client,
        keys=settings.encryption_keys,
        lag=lag,
        dead_letters=dead_letters.count_open,
        refusing=lambda: disks.reason,
    )
    app.state.stores = stores
    app.state.disks = disks
    publish(app)
    return app


def _single_sign_on(service: Service, settings: GatewaySettings, accounts: Accounts, logins: Logins) -> SingleSignOn:
    """Logins at the provider, where there is one."""
    provider = None
    if settings.oidc_issuer is not None and settings.oidc_client_id is not None:
        http = HttpClient(verify=trusting(settings.tls_ca_file), timeout=SSO_WITHIN_S)
        service.on_stop(http.aclose)
        client = Client(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            secret=settings.oidc_client_secret,
            scopes=settings.oidc_scopes,
            redirect_uri=settings.public_url.rstrip("/") + SSO_CALLBACK,
        )
        provider = Provider(client, http)
    policy = Policy(settings.oidc_create_domains, settings.oidc_org, settings.oidc_role_claim, settings.oidc_roles)
    return SingleSignOn(service.engine, accounts, logins, provider, policy)


def _custom_channel(service: Service) -> list[str]:
    """Translate what was sent to our own API, and answer commands for its shops; the groups that do."""
    rebuilding = service.rebuilding(rebuild_plan())
    service.subscribe(
        topics=[RAW_API],
        group=RAW_GROUP,
        apply=TranslateRaw(
            Platform.API,
            ApiTranslator(),
            service.producer,
            service.engine,
            NothingToFetch(),
            ConnectorMetrics(service.registry),
            asked_before=rebuilding.translated_before,
        ).apply,
        # Deliveries of stores wait while a batch is translated: ten milliseconds, not two hundred.
        policy=ConsumerPolicy(max_records=25),
        description="What was sent to the custom channel's API, translated into normalized events.",
    )
    commands = "gateway.commands"
    service.subscribe(
        topics=[COMMANDS(Platform.API.value)],
        group=commands,
        apply=HandOver(service.engine).apply,
        schema=Command,
        description="Commands for custom channels, whose shops read them for themselves.",
    )
    return [RAW_GROUP, commands]


def front(app: FastAPI) -> WebhookRoute:
    """The application as it is served: deliveries pass nothing but their own route (docs/adr: the hot route)."""
    service: Service = app.state.service
    return WebhookRoute(
        app,
        app.state.stores,
        service.producer,
        WebhookMetrics(service.registry),
        app.state.disks,
        app.state.privacy,
    )


def _before_routes(app: FastAPI, settings: GatewaySettings, accounts: Accounts, repeats: Repeats) -> None:
    """What a request to the API passes, the innermost first; deliveries pass none of it (`front`)."""
    known = Buckets(settings.rate_limit_per_s, settings.rate_limit_burst)
    # Who is not known has a tenth in the long run: enough to log in, and to be told that a key is wrong.
    strangers = Buckets(settings.rate_limit_per_s / 10, settings.rate_limit_burst)
    app.add_middleware(AuditMiddleware, engine=app.state.service.engine)
    app.add_middleware(IdempotencyMiddleware, repeats=repeats, keys=settings.encryption_keys)
    app.add_middleware(
        DoorMiddleware,
        accounts=accounts,
        known=known,
        strangers=strangers,
        limits=Limits(bodies={"/api/v1/ingest/": MAX_INGEST_BODY}),
        trusted_proxies=settings.trusted_proxies,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
        )
    app.add_middleware(SecurityHeadersMiddleware, https=settings.public_url.startswith("https://"))
    app.add_middleware(TraceMiddleware)


def _bootstrap(accounts: Accounts, settings: GatewaySettings) -> Callable[[], Awaitable[None]]:
    async def bootstrap() -> None:
        await accounts.bootstrap(settings.bootstrap_api_key)

    return bootstrap
