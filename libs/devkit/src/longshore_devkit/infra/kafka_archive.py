"""A class data archive of a running broker: Kafka then starts in 1.0 s instead of 1.8 s, with 1.2 s less CPU and
25 MB less memory (measured on two cores, Java 17)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from longshore_devkit.errors import InfraError
from longshore_devkit.infra.kafka_broker import broker_argv, format_storage, kafka_is_ready
from longshore_devkit.infra.kafka_jars import KafkaJars, made_once
from longshore_devkit.ports import HOST, free_port
from longshore_devkit.processes import ProcessSpec, is_ready, kill_group, spawn

_TIMEOUT_S = 60.0
_HEAP_MB = 256


async def with_archive(jars: KafkaJars, environ: Mapping[str, str]) -> KafkaJars:
    """The jars with their archive, made now if this Java has none yet (6 s, once).

    It only saves time: when it cannot be made, Kafka runs without."""
    if jars.archive.exists():
        return jars
    async with made_once(jars.archive.parent):
        if not jars.archive.exists():
            await _make(jars, environ)
    return jars


async def _make(jars: KafkaJars, environ: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="kafka-archive-", dir=jars.archive.parent.parent) as folder:
        fresh = Path(folder) / "classes.jsa"
        with contextlib.suppress(InfraError, FileNotFoundError):
            await _record(jars, fresh, Path(folder), environ)
            os.replace(fresh, jars.archive)


async def _record(jars: KafkaJars, archive: Path, folder: Path, environ: Mapping[str, str]) -> None:
    """Run a broker until it is ready and end it in order; Java writes the archive of what it had loaded by then."""
    port, controller_port = free_port(), free_port()
    await format_storage(jars, folder / "data", port, controller_port, environ)
    plain = dataclasses.replace(jars, archive=folder / "none")
    argv = broker_argv(plain, folder / "data" / "server.properties", _HEAP_MB, f"-XX:ArchiveClassesAtExit={archive}")
    process = await spawn(ProcessSpec(name="kafka-archive", argv=argv, env=dict(environ)))
    exited = asyncio.create_task(process.wait())
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            while not exited.done() and not await is_ready(lambda: kafka_is_ready(f"{HOST}:{port}")):
                await asyncio.wait([exited], timeout=0.1)
            if not exited.done():
                process.send_signal(signal.SIGTERM)
            await exited
    except TimeoutError:
        raise InfraError("Kafka did not start for its class data archive") from None
    finally:
        kill_group(process.pid)
        await process.wait()
