"""Kafka's jars: fetched once by Maven, kept in a cache that all checkouts and data directories share."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longshore_devkit.errors import InfraError
from longshore_devkit.infra.java import find_java, find_maven
from longshore_devkit.processes import run_tool

_FILES = Path(__file__).parents[1] / "kafka"
POM = _FILES / "pom.xml"
LOG_CONFIG = _FILES / "log4j2.properties"
_MAVEN_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class KafkaJars:
    """What it takes to run Kafka. `archive` is the place of the class data archive for this Java; it may not exist."""

    java: str
    classpath: str
    archive: Path


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where fetched programs are kept: `$XDG_CACHE_HOME/longshore`, else `~/.cache/longshore`."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "longshore"


async def find_kafka(environ: Mapping[str, str]) -> KafkaJars:
    """Java and the jars of the pom; Maven runs only when no cached copy for this very pom exists.

    Raises InfraError."""
    java = await find_java(environ)
    jars = cache_dir(environ) / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not jars.is_dir():
        await _fetch(jars, environ)
    return KafkaJars(java.path, _classpath(jars), jars / f"classes-{java.version}.jsa")


def _classpath(jars: Path) -> str:
    """Kafka's own jars first: most classes are in them, and the class path is searched in order."""
    paths = sorted(jars.glob("*.jar"), key=lambda jar: (not jar.name.startswith("kafka"), jar.name))
    if not paths:
        raise InfraError(f"{jars} holds no jars: remove that directory and try again.")
    return os.pathsep.join(map(str, paths))


async def _fetch(jars: Path, environ: Mapping[str, str]) -> None:
    """Into a directory of its own first, then renamed: two runs at once, or one that is stopped, do no harm."""
    maven = find_maven(environ)
    jars.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="kafka-fetch-", dir=jars.parent))
    try:
        pom = shutil.copy(POM, fresh / "pom.xml")
        try:
            await run_tool(
                [
                    maven, "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies",
                    "-DincludeScope=runtime", f"-DoutputDirectory={fresh}",
                ],
                env=environ,
                timeout=_MAVEN_TIMEOUT_S,
            )  # fmt: skip
        except InfraError as error:
            raise InfraError(f"Kafka's jars could not be fetched with Maven. {error}") from None
        _put_in_place(fresh, jars)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _put_in_place(fresh: Path, jars: Path) -> None:
    try:
        fresh.rename(jars)
    except OSError:
        if not jars.is_dir():  # else another run was quicker
            raise
