"""Whether a connected store still lets us in: a revoked key shows on the integration, and so does its return."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus
from longshore.platforms.clients import Clients
from longshore.platforms.jobs import Lane, NewJob, QueueJobs, RetryLater
from longshore.platforms.outcomes import changed, integration_message
from longshore.platforms.protocols import Integration, StoreClient, StoreError, StoreRefused, StoreUnauthorized
from longshore.platforms.work import ProbeWork
from longshore.vault import Vault

log = structlog.get_logger(__name__)

# One refusal may be a plugin's mood; with so many in a row, and no call that went through between, the key is dead.
REFUSALS = 3
PROBE_EVERY_S = 300.0
CHECK_AGAIN_S = 0.5
# Begins the reason of an integration that is in error for this, and for this alone.
SHUT_OUT = "The store does not let us in any more: "


class Standing:
    """Counts refusals of a store's API; turns an active integration to `error`, and back when it lets us in again."""

    def __init__(
        self,
        *,
        schema: str,
        engine: AsyncEngine,
        vault: Vault,
        clients: Clients,
        jobs: QueueJobs,
        clock: Clock = utc_now,
    ) -> None:
        self._schema = schema
        self._engine = engine
        self._vault = vault
        self._clients = clients
        self._jobs = jobs
        self._clock = clock
        self._refusals: dict[UUID, int] = {}
        self._shut_out: set[UUID] = set()

    @asynccontextmanager
    async def calling(self, integration: Integration) -> AsyncIterator[StoreClient]:
        """As Clients.calling; hears of what became of the calls."""
        try:
            async with self._clients.calling(integration) as client:
                yield client
        except StoreUnauthorized as error:
            if not error.partial:
                await self._refused(integration, error)
            raise
        except StoreRefused:
            # It said no to this one call, and so let us in.
            await self._let_in(integration)
            raise
        await self._let_in(integration)

    async def probe(self, integration: Integration, status: IntegrationStatus) -> None:
        """See whether a store that has shut us out lets us in again. Raises RetryLater while it does not."""
        if status is not IntegrationStatus.ERROR:
            return  # somebody has connected it anew meanwhile
        self._shut_out.add(integration.id)
        try:
            async with self._clients.calling(integration) as client:
                info = await client.check()
        except StoreError as error:
            log.info("the store is still shut", code=error.code, integration_id=str(integration.id))
            raise RetryLater(PROBE_EVERY_S) from None
        if info.missing:
            raise RetryLater(PROBE_EVERY_S)
        await self._let_in(integration)

    async def check(self, integration: Integration, status: IntegrationStatus) -> bool:
        """The store has told of a change of what it lets us do: see what that is; True if it lets us in with all that
        we need. Raises RetryLater until it is known."""
        if status is not IntegrationStatus.ACTIVE:
            return False  # its probe looks
        try:
            async with self.calling(integration) as client:
                info = await client.check()
        except StoreUnauthorized as error:
            if error.partial or integration.id in self._shut_out:
                return False
            raise RetryLater(CHECK_AGAIN_S) from None
        if info.missing:
            await self._shut(integration, f"these permissions are missing: {', '.join(info.missing)}.", "missing-scope")
        return not info.missing

    async def _refused(self, integration: Integration, error: StoreUnauthorized) -> None:
        count = self._refusals[integration.id] = self._refusals.get(integration.id, 0) + 1
        if count >= REFUSALS and integration.id not in self._shut_out:
            await self._shut(integration, error.detail, error.code)

    async def _shut(self, integration: Integration, why: str, code: str) -> None:
        now = self._clock()
        reason = SHUT_OUT + why
        async with self._engine.begin() as conn:
            turned = await self._vault.turn(
                conn, integration.id, IntegrationStatus.ACTIVE, IntegrationStatus.ERROR, reason, now
            )
            if turned:
                event = changed(integration, IntegrationStatus.ERROR, reason, now)
                await outbox.add(conn, self._schema, [integration_message(event)])
                probe = NewJob(integration.id, Lane.CONNECT, ProbeWork().to_json(), f"probe/{integration.id}")
                await self._jobs.add(conn, [probe])
        self._shut_out.add(integration.id)
        if turned:
            log.error("the store does not let us in any more", code=code, integration_id=str(integration.id))

    async def _let_in(self, integration: Integration) -> None:
        self._refusals.pop(integration.id, None)
        if integration.id not in self._shut_out:
            return
        now = self._clock()
        async with self._engine.begin() as conn:
            turned = await self._vault.turn(
                conn,
                integration.id,
                IntegrationStatus.ERROR,
                IntegrationStatus.ACTIVE,
                None,
                now,
                reason_begins=SHUT_OUT,
            )
            if turned:
                event = changed(integration, IntegrationStatus.ACTIVE, None, now)
                await outbox.add(conn, self._schema, [integration_message(event)])
        self._shut_out.discard(integration.id)
        if turned:
            log.info("the store lets us in again", integration_id=str(integration.id))
