"""One KRaft node on loopback: its configuration, its disk, its command line, and whether it is up."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from longshore_devkit.infra.kafka_jars import LOG_CONFIG, KafkaJars
from longshore_devkit.ports import HOST
from longshore_devkit.processes import run_tool

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
"""An 8 MiB webhook body with its headers fits."""

PROTOCOLS = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"


@dataclass(frozen=True)
class Listener:
    """One more way in: who comes by it is told to come back to `advertised_port`, behind which a proxy leads to `port`.

    `name`: letters and underscores."""

    name: str
    port: int
    advertised_port: int


BROKER_SETTINGS: Mapping[str, object] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "listener.security.protocol.map": PROTOCOLS,
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # One node: what is kept in several copies elsewhere has one here.
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 2,
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
    # Consumers of a stack that was off for months still know where they stood.
    "offsets.retention.minutes": 525_600,
    "log.retention.hours": 168,
    "log.segment.bytes": 256 * 1024 * 1024,
    # A group is complete as soon as its first member is there; later ones cause a rebalance.
    "group.initial.rebalance.delay.ms": 0,
    # After kill -9 the controller waits out the dead broker's session before it lets the new one in.
    "broker.session.timeout.ms": 1500,
    "broker.heartbeat.interval.ms": 500,
    # No records that say nothing, twice a second, for followers that one node has not: a third of what an idle broker
    # uses of a core.
    "metadata.max.idle.interval.ms": 0,
    # Small machine: fewer threads, and not the 128 MB that the log cleaner would take of the heap.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 2,
    "log.cleaner.threads": 1,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
}
"""What every broker of ours is set to, wherever it runs: one node, nothing created by accident."""


def broker_argv(jars: KafkaJars, config: Path, heap_mb: int, *extra: str) -> tuple[str, ...]:
    """The command line of a broker (`extra`: more options for the Java machine).

    The serial collector: the heap is small, so its pauses are short, and it needs 30 MB and no threads beside it.
    The first compiler alone: on two cores that the services share, the optimising one took a fifth of a core for its
    first minutes and gave nothing back that could be measured (docs/performance.md)."""
    return (
        jars.java,
        f"-Xmx{heap_mb}m",
        "-Xms64m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOG_CONFIG}",
        *_archive(jars),
        *extra,
        "-cp",
        jars.classpath,
        "kafka.Kafka",
        str(config),
    )


async def format_storage(
    jars: KafkaJars,
    data_dir: Path,
    port: int,
    controller_port: int,
    environ: Mapping[str, str],
    listeners: Sequence[Listener] = (),
) -> None:
    """Write the configuration for these ports; format the log directory unless that was done before."""
    logs = data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    config = data_dir / "server.properties"
    config.write_text(server_properties(logs, port, controller_port, listeners))
    if (logs / "meta.properties").exists():
        return
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    await run_tool(
        [
            jars.java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData",
            f"-Dlog4j2.configurationFile={LOG_CONFIG}", *_archive(jars), "-cp", jars.classpath,
            "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config", str(config),
        ],
        env=dict(environ) | {"LC_ALL": "C.UTF-8"},
        timeout=60,
    )  # fmt: skip


def server_properties(logs: Path, port: int, controller_port: int, listeners: Sequence[Listener] = ()) -> str:
    """The configuration file: loopback only."""
    bound = {"PLAINTEXT": port, "CONTROLLER": controller_port} | {each.name: each.port for each in listeners}
    told = {"PLAINTEXT": port} | {each.name: each.advertised_port for each in listeners}
    settings = dict(BROKER_SETTINGS) | {
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listener.security.protocol.map": ",".join([PROTOCOLS, *(f"{each.name}:PLAINTEXT" for each in listeners)]),
        "listeners": ",".join(f"{name}://{HOST}:{number}" for name, number in bound.items()),
        "advertised.listeners": ",".join(f"{name}://{HOST}:{number}" for name, number in told.items()),
        "log.dirs": logs,
    }
    return "".join(f"{key}={_escape(str(value))}\n" for key, value in settings.items())


async def kafka_is_ready(bootstrap_servers: str) -> bool:
    """Whether the broker answers and counts itself into the cluster (a port that listens is not enough)."""
    host, _, port = bootstrap_servers.split(",")[0].rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=2000)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except KafkaError:
        return False
    finally:
        await client.close()


def _archive(jars: KafkaJars) -> tuple[str, ...]:
    """The option that lets Java read classes from their archive, if there is one."""
    return (f"-XX:SharedArchiveFile={jars.archive}",) if jars.archive.exists() else ()


def _escape(value: str) -> str:
    """As a Java properties file wants it: it is read as Latin-1, and a data directory may be below /home/jürgen."""
    units = memoryview(value.encode("utf-16-le")).cast("H")
    return "".join(chr(u) if 0x20 <= u < 0x7F and u != 0x5C else f"\\u{u:04x}" for u in units)
