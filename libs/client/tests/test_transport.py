"""Retries, keys, pages: over a wire that answers from a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from longshore_client import (
    AsyncLongshore,
    Longshore,
    NoAnswer,
    NotFound,
    RateLimited,
    Retries,
    Unavailable,
    UnexpectedAnswer,
)

ID = "6f1c0b9e-0000-4000-8000-000000000001"
MakeWire = Callable[..., Any]
MakeProblem = Callable[..., httpx.Response]


def replayed() -> httpx.Response:
    return httpx.Response(202, json={"replayed": 2, "something_new": 1})


def connect(wire: Any, **options: Any) -> AsyncLongshore:
    return AsyncLongshore(
        "https://hub.example/", "lsk_x", transport=httpx.MockTransport(wire), sleep=wire.sleep_async, **options
    )


class TestRetries:
    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    async def test_what_passes_is_asked_again_when_the_hub_says(
        self, make_wire: MakeWire, make_problem: MakeProblem, status: int
    ) -> None:
        wire = make_wire(make_problem(status, **{"Retry-After": "11"}), make_problem(status), replayed())
        async with connect(wire) as hub:
            assert (await hub.dead_letters.replay([ID])).replayed == 2
        assert wire.slept[0] == 11
        assert 0.5 <= wire.slept[1] <= 1

    async def test_every_try_of_a_post_has_the_same_key_and_the_next_post_another(
        self, make_wire: MakeWire, make_problem: MakeProblem
    ) -> None:
        wire = make_wire(httpx.ReadTimeout("lost"), make_problem(503), replayed(), replayed())
        async with connect(wire) as hub:
            await hub.dead_letters.replay(all=True)
            await hub.dead_letters.replay(all=True, idempotency_key="mine")
        keys = [each.headers["Idempotency-Key"] for each in wire.requests]
        assert keys[0] == keys[1] == keys[2]
        assert UUID(keys[0])
        assert keys[3] == "mine"
        assert {each.content for each in wire.requests} == {b'{"all":true}'}

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
    async def test_what_does_not_pass_is_not(self, make_wire: MakeWire, make_problem: MakeProblem, status: int) -> None:
        wire = make_wire(make_problem(status))
        async with connect(wire) as hub:
            with pytest.raises(Exception, match=str(status)):
                await hub.system.state()
        assert len(wire.requests) == 1

    async def test_it_ends(self, make_wire: MakeWire, make_problem: MakeProblem) -> None:
        wire = make_wire(*[make_problem(503) for _ in range(3)])
        async with connect(wire, retries=Retries(attempts=3)) as hub:
            with pytest.raises(Unavailable):
                await hub.system.state()
        assert len(wire.slept) == 2

    async def test_a_wait_that_is_too_long_is_left_to_the_caller(
        self, make_wire: MakeWire, make_problem: MakeProblem
    ) -> None:
        wire = make_wire(make_problem(429, **{"Retry-After": "3600"}))
        async with connect(wire) as hub:
            with pytest.raises(RateLimited) as refused:
                await hub.system.state()
        assert refused.value.retry_after == 3600
        assert wire.slept == []

    async def test_no_answer(self, make_wire: MakeWire) -> None:
        wire = make_wire(*[httpx.ConnectError("refused") for _ in range(5)])
        async with connect(wire) as hub:
            with pytest.raises(NoAnswer, match="refused"):
                await hub.system.state()
        assert len(wire.requests) == 5

    async def test_a_deletion_whose_answer_was_lost_is_done(
        self, make_wire: MakeWire, make_problem: MakeProblem
    ) -> None:
        wire = make_wire(httpx.ReadError("lost"), make_problem(404), make_problem(404))
        async with connect(wire) as hub:
            await hub.integrations.delete(ID)
            with pytest.raises(NotFound):
                await hub.integrations.delete(ID)


class TestAnswers:
    async def test_what_is_not_a_hub_is_told(self, make_wire: MakeWire) -> None:
        for answer in (httpx.Response(200, text="<html>"), httpx.Response(200, json={"replayed": "many"})):
            async with connect(make_wire(answer)) as hub:
                with pytest.raises(UnexpectedAnswer, match="/api/v1/dead-letters/replay"):
                    await hub.dead_letters.replay(all=True)

    @pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example"])
    async def test_an_address_without_https(self, url: str) -> None:
        async with AsyncLongshore(url, "lsk_x") as hub:
            with pytest.raises(NoAnswer, match="https://"):
                await hub.system.state()

    async def test_the_key_goes_along_and_is_not_in_what_is_shown(self, make_wire: MakeWire) -> None:
        wire = make_wire(replayed())
        hub = connect(wire)
        await hub.dead_letters.replay(all=True)
        assert wire.requests[0].headers["Authorization"] == "Bearer lsk_x"
        assert "lsk_x" not in repr(hub) + repr(vars(hub))
        await hub.close()


def letters(*names: str, then: str | None) -> httpx.Response:
    items = [
        {
            "id": ID, "integration_id": None, "topic": name, "partition": 0, "offset": 1, "key": "",
            "consumer_group": "g", "reason": "r", "error": "e", "size": 1,
            "failed_at": "2026-11-28T00:00:00Z", "replayed_at": None,
        }
        for name in names
    ]  # fmt: skip
    return httpx.Response(200, json={"items": items, "next_cursor": then})


class TestPages:
    async def test_all_items_page_by_page(self, make_wire: MakeWire) -> None:
        wire = make_wire(letters("a", "b", then="c1"), letters(then="c2"), letters("c", then=None))
        async with connect(wire) as hub:
            found = [each.topic async for each in hub.dead_letters.list(replayed=True, limit=2)]
        assert found == ["a", "b", "c"]
        queries = [dict(each.url.params) for each in wire.requests]
        common = {"replayed": "true", "limit": "2"}
        assert queries == [common, common | {"cursor": "c1"}, common | {"cursor": "c2"}]

    async def test_pages_are_read_as_they_are_needed(self, make_wire: MakeWire) -> None:
        wire = make_wire(letters("a", then="c1"), letters("b", then=None))
        async with connect(wire) as hub:
            listed = hub.dead_letters.list()
            assert wire.requests == []
            async for _ in listed:
                break
            assert len(wire.requests) == 1
            page = await listed.page("c1")
        assert [each.topic for each in page.items] == ["b"]
        assert page.next_cursor is None

    def test_without_asyncio(self, make_wire: MakeWire, make_problem: MakeProblem) -> None:
        wire = make_wire(letters("a", then="c1"), make_problem(503), letters("b", then=None), replayed())
        with Longshore("https://hub.example", "k", transport=httpx.MockTransport(wire), sleep=wire.sleep) as hub:
            assert [each.topic for each in hub.dead_letters.list()] == ["a", "b"]
            assert hub.dead_letters.replay([ID]).replayed == 2
        assert len(wire.slept) == 1
