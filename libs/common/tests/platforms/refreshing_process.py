"""A process that asks for the next pair and stops between the answer and the commit; its end is the test's business.

Arguments: database URL, encryption key, integration id, token endpoint. Writes "answered" when it has the answer.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import create_async_engine

from longshore.platforms.access import GrantedTokens
from longshore.platforms.protocols import Integration
from longshore.platforms.token_endpoint import TokenEndpoint
from longshore.vault import Sealer, TokenPair, TokenStore, Vault


async def main(url: str, key: str, id: str, endpoint: str) -> None:
    """Refresh, and never come to the commit."""
    engine = create_async_engine(url)
    sealer = Sealer([key])
    vault = Vault(sealer)

    async def refresh(integration: Integration, token: str) -> TokenPair:
        await TokenEndpoint(endpoint, "simulated-client-id", "shpss_simulated", allow_private=True).refresh(token)
        sys.stdout.write("answered\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
        raise AssertionError("it was to be killed here")

    tokens = GrantedTokens(
        schema="connector_toy",
        engine=engine,
        vault=vault,
        store=TokenStore(sealer),
        refresh=refresh,
        clock=lambda: datetime(2100, 1, 1, tzinfo=UTC),  # whatever is stored has run out
    )
    async with engine.connect() as conn:
        found = await vault.open(conn, UUID(id))
    assert found is not None
    await tokens.of(found[0]).current()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
