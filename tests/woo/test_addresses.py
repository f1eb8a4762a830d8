"""A real store where its host rewrites no addresses: WordPress is there, and its REST API is behind index.php only."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession, TCPConnector, web

from longshore.contracts import OrderNote, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import FetchRequest, Integration, SyncRequest
from longshore_connector_woo.client import WooClient
from longshore_devkit.stores.real_woo import RealWoo


@asynccontextmanager
async def without_rewriting(real: RealWoo, folder: str) -> AsyncIterator[tuple[str, list[str]]]:
    """The store at another port, in a folder, by a server that finds files alone: URL, paths asked for."""
    asked: list[str] = []
    trust = ssl.create_default_context(cafile=real.ca_file)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(Path(real.ca_file).parent / "store.pem", Path(real.ca_file).parent / "store.key")

    async with ClientSession(connector=TCPConnector(ssl=trust)) as session:

        async def handle(request: web.Request) -> web.Response:
            path = request.path_qs.removeprefix(folder)
            asked.append(request.path)
            if not request.path.startswith(f"{folder}/index.php/"):
                return web.Response(status=404, text="<html><h1>404 Not Found</h1></html>", content_type="text/html")
            sent = {
                each: request.headers[each] for each in ("Authorization", "Content-Type") if each in request.headers
            }
            answer = await session.request(
                request.method, f"{real.https_url}{path}", data=await request.read(), headers=sent
            )
            told = {name: value for name, value in answer.headers.items() if name.startswith("X-WP-")}
            body = await answer.read()
            return web.Response(status=answer.status, body=body, headers=told, content_type="application/json")

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ours).start()
            yield f"https://127.0.0.1:{runner.addresses[0][1]}{folder}", asked
        finally:
            await runner.cleanup()


@pytest.mark.parametrize("folder", ["", "/shop/en"])
async def test_a_store_behind_index_php(real: RealWoo, folder: str) -> None:
    await real.reset()
    placed = [await real.api("POST", "/orders", {"set_paid": True}) for _ in range(3)]
    async with without_rewriting(real, folder) as (url, asked):
        integration = Integration(
            IntegrationId(UUID(int=1)), OrgId(UUID(int=2)), Platform.WOOCOMMERCE, "Real", url, real.credentials
        )
        client = WooClient(integration, allow_private_stores=True, tls_ca_file=real.ca_file)
        try:
            assert (await client.check()).missing == ()
            page = await client.sync_page(SyncRequest("orders"), None)
            assert [each.external_id for each in page.entities] == [str(each["id"]) for each in placed]
            (order,) = await client.fetch(FetchRequest("order", str(placed[0]["id"])))
            assert not order.gone
            await client.add_note(
                OrderNote(
                    order_id=UUID(int=3), order_external_id=order.external_id, note_id=uuid4(), text="Behind index.php"
                )
            )
        finally:
            await client.close()
    # Found out once.
    assert sum("/index.php/" not in each for each in asked) <= 1
    notes = await real.api("GET", f"/orders/{placed[0]['id']}/notes")
    assert any("Behind index.php" in each["note"] for each in notes)
