"""The parts that the simulated stores share, on real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longshore_devkit.stores.common import Attempt, Deliverer, Delivery, Faults, FaultyApp, LocalServer, Traffic


class Receiver:
    """Counts what it is sent; answers the scripted statuses first, then 200."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.script: list[int] = []
        self.faults = Faults()
        app = Starlette(routes=[Route("/{rest:path}", self._take, methods=["GET", "POST"])])
        self.server = LocalServer(FaultyApp(app, self.faults, random.Random(1)))

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        return Response(status_code=self.script.pop(0) if self.script else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    built = Receiver()
    await built.server.start()
    yield built
    await built.server.stop()


def _deliverer(faults: Faults, attempts: list[Attempt], delays: tuple[float, ...] = ()) -> Deliverer:
    def note(attempt: Attempt) -> bool:
        attempts.append(attempt)
        return attempt.status == 200

    return Deliverer(faults, random.Random(3), note, delays)


class TestFaults:
    def test_update_changes_the_named_knobs_only(self) -> None:
        faults = Faults(latency_ms=5)
        faults.update({"error_rate_429": 0.5})
        assert (faults.latency_ms, faults.error_rate_429) == (5, 0.5)

    @pytest.mark.parametrize("changes", [{"typo": 1}, {"error_rate_5xx": 1.5}, {"latency_ms": -1}, {"latency_ms": "x"}])
    def test_update_refuses_and_changes_nothing(self, changes: dict[str, object]) -> None:
        faults = Faults()
        with pytest.raises(ValueError, match=next(iter(changes))):
            faults.update({"error_rate_429": 0.5, **changes})
        assert faults == Faults()


class TestFaultyApp:
    async def test_a_dropped_write_was_done_but_not_answered(self, receiver: Receiver) -> None:
        receiver.faults.update({"drop_after_write_rate": 1})
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(receiver.server.url + "/x", data=b"written")
            async with session.get(receiver.server.url + "/x") as answer:
                assert answer.status == 200
        assert receiver.bodies == [b"written", b""]

    async def test_refusals_happen_before_the_write_and_spare_the_control_paths(self, receiver: Receiver) -> None:
        receiver.faults.update({"error_rate_429": 1})
        async with aiohttp.ClientSession() as session:
            async with session.post(receiver.server.url + "/x", data=b"refused") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
            async with session.post(receiver.server.url + "/_sim/x", data=b"control") as answer:
                assert answer.status == 200
        assert receiver.bodies == [b"control"]


class TestDeliverer:
    async def test_retries_the_same_bytes_until_accepted(self, receiver: Receiver) -> None:
        receiver.script = [500, 503]
        attempts: list[Attempt] = []
        deliverer = _deliverer(Faults(), attempts, (0.01, 0.01, 0.01))
        deliverer.submit(Delivery(receiver.server.url + "/hook", b"original", {}))
        await deliverer.drain()
        await deliverer.close()
        assert [(a.number, a.status) for a in attempts] == [(1, 500), (2, 503), (3, 200)]
        assert receiver.bodies == [b"original"] * 3

    async def test_gives_up_after_the_last_delay(self, receiver: Receiver) -> None:
        receiver.script = [500] * 9
        attempts: list[Attempt] = []
        deliverer = _deliverer(Faults(), attempts, (0.0, 0.0))
        deliverer.submit(Delivery(receiver.server.url, b"x", {}))
        await deliverer.drain()
        await deliverer.close()
        assert len(attempts) == 3

    async def test_duplicates_and_losses_follow_the_knobs(self, receiver: Receiver) -> None:
        attempts: list[Attempt] = []
        faults = Faults(webhook_duplicate_rate=1)
        deliverer = _deliverer(faults, attempts)
        deliverer.submit(Delivery(receiver.server.url, b"twice", {}))
        faults.update({"webhook_loss_rate": 1})
        deliverer.submit(Delivery(receiver.server.url, b"never", {}))
        await deliverer.drain()
        await deliverer.close()
        assert receiver.bodies == [b"twice", b"twice"]
        assert deliverer.lost == 1

    async def test_reorder_lets_later_ones_overtake(self, receiver: Receiver) -> None:
        deliverer = _deliverer(Faults(webhook_reorder=0.5), [])
        sent = [str(n).encode() for n in range(12)]
        for body in sent:
            deliverer.submit(Delivery(receiver.server.url, body, {}))
        await deliverer.drain()
        await deliverer.close()
        assert sorted(receiver.bodies) == sorted(sent)
        assert receiver.bodies != sent

    async def test_a_closed_port_is_an_error_not_a_crash(self) -> None:
        attempts: list[Attempt] = []
        deliverer = _deliverer(Faults(), attempts)
        server = LocalServer(Starlette())
        await server.start()
        await server.stop()
        deliverer.submit(Delivery(server.url, b"x", {}))
        await deliverer.drain()
        await deliverer.close()
        assert attempts[0].status is None
        assert attempts[0].error


async def test_traffic_follows_its_rate() -> None:
    acted = asyncio.Event()

    async def act() -> None:
        acted.set()

    traffic = Traffic(act, random.Random(1))
    traffic.start()
    traffic.per_minute = 60_000
    await asyncio.wait_for(acted.wait(), 5)
    await traffic.stop()
    with pytest.raises(ValueError, match="negative"):
        traffic.per_minute = -1
