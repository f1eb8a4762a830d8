"""Each of Kafka and PostgreSQL is external or local by itself."""

from __future__ import annotations

import os
from pathlib import Path

from longshore_devkit.infra import find_infra
from longshore_devkit.infra.containers import docker_answers
from longshore_devkit.infra.postgres import with_database

KAFKA = {"LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "broker:9092"}
DATABASE = {"LONGSHORE_DATABASE_URL": "postgresql+asyncpg://me@db/longshore"}


async def test_both_external_means_nothing_to_run_and_nothing_written(tmp_path: Path) -> None:
    infra = await find_infra(tmp_path, KAFKA | DATABASE)
    assert infra.environ == KAFKA | DATABASE
    assert infra.specs == ()
    assert os.listdir(tmp_path) == []


async def test_external_kafka_with_a_local_database(tmp_path: Path) -> None:
    infra = await find_infra(tmp_path, dict(os.environ) | KAFKA)
    assert [spec.name for spec in infra.specs] == ["postgres"]
    assert infra.bootstrap_servers == "broker:9092"
    assert infra.database_url.startswith("postgresql+asyncpg://longshore:")
    assert (tmp_path / "postgres.password").stat().st_mode & 0o777 == 0o600


async def test_local_kafka_with_an_external_database(tmp_path: Path) -> None:
    infra = await find_infra(tmp_path, dict(os.environ) | DATABASE)
    assert [spec.name for spec in infra.specs] == ["kafka"]
    assert infra.database_url == DATABASE["LONGSHORE_DATABASE_URL"]


def test_an_engine_that_does_not_answer_is_no_engine(tmp_path: Path) -> None:
    assert not docker_answers({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})


def test_with_database_keeps_the_rest_of_the_url() -> None:
    assert (
        with_database("postgresql+asyncpg://u:p@h:1/a?ssl=require", "b") == "postgresql+asyncpg://u:p@h:1/b?ssl=require"
    )
    assert with_database("postgresql+asyncpg://u@h/a", "b") == "postgresql+asyncpg://u@h/b"
