"""Requests that come again: on the gateway's own routes, and on those that it forwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from longshore.ids import OrgId, uuid7
from longshore.problems import Problem
from longshore.vault import Sealer
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.idempotency.rules import Answer
from longshore_gateway.idempotency.service import CLAIMED_FOR, Claim, Repeats
from longshore_gateway.idempotency.store import Place

KEYS = "/api/v1/api-keys"
BODY = {"name": "Till", "scopes": ["read"]}


async def post(client: httpx.AsyncClient, key: str, body: Any = BODY, path: str = KEYS) -> httpx.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


async def names(client: httpx.AsyncClient) -> list[str]:
    return [each["name"] for each in (await client.get(KEYS)).json()["items"]]


async def test_the_same_again_gives_the_same_answer_and_one_effect(quiet: Any) -> None:
    first = await post(quiet.client, "a")
    again = await post(quiet.client, "a")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await names(quiet.client) == ["bootstrap", "Till"]
    assert (await post(quiet.client, "b")).json()["id"] != first.json()["id"]


async def test_many_at_once_do_one_thing(quiet: Any) -> None:
    answers = await asyncio.gather(*[post(quiet.client, "a") for _ in range(6)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await names(quiet.client) == ["bootstrap", "Till"]


async def test_another_body_or_route_is_refused(quiet: Any) -> None:
    assert (await post(quiet.client, "a")).status_code == 201
    for body, path in ((BODY | {"name": "Other"}, KEYS), (BODY, "/api/v1/users")):
        answer = await post(quiet.client, "a", body, path)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await names(quiet.client) == ["bootstrap", "Till"]


async def test_after_an_error_the_request_may_be_mended(quiet: Any) -> None:
    assert (await post(quiet.client, "a", {"name": "Till", "scopes": []})).status_code == 422
    assert (await post(quiet.client, "a")).status_code == 201


async def test_a_key_is_its_callers_own(quiet: Any) -> None:
    mine = await post(quiet.client, "a")
    theirs = await post(quiet.other, "a")
    assert mine.json()["key"] != theirs.json()["key"]
    second = await quiet.client.post(KEYS, json=BODY | {"scopes": ["admin", "read"]})
    headers = {"Authorization": f"Bearer {second.json()['key']}", "Idempotency-Key": "a"}
    assert (await quiet.stranger.post(KEYS, json=BODY, headers=headers)).json()["key"] != mine.json()["key"]
    assert (await quiet.stranger.post(KEYS, json=BODY, headers={"Idempotency-Key": "a"})).status_code == 401


async def test_answers_are_sealed(quiet: Any) -> None:
    made = await post(quiet.client, "a")
    async with quiet.service.engine.connect() as conn:
        row = (await conn.execute(text("SELECT * FROM gateway.idempotency_keys"))).one()
    assert made.json()["key"].encode() not in bytes(row.answer)
    assert "Till" not in str(row)


async def test_bad_keys(quiet: Any) -> None:
    for key in ("x" * 256, "é".encode()):
        answer = await quiet.client.post(KEYS, json=BODY, headers={b"Idempotency-Key": key})  # type: ignore[dict-item]
        assert answer.status_code == 422


async def test_forwarded_requests_have_one_effect_too(quiet: Any) -> None:
    shipped: list[bytes] = []
    has_come, may_answer = asyncio.Event(), asyncio.Event()

    async def order_sync(scope: Any, receive: Any, send: Any) -> None:
        shipped.append((await receive())["body"])
        has_come.set()
        await may_answer.wait()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"number": %d}' % len(shipped)})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(order_sync)) as behind:
        quiet.app.state.forwarder = Forwarder(behind, {"order-sync": "http://o"}, quiet.settings.encryption_keys)
        path = f"/api/v1/orders/{uuid4()}/fulfillments"
        at_once = asyncio.gather(*[post(quiet.client, "a", {"lines": []}, path) for _ in range(3)])
        await has_come.wait()
        may_answer.set()
        answers = [*await at_once, await post(quiet.client, "a", {"lines": []}, path)]
        assert [(answer.status_code, answer.json()) for answer in answers] == [(202, {"number": 1})] * 4
        assert len(shipped) == 1
        assert (await post(quiet.client, "a", {"lines": [1]}, path)).status_code == 422
        assert len(shipped) == 1


class Hand:
    now = datetime(2026, 11, 28, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def begin(repeats: Repeats, place: Place, *requests: str) -> Claim | Answer | int:
    try:
        return await repeats.begin(place, requests)
    except Problem as problem:
        return problem.status


async def test_a_request_whose_process_has_died_may_be_begun_again_by_the_same_request(quiet: Any) -> None:
    hand = Hand()
    repeats = Repeats(quiet.service.engine, Sealer(quiet.settings.encryption_keys), hand, wait_s=0.0)
    place = Place(OrgId(uuid7()), "api_key:1", "k")
    first = await begin(repeats, place, "same")
    assert isinstance(first, Claim)
    assert await begin(repeats, place, "same") == 409
    assert await begin(repeats, place, "another") == 422
    hand.now += CLAIMED_FOR + timedelta(seconds=1)
    assert await begin(repeats, place, "another") == 422
    # Keys of encryption have rotated meanwhile.
    second = await begin(repeats, place, "same by a newer key", "same")
    assert isinstance(second, Claim)
    # The first one comes late: it no longer has a say.
    await repeats.keep(first, Answer(201, (), b"late"))
    await repeats.release(first)
    assert await begin(repeats, place, "same by a newer key") == 409
    await repeats.keep(second, Answer(201, (), b"second"))
    assert await begin(repeats, place, "same by a newer key") == Answer(201, (), b"second")
    hand.now += timedelta(hours=25)
    assert isinstance(await begin(repeats, place, "another"), Claim)
