"""A consumer as a process of its own, for the rebalance storm: upserts what it reads into PostgreSQL and commits.

`applied` has each record once, `totals` what they sum to by key, which a record applied twice would falsify, and
`batches` who took how many, when.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.broker import ConsumerPolicy, Producer, Record, make_broker, subscribe
from longshore.observability import configure_logging

TABLES = """
CREATE TABLE applied (id bigint PRIMARY KEY);
CREATE TABLE totals (key int PRIMARY KEY, records bigint NOT NULL, sum bigint NOT NULL);
CREATE TABLE batches (worker text NOT NULL, records int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
"""
KEYS = 64

_APPLY = text(
    f"""
    WITH fresh AS (
        INSERT INTO applied (id) SELECT id FROM unnest(CAST(:ids AS bigint[])) AS n (id) ORDER BY id
        ON CONFLICT DO NOTHING RETURNING id
    )
    INSERT INTO totals (key, records, sum) SELECT id % {KEYS}, count(*), sum(id) FROM fresh GROUP BY 1 ORDER BY 1
    ON CONFLICT (key) DO UPDATE SET records = totals.records + excluded.records, sum = totals.sum + excluded.sum
    """
)


async def main(bootstrap_servers: str, prefix: str, database_url: str, topic: str, group: str, worker: str) -> None:
    configure_logging("error", worker)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = create_async_engine(database_url, pool_size=2)

    async def apply(records: Sequence[Record]) -> None:
        async with engine.begin() as conn:
            await conn.execute(_APPLY, {"ids": [int(record.value) for record in records]})
            await conn.execute(
                text("INSERT INTO batches (worker, records) VALUES (:worker, :records)"),
                {"worker": worker, "records": len(records)},
            )

    async with Producer(bootstrap_servers, prefix) as producer:
        broker = make_broker(bootstrap_servers, producer=producer, prefix=prefix)
        # Small batches: members leave in the middle of one as a rule, not as an exception.
        subscribe(broker, topics=[topic], group=group, apply=apply, policy=ConsumerPolicy(max_records=50))
        await broker.start()
        await stop.wait()
        await broker.stop()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
