"""Settings that every service has, from LONGSHORE_* environment variables."""

from __future__ import annotations

import base64
import binascii
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_PREFIX = "LONGSHORE_"

KEYS_WITHIN_S = 30.0

_HINTS = {
    "kafka_bootstrap_servers": "host:port of one or more Kafka brokers, separated by commas",
    "database_url": "postgresql://user:password@host:port/database",
    "encryption_keys": "Fernet keys separated by commas, newest first; or its _FILE or _COMMAND",
}


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(each.strip() for each in value.split(",") if each.strip())
    return value


# For a variable that holds several values, with NoDecode beside it.
CommaSeparated = BeforeValidator(_split)


class ServiceSettings(BaseSettings):
    """What each service needs. A service adds its own by inheriting."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    # A listening socket left open by whoever started this process and shared with others: the public door, beside
    # this process's own address.
    http_fd: int | None = Field(default=None, ge=3)
    kafka_bootstrap_servers: str = Field(min_length=1)
    database_url: str = Field(min_length=1, repr=False)
    # One of three ways to the keys: themselves, a file that holds them, a command that prints them (a KMS's, say).
    encryption_keys_file: Path | None = None
    encryption_keys_command: str | None = None
    encryption_keys: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(), min_length=1, repr=False, validate_default=True
    )
    topic_prefix: str = ""
    topic_partitions: int = Field(default=4, ge=1)
    log_level: str = "info"
    # Unlike that of any other process of the same service: gives a restarted process its partitions back at once.
    instance_id: str = ""
    # For how long what only the past needs is kept: done commands, pushes, replayed dead letters. Topics of commands
    # are kept for 7 days, and a command that is read again must be known for as long.
    history_days: int = Field(default=30, ge=8)
    database_pool_size: int = Field(default=8, ge=2)
    tls_ca_file: str | None = None
    # Development only: stores at private or loopback addresses, and plain http.
    allow_private_stores: bool = False

    @field_validator("database_url")
    @classmethod
    def _async_url(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
            raise ValueError("it must begin with postgresql://")
        # libpq's name for it; asyncpg's is `ssl`.
        return f"postgresql+asyncpg://{rest.replace('?sslmode=', '?ssl=').replace('&sslmode=', '&ssl=')}"

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def _find_keys(cls, keys: object, info: ValidationInfo) -> object:
        file, command = info.data.get("encryption_keys_file"), info.data.get("encryption_keys_command")
        if sum(map(bool, (keys, file, command))) > 1:
            raise ValueError("the keys come from one place: it, or its _FILE, or its _COMMAND")
        if file:
            return _read_keys(file)
        return _run_for_keys(command) if command else keys

    @field_validator("encryption_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for number, key in enumerate(keys, start=1):
            try:
                raw = base64.urlsafe_b64decode(key)
            except (binascii.Error, ValueError):
                raw = b""
            if len(raw) != 32:
                raise ValueError(f"number {number} is no Fernet key (32 bytes in URL-safe base64)")
        return keys

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, level: str) -> str:
        if level.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("it must be debug, info, warning or error")
        return level.lower()


def _read_keys(file: Path) -> str:
    """The keys in a file: with commas, or one a line."""
    try:
        return ",".join(file.read_text().split())
    except (OSError, ValueError) as error:
        raise ValueError(f"its _FILE cannot be read ({type(error).__name__})") from None


def _run_for_keys(command: str) -> str:
    """What a command prints: with commas, or one a line. It is run without a shell."""
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, timeout=KEYS_WITHIN_S, check=True, stdin=subprocess.DEVNULL
        )
        return ",".join(done.stdout.decode().split())
    except subprocess.CalledProcessError as error:
        raise ValueError(f"its _COMMAND ended with code {error.returncode}") from None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"its _COMMAND gave no keys ({type(error).__name__})") from None


S = TypeVar("S", bound=BaseSettings)


def load_settings(settings: type[S]) -> S:
    """The settings from the environment; ends the process with one sentence and code 2 when they are wrong."""
    try:
        return settings()
    except ValidationError as error:
        sys.stderr.write(explain(error) + "\n")
        raise SystemExit(2) from None


def explain(error: ValidationError) -> str:
    """One sentence that names the variables at fault, and holds no value."""
    parts = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(each["loc"][0]) if each["loc"] else ""
        name = ENV_PREFIX + field.upper()
        if not field:
            # Of several variables together: it names them itself.
            parts.append(each["msg"].removeprefix("Value error, "))
        elif each["type"] in {"missing", "string_too_short", "too_short"}:
            hint = _HINTS.get(field)
            parts.append(f"{name} is not set" + (f" ({hint})" if hint else ""))
        else:
            parts.append(f"{name} is wrong: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts) + "."
