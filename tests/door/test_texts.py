"""Texts that no database keeps, in the place of each text that a request may have: never an internal error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import World
from .document import Json, Operation, referred
from .secrets import KEY
from .test_access import BODIES, guarded, ids_of

pytestmark = pytest.mark.e2e

ODD = ("a\0b", "a\ud83d")


def replaced(value: Any, odd: str) -> Iterator[Any]:
    """The value, each time with `odd` for another of its texts."""
    match value:
        case str():
            yield odd
        case dict():
            for name, each in value.items():
                for other in replaced(each, odd):
                    yield value | {name: other}
        case list():
            for n, each in enumerate(value):
                for other in replaced(each, odd):
                    yield [*value[:n], other, *value[n + 1 :]]


def bodies(body: Any, schema: Json, odd: str) -> Iterator[Any]:
    """The same of a body, and with each field that it might have as well."""
    yield from replaced(body, odd)
    if isinstance(body, dict):
        for name, field in schema.get("properties", {}).items():
            yield body | {name: [odd] if "array" in json.dumps(field) else odd}


def schema_of(document: Json, operation: Operation) -> Json:
    """What the document says of an operation's body."""
    content = document["paths"][operation.path][operation.method.lower()]["requestBody"]["content"]
    schema: Json = next(iter(content.values()))["schema"]
    while "$ref" in schema:
        schema = referred(document, schema["$ref"])
    return schema


def requests(document: Json, operation: Operation) -> Iterator[dict[str, Any]]:
    """What to send: `content` and `params`."""
    body = BODIES.get(operation.name, operation.body)
    if body is not None:
        for odd in ODD:
            for each in bodies(body, schema_of(document, operation), odd):
                yield {"content": json.dumps(each).encode(), "params": operation.query}
    for each in document["paths"][operation.path][operation.method.lower()].get("parameters", []):
        if each["in"] == "query" and body is None:
            yield {"params": operation.query | {each["name"]: "a\0b"}}


def test_none_is_an_internal_error(world: World) -> None:
    wrong = []
    with world.http(KEY) as client:
        for operation in guarded(world):
            url = operation.url(ids_of(world, operation))
            headers = operation.headers | {"Content-Type": operation.media_type or "application/json"}
            for each in requests(world.document, operation):
                answer = client.request(operation.method, url, headers=headers, **each)
                if answer.status_code >= 500:
                    wrong.append((operation.name, answer.status_code, str(each)[:300]))
    assert wrong == []
