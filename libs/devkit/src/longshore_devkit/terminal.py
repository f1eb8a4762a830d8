"""What the command line has in common: signals, status lines, errors without a stack."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine

from longshore_devkit.errors import DevkitError
from longshore_devkit.supervisor import Event


def run_to_exit_code(work: Coroutine[object, object, None]) -> int:
    """Run a command: 0 when it ended or was stopped in order, 1 with one sentence on stderr when it could not run."""
    try:
        asyncio.run(work)
    except DevkitError as error:
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.write(f"longshore: {error}\n")
        return 1
    return 0


def say(text: str = "") -> None:
    """A line on stdout, at once; a reader that has gone away does not matter."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def say_event(event: Event) -> None:
    """A status change with the time of day (local time: it is for the person who watches)."""
    say(f"{time.strftime('%H:%M:%S')}  {event.name:<18} {event.kind} {event.detail}".rstrip())


class StopRequest:
    """Ctrl-C, SIGTERM or a closed terminal: the first asks for an end in order, the second ends at once."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._asked = asyncio.Event()
        self._kill = kill

    def __enter__(self) -> StopRequest:
        loop = asyncio.get_running_loop()
        for number in _stop_signals():
            loop.add_signal_handler(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _stop_signals():
            loop.remove_signal_handler(number)

    async def wait(self) -> None:
        await self._asked.wait()

    async def unless_asked(self, work: Coroutine[object, object, object]) -> bool:
        """Run to the end and return True; when a stop is asked for meanwhile, cancel it and return False.

        Raises what the work raises."""
        task = asyncio.ensure_future(work)
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
                return True
            return False
        finally:
            asked.cancel()
            task.cancel()
            await asyncio.wait([task])

    def _on_signal(self) -> None:
        if self._asked.is_set():
            say("Killing everything.")
            self._kill()
        else:
            say("Stopping (once more kills at once).")
            self._asked.set()


def _stop_signals() -> tuple[signal.Signals, ...]:
    """Under nohup a closed terminal is meant to change nothing."""
    nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *(() if nohup else (signal.SIGHUP,)))
