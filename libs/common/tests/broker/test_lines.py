"""A connection that has just been reset, on the loop that the services run on."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import longshore.broker  # noqa: F401  (whose connections are tested)
from longshore_devkit.proxy import Proxy


async def write_to_what_is_closed(bootstrap_servers: str) -> None:
    host, port = bootstrap_servers.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    written: asyncio.Future[None] = loop.create_future()
    async with Proxy((host, int(port))) as proxy:
        here, there = proxy.address.rsplit(":", 1)
        line = await create_conn(here, int(there), request_timeout_ms=5_000)
        tell = line._protocol.connection_lost

        def write() -> None:
            try:
                assert line.connected(), "who reads has not been told of it yet"
                line.send(MetadataRequest([])).close()
                written.set_result(None)
            except Exception as error:
                written.set_exception(error)

        def connection_lost(error: Exception | None) -> None:
            loop.call_soon(write)
            tell(error)

        line._protocol.connection_lost = connection_lost
        proxy.cut()
        with pytest.raises(KafkaConnectionError):
            await written
        assert not line.connected()


async def test_what_is_written_to_a_closed_line_is_an_error_of_kafkas(bootstrap_servers: str) -> None:
    await asyncio.to_thread(uvloop.run, write_to_what_is_closed(bootstrap_servers))
