"""Kafka's jars: fetched once by Maven, kept in a cache that all checkouts and data directories share."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
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
        async with made_once(jars):
            if not jars.is_dir():
                await _fetch(jars, environ)
    return KafkaJars(java.path, _classpath(jars), jars / f"classes-{java.version}.jsa")


@asynccontextmanager
async def made_once(path: Path) -> AsyncIterator[None]:
    """For what is kept at `path` in the cache: lets in one process of this machine at a time, the others wait. Whoever
    comes in has to look whether it is there by now. The kernel lets the next in when a process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Not in a thread that waits for it: that would keep a process from ending when it is stopped.
                await asyncio.sleep(0.1)
        yield


def _classpath(jars: Path) -> str:
    """Kafka's own jars first: most classes are in them, and the class path is searched in order."""
    paths = sorted(jars.glob("*.jar"), key=lambda jar: (not jar.name.startswith("kafka"), jar.name))
    if not paths:
        raise InfraError(f"{jars} holds no jars: remove that directory and try again.")
    return os.pathsep.join(map(str, paths))


async def _fetch(jars: Path, environ: Mapping[str, str]) -> None:
    """Into a directory of its own first, then renamed: a run that is stopped does no harm."""
    maven = find_maven(environ)
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
        os.rename(fresh, jars)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
