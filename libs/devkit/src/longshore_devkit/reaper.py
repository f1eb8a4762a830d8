"""The supervisor's side of `_reap.py`: tells it which process groups to end if we should not."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("_reap.py")


class Reaper:
    """A small helper process that ends the listed process groups when this process is gone, even by kill -9."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(_PROGRAM), stdin=asyncio.subprocess.PIPE, process_group=0
        )

    def watch(self, group: int, death_signal: signal.Signals) -> None:
        self._write(f"+{group} {int(death_signal)}\n")

    def forget(self, group: int) -> None:
        self._write(f"-{group}\n")

    async def stop(self) -> None:
        """End it; whatever is still listed is ended too."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await process.wait()

    def _write(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None and self._process.returncode is None:
            self._process.stdin.write(line.encode())
