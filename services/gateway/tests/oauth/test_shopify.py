"""The whole flow with a simulated Shopify: link, start, the merchant agrees, callback, tokens, integration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import text

from longshore.ids import IntegrationId
from longshore.vault import Sealer, TokenPair, TokenStore
from longshore_connector_shopify.permissions import ASKED
from longshore_devkit.stores.shopify.grants import Grants
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig
from longshore_gateway.settings import GatewaySettings

SHOP = "tea-shop.myshopify.com"
OTHER = "other-shop.myshopify.com"
SECRET = "app-secret"
CLIENT = "app-client-id"
LINKS = "/api/v1/integrations/connect-links"


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedShopify]:
    configs = [ShopConfig(domain=domain, api_secret=SECRET, client_id=CLIENT, products=1) for domain in (SHOP, OTHER)]
    async with SimulatedShopify(configs) as sim:
        yield sim


@pytest.fixture
def settings(settings: GatewaySettings, sim: SimulatedShopify) -> GatewaySettings:
    return settings.model_copy(
        update={"shopify_client_id": CLIENT, "shopify_admin_origin": sim.url, "shopify_client_secrets": (SECRET, "old")}
    )


class Browser:
    """What a merchant's browser does: it follows links, and keeps cookies for the hub."""

    def __init__(self, gateway: Any, sim: SimulatedShopify) -> None:
        self.gateway = gateway
        self.sim = sim
        self.cookies: dict[str, str] = {}

    async def link(self, **fields: Any) -> str:
        answer = await self.gateway.client.post(LINKS, json={"platform": "shopify", "store_url": SHOP} | fields)
        assert answer.status_code == 201, answer.text
        url: str = answer.json()["url"]
        return url

    async def open(self, url: str) -> httpx.Response:
        """A page of the hub's, with its cookies."""
        path = url.removeprefix("https://hub.example")
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer: httpx.Response = await self.gateway.stranger.get(path, headers={"Cookie": cookie})
        for header in answer.headers.get_list("set-cookie"):
            assert all(word in header for word in ("HttpOnly", "SameSite=lax", "Secure", "Path=/oauth"))
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def agree(self, url: str) -> str:
        """At the shop: where it sends the browser back."""
        async with httpx.AsyncClient() as client:
            answer = await client.get(url)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def to_callback(self, **fields: Any) -> str:
        """All up to the callback, which is not opened yet."""
        started = await self.open(await self.link(**fields))
        assert started.status_code == 302, started.text
        return await self.agree(started.headers["location"])

    async def connect(self) -> str:
        answer = await self.open(await self.to_callback())
        assert answer.status_code == 200, answer.text
        id: str = answer.json()["integration_id"]
        return id

    def grants(self, shop: str = SHOP) -> Grants:
        return self.sim.shop(shop).grants

    async def tokens(self, id: str) -> TokenPair:
        async with self.gateway.service.engine.connect() as conn:
            stored = await TokenStore(Sealer(self.gateway.settings.encryption_keys)).get(conn, IntegrationId(id))
        assert stored is not None
        return stored.pair

    async def integrations(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.gateway.client.get("/api/v1/integrations")).json()["items"]
        return items


@pytest.fixture
def browser(gateway: Any, sim: SimulatedShopify) -> Browser:
    return Browser(gateway, sim)


class TestConnect:
    async def test_a_store_is_connected_with_tokens_that_expire(self, browser: Browser) -> None:
        id = await browser.connect()
        (created,) = await browser.integrations()
        assert (created["id"], created["status"], created["name"]) == (id, "connecting", SHOP)
        pair = await browser.tokens(id)
        assert browser.grants().accepts(pair.access_token)
        left = pair.expires_at - datetime.now(UTC)
        assert timedelta(minutes=55) < left <= timedelta(hours=1)
        assert set(pair.scopes) == set(ASKED)
        # Deliveries of the public app are signed with its secret, the newest or an older one.
        assert "credentials" not in created

    async def test_reconnecting_goes_on_under_the_same_id(self, browser: Browser) -> None:
        id = await browser.connect()
        async with browser.gateway.service.engine.begin() as conn:
            await conn.execute(text("UPDATE vault.integrations SET status = 'needs_reauth', name = 'Mine'"))
        before = await browser.tokens(id)
        assert await browser.connect() == id
        (again,) = await browser.integrations()
        assert (again["status"], again["name"]) == ("connecting", "Mine")
        assert (await browser.tokens(id)).access_token != before.access_token

    async def test_a_page_for_a_person(self, browser: Browser) -> None:
        callback = await browser.to_callback(name="<Tea & Co>")
        path = callback.removeprefix("https://hub.example")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"Cookie": cookie, "Accept": "text/html"}
        page = await browser.gateway.stranger.get(path, headers=headers)
        assert (page.status_code, "&lt;Tea &amp; Co&gt; is connected" in page.text) == (200, True)
        page = await browser.gateway.stranger.get(path, headers=headers)
        assert page.status_code == 409
        assert page.headers["content-type"].startswith("text/html")

    async def test_nothing_secret_is_stored_in_clear(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        state = dict(parse_qsl(urlsplit(callback).query))["state"]
        id = (await browser.open(callback)).json()["integration_id"]
        pair = await browser.tokens(id)
        async with browser.gateway.service.engine.connect() as conn:
            dump = ""
            for table in ("vault.integrations", "vault.tokens", "gateway.oauth_states", "gateway.outbox"):
                dump += str((await conn.execute(text(f"SELECT t::text FROM {table} t"))).all())
        assert SHOP in dump
        for secret in (state, pair.access_token, pair.refresh_token, *browser.cookies.values()):
            assert secret not in dump


class TestStart:
    async def test_a_link_works_once(self, browser: Browser) -> None:
        link = await browser.link()
        assert (await browser.open(link)).status_code == 302
        assert (await browser.open(link)).status_code == 409

    async def test_nobody_begins_without_a_link(self, browser: Browser) -> None:
        for path in (
            f"/oauth/shopify/start?shop={SHOP}",
            f"/oauth/shopify/start?shop={SHOP}&token=made-up",
            f"/oauth/woocommerce/start?token={dict(parse_qsl(urlsplit(await browser.link()).query))['token']}",
        ):
            assert (await browser.open(path)).status_code == 401

    async def test_a_link_is_for_one_shop(self, browser: Browser) -> None:
        link = await browser.link()
        assert (await browser.open(link.replace(SHOP, OTHER))).status_code == 400

    async def test_links_need_a_key_and_a_shop(self, browser: Browser) -> None:
        body = {"platform": "shopify", "store_url": SHOP}
        assert (await browser.gateway.stranger.post(LINKS, json=body)).status_code == 401
        for fields in ({"store_url": "https://evil.example"}, {"platform": "api"}, {"credentials": {}}):
            assert (await browser.gateway.client.post(LINKS, json=body | fields)).status_code == 422


class TestCallback:
    async def test_a_state_is_used_once(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        assert (await browser.open(callback)).status_code == 200
        assert (await browser.open(callback)).status_code == 409
        assert browser.grants().calls["exchange"] == 1

    async def test_twice_at_once_is_one_exchange(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        answers = await asyncio.gather(*[browser.open(callback) for _ in range(8)])
        assert sorted(each.status_code for each in answers) == [200] + [409] * 7
        assert browser.grants().calls["exchange"] == 1
        assert len(await browser.integrations()) == 1

    async def test_another_browser_gets_nowhere_and_uses_nothing_up(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        mine, browser.cookies = browser.cookies, {}
        assert (await browser.open(callback)).status_code == 403
        browser.cookies = dict.fromkeys(mine, "somebody-else's")
        assert (await browser.open(callback)).status_code == 409
        assert browser.grants().calls["exchange"] == 0
        browser.cookies = mine
        assert (await browser.open(callback)).status_code == 200

    async def test_another_shop_of_the_same_app_is_refused(self, browser: Browser) -> None:
        query = dict(parse_qsl(urlsplit(await browser.to_callback()).query))
        query.pop("hmac")
        swapped = browser.grants().signed(query | {"shop": OTHER})
        answer = await browser.open(f"/oauth/shopify/callback?{swapped}")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/wrong-shop")
        assert await browser.integrations() == []

    async def test_a_state_that_we_have_not_made(self, browser: Browser) -> None:
        query = dict(parse_qsl(urlsplit(await browser.to_callback()).query))
        query.pop("hmac")
        forged = browser.grants().signed(query | {"state": "forged"})
        assert (await browser.open(f"/oauth/shopify/callback?{forged}")).status_code == 403

    async def test_tampered_or_stale(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        assert (await browser.open(callback.replace("code=", "code=0"))).status_code == 401
        query = dict(parse_qsl(urlsplit(callback).query))
        query.pop("hmac")
        stale = browser.grants().signed(query | {"timestamp": str(int(query["timestamp"]) - 400)})
        assert (await browser.open(f"/oauth/shopify/callback?{stale}")).status_code == 401
        assert (await browser.open(callback)).status_code == 200

    async def test_an_older_secret_of_the_app_verifies(self, browser: Browser) -> None:
        query = dict(parse_qsl(urlsplit(await browser.to_callback()).query))
        query.pop("hmac")
        resigned = browser.grants().signed(query, "old")
        assert (await browser.open(f"/oauth/shopify/callback?{resigned}")).status_code == 200


class TestExchange:
    async def test_an_answer_that_is_lost_once_begins_the_flow_anew(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        browser.sim.faults.drop_after_write_rate = 1.0
        again = await browser.open(callback)
        browser.sim.faults.drop_after_write_rate = 0.0
        # The code is used up, the tokens are lost: the merchant has agreed, and is asked for nothing.
        assert (again.status_code, await browser.integrations()) == (302, [])
        done = await browser.open(await browser.agree(again.headers["location"]))
        assert done.status_code == 200
        pair = await browser.tokens(done.json()["integration_id"])
        assert browser.grants().accepts(pair.access_token)

    async def test_a_shop_that_goes_on_so_is_given_up(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        browser.sim.faults.drop_after_write_rate = 1.0
        again = await browser.open(callback)
        answer = await browser.open(await browser.agree(again.headers["location"]))
        assert answer.status_code == 502
        assert await browser.integrations() == []

    async def test_a_shop_that_is_down_is_asked_again(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        browser.sim.faults.error_rate_5xx = 1.0
        again = await browser.open(callback)
        browser.sim.faults.error_rate_5xx = 0.0
        assert again.status_code == 302
        assert (await browser.open(await browser.agree(again.headers["location"]))).status_code == 200

    async def test_a_wrong_client_secret_says_whose_fault_it_is(self, browser: Browser) -> None:
        callback = await browser.to_callback()
        object.__setattr__(browser.sim.shop(SHOP).config, "api_secret", "rotated away")
        answer = await browser.open(callback)
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/app-credentials")
