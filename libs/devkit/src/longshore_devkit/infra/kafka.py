"""A local Apache Kafka, its jars resolved once by Maven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longshore_devkit.infra.kafka_archive import with_archive
from longshore_devkit.infra.kafka_broker import Listener, broker_argv, format_storage, kafka_is_ready
from longshore_devkit.infra.kafka_jars import KafkaJars, find_kafka
from longshore_devkit.ports import HOST
from longshore_devkit.processes import ProcessSpec

DEFAULT_HEAP_MB = 512


@dataclass(frozen=True)
class LocalKafka:
    """Settings of a local Kafka. The data directory survives restarts, kill -9 and a change of ports."""

    data_dir: Path
    port: int
    controller_port: int
    log_file: Path
    environ: Mapping[str, str]
    heap_mb: int = DEFAULT_HEAP_MB
    listeners: tuple[Listener, ...] = ()
    """More ways in, each behind a proxy."""

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.port}"

    async def spec(self) -> ProcessSpec:
        """The process to supervise. Fetches the jars when they are not cached yet.

        Raises InfraError without Java 17+, without Maven (when it is needed), or when Maven fails."""
        jars = await with_archive(await find_kafka(self.environ), self.environ)
        return ProcessSpec(
            name="kafka",
            argv=broker_argv(jars, self._config, self.heap_mb),
            env=dict(self.environ) | {"LC_ALL": "C.UTF-8"},  # else Java 17 cannot open paths beyond ASCII
            prepare=lambda: self._prepare(jars),
            ready=lambda: kafka_is_ready(self.bootstrap_servers),
            stop_timeout=20.0,
            log_file=self.log_file,
        )

    @property
    def _config(self) -> Path:
        return self.data_dir / "server.properties"

    async def _prepare(self, jars: KafkaJars) -> None:
        await format_storage(jars, self.data_dir, self.port, self.controller_port, self.environ, self.listeners)
