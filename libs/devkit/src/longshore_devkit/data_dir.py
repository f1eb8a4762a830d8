"""The directory where local Kafka and PostgreSQL keep their data, with the keys and logs of the stack."""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet

from longshore_devkit.errors import DevkitError

DATA_DIR_VARIABLE = "LONGSHORE_DATA_DIR"
ENCRYPTION_KEYS_VARIABLE = "LONGSHORE_ENCRYPTION_KEYS"
API_KEY_VARIABLE = "LONGSHORE_BOOTSTRAP_API_KEY"

_MADE_ONCE: Mapping[str, Callable[[], str]] = {
    ENCRYPTION_KEYS_VARIABLE: lambda: Fernet.generate_key().decode(),
    API_KEY_VARIABLE: lambda: "lsk_" + secrets.token_urlsafe(24),
}


class DataDir:
    """A data directory; it is made when it does not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> DataDir:
        """`LONGSHORE_DATA_DIR`, else `.longshore/` in the current directory."""
        return cls(Path(environ.get(DATA_DIR_VARIABLE) or ".longshore"))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second run out. The kernel drops the lock with this process, so none is ever stale.

        Raises DevkitError when another run holds it."""
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise DevkitError(
                    f"{self.path} is in use by another run (process {file.read().strip() or 'unknown'}). Stop that, "
                    f"or set {DATA_DIR_VARIABLE} (and LONGSHORE_HTTP_PORT) for a second one."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def keys(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The encryption keys and the first API key: the environment's, else ours, made once and kept in
        `secrets.env` (readable by the owner alone)."""
        path = self.path / "secrets.env"
        kept = dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}
        missing = [name for name in _MADE_ONCE if not environ.get(name) and name not in kept]
        if missing:
            kept |= {name: _MADE_ONCE[name]() for name in missing}
            _write_for_owner(path, (f"{name}={value}\n" for name, value in kept.items()))
        found = {name: environ.get(name) or kept[name] for name in _MADE_ONCE}
        if any(environ.get(ENCRYPTION_KEYS_VARIABLE + way) for way in ("_FILE", "_COMMAND")):
            # The services have their keys from there, and from one place only.
            del found[ENCRYPTION_KEYS_VARIABLE]
        return found

    def note_environ(self, environ: Mapping[str, str]) -> Path:
        """What leads an operator's commands to the run of now: `hub.env`, for a shell to read, and its owner alone."""
        path = self.path / "hub.env"
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environ.items()))
        _write_for_owner(path, lines)
        return path


def _write_for_owner(path: Path, lines: Iterable[str]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(lines)
