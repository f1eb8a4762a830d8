"""The audit log through the API: every change leaves a line, with who it was and no secret."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.people.api import COOKIE

AUDIT = "/api/v1/audit"
STORE = {"platform": "woocommerce", "name": "Tea", "store_url": "https://shop.example"}
CREDENTIALS = {"consumer_key": "ck_planted", "consumer_secret": "cs_planted"}


async def entries(client: httpx.AsyncClient, **wanted: str) -> list[dict[str, Any]]:
    answer = await client.get(AUDIT, params=wanted)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_what_the_gateway_owns_tells_before_and_after(quiet: Any) -> None:
    made = (await quiet.client.post("/api/v1/integrations", json=STORE | {"credentials": CREDENTIALS})).json()
    path = f"/api/v1/integrations/{made['id']}"
    changes = {"name": "Coffee", "credentials": {"consumer_key": "ck_planted2", "consumer_secret": "cs_planted2"}}
    assert (await quiet.client.patch(path, json=changes)).status_code == 200
    assert (await quiet.client.patch(path, json={"name": "Milk"})).status_code == 200
    assert (await quiet.client.delete(path)).status_code == 204
    deleted, renamed, changed, created = await entries(quiet.client, subject=made["id"])
    assert [each["action"] for each in (created, changed, renamed, deleted)] == [
        "integration.created", "integration.changed", "integration.changed", "integration.deleted",
    ]  # fmt: skip
    assert (created["before"], created["after"]["store_url"]) == (None, "https://shop.example")
    assert (changed["before"], changed["after"]) == ({"name": "Tea"}, {"name": "Coffee", "credentials": "changed"})
    assert (renamed["before"], renamed["after"]) == ({"name": "Coffee"}, {"name": "Milk"})
    assert (deleted["before"]["name"], deleted["after"]) == ("Milk", None)
    me = (await quiet.client.get("/api/v1/me")).json()
    assert {each["actor"] for each in (created, changed, deleted)} == {f"api_key:{me['id']}"}
    assert created["actor_name"] == "bootstrap"


async def test_what_is_forwarded_is_written_down_after_its_answer(quiet: Any) -> None:
    async def inventory(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 404 if b"none" in body else 201, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"id": "movement-1"}'})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(inventory)) as behind:
        quiet.app.state.forwarder = Forwarder(behind, {"inventory": "http://i"}, quiet.settings.encryption_keys)
        path = "/api/v1/inventory/adjustments"
        body = {"sku": "T-1", "delta": 3, "reason": "count", "token": "planted"}
        for _ in range(2):
            assert (await quiet.client.post(path, json=body, headers={"Idempotency-Key": "k"})).status_code == 201
        assert (await quiet.client.post(path, json={"sku": "none"})).status_code == 404
    (entry,) = await entries(quiet.client)
    assert (entry["action"], entry["subject"]) == (f"POST {path}", "movement-1")
    assert (entry["after"]["sku"], entry["after"]["delta"]) == ("T-1", 3)


async def test_a_change_that_cannot_be_written_down_is_done_and_answered(quiet: Any) -> None:
    """Whatever a service ignores in a body is written down as far as it can be; and what cannot, harms nobody."""
    done = 0

    async def sync(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal done
        done += 1
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"id": "run-1"}'})

    path = "/api/v1/inventory/adjustments"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sync)) as behind:
        quiet.app.state.forwarder = Forwarder(behind, {"inventory": "http://i"}, quiet.settings.encryption_keys)
        odd = await quiet.client.post(path, content=b'{"odd": "a\\u0000\\ud800", "n": NaN}')
        async with quiet.service.engine.begin() as conn:
            await conn.execute(text("ALTER TABLE gateway.audit_log ADD CONSTRAINT full_disk CHECK (false) NOT VALID"))
        with capture_logs() as said:
            for _ in range(2):
                again = await quiet.client.post(path, content=b"{}", headers={"Idempotency-Key": "k"})
                assert (odd.status_code, again.status_code) == (202, 202)
    assert done == 2
    (entry,) = await entries(quiet.client)
    assert entry["after"] == {"odd": "a\ufffd?", "n": "nan"}
    assert [each["event"] for each in said] == ["a change is missing in the audit log"]


async def test_nothing_is_written_of_what_was_refused(quiet: Any) -> None:
    assert (await quiet.client.post("/api/v1/integrations", json=STORE)).status_code == 422
    assert (await quiet.client.delete(f"/api/v1/integrations/{uuid4()}")).status_code == 404
    assert await entries(quiet.client) == []


async def test_people_and_keys_without_a_secret(quiet: Any) -> None:
    password = "planted horse battery"
    person = {"email": "ann@shop.example", "role": "operator"}
    made = (await quiet.client.post("/api/v1/users", json=person)).json()
    accepted = {"invitation": made["invitation"], "password": password}
    assert (await quiet.stranger.post("/api/v1/auth/accept", json=accepted)).status_code == 204
    login = await quiet.stranger.post("/api/v1/auth/login", json={"email": person["email"], "password": password})
    key = (await quiet.client.post("/api/v1/api-keys", json={"name": "till", "scopes": ["read"]})).json()
    await quiet.client.delete(f"/api/v1/api-keys/{key['id']}")
    await quiet.client.patch(f"/api/v1/users/{made['id']}", json={"role": "viewer"})
    found = await entries(quiet.client)
    assert [each["action"] for each in reversed(found)] == [
        "user.created", "user.password_chosen", "user.logged_in", "api_key.created", "api_key.revoked", "user.changed",
    ]  # fmt: skip
    assert (found[0]["before"], found[0]["after"]) == ({"role": "operator"}, {"role": "viewer"})
    assert {each["actor"] for each in found[3:5]} == {f"user:{made['id']}"}
    async with quiet.service.engine.connect() as conn:
        dump = str((await conn.execute(text("SELECT a::text FROM gateway.audit_log a"))).all())
    secrets = [password, made["invitation"], key["key"], login.json()["access_token"], login.cookies[COOKIE]]
    assert [secret for secret in secrets if secret in dump] == []


async def test_no_change_without_its_line(quiet: Any) -> None:
    async with quiet.service.engine.begin() as conn:
        await conn.execute(text("ALTER TABLE gateway.audit_log ADD CONSTRAINT full_disk CHECK (false) NOT VALID"))
    with pytest.raises(IntegrityError, match="full_disk"):
        await quiet.client.post("/api/v1/api-keys", json={"name": "till", "scopes": ["read"]})
    assert len((await quiet.client.get("/api/v1/api-keys")).json()["items"]) == 1


async def test_it_is_the_owners_and_their_organisations(quiet: Any) -> None:
    made = await quiet.client.post("/api/v1/api-keys", json={"name": "till", "scopes": ["read"]})
    reader = {"Authorization": f"Bearer {made.json()['key']}"}
    assert (await quiet.stranger.get(AUDIT, headers=reader)).status_code == 403
    assert await entries(quiet.other) == []


async def test_pages_and_filters(quiet: Any) -> None:
    for n in range(5):
        await quiet.client.post("/api/v1/api-keys", json={"name": f"k{n}", "scopes": ["read"]})
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await quiet.client.get(f"{AUDIT}?limit=2&action=api_key.created{cursor}")).json()
        seen += [each["after"]["name"] for each in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert seen == ["k4", "k3", "k2", "k1", "k0"]
    assert await entries(quiet.client, action="user.created") == []
    assert await entries(quiet.client, actor=f"user:{uuid4()}") == []


@pytest.mark.parametrize("query", ["cursor=x", "limit=0", "actor=a%00b"])
async def test_bad_queries(quiet: Any, query: str) -> None:
    assert (await quiet.client.get(f"{AUDIT}?{query}")).status_code in {400, 422}


async def test_what_a_shop_sends_is_in_the_raw_log_and_not_here(gateway: Any) -> None:
    till = (await gateway.client.post("/api/v1/integrations", json={"platform": "api", "name": "Till"})).json()
    customer = {"external_id": "c1", "email": "planted@buyer.example", "first_name": "Planted"}
    answer = await gateway.client.post(f"/api/v1/ingest/{till['id']}/customers", json=customer)
    assert answer.status_code == 202, answer.text
    (sent, _) = await entries(gateway.client)
    assert (sent["subject"], sent["after"]) == (till["id"], None)
    assert "lanted" not in str(sent)
