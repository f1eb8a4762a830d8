"""`python -m longshore_devkit run|demo|infra`: Longshore on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence

from longshore_devkit.data_dir import DataDir
from longshore_devkit.stack import SERVICES, Service, Stack
from longshore_devkit.terminal import StopRequest, run_to_exit_code, say, say_event


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = argparse.ArgumentParser(prog="longshore_devkit", description="Longshore on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="Kafka, PostgreSQL and the services")
    commands.add_parser("infra", help="Kafka and PostgreSQL alone")
    arguments = parser.parse_args(argv)
    work = {"run": run, "infra": infra}[arguments.command]
    return run_to_exit_code(work(os.environ))


async def run(environ: Mapping[str, str]) -> None:
    """Infrastructure and services until a signal. Raises DevkitError."""
    await _serve(environ, SERVICES, say_ready)


async def infra(environ: Mapping[str, str]) -> None:
    """Kafka and PostgreSQL until a signal; prints the variables that lead to them. Raises DevkitError."""
    await _serve(environ, (), say_infra)


async def _serve(
    environ: Mapping[str, str], services: Sequence[Service], announce: Callable[[Stack, float], None]
) -> None:
    data_dir = DataDir.of(environ)
    with data_dir.lock():
        stack = Stack(data_dir, environ, services=services, on_event=say_event)
        with StopRequest(stack.kill) as stop:
            began = time.monotonic()
            if await stop.unless_asked(stack.start()):
                announce(stack, time.monotonic() - began)
                await stop.wait()
            await stack.stop()


def say_ready(stack: Stack, seconds: float) -> None:
    """Where it is, how to get in, and how to end it."""
    say()
    say(f"Longshore is ready after {seconds:.1f} s.")
    say(f"  URL      {stack.url}")
    say(f"  API key  {stack.api_key}")
    say(f"  Logs     {stack.data_dir.logs}")
    say("Ctrl-C stops everything.")
    say()


def say_infra(stack: Stack, seconds: float) -> None:
    """The variables that lead services and tools to it."""
    for name, value in stack.infra.environ.items():
        say(f"export {name}={shlex.quote(value)}")
    say(f"Ready after {seconds:.1f} s. Ctrl-C stops it.")
