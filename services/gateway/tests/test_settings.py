"""The gateway's own settings, from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from longshore_gateway.settings import GatewaySettings


@pytest.fixture(autouse=True)
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGSHORE_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("LONGSHORE_DATABASE_URL", "postgresql://me@db/longshore")
    monkeypatch.setenv("LONGSHORE_ENCRYPTION_KEYS", Fernet.generate_key().decode())


def test_the_floor_has_a_default_and_may_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GatewaySettings().min_free_disk_mib == 2048
    monkeypatch.setenv("LONGSHORE_MIN_FREE_DISK_MIB", "0")
    assert GatewaySettings().min_free_disk_mib == 0
    monkeypatch.setenv("LONGSHORE_MIN_FREE_DISK_MIB", "-1")
    with pytest.raises(ValidationError):
        GatewaySettings()


@pytest.mark.parametrize(
    ("text", "disks"),
    [
        ("", {}),
        ("postgres=/var/lib/postgresql", {"postgres": Path("/var/lib/postgresql")}),
        (" postgres=/a=b , logs=/var/log,", {"postgres": Path("/a=b"), "logs": Path("/var/log")}),
    ],
)
def test_watched_disks(monkeypatch: pytest.MonkeyPatch, text: str, disks: dict[str, Path]) -> None:
    monkeypatch.setenv("LONGSHORE_WATCHED_DISKS", text)
    assert GatewaySettings().watched_disks == disks


@pytest.mark.parametrize("text", ["/var/lib/postgresql", "postgres=", "=/var", "Post gres=/var", "kafka=/var"])
def test_watched_disks_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LONGSHORE_WATCHED_DISKS", text)
    with pytest.raises(ValidationError):
        GatewaySettings()
