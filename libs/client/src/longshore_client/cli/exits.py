"""Exit codes of the `longshore` command, and how an error becomes one. Documented in docs/guides/client.md."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

import click

from longshore_client.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    LongshoreError,
    NoAnswer,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    Unavailable,
)


class ExitCode(IntEnum):
    """What a script can tell by."""

    DONE = 0
    FAILED = 1  # it was done, and the result is not good: a hub that is not ready, a store that is in error
    USAGE = 2  # click's own
    NOT_AUTHENTICATED = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    REFUSED = 6  # wrong input, or a conflict with what is there
    UNAVAILABLE = 7  # no answer, or "try again", also after retries


_CODES: list[tuple[type[LongshoreError], ExitCode]] = [
    (NotAuthenticated, ExitCode.NOT_AUTHENTICATED),
    (NotAllowed, ExitCode.NOT_ALLOWED),
    (NotFound, ExitCode.NOT_FOUND),
    (InvalidInput, ExitCode.REFUSED),
    (Conflict, ExitCode.REFUSED),
    (RateLimited, ExitCode.UNAVAILABLE),
    (Unavailable, ExitCode.UNAVAILABLE),
    (NoAnswer, ExitCode.UNAVAILABLE),
]


class Failure(click.ClickException):
    """Ends the command with a line on stderr (with --json a problem document) and an exit code."""

    def __init__(self, message: str, code: ExitCode, *, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.exit_code = int(code)  # type: ignore[misc]  # click reads the instance's
        self.problem = problem

    def show(self, file: Any = None) -> None:
        """Called by click."""
        if self.problem is None:
            click.echo(f"Error: {self.format_message()}", err=True, file=file)
        else:
            click.echo(json.dumps(self.problem), err=True, file=file)


def failure_of(error: LongshoreError, *, as_json: bool) -> Failure:
    """What the command ends with."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
    lines = [str(error)]
    problem: dict[str, Any] = {"title": type(error).__name__, "detail": str(error)}
    if isinstance(error, ApiError):
        problem = {"status": error.status, **error.problem}
        lines += [f"  {each.pointer}: {each.detail}" for each in error.errors]
        if isinstance(error, NotAuthenticated):
            lines.append("Run `longshore login`, or set LONGSHORE_API_KEY.")
    return Failure("\n".join(lines), code, problem=problem if as_json else None)
