"""A process of its own that consumes into PostgreSQL, slowly, for the test that kills it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.broker import ConsumerPolicy, Producer, Record, make_broker, subscribe


async def main(bootstrap_servers: str, prefix: str, database_url: str, topic: str, group: str) -> None:
    engine = create_async_engine(database_url)

    async def apply(records: Sequence[Record]) -> None:
        async with engine.begin() as conn:
            await conn.execute(
                text("INSERT INTO seen SELECT unnest(CAST(:values AS text[]))"),
                {"values": [record.value.decode() for record in records]},
            )
            # Most of the time is spent between the first write and the commit, where a crash hurts.
            await conn.execute(text("SELECT pg_sleep(0.005)"))

    async with Producer(bootstrap_servers, prefix) as producer:
        broker = make_broker(bootstrap_servers, producer=producer, prefix=prefix, instance_id="1")
        subscribe(broker, topics=[topic], group=group, apply=apply, policy=ConsumerPolicy(max_records=25))
        await broker.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
