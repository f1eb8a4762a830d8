"""Log files of supervised processes: written by the process itself, kept from growing without bound."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MAX_BYTES = 20 * 1024 * 1024


def bound_log(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move the content of a log that has grown past `max_bytes` to `<name>.1`.

    Copied and truncated, not renamed: the process goes on writing to the file it has open (in append mode)."""
    try:
        if path.stat().st_size <= max_bytes:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)


def tail(path: Path, lines: int = 20, max_bytes: int = 16_384) -> str:
    """The last lines of a log, empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(log.tell() - max_bytes, 0))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
