"""The command line as a process of its own: what it prints, how it ends, what it leaves."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from longshore_devkit.ports import HOST, free_port
from longshore_devkit.testing import eventually

from .fake_services import write_fake_services

KAFKA = {"LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "broker:9092"}
DATABASE = {"LONGSHORE_DATABASE_URL": "postgresql+asyncpg://me@db/longshore"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    own = {"LONGSHORE_HTTP_PORT": str(free_port()), "LONGSHORE_DATA_DIR": str(tmp_path / "data")}
    return dict(os.environ) | KAFKA | DATABASE | write_fake_services(tmp_path / "fakes") | own


class Command:
    """A running `python -m longshore_devkit ...`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def until(self, pattern: str) -> re.Match[str]:
        """Read its output up to a line that matches."""
        assert self.process.stdout is not None
        lines = []
        async with asyncio.timeout(30):
            while line := (await self.process.stdout.readline()).decode():
                lines.append(line)
                if match := re.search(pattern, line):
                    return match
        raise AssertionError(f"{pattern!r} is not in its output:\n{''.join(lines)}")

    async def rest(self) -> tuple[int, str]:
        """Wait for its end: exit code and remaining output."""
        async with asyncio.timeout(30):
            output, _ = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, output.decode()

    def descendants(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))


@asynccontextmanager
async def command(environ: dict[str, str], *arguments: str) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "longshore_devkit",
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class TestRun:
    @pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
    async def test_it_says_where_it_is_and_ends_in_order(self, environ: dict[str, str], sig: signal.Signals) -> None:
        async with command(environ, "run") as running:
            await running.until(r"ready after [\d.]+ s\.")
            assert (await running.until(r"URL +(\S+)"))[1] == f"http://127.0.0.1:{environ['LONGSHORE_HTTP_PORT']}"
            assert (await running.until(r"API key +(\S+)"))[1].startswith("lsk_")
            children = running.descendants()
            assert len(children) >= 5
            running.process.send_signal(sig)
            code, output = await running.rest()
        assert code == 0
        assert "gateway            stopped" in output
        assert not any(child.is_running() for child in children)

    async def test_a_second_ctrl_c_kills_at_once(self, environ: dict[str, str], tmp_path: Path) -> None:
        fake = tmp_path / "fakes" / "longshore_inventory.py"
        fake.write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + fake.read_text())
        async with command(environ, "run") as running:
            await running.until("API key")
            running.process.send_signal(signal.SIGINT)
            await running.until("inventory +stopping")
            running.process.send_signal(signal.SIGINT)
            async with asyncio.timeout(5):
                code, output = await running.rest()
        assert code == 0
        assert "Killing everything." in output

    async def test_kill_9_leaves_no_service_and_the_next_run_works(self, environ: dict[str, str]) -> None:
        async with command(environ, "run") as running:
            await running.until("API key")
            children = running.descendants()
            running.process.kill()
            await running.rest()
        await eventually(lambda: not any(child.is_running() for child in children))
        async with command(environ, "run") as again:
            await again.until("API key")
            again.process.send_signal(signal.SIGTERM)
            assert (await again.rest())[0] == 0

    async def test_a_second_run_in_one_data_dir_is_refused(self, environ: dict[str, str]) -> None:
        async with command(environ, "run") as first:
            await first.until("API key")
            async with command(environ | {"LONGSHORE_HTTP_PORT": str(free_port())}, "run") as second:
                code, output = await second.rest()
        assert code == 1
        assert re.fullmatch(r"longshore: .* is in use by another run \(process \d+\)\. .*\n", output)

    async def test_a_taken_port_is_said_without_a_stack(self, environ: dict[str, str]) -> None:
        with socket.create_server((HOST, int(environ["LONGSHORE_HTTP_PORT"]))):
            async with command(environ, "run") as refused:
                code, output = await refused.rest()
        assert code == 1
        assert re.fullmatch(r"longshore: Port \d+ on 127\.0\.0\.1 is in use: .*\n", output)

    async def test_a_missing_java_is_said_without_a_stack(self, environ: dict[str, str], tmp_path: Path) -> None:
        without = environ | {"LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "", "PATH": str(tmp_path), "JAVA_HOME": ""}
        async with command(without, "run") as refused:
            code, output = await refused.rest()
        assert code == 1
        assert re.fullmatch(r"longshore: Java 17 or newer is needed .*\n", output)


class TestInfra:
    async def test_kill_9_leaves_no_postgres_and_the_next_start_works(self, environ: dict[str, str]) -> None:
        with tempfile.TemporaryDirectory(prefix="longshore-devkit-") as folder:
            local = environ | {"LONGSHORE_DATABASE_URL": "", "LONGSHORE_DATA_DIR": folder}
            async with command(local, "infra") as first:
                url = (await first.until(r"export LONGSHORE_DATABASE_URL=(\S+)"))[1]
                children = first.descendants()
                first.process.kill()
                await first.rest()
            await eventually(lambda: not any(child.is_running() for child in children))
            async with command(local, "infra") as second:
                assert (await second.until(r"export LONGSHORE_DATABASE_URL=(\S+)"))[1] == url
                second.process.send_signal(signal.SIGINT)
                assert (await second.rest())[0] == 0
