"""Kafka's own word of its room."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from longshore_devkit.testing import eventually
from longshore_gateway.disk.logdirs import LogDirs


async def test_a_broker_tells_the_room_on_its_disk(infra: Any) -> None:
    if "kafka" not in infra.names:
        pytest.skip("Kafka's disk is not on this machine")
    reader = LogDirs(infra.bootstrap_servers)
    try:
        # The first answer may take longer than anyone waits.
        free = await eventually(reader.free, timeout=20)
        # The disk that its data are on, as this process sees it; others write there as well.
        data = Path(psutil.Process(infra.pid("kafka")).cmdline()[-1]).parent
        assert free == pytest.approx(shutil.disk_usage(data).free, rel=0.1)
        assert await reader.free() is not None
    finally:
        await reader.close()


async def test_without_kafka_it_is_unknown() -> None:
    reader = LogDirs("127.0.0.1:1")
    assert await reader.free() is None
    await reader.close()
