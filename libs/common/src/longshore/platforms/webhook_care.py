"""A store's webhooks, looked at and put right: when somebody asks, and by a watchdog that asks for nobody.

WooCommerce disables a webhook after some failed deliveries, Shopify deletes it, plugins and people do either; and no
store says so. Some stay active and are silent (see hearing). What is delivered to nobody is lost to the hub until the
store is read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus, Platform, Webhook, WebhookRepair, WebhooksRepaired, WebhookStatus
from longshore.platforms.heard import HeardStore, Quiet
from longshore.platforms.jobs import Lane, NewJob, QueueJobs, RetryLater
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.outcomes import integration_message
from longshore.platforms.protocols import Integration, StoreClient, StoreError
from longshore.platforms.standing import Standing
from longshore.platforms.work import WatchWork
from longshore.vault import Vault

log = structlog.get_logger(__name__)

CallbackUrl = Callable[[Integration], str]


class WebhookCare:
    """Compares what a store has with what we need, and mends it."""

    def __init__(
        self,
        *,
        schema: str,
        engine: AsyncEngine,
        callback_url: CallbackUrl,
        metrics: ConnectorMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._heard = HeardStore(schema)
        self._schema = schema
        self._engine = engine
        self._callback_url = callback_url
        self._metrics = metrics
        self._clock = clock

    async def look(self, client: StoreClient, integration: Integration) -> list[Webhook]:
        """Each topic that we need, and what the store has of it. Raises StoreError."""
        return await client.webhooks(self._callback_url(integration))

    async def repair(self, client: StoreClient, integration: Integration) -> list[Webhook]:
        """Put right what is not, and say so; answers what the store has then. Raises StoreError."""
        url = self._callback_url(integration)
        before = await client.webhooks(url)
        broken = [each for each in before if each.status is not WebhookStatus.ACTIVE]
        if not broken:
            return before
        await client.ensure_webhooks(url)
        async with self._engine.begin() as conn:
            known = await self._heard.of_store(conn, integration.org_id, integration.id, self._clock())
            await self._tell(conn, integration, broken, known)
        return await client.webhooks(url)

    async def renew(self, client: StoreClient, integration: Integration) -> None:
        """Make those anew that the store calls active and that have stopped: where polling sees what no delivery
        brings. Raises StoreError."""
        now = self._clock()
        async with self._engine.connect() as conn:
            known = await self._heard.of_store(conn, integration.org_id, integration.id, now)
        silent = [each for each in known if each.silent]
        if not silent:
            return
        url = self._callback_url(integration)
        stopped = [each for each in await client.webhooks(url) if _belongs(each.topic, silent)]
        await client.remove_webhooks(url)
        await client.ensure_webhooks(url)
        async with self._engine.begin() as conn:
            await self._heard.renewed(conn, integration.org_id, integration.id, now)
            told = [each.model_copy(update={"status": WebhookStatus.SILENT}) for each in stopped]
            await self._tell(conn, integration, told, silent)

    async def _tell(
        self, conn: AsyncConnection, integration: Integration, broken: Sequence[Webhook], known: Sequence[Quiet]
    ) -> None:
        concerned = [each for each in known if any(_belongs(webhook.topic, [each]) for webhook in broken)]
        times = [each.heard_at for each in concerned]
        event = WebhooksRepaired(
            integration_id=integration.id,
            org_id=integration.org_id,
            platform=integration.platform,
            webhooks=[WebhookRepair(topic=each.topic, was=each.status) for each in broken],
            heard_at=min((each for each in times if each is not None), default=None),
            at=self._clock(),
        )
        await outbox.add(conn, self._schema, [integration_message(event)])
        for each in broken:
            self._metrics.webhooks_repaired.labels(integration.platform.value, each.status.value).inc()
        log.warning(
            "webhooks were put right",
            integration_id=str(integration.id),
            webhooks={each.topic: each.status.value for each in broken},
        )


def _belongs(topic: str, known: Sequence[Quiet]) -> bool:
    """Whether a topic ("order.updated", "orders/create") tells of one of these resources."""
    return any(topic.lower().startswith(each.resource.removesuffix("s")) for each in known)


class Watchdog:
    """One job for each store, for as long as it is connected: it looks, mends, and comes again."""

    def __init__(
        self,
        *,
        platform: Platform,
        engine: AsyncEngine,
        vault: Vault,
        standing: Standing,
        care: WebhookCare,
        jobs: QueueJobs,
        every_s: float,
    ) -> None:
        self._platform = platform
        self._engine = engine
        self._vault = vault
        self._standing = standing
        self._care = care
        self._jobs = jobs
        self._every_s = every_s

    async def begin(self) -> None:
        """See that each connected store has its job (Service.on_start); those that have one keep it."""
        async with self._engine.begin() as conn:
            stores = await self._vault.list_ids(conn, self._platform)
            await self._jobs.add(conn, [watch_job(id) for id in stores])

    async def watch(self, integration: Integration, status: IntegrationStatus, attempts: int) -> None:
        """One round. Raises RetryLater always: for the next."""
        # The first round only finds its own moment: a hub that starts does not ask all its stores at once.
        if attempts and status is IntegrationStatus.ACTIVE and integration.settings.get("manage_webhooks", True):
            try:
                async with self._standing.calling(integration) as client:
                    await self._care.repair(client, integration)
                    await self._care.renew(client, integration)
            except StoreError as error:
                log.warning("webhooks cannot be looked at", code=error.code, integration_id=str(integration.id))
        raise RetryLater(self._every_s * random.uniform(0.75, 1.25))  # noqa: S311  (jitter, not a secret)


def watch_job(id: UUID) -> NewJob:
    """The job that watches a store's webhooks; there is one, however often it is asked for."""
    return NewJob(id, Lane.CONNECT, WatchWork().to_json(), f"watch/{id}")
