"""Without Java or Maven there is one clear sentence; with a cached copy, Maven is not needed."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path

import pytest

from longshore_devkit.errors import InfraError
from longshore_devkit.infra.java import find_java, java_major
from longshore_devkit.infra.kafka_jars import POM, cache_dir, find_kafka


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "major"),
    [("17.0.15", 17), ("21", 21), ("25-ea", 25), ("1.8.0_402", 8), ("", 0), ("unknown", 0)],
)
def test_java_major(version: str, major: int) -> None:
    assert java_major(version) == major


class TestFindJava:
    async def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(InfraError, match=r"Java 17 or newer is needed .* was not found: install it"):
            await find_java({"PATH": str(tmp_path)})

    async def test_too_old(self, tmp_path: Path) -> None:
        program(tmp_path, "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
        with pytest.raises(InfraError, match=r"Java 17 or newer is needed .* is 11\.0\.2: install a newer one"):
            await find_java({"PATH": str(tmp_path)})

    async def test_java_home_goes_before_path(self, tmp_path: Path) -> None:
        program(tmp_path, "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
        home = program(tmp_path / "jdk" / "bin", "java", "echo 'openjdk version \"21.0.4\" 2024-07-16' >&2")
        java = await find_java({"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path / "jdk")})
        assert (java.path, java.version) == (str(home), "21.0.4")


class TestFindKafka:
    @pytest.fixture
    def environ(self, tmp_path: Path) -> dict[str, str]:
        """A machine with Java, an empty cache and nothing else."""
        program(tmp_path / "bin", "java", "echo 'openjdk version \"17.0.1\" 2021-10-19' >&2")
        return {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    async def test_no_maven(self, environ: dict[str, str]) -> None:
        with pytest.raises(InfraError, match=r"Maven \(mvn\) is needed once .* was not found: install it"):
            await find_kafka(environ)

    async def test_maven_fails(self, environ: dict[str, str], tmp_path: Path) -> None:
        program(tmp_path / "bin", "mvn", "echo 'no route to repository'; exit 1")
        with pytest.raises(InfraError, match=r"(?s)could not be fetched with Maven.*no route to repository"):
            await find_kafka(environ)
        assert [path for path in cache_dir(environ).iterdir() if path.is_dir()] == []

    async def test_several_at_once_fetch_once(self, environ: dict[str, str], tmp_path: Path) -> None:
        # It writes a line for each of its runs, and jars where it is told to, after a moment.
        writing = 'for last; do :; done; /bin/sleep 0.3; : > "${last#*=}/kafka-clients.jar"'
        program(tmp_path / "bin", "mvn", f'echo run >> "{tmp_path}/runs"; {writing}')
        found = await asyncio.gather(*[find_kafka(environ) for _ in range(3)])
        assert len(set(found)) == 1
        assert (tmp_path / "runs").read_text() == "run\n"

    async def test_a_cached_copy_of_this_pom_needs_no_maven(self, environ: dict[str, str]) -> None:
        jars = cache_dir(environ) / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
        jars.mkdir(parents=True)
        for name in ("argparse4j.jar", "kafka_2.13.jar", "kafka-clients.jar"):
            (jars / name).touch()
        found = await find_kafka(environ)
        assert found.classpath == f"{jars}/kafka-clients.jar:{jars}/kafka_2.13.jar:{jars}/argparse4j.jar"


def test_the_pom_names_no_repository_and_pins_every_version() -> None:
    pom = POM.read_text()
    assert not re.search(r"<(repositor|pluginRepositor|distributionManagement)", pom)
    assert pom.count("<version>") == 1 + pom.count("<dependency>") + pom.count("<plugin>")
    assert not re.search(r"<version>(LATEST|RELEASE|[\[(])", pom)
