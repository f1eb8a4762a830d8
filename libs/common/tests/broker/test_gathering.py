"""Messages gather between two requests to a broker, for a bounded while."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from longshore.broker import gathering
from longshore.broker.gathering import ENOUGH, Gathering

NODE = 0


class Client:
    """As much of aiokafka's client as is reached into: a request ends when `answered` is set."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self._sender: Any = SimpleNamespace(_in_flight=set(), _send_produce_req=self._send)

    async def _send(self, node_id: int, batches: dict[int, Any]) -> None:
        await self.answered.wait()
        self._sender._in_flight.remove(node_id)

    def send(self, *counts: int) -> asyncio.Task[None]:
        """A request with batches of so many messages, as aiokafka's sender begins it."""
        batches = {number: SimpleNamespace(record_count=count) for number, count in enumerate(counts)}
        self._sender._in_flight.add(NODE)
        return asyncio.create_task(self._sender._send_produce_req(NODE, batches))

    @property
    def busy(self) -> bool:
        """Whether aiokafka sends nothing more to the broker for now."""
        return NODE in self._sender._in_flight


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "PER_MESSAGE_S", 600.0)
    monkeypatch.setattr(gathering, "LONGEST_S", 600.0)


@pytest.fixture
def client() -> Client:
    return Client()


async def answered(client: Client, *counts: int) -> asyncio.Task[None]:
    """A request that has just been answered."""
    request = client.send(*counts)
    await asyncio.sleep(0)
    client.answered.set()
    for _ in range(3):
        await asyncio.sleep(0)
    return request


async def test_the_next_request_waits_for_as_long_as_the_last_was_large(client: Client) -> None:
    Gathering().of(client)
    loop = asyncio.get_running_loop()
    began = loop.time()
    request = await answered(client, 3, 2)
    assert client.busy
    await request
    assert not client.busy
    assert loop.time() - began >= 5 * gathering.PER_MESSAGE_S - 0.001


@pytest.mark.usefixtures("endless")
async def test_enough_messages_end_the_wait(client: Client) -> None:
    waiting = Gathering()
    waiting.of(client)
    waiting.more(ENOUGH)
    request = await answered(client, ENOUGH)
    assert client.busy, "those that went with the request do not count"
    waiting.more(ENOUGH - 1)
    await asyncio.sleep(0)
    assert client.busy
    waiting.more(1)
    await asyncio.wait_for(request, 5)
    assert not client.busy


async def test_one_that_took_its_time_is_followed_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "PER_MESSAGE_S", 0.0)
    Gathering().of(client)
    assert (await answered(client, 1)).done()
    assert not client.busy


async def test_a_request_that_fails_fails(client: Client) -> None:
    async def fail(node_id: int, batches: object) -> None:
        raise OSError("no")

    client._sender._send_produce_req = fail
    Gathering().of(client)
    with pytest.raises(OSError, match="no"):
        await client.send(1)
