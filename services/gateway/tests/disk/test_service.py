"""Looks at disks: what they decide, and what they show."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from longshore_gateway.disk.metrics import DiskMetrics
from longshore_gateway.disk.service import Disks

FLOOR = 1_000 * 2**20


class FakeKafka:
    """Has as much room as it is told."""

    def __init__(self) -> None:
        self.room: int | None = 2 * FLOOR

    async def free(self) -> int | None:
        return self.room


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def disks(kafka: FakeKafka, registry: CollectorRegistry, tmp_path: Path) -> Disks:
    directories = {"postgres": tmp_path, "gone": tmp_path / "gone"}
    return Disks(kafka, directories, FLOOR, DiskMetrics(registry))


async def test_it_is_full_below_the_floor_and_until_there_is_room_again(
    disks: Disks, kafka: FakeKafka, registry: CollectorRegistry
) -> None:
    seen = []
    for kafka.room in (2 * FLOOR, FLOOR - 1, FLOOR + 1, None, 2 * FLOOR, None):
        await disks.look()
        assert registry.get_sample_value("longshore_disk_full") == disks.full
        seen.append(disks.full)
    assert seen == [False, True, True, True, False, False]


async def test_the_reason_names_the_floor(disks: Disks, kafka: FakeKafka) -> None:
    await disks.look()
    assert disks.reason is None
    kafka.room = 1
    await disks.look()
    assert disks.reason == "Kafka's disk has less than 1,000 MiB left"


async def test_each_disk_is_shown_while_it_is_known(
    disks: Disks, kafka: FakeKafka, registry: CollectorRegistry
) -> None:
    def shown(disk: str) -> float | None:
        return registry.get_sample_value("longshore_disk_free_bytes", {"disk": disk})

    await disks.look()
    assert shown("kafka") == 2 * FLOOR
    assert (shown("postgres") or 0) > 0
    assert shown("gone") is None
    kafka.room = None
    await disks.look()
    assert shown("kafka") is None
    assert registry.get_sample_value("longshore_disk_floor_bytes") == FLOOR
