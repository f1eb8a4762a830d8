"""Makes `longshore_client.sync` of `longshore_client.aio`: word for word the same, without async and await.

`python libs/client/generate_sync.py` writes it, `--check` says whether it is what would be written (`make docs`, `make
check`). httpcore and elasticsearch keep their two clients one in this way.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "src" / "longshore_client" / "aio"
TARGET = SOURCE.parent / "sync"
RUFF = Path(sys.executable).with_name("ruff")

WORDS = [
    (r"longshore_client\.aio", "longshore_client.sync"),
    (r"Awaitable\[None\]", "None"),
    (r"^from collections\.abc import (.*)Awaitable, ", r"from collections.abc import \1"),
    (r"asyncio\.sleep", "time.sleep"),
    (r"import asyncio", "import time"),
    (r"httpx\.Async", "httpx."),
    (r"AsyncIterator", "Iterator"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\basync (def|for|with)", r"\1"),
    (r"\bawait ", ""),
    (r"__a(iter|enter|exit)__", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"for item in (.*):\n +yield item$", r"yield from \1"),
]
DOCSTRING = '"""The client without asyncio, made of `longshore_client.aio` by libs/client/generate_sync.py."""'


def generate() -> dict[str, str]:
    """The files of the package by name."""
    return {each.name: _sync(each.name, each.read_text()) for each in sorted(SOURCE.glob("*.py"))}


def stale() -> list[str]:
    """Names of files that are not what would be written."""
    wanted = generate()
    found = {each.name: each.read_text() for each in TARGET.glob("*.py")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def _sync(name: str, source: str) -> str:
    for pattern, replacement in WORDS:
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    if name == "__init__.py":
        source = DOCSTRING + source[source.index('"""', 3) + 3 :]
    source = f"# Made of aio/{name}: see the package.\n{source}"
    for command in (["check", "--fix-only", "--select", "I,RUF022"], ["format"]):
        source = subprocess.run(
            [RUFF, *command, "--quiet", "--stdin-filename", TARGET / name, "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source


def main(arguments: list[str]) -> str | None:
    """Write, or check; a text is what is wrong."""
    if arguments == ["--check"]:
        names = stale()
        return f"longshore_client.sync is not what aio makes ({', '.join(names)}): run `make docs`" if names else None
    TARGET.mkdir(exist_ok=True)
    for each in TARGET.glob("*.py"):
        each.unlink()
    for name, source in generate().items():
        (TARGET / name).write_text(source)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
