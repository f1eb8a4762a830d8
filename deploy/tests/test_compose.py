"""The compose file holds what is promised of it, and each way of breaking that is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from checks.compose import check_compose

ROOT = Path(__file__).parents[2]


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def problems(compose: dict[str, Any], folder: Path) -> list[str]:
    path = folder / "docker-compose.yml"
    path.write_text(yaml.safe_dump(compose))
    return check_compose(path)


def test_ours_is_in_order() -> None:
    assert check_compose(ROOT / "docker-compose.yml") == []


def change(compose: dict[str, Any], service: str, **values: Any) -> None:
    compose["services"][service] = {**compose["services"][service], **values}


@pytest.mark.parametrize(
    ("service", "values", "problem"),
    [
        ("inventory", {"ports": ["${PUBLISH_ADDRESS:-127.0.0.1}:1:1"]}, "inventory: publishes the port"),
        ("gateway", {"ports": ["8000:8000"]}, "gateway: the port 8000:8000 is not on loopback"),
        ("kafka", {"image": "apache/kafka:latest"}, "kafka: the image 'apache/kafka:latest' names no version"),
        ("kafka", {"restart": "no"}, "kafka: it would not be started again"),
        ("postgres", {"healthcheck": {}}, "postgres: it has no health check"),
        ("gateway", {"command": ["python", "-m", "longshore_gate"]}, "gateway: there is no module longshore_gate"),
        ("gateway", {"imagge": "x"}, "docker-compose.yml: services/gateway:"),
        ("gateway", {"ports": "8000"}, "docker-compose.yml: services/gateway/ports:"),
    ],
)
def test_a_mistake_is_found(
    compose: dict[str, Any], tmp_path: Path, service: str, values: dict[str, Any], problem: str
) -> None:
    change(compose, service, **values)
    found = problems(compose, tmp_path)
    assert found
    assert found[0].startswith(problem)


def test_a_variable_that_no_setting_reads_is_found(compose: dict[str, Any], tmp_path: Path) -> None:
    environment = compose["services"]["inventory"]["environment"]
    change(compose, "inventory", environment={**environment, "LONGSHORE_ORDER_SYNC_URL": "x"})
    assert problems(compose, tmp_path) == ["inventory: it does not know LONGSHORE_ORDER_SYNC_URL"]


def test_a_required_setting_that_is_missing_is_found(compose: dict[str, Any], tmp_path: Path) -> None:
    environment = dict(compose["services"]["inventory"]["environment"])
    del environment["LONGSHORE_DATABASE_URL"]
    change(compose, "inventory", environment=environment)
    assert problems(compose, tmp_path) == ["inventory: LONGSHORE_DATABASE_URL is missing"]


def test_a_misspelt_variable_to_fill_in_is_found(compose: dict[str, Any], tmp_path: Path) -> None:
    environment = compose["services"]["gateway"]["environment"]
    change(compose, "gateway", environment={**environment, "LONGSHORE_PUBLIC_URL": "${LONGSHORE_PUBLIC_URI:-x}"})
    assert problems(compose, tmp_path) == ["no service knows $LONGSHORE_PUBLIC_URI"]


def test_a_missing_service_is_found(compose: dict[str, Any], tmp_path: Path) -> None:
    del compose["services"]["connector-woo"]
    assert problems(compose, tmp_path) == ["the service connector-woo is missing"]
