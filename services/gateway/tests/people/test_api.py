"""People through the API: invited, logged in, refreshed, put in their place, shown out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from longshore_gateway.people.api import COOKIE
from longshore_gateway.people.rules import AT_ONCE

PASSWORD = "correct horse battery staple"
EMAIL = "ann@shop.example"


async def make_user(client: httpx.AsyncClient, role: str = "owner", email: str = EMAIL) -> dict[str, Any]:
    body = {"email": email, "role": role, "password": PASSWORD, "name": "Ann"}
    answer = await client.post("/api/v1/users", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def login(client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def logged_in(quiet: Any, email: str = EMAIL) -> dict[str, str]:
    answer = await login(quiet.stranger, email)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def refresh(client: httpx.AsyncClient, cookie: str) -> httpx.Response:
    client.cookies.clear()
    return await client.post("/api/v1/auth/refresh", headers={"Cookie": f"{COOKIE}={cookie}"})


async def test_login_gives_a_token_and_a_cookie_that_scripts_cannot_read(quiet: Any) -> None:
    await make_user(quiet.client)
    answer = await login(quiet.stranger, " Ann@Shop.Example ")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["expires_in"], body["user"]["email"]) == (900, EMAIL)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" in cookie
    assert "path=/api/v1/auth" in cookie
    assert answer.cookies[COOKIE] not in answer.text
    me = await quiet.stranger.get("/api/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert {key: me.json()[key] for key in ("kind", "email", "role", "name")} == {
        "kind": "user", "email": EMAIL, "role": "owner", "name": "Ann",
    }  # fmt: skip
    assert (await quiet.client.get("/api/v1/me")).json()["kind"] == "api_key"


async def test_wrong_logins_are_all_alike_and_soon_have_to_wait(quiet: Any) -> None:
    await make_user(quiet.client)
    unknown = await login(quiet.stranger, "nobody@shop.example")
    wrong = await login(quiet.stranger, EMAIL, "wrong horse battery staple")
    assert (unknown.status_code, unknown.json()) == (401, wrong.json())
    # Many at once do not slip through: five are looked at, the right password among the others is not.
    answers = await asyncio.gather(*[login(quiet.stranger, EMAIL, f"wrong horse {n}") for n in range(8)])
    assert sorted(answer.status_code for answer in answers) == [401] * 4 + [429] * 4
    answer = await login(quiet.stranger)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_good_login_clears_the_sheet(quiet: Any) -> None:
    await make_user(quiet.client)
    for _ in range(3):
        for _ in range(3):
            assert (await login(quiet.stranger, EMAIL, "wrong horse battery staple")).status_code == 401
        assert (await login(quiet.stranger)).status_code == 200


async def test_refresh_rotates_and_a_used_token_ends_the_session(quiet: Any) -> None:
    await make_user(quiet.client)
    first = (await login(quiet.stranger)).cookies[COOKIE]
    answer = await refresh(quiet.stranger, first)
    assert answer.status_code == 200
    second = answer.cookies[COOKIE]
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    # Two tabs: the one that came second gets nothing, and nothing ends.
    assert (await refresh(quiet.stranger, first)).status_code == 409
    answer = await refresh(quiet.stranger, second)
    assert answer.status_code == 200
    third = answer.cookies[COOKIE]
    assert (await quiet.stranger.get("/api/v1/me", headers=token)).status_code == 200
    async with quiet.service.engine.begin() as conn:
        long_ago = {"at": datetime.now(UTC) - AT_ONCE}
        await conn.execute(text("UPDATE gateway.refresh_tokens SET used_at = :at WHERE used_at IS NOT NULL"), long_ago)
    assert (await refresh(quiet.stranger, first)).status_code == 401
    assert (await refresh(quiet.stranger, third)).status_code == 401
    assert (await quiet.stranger.get("/api/v1/me", headers=token)).status_code == 401


async def test_of_two_that_refresh_at_once_one_gets_the_pair(quiet: Any) -> None:
    await make_user(quiet.client)
    cookie = (await login(quiet.stranger)).cookies[COOKIE]
    answers = await asyncio.gather(*[refresh(quiet.stranger, cookie) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_logout_ends_cookie_and_token(quiet: Any) -> None:
    await make_user(quiet.client)
    answer = await login(quiet.stranger)
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    cookie = answer.cookies[COOKIE]
    out = await quiet.stranger.post("/api/v1/auth/logout", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert out.status_code == 204
    assert f'{COOKIE}="";' in out.headers["set-cookie"]
    assert (await quiet.stranger.get("/api/v1/me", headers=token)).status_code == 401
    assert (await refresh(quiet.stranger, cookie)).status_code == 401
    quiet.stranger.cookies.clear()
    assert (await quiet.stranger.post("/api/v1/auth/logout")).status_code == 204
    assert (await quiet.stranger.post("/api/v1/auth/refresh")).status_code == 401


async def test_roles(quiet: Any) -> None:
    for role in ("owner", "operator", "viewer"):
        await make_user(quiet.client, role, f"{role}@shop.example")
    expected = {"owner": (200, 201, 202), "operator": (403, 403, 202), "viewer": (403, 403, 403)}
    for role, statuses in expected.items():
        who = await logged_in(quiet, f"{role}@shop.example")
        store = {"platform": "api", "name": role}
        answers = (
            await quiet.stranger.get("/api/v1/users", headers=who),
            await quiet.stranger.post("/api/v1/integrations", headers=who, json=store),
            await quiet.stranger.post("/api/v1/dead-letters/replay", headers=who, json={"all": True}),
        )
        assert tuple(answer.status_code for answer in answers) == statuses, role
        assert (await quiet.stranger.get("/api/v1/integrations", headers=who)).status_code == 200


async def test_an_invitation_is_good_once_and_newer_ones_replace_it(quiet: Any) -> None:
    made = (await quiet.client.post("/api/v1/users", json={"email": EMAIL, "role": "viewer"})).json()
    assert (await login(quiet.stranger)).status_code == 401
    again = (await quiet.client.post(f"/api/v1/users/{made['id']}/invitation")).json()

    async def accept(invitation: str, password: str = PASSWORD) -> int:
        body = {"invitation": invitation, "password": password}
        return int((await quiet.stranger.post("/api/v1/auth/accept", json=body)).status_code)

    assert await accept(made["invitation"]) == 401
    assert await accept(again["invitation"], "short") == 422
    assert sorted(await asyncio.gather(*[accept(again["invitation"]) for _ in range(2)])) == [204, 401]
    assert (await login(quiet.stranger)).status_code == 200


async def test_changes_of_a_person_act_at_once(quiet: Any) -> None:
    user = await make_user(quiet.client, "operator")
    who = await logged_in(quiet)
    path = f"/api/v1/users/{user['id']}"
    replay = {"all": True}
    assert (await quiet.stranger.post("/api/v1/dead-letters/replay", headers=who, json=replay)).status_code == 202
    assert (await quiet.client.patch(path, json={"role": "viewer"})).json()["role"] == "viewer"
    assert (await quiet.stranger.post("/api/v1/dead-letters/replay", headers=who, json=replay)).status_code == 403
    assert (await quiet.client.patch(path, json={"disabled": True})).json()["disabled"] is True
    assert (await quiet.stranger.get("/api/v1/me", headers=who)).status_code == 401
    assert (await login(quiet.stranger)).status_code == 401
    assert (await quiet.client.patch(path, json={"disabled": False})).json()["disabled"] is False
    assert (await quiet.stranger.get("/api/v1/me", headers=who)).status_code == 401
    assert (await login(quiet.stranger)).status_code == 200


async def test_somebody_stays_the_owner(quiet: Any) -> None:
    first = await make_user(quiet.client)
    second = await make_user(quiet.client, email="bob@shop.example")
    # Both demote each other at once: one of them does.
    answers = await asyncio.gather(
        *[quiet.client.patch(f"/api/v1/users/{each['id']}", json={"role": "viewer"}) for each in (first, second)]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_nobody_makes_or_unmakes_a_mightier_one(quiet: Any) -> None:
    owner = await make_user(quiet.client)
    key = await quiet.client.post("/api/v1/api-keys", json={"name": "hr", "scopes": ["admin", "read"]})
    hr = {"Authorization": f"Bearer {key.json()['key']}"}
    for method, path, body in (
        ("POST", "/api/v1/users", {"email": "eve@shop.example", "role": "owner"}),
        ("PATCH", f"/api/v1/users/{owner['id']}", {"role": "viewer"}),
        ("PATCH", f"/api/v1/users/{owner['id']}", {"disabled": True}),
        ("POST", f"/api/v1/users/{owner['id']}/invitation", None),
    ):
        assert (await quiet.stranger.request(method, path, headers=hr, json=body)).status_code == 403, path
    viewer = {"email": "vic@shop.example", "role": "viewer"}
    assert (await quiet.stranger.post("/api/v1/users", headers=hr, json=viewer)).status_code == 201


async def test_no_organisation_sees_or_changes_anothers_people(quiet: Any) -> None:
    user = await make_user(quiet.client)
    path = f"/api/v1/users/{user['id']}"
    assert (await quiet.other.get("/api/v1/users")).json()["items"] == []
    assert (await quiet.other.get(path)).status_code == 404
    assert (await quiet.other.patch(path, json={"disabled": True})).status_code == 404
    assert (await quiet.other.post(f"{path}/invitation")).status_code == 404
    assert (await quiet.other.post("/api/v1/users", json={"email": EMAIL, "role": "owner"})).status_code == 409
    who = await logged_in(quiet)
    assert (await quiet.stranger.get("/api/v1/me", headers=who)).json()["org_id"] != (
        await quiet.other.get("/api/v1/me")
    ).json()["org_id"]


async def test_ones_own_password(quiet: Any) -> None:
    await make_user(quiet.client)
    who = await logged_in(quiet)
    path = "/api/v1/me/password"

    async def change(current: str, new: str) -> int:
        body = {"current": current, "password": new}
        return int((await quiet.stranger.post(path, headers=who, json=body)).status_code)

    assert await change("wrong horse battery staple", "another horse battery") == 401
    assert await change(PASSWORD, "short") == 422
    assert await change(PASSWORD, "another horse battery") == 204
    assert await change("another horse battery", PASSWORD) == 401
    assert (await login(quiet.stranger, EMAIL, "another horse battery")).status_code == 200
    key = await quiet.client.post(path, json={"current": "x", "password": "another horse battery"})
    assert key.status_code == 403


async def test_no_secret_is_kept_in_clear_or_logged(quiet: Any, caplog: pytest.LogCaptureFixture) -> None:
    await make_user(quiet.client)
    invited = await quiet.client.post("/api/v1/users", json={"email": "bob@shop.example", "role": "viewer"})
    answer = await login(quiet.stranger)
    await login(quiet.stranger, EMAIL, "wrong-planted-password")
    secrets = [PASSWORD, invited.json()["invitation"], answer.cookies[COOKIE], "wrong-planted-password"]
    dump = caplog.text
    async with quiet.service.engine.connect() as conn:
        for table in ("users", "invitations", "sessions", "refresh_tokens", "login_attempts"):
            dump += str((await conn.execute(text(f"SELECT t::text FROM gateway.{table} t"))).all())
    assert "$argon2id$" in dump
    assert [secret for secret in secrets if secret in dump] == []


@pytest.mark.parametrize(
    "body",
    [
        {"email": "nobody", "role": "viewer"},
        {"email": EMAIL, "role": "king"},
        {"email": EMAIL},
        {"email": EMAIL, "role": "viewer", "password": "short"},
        {"email": EMAIL, "role": "viewer", "admin": True},
    ],
)
async def test_bad_input(quiet: Any, body: dict[str, Any]) -> None:
    answer = await quiet.client.post("/api/v1/users", json=body)
    assert answer.status_code == 422
    assert "short" not in answer.text
