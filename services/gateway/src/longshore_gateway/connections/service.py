"""Asks the connector of a store; of a channel without a store there is nothing to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from longshore.clock import Clock, utc_now
from longshore.contracts import CheckStatus, ConnectionCheck, ConnectionTest
from longshore.ids import OrgId
from longshore.platforms.declaration import Declaration
from longshore.platforms.diagnosis import CHECKS
from longshore.platforms.inspection import CHECK_WITHIN_S, WEBHOOKS_WITHIN_S, WebhookList
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.integrations.service import Integrations

# A test is a check and a look at the webhooks; a little more than the connector takes at most.
TEST_WITHIN_S = 2 * CHECK_WITHIN_S + 5
LIST_WITHIN_S = WEBHOOKS_WITHIN_S + 5


class Connections:
    """Tests of stores' connections, and their webhooks."""

    def __init__(
        self,
        integrations: Integrations,
        platforms: Mapping[str, Declaration],
        forwarder: Forwarder,
        clock: Clock = utc_now,
    ) -> None:
        self._integrations = integrations
        self._platforms = platforms
        self._forwarder = forwarder
        self._clock = clock

    async def test(self, org_id: OrgId, id: UUID) -> ConnectionTest:
        """Look at everything that a store's connection needs. Raises Problem 404 or 503."""
        answer = await self._ask(org_id, id, "POST", "test", TEST_WITHIN_S)
        if answer is not None:
            return ConnectionTest.model_validate(answer)
        detail = "A custom channel sends to us: there is no store that we call."
        checks = [ConnectionCheck(name=name, status=CheckStatus.OK, detail=detail) for name in CHECKS]
        return ConnectionTest(integration_id=id, status=CheckStatus.OK, checks=checks, tested_at=self._clock())

    async def webhooks(self, org_id: OrgId, id: UUID, *, repair: bool) -> WebhookList:
        """What a store has of the webhooks that we need, after a repair or as it is. Raises Problem."""
        answer = await self._ask(org_id, id, "POST" if repair else "GET", "webhooks", LIST_WITHIN_S)
        return WebhookList(items=[]) if answer is None else WebhookList.model_validate(answer)

    async def _ask(self, org_id: OrgId, id: UUID, method: str, what: str, timeout_s: float) -> dict[str, Any] | None:
        row = await self._integrations.get(org_id, id)
        service = self._platforms[row.platform.value].service
        if service is None:
            return None
        path = f"/internal/integrations/{row.id}/{what}"
        return await self._forwarder.ask_json(service, method, path, org_id, timeout_s=timeout_s)
