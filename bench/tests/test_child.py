from __future__ import annotations

import asyncio
import signal
import sys

import psutil

from longshore_devkit.testing import eventually

BENCHMARK = """
import asyncio
from bench import child

async def main():
    process = await child.start("http.server", ["0", "--bind", "127.0.0.1"], stdout=asyncio.subprocess.DEVNULL)
    print(process.pid, flush=True)
    await process.wait()

asyncio.run(main())
"""


async def test_a_child_ends_with_the_benchmark_even_by_kill_9() -> None:
    benchmark = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BENCHMARK, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert benchmark.stdout is not None
    child = psutil.Process(int(await asyncio.wait_for(benchmark.stdout.readline(), 20)))
    # It has become what it was started for.
    await eventually(lambda: "http.server" in child.cmdline()[:3], timeout=20)
    benchmark.send_signal(signal.SIGKILL)
    await benchmark.wait()
    await eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout=10)
