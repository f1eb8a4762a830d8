"""Requests that may be repeated: the Idempotency-Key header."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from longshore.problems import Problem

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=255, description="The same key again gives what it gave first.")
]


def key_reused(what: str) -> Problem:
    """A 422: the key came before, with another request. `what` is what it asked for then ("another adjustment")."""
    return Problem(422, f"This Idempotency-Key was used for {what}.", type="idempotency-key-reused")
