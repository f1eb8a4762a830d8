"""One click: link, the store's own page, the keys that it posts, and the owner's return. With a simulated store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from longshore.vault import Sealer, Vault
from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.stores.woo.config import WooConfig
from longshore_gateway.settings import GatewaySettings

LINKS = "/api/v1/integrations/connect-links"
HUB = "https://hub.example"


@pytest.fixture
def settings(settings: GatewaySettings, request: pytest.FixtureRequest) -> GatewaySettings:
    more: dict[str, Any] = getattr(request, "param", {})
    return settings.model_copy(update={"allow_private_stores": True} | more)


class Browser:
    """The store's owner, and what the store sent to the hub."""

    def __init__(self, gateway: Any, woo: SimulatedWoo) -> None:
        self.gateway = gateway
        self.woo = woo
        self.cookies: dict[str, str] = {}
        self.posted: list[bytes] = []
        woo.consent.post = self.post

    async def post(self, url: str, body: bytes) -> int:
        self.posted.append(body)
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        answer = await self.gateway.stranger.post(url.removeprefix(HUB), content=body, headers=headers)
        return int(answer.status_code)

    async def start(self) -> str:
        """Up to the store's page: its address."""
        body = {"platform": "woocommerce", "store_url": self.woo.url, "name": "Tea"}
        link = await self.gateway.client.post(LINKS, json=body)
        assert link.status_code == 201, link.text
        started = await self.gateway.stranger.get(link.json()["url"].removeprefix(HUB))
        assert started.status_code == 302, started.text
        name, _, value = started.headers["set-cookie"].partition(";")[0].partition("=")
        self.cookies[name] = value
        url: str = started.headers["location"]
        return url

    async def at_store(self, url: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(url)

    async def back(self, url: str, cookies: dict[str, str] | None = None) -> httpx.Response:
        given = self.cookies if cookies is None else cookies
        cookie = "; ".join(f"{name}={value}" for name, value in given.items())
        answer: httpx.Response = await self.gateway.stranger.get(url.removeprefix(HUB), headers={"Cookie": cookie})
        return answer

    async def integrations(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.gateway.client.get("/api/v1/integrations")).json()["items"]
        return items


@pytest.fixture
async def browser(gateway: Any) -> AsyncIterator[Browser]:
    async with SimulatedWoo(WooConfig(products=1)) as woo:
        yield Browser(gateway, woo)


async def test_one_click(browser: Browser) -> None:
    page = await browser.start()
    asked = dict(parse_qsl(urlsplit(page).query))
    assert (asked["scope"], asked["callback_url"]) == ("read_write", f"{HUB}/oauth/woocommerce/callback")
    back = await browser.at_store(page)
    assert back.status_code == 302
    done = await browser.back(back.headers["location"])
    assert done.status_code == 200, done.text
    (created,) = await browser.integrations()
    assert (created["id"], created["name"], created["status"]) == (done.json()["integration_id"], "Tea", "connecting")
    async with browser.gateway.service.engine.connect() as conn:
        opened = await Vault(Sealer(browser.gateway.settings.encryption_keys)).open(conn, created["id"])
    assert opened is not None
    credentials = opened[0].credentials
    # The key that the store has made works there, and has a webhook secret beside it.
    assert browser.woo.keys[credentials["consumer_key"]].consumer_secret == credentials["consumer_secret"]
    assert credentials["webhook_secret"]


async def test_reconnecting_keeps_the_integration_and_takes_the_new_keys(browser: Browser) -> None:
    for _ in range(2):
        assert (await browser.at_store(await browser.start())).status_code == 302
    assert len(await browser.integrations()) == 1
    assert json.loads(browser.posted[0])["consumer_key"] != json.loads(browser.posted[1])["consumer_key"]


async def test_a_state_is_used_once_and_the_store_takes_its_keys_back(browser: Browser) -> None:
    page = await browser.start()
    assert (await browser.at_store(page)).status_code == 302
    keys = len(browser.woo.keys)
    assert (await browser.at_store(page)).status_code == 401
    assert len(browser.woo.keys) == keys
    assert await browser.post(f"{HUB}/oauth/woocommerce/callback", browser.posted[0]) == 409


async def test_twice_at_once_is_one_integration(browser: Browser) -> None:
    page = await browser.start()
    answers = await asyncio.gather(*[browser.at_store(page) for _ in range(5)])
    assert sorted(each.status_code for each in answers) == [302] + [401] * 4
    assert len(await browser.integrations()) == 1


async def test_keys_that_nobody_asked_for(browser: Browser) -> None:
    url = f"{HUB}/oauth/woocommerce/callback"
    forged = {"key_id": 1, "user_id": "guessed", "consumer_key": "ck_planted", "consumer_secret": "cs_planted"}
    assert await browser.post(url, json.dumps(forged).encode()) == 409
    for body in (b"{}", b"x", json.dumps(forged | {"consumer_key": ""}).encode()):
        assert await browser.post(url, body) == 422
    answer = await browser.gateway.stranger.post("/oauth/woocommerce/callback", json=forged | {"user_id": 7})
    assert "_planted" not in answer.text
    assert await browser.integrations() == []


async def test_an_owner_who_does_not_agree(browser: Browser) -> None:
    browser.woo.consent.agrees = False
    back = await browser.at_store(await browser.start())
    answer = await browser.back(back.headers["location"])
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/declined")


async def test_a_return_without_keys_says_so(browser: Browser) -> None:
    page = await browser.start()
    state = dict(parse_qsl(urlsplit(page).query))["user_id"]
    answer = await browser.back(f"/oauth/woocommerce/return?success=1&user_id={state}")
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/no-keys")
    assert (await browser.back(f"/oauth/woocommerce/return?success=1&user_id={state}", {})).status_code == 403


@pytest.mark.parametrize(
    "settings", [{"allow_private_stores": False, "public_url": "http://hub.example"}], indirect=True
)
async def test_keys_come_to_https_alone(quiet: Any) -> None:
    """WooCommerce's own page says "The callback_url needs to be over SSL", and nothing of what to do."""
    answer = await quiet.client.post(LINKS, json={"platform": "woocommerce", "store_url": "https://shop.example"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-public-https")
    assert "LONGSHORE_PUBLIC_URL" in answer.json()["detail"]
