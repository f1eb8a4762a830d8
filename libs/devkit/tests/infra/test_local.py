"""Local Kafka and PostgreSQL keep what they were given: over a stop and a start, and over kill -9."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from longshore_devkit.infra import Infra, find_infra, local_kafka
from longshore_devkit.infra.kafka_broker import Listener
from longshore_devkit.infra.postgres import asyncpg_dsn
from longshore_devkit.ports import HOST, PortBook, free_port
from longshore_devkit.proxy import Proxy
from longshore_devkit.running import RunningInfra
from longshore_devkit.supervisor import Supervisor


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Not pytest's tmp_path: as root, PostgreSQL runs as another user, and that directory is closed to it. The
    capability that we then leave it is tested by this very directory being closed too. So are names beyond ASCII."""
    with tempfile.TemporaryDirectory(prefix="longshore-devkit-") as folder:
        yield Path(folder) / "Jürgen's 北京 data"


async def write(bootstrap_servers: str, database_url: str, topic: str, text: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topic, text.encode())
    connection = await asyncpg.connect(asyncpg_dsn(database_url))
    await connection.execute("INSERT INTO kept VALUES ($1)", text)
    await connection.close()


async def create(bootstrap_servers: str, database_url: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    connection = await asyncpg.connect(asyncpg_dsn(database_url))
    await connection.execute("CREATE TABLE kept (text text)")
    await connection.close()


async def read(bootstrap_servers: str, database_url: str, topic: str) -> tuple[list[str], list[str]]:
    """What Kafka has and what PostgreSQL has."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    records = [(await consumer.getone()).value.decode() for _ in range(end)]
    await consumer.stop()
    connection = await asyncpg.connect(asyncpg_dsn(database_url))
    rows = await connection.fetch("SELECT text FROM kept")
    await connection.close()
    return records, [row["text"] for row in rows]


async def test_a_stop_and_a_start_keep_data_and_ports(data_dir: Path) -> None:
    async def start() -> tuple[Infra, Supervisor]:
        infra = await find_infra(data_dir, os.environ, durable=False)
        supervisor = Supervisor(infra.specs)
        await supervisor.start()
        return infra, supervisor

    infra, supervisor = await start()
    await create(infra.bootstrap_servers, infra.database_url, "kept")
    await write(infra.bootstrap_servers, infra.database_url, "kept", "before")
    pids = [supervisor.pid(name) for name in supervisor.names]
    await supervisor.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)

    again, supervisor = await start()
    try:
        assert again.environ == infra.environ
        assert await read(again.bootstrap_servers, again.database_url, "kept") == (["before"], ["before"])
    finally:
        await supervisor.stop()


async def test_kill_9_keeps_what_was_acknowledged(infra: RunningInfra, database_url: str, topic_prefix: str) -> None:
    if not infra.names:
        pytest.skip("Kafka and PostgreSQL are external: nothing of ours to kill")
    topic = topic_prefix + "kept"
    await create(infra.bootstrap_servers, database_url, topic)
    await write(infra.bootstrap_servers, database_url, topic, "before")
    await asyncio.to_thread(infra.kill_and_wait, *infra.names)
    await write(infra.bootstrap_servers, database_url, topic, "after")
    assert await read(infra.bootstrap_servers, database_url, topic) == (["before", "after"], ["before", "after"])


async def test_everything_listens_on_loopback_only(infra: RunningInfra) -> None:
    if not infra.names:
        pytest.skip("Kafka and PostgreSQL are external")
    for name in infra.names:
        pid = infra.pid(name)
        assert pid is not None
        listening = [c.laddr.ip for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


async def test_a_pid_file_that_names_another_program_does_not_stop_postgres(data_dir: Path) -> None:
    environ = dict(os.environ) | {"LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    infra = await find_infra(data_dir, environ, durable=False)
    supervisor = Supervisor(infra.specs)
    await supervisor.start()
    supervisor.signal("postgres", signal.SIGKILL)
    await supervisor.stop()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    await asyncio.to_thread(pid_file.write_text, f"{os.getpid()}\n/\n")
    supervisor = Supervisor((await find_infra(data_dir, environ, durable=False)).specs)
    await supervisor.start()
    await supervisor.stop()


async def test_kafka_by_way_of_a_proxy_only(data_dir: Path) -> None:
    """Clients come back to the address that the listener advertises, so nothing of theirs passes beside the proxy."""
    ports = PortBook(data_dir / "ports.json")
    own = free_port()
    async with Proxy((HOST, own)) as proxy:
        kafka = dataclasses.replace(
            local_kafka(data_dir, ports, os.environ), listeners=(Listener("OUTSIDE", own, proxy.port),)
        )
        supervisor = Supervisor([await kafka.spec()])
        await supervisor.start()
        try:
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
            await admin.start()
            await admin.create_topics([NewTopic("far", num_partitions=1, replication_factor=1)])
            await admin.close()
            async with AIOKafkaProducer(bootstrap_servers=proxy.address, acks="all", request_timeout_ms=20_000) as far:
                await far.send_and_wait("far", b"by the proxy")
                assert proxy.connections > 0
                proxy.black_hole()
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(far.send_and_wait("far", b"swallowed"), 0.5)
                proxy.heal()
                await far.send_and_wait("far", b"after")
        finally:
            await supervisor.stop()
