"""Hubs that answer from a list: what is behind the wire is of no matter to most of these tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"

Answer = httpx.Response | Exception


class Wire:
    """Answers requests from a list, in its order, and keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.slept.append(seconds)


def problem(status: int, detail: str = "", **headers: str) -> httpx.Response:
    """A problem document."""
    body = {"type": "/problems/some", "title": "Some", "status": status, "detail": detail}
    return httpx.Response(status, json=body, headers=headers)


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The published OpenAPI document."""
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return found


@pytest.fixture
def make_problem() -> Callable[..., httpx.Response]:
    return problem


@pytest.fixture
def make_wire() -> Callable[..., Wire]:
    return Wire
