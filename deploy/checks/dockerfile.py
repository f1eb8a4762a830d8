"""The Dockerfile and its pinned libraries: that what it copies is there, and that its pins are the checkout's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def check_dockerfile(path: Path, root: Path) -> Iterator[str]:
    """What is wrong with the Dockerfile, as sentences."""
    text = path.read_text().replace("\\\n", " ")
    copied = [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("COPY ")]
    sources = [source for words in copied if not words[0].startswith("--from=") for source in words[:-1]]
    for source in sources:
        if not (root / source).exists():
            yield f"{path.name} copies {source}, which does not exist"
    for migrations in sorted(root.glob("services/*/migrations")):
        if f"{migrations.relative_to(root)}/" not in sources:
            yield f"{path.name} does not copy {migrations.relative_to(root)}"
    for package in sorted(root.glob("services/*/src")):
        if f"{package.relative_to(root)}/" not in sources:
            yield f"{path.name} does not copy {package.relative_to(root)}"
    if "\nUSER " not in text or "--require-hashes" not in text:
        yield f"{path.name} must check hashes and run as an ordinary user"


def check_pins(services: Path, everything: Path) -> Iterator[str]:
    """That the image gets the very versions that the tests ran with. `make lock` writes both."""
    tested = pins(everything.read_text())
    for name, version in pins(services.read_text()).items():
        if tested.get(name) != version:
            yield f"the image has {name} {version}, {everything.name} has {tested.get(name)}: run make lock"


def pins(text: str) -> dict[str, str]:
    """Pinned versions by normalised name."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(text)}
