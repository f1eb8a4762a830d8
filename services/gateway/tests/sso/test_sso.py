"""Logins at a provider of our own that listens on loopback: who is let in, as what, and who is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import text

from longshore_devkit.oidc import Person, SimulatedProvider
from longshore_gateway.people.api import COOKIE
from longshore_gateway.settings import GatewaySettings

START = "/api/v1/auth/oidc/start"
CALLBACK = "https://hub.example/api/v1/auth/oidc/callback"
SECRET = "s3cret+/=&"
EMAIL = "ann@shop.example"
ANN = Person("sub-of-ann", {"email": EMAIL, "email_verified": True, "name": "Ann"})


@pytest.fixture
async def provider() -> AsyncIterator[SimulatedProvider]:
    async with SimulatedProvider(CALLBACK, client_secret=SECRET) as provider:
        provider.person = ANN
        yield provider


@pytest.fixture
def settings(settings: GatewaySettings, provider: SimulatedProvider, request: pytest.FixtureRequest) -> GatewaySettings:
    """Of a test that is marked `with_settings(...)` in its parameters: those, too."""
    more: dict[str, Any] = getattr(request, "param", {})
    given = {"oidc_issuer": provider.issuer, "oidc_client_id": "longshore", "oidc_client_secret": SECRET} | more
    # Read as from the environment: validated.
    return GatewaySettings(**(settings.model_dump() | given))


def having(**more: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings", [more], indirect=True)


@dataclass
class Browser:
    """Follows what it is told, and keeps cookies."""

    hub: Any
    cookies: dict[str, str] = field(default_factory=dict)

    async def open(self, url: str, **headers: str) -> httpx.Response:
        path = url.removeprefix("https://hub.example")
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.hub.stranger.cookies.clear()
        answer: httpx.Response = await self.hub.stranger.get(path, headers={"Cookie": cookie, **headers})
        for header in answer.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def to_callback(self, query: str = "") -> str:
        """Through the provider's page, up to the callback, which is not opened yet."""
        started = await self.open(f"{START}{query}")
        assert started.status_code == 302, started.text
        async with httpx.AsyncClient() as client:
            answer = await client.get(started.headers["location"])
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def login(self) -> httpx.Response:
        return await self.open(await self.to_callback())


@pytest.fixture
def browser(quiet: Any) -> Browser:
    return Browser(quiet)


async def invite(hub: Any, role: str = "operator", email: str = EMAIL) -> str:
    answer = await hub.client.post("/api/v1/users", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


async def people(hub: Any) -> dict[str, str]:
    return {each["email"]: each["role"] for each in (await hub.client.get("/api/v1/users")).json()["items"]}


async def actions(hub: Any) -> list[tuple[str, str]]:
    entries = (await hub.client.get("/api/v1/audit")).json()["items"]
    return [(each["actor"].partition(":")[0], each["action"]) for each in reversed(entries)]


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


class TestWhoIsKnown:
    async def test_who_was_invited_is_logged_in_without_a_password(self, quiet: Any, browser: Browser) -> None:
        await invite(quiet)
        answer = await browser.login()
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert (answer.json()["user"]["email"], answer.json()["user"]["role"]) == (EMAIL, "operator")
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await quiet.stranger.get("/api/v1/me", headers=headers)).json()["email"] == EMAIL
        # The session goes on as any other does.
        cookie = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
        assert (await quiet.stranger.post("/api/v1/auth/refresh", headers=cookie)).status_code == 200
        assert ("user", "user.logged_in") in await actions(quiet)
        assert ("sso", "user.linked") in await actions(quiet)

    async def test_cookies_are_not_for_scripts_nor_for_other_sites(self, quiet: Any, browser: Browser) -> None:
        await invite(quiet)
        started = await browser.open(START)
        (flow,) = started.headers.get_list("set-cookie")
        assert all(each in flow for each in ("HttpOnly", "SameSite=lax", "Secure", "Path=/api/v1/auth/oidc"))
        async with httpx.AsyncClient() as client:
            back = (await client.get(started.headers["location"])).headers["location"]
        (session,) = (await browser.open(back)).headers.get_list("set-cookie")
        assert all(each in session for each in ("HttpOnly", "SameSite=strict", "Secure", "Path=/api/v1/auth"))

    async def test_the_subject_counts_when_the_address_has_changed(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        assert (await browser.login()).status_code == 200
        provider.person = Person(ANN.subject, {"email": "ann.new@shop.example", "email_verified": True})
        assert (await browser.login()).json()["user"]["email"] == EMAIL

    async def test_an_address_that_was_given_to_somebody_else_lets_nobody_in(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        assert (await browser.login()).status_code == 200
        provider.person = Person("somebody-else", ANN.claims)
        assert kind(await browser.login()) == (403, "not-let-in")

    async def test_an_address_that_is_not_verified_lets_nobody_in(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        said: list[dict[str, Any]] = [{}, *({"email_verified": each} for each in (False, "false", 1, None))]
        for each in said:
            provider.person = Person("x", {"email": EMAIL} | each)
            assert kind(await browser.login()) == (403, "not-let-in"), each

    async def test_an_address_that_only_userinfo_tells(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        provider.person = Person(ANN.subject, hidden=ANN.claims)
        assert (await browser.login()).status_code == 200
        assert provider.calls["userinfo"] == 1

    async def test_who_is_disabled_stays_out(self, quiet: Any, browser: Browser) -> None:
        id = await invite(quiet)
        assert (await browser.login()).status_code == 200
        assert (await quiet.client.patch(f"/api/v1/users/{id}", json={"disabled": True})).status_code == 200
        assert kind(await browser.login()) == (403, "not-let-in")

    async def test_a_page_for_a_person_or_a_path_to_go_on_with(self, quiet: Any, browser: Browser) -> None:
        await invite(quiet)
        page = await browser.open(await browser.to_callback(), Accept="text/html")
        assert (page.status_code, EMAIL in page.text) == (200, True)
        sent_on = await browser.open(await browser.to_callback("?return_to=/orders%3Fstatus=pending"))
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, "/orders?status=pending")
        refused = await browser.open(f"{CALLBACK}?state=x", Accept="text/html")
        assert (refused.status_code, refused.headers["content-type"]) == (403, "text/html; charset=utf-8")

    async def test_nobody_is_led_to_another_site(self, browser: Browser) -> None:
        for path in (
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "x",
            "/a\r\nb: c",
            "/\t/evil.example",
        ):
            assert (await browser.open(f"{START}?{urlencode({'return_to': path})}")).status_code == 422, path


class TestWhoIsNot:
    async def test_nobody_is_made_unless_it_is_allowed(self, quiet: Any, browser: Browser) -> None:
        assert kind(await browser.login()) == (403, "not-let-in")
        assert await people(quiet) == {}

    # Two organisations are there: where new people belong has to be said.
    @having(oidc_create_domains="shop.example")
    async def test_nobody_is_made_nowhere(self, quiet: Any, browser: Browser) -> None:
        assert kind(await browser.login()) == (403, "not-let-in")

    @having(oidc_create_domains="shop.example, other.example", bootstrap_api_key=("lsk_first_organisation",))
    async def test_who_is_of_the_right_domain_is_made_a_viewer(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        callbacks = [await browser.to_callback() for _ in range(4)]
        # Four tabs at once: one person.
        answers = await asyncio.gather(*[browser.open(each) for each in callbacks])
        assert [each.status_code for each in answers] == [200] * 4, [each.text for each in answers]
        assert await people(quiet) == {EMAIL: "viewer"}
        assert (await actions(quiet)).count(("sso", "user.created")) == 1
        for address in ("eve@evil.example", "eve@sub.shop.example", "eve@shop.example.evil.example"):
            provider.person = Person("eve", {"email": address, "email_verified": True})
            assert kind(await browser.login()) == (403, "not-let-in"), address

    @having(oidc_create_domains="*", bootstrap_api_key=("lsk_first_organisation",))
    async def test_unverified_people_are_not_made_either(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        provider.person = Person("eve", {"email": "eve@shop.example", "email_verified": False})
        assert kind(await browser.login()) == (403, "not-let-in")
        assert await people(quiet) == {}


BY_CLAIM = {"oidc_role_claim": "realm_access.roles", "oidc_roles": "staff=operator, bosses=owner"}


def of_roles(*roles: str) -> Person:
    return Person(ANN.subject, ANN.claims | {"realm_access": {"roles": list(roles)}})


class TestRoles:
    @having(**BY_CLAIM)
    async def test_the_claim_decides_with_each_login(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet, "viewer")
        await invite(quiet, "owner", "boss@shop.example")
        for roles, role in ((("staff", "x"), "operator"), (("bosses", "staff"), "owner"), ((), "viewer")):
            provider.person = of_roles(*roles)
            answer = await browser.login()
            assert answer.json()["user"]["role"] == role, roles
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            assert (await quiet.stranger.get("/api/v1/me", headers=headers)).json()["role"] == role
        assert (await actions(quiet)).count(("sso", "user.changed")) == 3

    @having(**BY_CLAIM)
    async def test_the_last_owner_stays_one(self, quiet: Any, browser: Browser, provider: SimulatedProvider) -> None:
        await invite(quiet, "owner")
        provider.person = of_roles()
        assert (await browser.login()).json()["user"]["role"] == "owner"

    async def test_without_a_claim_the_hub_decides(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet, "viewer")
        provider.person = of_roles("bosses")
        assert (await browser.login()).json()["user"]["role"] == "viewer"


class TestCallback:
    async def test_a_state_is_used_once(self, quiet: Any, browser: Browser, provider: SimulatedProvider) -> None:
        await invite(quiet)
        callback = await browser.to_callback()
        answers = await asyncio.gather(*[browser.open(callback) for _ in range(8)])
        assert sorted(each.status_code for each in answers) == [200] + [409] * 7
        assert kind(await browser.open(callback)) == (409, "state-used")
        assert provider.calls["token"] == 1

    async def test_another_browser_gets_nowhere_and_uses_nothing_up(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        callback = await browser.to_callback()
        mine, browser.cookies = browser.cookies, {}
        assert kind(await browser.open(callback)) == (403, "other-browser")
        browser.cookies = dict.fromkeys(mine, "somebody-else's")
        assert kind(await browser.open(callback)) == (409, "state-used")
        assert "token" not in provider.calls
        browser.cookies = mine
        assert (await browser.open(callback)).status_code == 200

    async def test_a_code_of_another_login_is_refused(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        # Somebody's own login at the provider, put into another browser's flow: PKCE binds the code to its flow.
        stolen = dict(parse_qsl(urlsplit(await Browser(quiet).to_callback()).query))["code"]
        query = dict(parse_qsl(urlsplit(await browser.to_callback()).query))
        assert kind(await browser.open(f"{CALLBACK}?{urlencode(query | {'code': stolen})}")) == (401, "bad-code")

    async def test_an_answer_of_another_provider_is_refused(self, browser: Browser) -> None:
        query = dict(parse_qsl(urlsplit(await browser.to_callback()).query))
        answer = await browser.open(f"{CALLBACK}?{urlencode(query | {'iss': 'https://other.example'})}")
        assert kind(answer) == (400, "malformed-callback")

    async def test_who_says_no_is_told_so(self, browser: Browser, provider: SimulatedProvider) -> None:
        provider.declines = True
        assert kind(await browser.login()) == (400, "declined")

    async def test_too_late(self, quiet: Any, browser: Browser) -> None:
        callback = await browser.to_callback()
        async with quiet.service.engine.begin() as conn:
            await conn.execute(text("UPDATE gateway.oidc_flows SET expires_at = now()"))
        assert kind(await browser.open(callback)) == (409, "state-used")

    async def test_nothing_secret_is_stored(self, quiet: Any, browser: Browser) -> None:
        await invite(quiet)
        callback = await browser.to_callback()
        secrets = [dict(parse_qsl(urlsplit(callback).query))["state"], *browser.cookies.values()]
        assert (await browser.open(callback)).status_code == 200
        async with quiet.service.engine.connect() as conn:
            dump = ""
            for table in ("oidc_flows", "oidc_identities", "users", "audit_log"):
                dump += str((await conn.execute(text(f"SELECT t::text FROM gateway.{table} t"))).all())
        assert ANN.subject in dump
        assert [each for each in [*secrets, SECRET] if each in dump] == []


FORGED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "issuer": lambda c: c | {"iss": "https://evil.example"},
    "audience": lambda c: c | {"aud": "another"},
    "several audiences": lambda c: c | {"aud": [c["aud"], "another"]},
    "authorized party": lambda c: c | {"azp": "another"},
    "nonce": lambda c: c | {"nonce": "another"},
    "no nonce": lambda c: {k: v for k, v in c.items() if k != "nonce"},
    "expired": lambda c: c | {"exp": int(time.time()) - 120},
    "no end": lambda c: {k: v for k, v in c.items() if k != "exp"},
    "issued in the future": lambda c: c | {"iat": int(time.time()) + 600},
    "nobody": lambda c: {k: v for k, v in c.items() if k != "sub"},
}


class TestProvider:
    async def test_a_token_that_is_not_for_this_login_is_refused(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        for name, forge in FORGED.items():
            provider.forge = forge
            assert kind(await browser.login()) == (401, "bad-id-token"), name
        assert COOKIE not in browser.cookies

    async def test_a_token_that_another_has_signed_is_refused(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        for kid in (None, "another"):
            provider.sign_as_another(kid=kid)
            assert kind(await browser.login()) == (401, "bad-id-token"), kid

    async def test_keys_are_remembered_until_they_change(
        self, quiet: Any, browser: Browser, provider: SimulatedProvider
    ) -> None:
        await invite(quiet)
        for _ in range(2):
            assert (await browser.login()).status_code == 200
        assert (provider.calls["discovery"], provider.calls["jwks"]) == (1, 1)
        provider.rotate_key()
        assert (await browser.login()).status_code == 200
        assert provider.calls["jwks"] == 2

    async def test_a_secret_in_the_form(self, quiet: Any, browser: Browser, provider: SimulatedProvider) -> None:
        await invite(quiet)
        provider.secret_in_form = True
        assert (await browser.login()).status_code == 200

    @having(oidc_client_secret=None)
    async def test_a_public_client(self, quiet: Any, browser: Browser, provider: SimulatedProvider) -> None:
        await invite(quiet)
        provider.client_secret = None
        assert (await browser.login()).status_code == 200

    async def test_a_wrong_secret_says_whose_fault_it_is(
        self, browser: Browser, provider: SimulatedProvider, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider.client_secret = "another"
        assert kind(await browser.login()) == (502, "sso-refused")
        assert SECRET not in caplog.text

    @having(oidc_issuer="http://127.0.0.1:9")
    async def test_a_provider_that_is_away(self, browser: Browser) -> None:
        answer = await browser.open(START)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


async def test_pages_know_how_people_log_in(quiet: Any) -> None:
    answer = await quiet.stranger.get("/api/v1/auth/methods")
    assert answer.json() == {"password": True, "sso": {"name": "Single sign-on", "start_url": START}}


@having(oidc_issuer=None)
async def test_without_a_provider(quiet: Any) -> None:
    assert (await quiet.stranger.get("/api/v1/auth/methods")).json() == {"password": True, "sso": None}
    for path in (START, CALLBACK.removeprefix("https://hub.example")):
        assert kind(await quiet.stranger.get(path)) == (404, "no-sso")
