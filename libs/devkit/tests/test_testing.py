"""The fixtures that every package's tests stand on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from longshore_devkit.data_dir import DataDir
from longshore_devkit.infra.postgres import asyncpg_dsn
from longshore_devkit.testing import MakeDatabase, eventually, remove_abandoned, unique_prefix


async def test_an_8_mib_body_goes_through_kafka(bootstrap_servers: str, topic_prefix: str) -> None:
    topic = topic_prefix + "raw"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    body = b"x" * (8 * 1024 * 1024)
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_request_size=10 * 1024 * 1024
    ) as producer:
        await producer.send_and_wait(topic, body, headers=[("ce_id", b"1")])
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    record = await consumer.getone()
    await consumer.stop()
    assert record.value == body


async def test_a_topic_is_not_created_by_accident(bootstrap_servers: str, topic_prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    described = await admin.describe_topics([topic_prefix + "typo"])
    topics = await admin.list_topics()
    await admin.close()
    assert described[0]["error_code"] == 3  # unknown topic or partition
    assert topic_prefix + "typo" not in topics


async def test_each_database_is_fresh_utf8_and_utc(database_url: str, make_database: MakeDatabase) -> None:
    for url in (database_url, make_database()):
        connection = await asyncpg.connect(asyncpg_dsn(url))
        try:
            await connection.execute("CREATE TABLE note (text text)")
            await connection.execute("INSERT INTO note VALUES ('Grüße 北京')")
            assert await connection.fetchval("SELECT text FROM note") == "Grüße 北京"
            assert await connection.fetchval("SHOW server_encoding") == "UTF8"
            assert await connection.fetchval("SHOW timezone") == "UTC"
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
            assert (await connection.fetchval("SHOW server_version")).startswith("18")
        finally:
            await connection.close()


async def test_eventually_returns_the_first_true_value_of_plain_and_async_checks() -> None:
    values = iter([0, None, 7])

    async def check() -> int | None:
        return next(values)

    assert await eventually(check, interval=0) == 7
    assert await eventually(lambda: "at once") == "at once"


async def test_eventually_says_what_it_last_saw() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.01 s; the last value was \[\]"):
        await eventually(list, timeout=0.01, interval=0)

    def check() -> bool:
        raise AssertionError("two orders, not three")

    with pytest.raises(AssertionError, match="two orders, not three"):
        await eventually(check, timeout=0.01, interval=0)


def test_prefixes_differ() -> None:
    assert len({unique_prefix() for _ in range(50)}) > 45


def test_data_of_killed_sessions_is_removed_and_that_of_running_ones_is_not(tmp_path: Path) -> None:
    long_ago = time.time() - 7200
    running, killed, young, other = (
        tmp_path / name for name in ("longshore-test-1", "longshore-test-2", "longshore-test-3", "mine")
    )
    for path in (running, killed, young, other):
        path.mkdir()
    with DataDir(running).lock():
        DataDir(killed)
        for path in (running, killed, other):
            os.utime(path, (long_ago, long_ago))
        remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["longshore-test-1", "longshore-test-3", "mine"]
