"""Java 17+ and Maven: found on the machine, or one clear sentence."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longshore_devkit.errors import InfraError
from longshore_devkit.processes import run_tool

LOWEST_JAVA = 17
_EXTERNAL = "or set LONGSHORE_KAFKA_BOOTSTRAP_SERVERS to use a Kafka that runs already"


@dataclass(frozen=True)
class Java:
    """A Java runtime. `version` is its full version text, such as 17.0.15."""

    path: str
    version: str


async def find_java(environ: Mapping[str, str]) -> Java:
    """JAVA_HOME's Java, else the one on PATH. Raises InfraError when there is none or it is older than 17."""
    path = _in_java_home(environ) or shutil.which("java", path=environ.get("PATH"))
    if path is None:
        raise InfraError(
            f"Java {LOWEST_JAVA} or newer is needed for a local Kafka and was not found: install it, {_EXTERNAL}."
        )
    output = await run_tool([path, "-version"], env=environ, timeout=30)
    match = re.search(r'version "([^"]+)"', output)
    if match is None or java_major(match[1]) < LOWEST_JAVA:
        found = match[1] if match else "of an unknown version"
        raise InfraError(
            f"Java {LOWEST_JAVA} or newer is needed for a local Kafka, but {path} is {found}: "
            f"install a newer one, {_EXTERNAL}."
        )
    return Java(path, match[1])


def find_maven(environ: Mapping[str, str]) -> str:
    """Maven on PATH. Raises InfraError when there is none."""
    path = shutil.which("mvn", path=environ.get("PATH"))
    if path is None:
        raise InfraError(f"Maven (mvn) is needed once to fetch Kafka and was not found: install it, {_EXTERNAL}.")
    return path


def java_major(version: str) -> int:
    """The feature release of a version text: 17 of "17.0.15", 8 of "1.8.0_402"; 0 when there is none."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    if not numbers:
        return 0
    return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def _in_java_home(environ: Mapping[str, str]) -> str | None:
    home = environ.get("JAVA_HOME")
    if not home:
        return None
    path = Path(home) / "bin" / "java"
    return str(path) if os.access(path, os.X_OK) else None
