"""What a person asks of a store's connection, by the connector's own HTTP: test it, list its webhooks, mend them.

Each request has a client of its own: it does not wait behind the hub's own calls, nor is it kept out by a breaker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.contracts import ConnectionTest, Contract, Webhook
from longshore.ids import OrgId
from longshore.internal import OrgDep
from longshore.platforms.clients import MakeClient, hiding
from longshore.platforms.diagnosis import Seen, diagnose, worst
from longshore.platforms.protocols import (
    Integration,
    StoreClient,
    StoreError,
    StoreInfo,
    StoreUnauthorized,
    StoreUnavailable,
)
from longshore.platforms.webhook_care import WebhookCare
from longshore.problems import Problem, not_found
from longshore.vault import Vault

# The gateway waits a little longer for the answer.
CHECK_WITHIN_S = 15.0
WEBHOOKS_WITHIN_S = 30.0


class WebhookList(Contract):
    """The webhooks that we need of a store."""

    items: list[Webhook]
    next_cursor: str | None = None


class Inspection:
    """Looks at a store for a person who waits."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        make_client: MakeClient,
        care: WebhookCare,
        *,
        check_within_s: float = CHECK_WITHIN_S,
        webhooks_within_s: float = WEBHOOKS_WITHIN_S,
        clock: Clock = utc_now,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._make_client = make_client
        self._care = care
        self._check_within_s = check_within_s
        self._webhooks_within_s = webhooks_within_s
        self._clock = clock

    async def test(self, org_id: OrgId, id: UUID) -> ConnectionTest:
        """Look at everything that a connection needs. Raises Problem 404."""
        integration = await self._open(org_id, id)
        webhooks: list[Webhook] | StoreError | None = None
        ahead_s = 0.0
        try:
            async with self._client(integration) as client:
                info = await self._info(client, integration)
                if isinstance(info, StoreInfo):
                    webhooks = await self._webhooks(client, integration)
                ahead_s = client.clock_ahead_s
        except StoreError as error:  # of making a client: an address that is none
            info = error
        checks = diagnose(
            Seen(
                plain_http=integration.store_url.startswith("http:"),
                info=info,
                webhooks=webhooks,
                ahead_s=ahead_s,
                manages_webhooks=bool(integration.settings.get("manage_webhooks", True)),
            )
        )
        return ConnectionTest(
            integration_id=integration.id, status=worst(checks), checks=checks, tested_at=self._clock()
        )

    async def webhooks(self, org_id: OrgId, id: UUID, *, repair: bool) -> WebhookList:
        """What the store has of what we need; `repair`: after it has been put right. Raises Problem 404, 409 or 502."""
        integration = await self._open(org_id, id)
        try:
            async with asyncio.timeout(self._webhooks_within_s), self._client(integration) as client:
                work = self._care.repair if repair else self._care.look
                return WebhookList(items=await work(client, integration))
        except TimeoutError:
            raise Problem(502, "The store did not answer in time.", type="store-unavailable") from None
        except StoreUnavailable as error:
            raise Problem(502, error.detail, type="store-unavailable", code=error.code) from None
        except StoreError as error:
            kind = "store-refuses-us" if isinstance(error, StoreUnauthorized) else "store-refused"
            raise Problem(409, error.detail, type=kind, code=error.code) from None

    async def _open(self, org_id: OrgId, id: UUID) -> Integration:
        async with self._engine.connect() as conn:
            found = await self._vault.open(conn, id)
        if found is None or found[0].org_id != org_id:
            raise not_found("This integration")
        return found[0]

    @asynccontextmanager
    async def _client(self, integration: Integration) -> AsyncIterator[StoreClient]:
        client = self._make_client(integration)
        try:
            with hiding(integration):
                yield client
        finally:
            await client.close()

    async def _info(self, client: StoreClient, integration: Integration) -> StoreInfo | StoreError:
        try:
            with hiding(integration):
                async with asyncio.timeout(self._check_within_s):
                    return await client.check()
        except TimeoutError:
            return StoreUnavailable("timeout", f"The store did not answer within {self._check_within_s:g} s.")
        except StoreError as error:
            return error

    async def _webhooks(self, client: StoreClient, integration: Integration) -> list[Webhook] | StoreError:
        try:
            with hiding(integration):
                async with asyncio.timeout(self._check_within_s):
                    return await self._care.look(client, integration)
        except TimeoutError:
            return StoreUnavailable("timeout", f"The store did not list them within {self._check_within_s:g} s.")
        except StoreError as error:
            return error


def inspection_router(inspection: Inspection) -> APIRouter:
    """Routes for the gateway alone."""
    router = APIRouter(prefix="/internal/integrations", include_in_schema=False)

    @router.post("/{id}/test")
    async def test(org_id: OrgDep, id: UUID) -> ConnectionTest:
        return await inspection.test(org_id, id)

    @router.get("/{id}/webhooks")
    async def look(org_id: OrgDep, id: UUID) -> WebhookList:
        return await inspection.webhooks(org_id, id, repair=False)

    @router.post("/{id}/webhooks")
    async def repair(org_id: OrgDep, id: UUID) -> WebhookList:
        return await inspection.webhooks(org_id, id, repair=True)

    return router
