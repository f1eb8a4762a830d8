"""Use cases: record a request, hand out data, erase them. order-sync has the data; what it does is recorded here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.broker.errors import describe, is_transient
from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus, Platform
from longshore.ids import OrgId, uuid7
from longshore.paging import Place
from longshore.platforms.outcomes import row_message
from longshore.problems import Problem, not_found
from longshore.vault import Owner, Vault
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.models import SCHEMA
from longshore_gateway.privacy import store
from longshore_gateway.privacy.metrics import PrivacyMetrics
from longshore_gateway.privacy.rules import COMPLIANCE, Kind, Subject, read_subject
from longshore_gateway.privacy.store import Request

log = structlog.get_logger(__name__)

ORDER_SYNC = "order-sync"
LOOK_EVERY_S = 30.0
# A large store is erased in the background of order-sync: so often it is asked whether that is over.
ASK_AGAIN_S = 2.0
AT_ONCE = 20


class PrivacyRequests:
    """Takes requests and carries them out; what cannot be done now is tried again until it is."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        forwarder: Forwarder,
        app_secrets: Sequence[str],
        metrics: PrivacyMetrics,
        clock: Clock = utc_now,
    ) -> None:
        # What Shopify signs its compliance deliveries with, newest first.
        self.secrets: Sequence[bytes] = [each.encode() for each in app_secrets]
        self._engine = engine
        self._vault = vault
        self._forwarder = forwarder
        self._metrics = metrics
        self._clock = clock
        self._more = asyncio.Event()

    async def take(
        self,
        shop: str,
        topic: bytes,
        delivery_id: str,
        body: bytes,
        received_at: datetime,
        only: Collection[UUID] | None,
    ) -> None:
        """Record a compliance delivery whose signature is good: for each organisation that has or had the shop, or for
        `only` these of its integrations.

        Raises Problem 400, or what PostgreSQL's absence raises: then the platform sends it again.
        """
        kind = COMPLIANCE[topic]
        subject = read_subject(kind, body)
        async with self._engine.begin() as conn:
            for owner in await self._vault.owners(conn, Platform.SHOPIFY, shop.lower()):
                if only is not None and owner.id not in only:
                    continue
                request = Request(
                    id=uuid7(),
                    org_id=owner.org_id,
                    integration_id=owner.id,
                    kind=kind,
                    source=Platform.SHOPIFY.value,
                    subject=subject,
                    received_at=received_at,
                    done_at=None,
                    outcome=None,
                )
                await store.add(conn, request, delivery_id)
        log.info("a compliance request was recorded", kind=kind.value)
        self._more.set()

    async def list(self, org_id: OrgId, after: Place | None, limit: int) -> Sequence[Request]:
        """Requests, newest first."""
        async with self._engine.connect() as conn:
            return await store.list_requests(conn, org_id, after, limit)

    async def export(
        self, org_id: OrgId, integration_id: UUID, subject: Subject, email: str | None
    ) -> tuple[Request, dict[str, Any]]:
        """All that is kept of a buyer, and the record that it was handed out. Raises Problem 404 or 503."""
        await self._owned(org_id, integration_id)
        found = await self._ask("POST", "/internal/privacy/export", org_id, _query(integration_id, subject, email))
        request = self._new(org_id, integration_id, Kind.EXPORT, subject, _counts(found))
        await self._record(request)
        return request, found

    async def answer(self, org_id: OrgId, id: UUID) -> tuple[Request, dict[str, Any]]:
        """The data that a recorded request asks for; with that it is done. Raises Problem 404, 409 or 503."""
        async with self._engine.connect() as conn:
            request = await store.get(conn, org_id, id)
        if request is None:
            raise not_found("This request")
        if request.kind is not Kind.EXPORT:
            raise Problem(409, "This request asks for no data.", type="conflict")
        query = _query(request.integration_id, request.subject, None)
        found = await self._ask("POST", "/internal/privacy/export", org_id, query)
        async with self._engine.begin() as conn:
            await store.finish(conn, request, _counts(found), self._clock())
            done = await store.get(conn, org_id, id)
        return done or request, found

    async def erase_buyer(self, org_id: OrgId, integration_id: UUID, subject: Subject, email: str | None) -> Request:
        """Erase a buyer's data in one store, now. Raises Problem 404 or 503."""
        await self._owned(org_id, integration_id)
        request = self._new(org_id, integration_id, Kind.ERASE_BUYER, subject)
        # Recorded when it is done: until then an e-mail address would have to be kept.
        outcome = await self._erase_buyer(request, email)
        return await self._record(self._new(org_id, integration_id, Kind.ERASE_BUYER, subject, outcome, id=request.id))

    async def erase_store(self, org_id: OrgId, integration_id: UUID) -> Request:
        """Begin to erase all data of a store that is disconnected. Raises Problem 404 or 409."""
        owner = await self._owned(org_id, integration_id)
        if owner.status is not IntegrationStatus.DELETED:
            raise Problem(409, "This store is connected: disconnect it first.", type="still-connected")
        request = await self._record(self._new(org_id, integration_id, Kind.ERASE_STORE, Subject()))
        self._more.set()
        return request

    async def run(self) -> None:
        """Carry out what is due; runs until cancelled."""
        while True:
            self._more.clear()
            waits = LOOK_EVERY_S if await self.work() else ASK_AGAIN_S
            try:
                await asyncio.wait_for(self._more.wait(), waits)
            except TimeoutError:
                continue

    async def work(self) -> bool:
        """Carry out erasures that are due; answers whether all of them are done, or cannot be done now."""
        async with self._engine.connect() as conn:
            oldest = await store.oldest_open(conn)
            requests = await store.due(conn, AT_ONCE)
        self._metrics.tell(oldest, self._clock())
        over = True
        for request in requests:
            try:
                over &= await self._carry_out(request)
            except Problem as problem:
                log.warning("an erasure has to wait", request_id=str(request.id), problem=problem.type)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("an erasure has to wait", request_id=str(request.id), error=describe(error))
        return over

    async def _carry_out(self, request: Request) -> bool:
        outcome = await (
            self._erase_buyer(request, None) if request.kind is Kind.ERASE_BUYER else self._erase_store(request)
        )
        if outcome is None:
            return False
        async with self._engine.begin() as conn:
            await store.finish(conn, request, outcome, self._clock())
        log.info("a privacy request is done", kind=request.kind.value, request_id=str(request.id))
        return True

    async def _erase_buyer(self, request: Request, email: str | None) -> dict[str, Any]:
        query = _query(request.integration_id, request.subject, email)
        done = await self._ask("PUT", f"/internal/privacy/erasures/{request.id}", request.org_id, query)
        customer = request.subject.customer_external_id
        async with self._engine.begin() as conn:
            letters = await store.forget_letters(
                conn,
                request.org_id,
                request.integration_id,
                [*done["order_external_ids"], *request.subject.order_external_ids],
                [customer] if customer else [],
            )
        return {name: done[name] for name in ("orders", "revisions", "customers")} | {"dead_letters": letters}

    async def _erase_store(self, request: Request) -> dict[str, Any] | None:
        owner = await self._owned(request.org_id, request.integration_id)
        if owner.status is IntegrationStatus.ACTIVE:
            # Installed once more since: the merchant wants it to be there. An explicit call is always possible.
            return {"declined": "The store is connected again. Disconnect it and delete its data to erase them."}
        await self._disconnect(request)
        path = f"/internal/privacy/stores/{request.integration_id}/erasures/{request.id}"
        done = await self._ask("PUT", path, request.org_id, None)
        if done["finished_at"] is None:
            return None
        async with self._engine.begin() as conn:
            letters = await store.forget_all_letters(conn, request.org_id, request.integration_id)
        return {name: done[name] for name in ("orders", "revisions", "customers")} | {"dead_letters": letters}

    async def _disconnect(self, request: Request) -> None:
        """Where the app was uninstalled and the store is still in the list."""
        async with self._engine.begin() as conn:
            row = await self._vault.delete(conn, request.org_id, request.integration_id, self._clock())
            if row is None:
                return
            await outbox.add(conn, SCHEMA, [row_message(row)])

    async def _owned(self, org_id: OrgId, integration_id: UUID) -> Owner:
        """A store of the organisation, connected or not any more. Raises Problem 404."""
        async with self._engine.connect() as conn:
            owner = await self._vault.owner(conn, org_id, integration_id)
        if owner is None:
            raise not_found("This integration")
        return owner

    async def _ask(self, method: str, path: str, org_id: OrgId, body: Mapping[str, Any] | None) -> dict[str, Any]:
        return await self._forwarder.ask_json(ORDER_SYNC, method, path, org_id, body=body)

    async def _record(self, request: Request) -> Request:
        async with self._engine.begin() as conn:
            await store.add(conn, request, str(request.id))
        return request

    def _new(
        self,
        org_id: OrgId,
        integration_id: UUID,
        kind: Kind,
        subject: Subject,
        outcome: Mapping[str, Any] | None = None,
        id: UUID | None = None,
    ) -> Request:
        now = self._clock()
        done_at = None if outcome is None else now
        return Request(id or uuid7(), org_id, integration_id, kind, "api", subject, now, done_at, outcome)


def _query(integration_id: UUID, subject: Subject, email: str | None) -> dict[str, Any]:
    return {
        "integration_id": str(integration_id),
        "customer_external_id": subject.customer_external_id,
        "email": email,
        "order_external_ids": list(subject.order_external_ids),
    }


def _counts(found: Mapping[str, Any]) -> dict[str, int]:
    return {"customers": len(found["customers"]), "orders": len({each["order_id"] for each in found["orders"]})}
