"""A process that takes a job, says so, and does not end it."""

from __future__ import annotations

import asyncio
import sys

from longshore.platforms.job_runner import JobQueue
from longshore.platforms.jobs import RunningJob


async def handler(job: RunningJob) -> None:
    sys.stdout.write(job.payload.decode() + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(JobQueue(sys.argv[1], sys.argv[2], handler).run())
