"""Looks at disks all the time, so that the hot route need not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import structlog

from longshore_gateway.disk.metrics import DiskMetrics
from longshore_gateway.disk.rules import MIB, is_full

log = structlog.get_logger(__name__)

EVERY_S = 2.0
KAFKA = "kafka"


class KafkaRoom(Protocol):
    """What is asked about Kafka's disks."""

    async def free(self) -> int | None: ...


class Disks:
    """The room on Kafka's disk decides whether deliveries are taken: a broker whose disk is full dies, and with it all
    that would make room. That of other directories is measured only: what fills them (PostgreSQL) makes Kafka wait for
    it, and loses nothing.
    """

    def __init__(self, kafka: KafkaRoom, directories: Mapping[str, Path], floor: int, metrics: DiskMetrics) -> None:
        self._kafka = kafka
        self._directories = dict(directories)
        self._floor = floor
        self._metrics = metrics
        self._full = False
        metrics.floor.set(floor)
        metrics.full.set(0)

    @property
    def full(self) -> bool:
        """Whether deliveries are to be refused: the last look found less than the floor."""
        return self._full

    @property
    def reason(self) -> str | None:
        """In words, for people; None while deliveries are taken."""
        return f"Kafka's disk has less than {self._floor // MIB:,} MiB left" if self._full else None

    async def watch(self) -> None:
        """Look every two seconds; runs until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Measure all once."""
        free = await self._kafka.free()
        full = is_full(was_full=self._full, free=free, floor=self._floor)
        if full != self._full:
            word = "deliveries are refused" if full else "deliveries are taken again"
            log.warning(f"{word}: room on Kafka's disk", free=free, floor=self._floor)
        self._full = full
        self._metrics.full.set(full)
        self._show(KAFKA, free)
        for name, path in self._directories.items():
            self._show(name, _free(path))

    def _show(self, disk: str, free: int | None) -> None:
        if free is not None:
            self._metrics.free.labels(disk).set(free)
        else:
            # No figure is better than an old one.
            self._metrics.free.remove(disk)


def _free(path: Path) -> int | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
