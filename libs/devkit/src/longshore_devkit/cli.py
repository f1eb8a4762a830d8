"""`python -m longshore_devkit run|demo|infra|rebuild`: Longshore on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence

from longshore_devkit.data_dir import DataDir
from longshore_devkit.demo import ORDERS_PER_MINUTE, Demo, DemoStores
from longshore_devkit.rebuild import rebuild
from longshore_devkit.stack import SERVICES, Service, Stack
from longshore_devkit.terminal import StopRequest, run_to_exit_code, say, say_event


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = argparse.ArgumentParser(prog="longshore_devkit", description="Longshore on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="Kafka, PostgreSQL and the services")
    with_stores = commands.add_parser("demo", help="the same with two simulated stores and buyers in them")
    with_stores.add_argument("--orders-per-minute", type=float, default=ORDERS_PER_MINUTE, help="in each store")
    commands.add_parser("infra", help="Kafka and PostgreSQL alone")
    commands.add_parser("rebuild", help="the state of `run` from the log, while that is stopped; then an end")
    arguments = parser.parse_args(argv)
    if arguments.command == "rebuild":
        return run_to_exit_code(rebuild(os.environ))
    if arguments.command == "demo":
        return run_to_exit_code(demo(os.environ, arguments.orders_per_minute))
    return run_to_exit_code(run(os.environ) if arguments.command == "run" else infra(os.environ))


async def run(environ: Mapping[str, str]) -> None:
    """Infrastructure and services until a signal. Raises DevkitError."""
    await _serve(environ, SERVICES, say_ready)


async def infra(environ: Mapping[str, str]) -> None:
    """Kafka and PostgreSQL until a signal; prints the variables that lead to them. Raises DevkitError."""
    await _serve(environ, (), say_infra)


async def demo(environ: Mapping[str, str], orders_per_minute: float = ORDERS_PER_MINUTE) -> None:
    """The stack, two simulated stores connected to it, and a live table until a signal. Raises DevkitError."""
    data_dir = DataDir.of(environ)
    with data_dir.lock():
        stores = DemoStores.new()
        environ = dict(environ) | stores.environ
        stack = Stack(data_dir, environ, beside=stores.specs(data_dir, environ), on_event=say_event)

        async def perform() -> None:
            began = time.monotonic()
            await stack.start()
            show = Demo(stack, stores, orders_per_minute)
            await show.connect()
            await show.open_doors()
            say_ready(stack, time.monotonic() - began)
            await show.show()

        with StopRequest(stack.kill) as stop:
            try:
                await stop.unless_asked(perform())
            finally:
                await stack.stop()


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
    say(f"  Shell    . {shlex.quote(str(stack.data_dir.note_environ(stack.infra.environ | stack.keys)))}")
    say("Ctrl-C stops everything.")
    say()


def say_infra(stack: Stack, seconds: float) -> None:
    """The variables that lead services and tools to it."""
    for name, value in stack.infra.environ.items():
        say(f"export {name}={shlex.quote(value)}")
    say(f"Ready after {seconds:.1f} s. Ctrl-C stops it.")
