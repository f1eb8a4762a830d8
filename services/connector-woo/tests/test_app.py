"""The wired connector."""

from __future__ import annotations

import httpx

from longshore_connector_woo.app import create_app
from longshore_connector_woo.settings import Settings


async def test_it_is_alive_before_its_infrastructure_is() -> None:
    settings = Settings(
        kafka_bootstrap_servers="127.0.0.1:1",
        database_url="postgresql://longshore@127.0.0.1:1/longshore",
        encryption_keys=("A" * 43 + "=",),
    )
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://connector") as client:
        assert (await client.get("/livez")).status_code == 200
