"""Processes that a benchmark starts itself, beside a stack: they end with it, however it ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence

from longshore_devkit.processes import launch_argv


async def start(
    module: str, arguments: Sequence[str] = (), *, env: Mapping[str, str] | None = None, stdout: int | None = None
) -> asyncio.subprocess.Process:
    """`python -m module arguments`; killed by the kernel when this process is gone, even by kill -9."""
    return await asyncio.create_subprocess_exec(
        *launch_argv([sys.executable, "-m", module, *arguments], signal.SIGKILL),
        env=None if env is None else dict(env),
        stdout=stdout,
    )
