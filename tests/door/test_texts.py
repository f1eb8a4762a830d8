"""Texts that no database keeps, in the place of each text that a request may have: never an internal error."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .conftest import World
from .document import Json, Operation
from .secrets import KEY
from .test_access import BODIES, guarded, ids_of

pytestmark = pytest.mark.e2e

ODD = ("a\0b", "a\ud83d")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a body its texts stand."""
    if isinstance(value, str):
        yield path
    each: Any
    for step, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, step))


def bodies(body: Any, schema: Json, odd: str) -> Iterator[Any]:
    """The body, each time with `odd` for another of its texts, and with each field that it might have as well."""
    for path in places(body):
        other = {"body": copy.deepcopy(body)}
        at: Any = other
        for step in ("body", *path[:-1]) if path else ():
            at = at[step]
        at[path[-1] if path else "body"] = odd
        yield other["body"]
    if isinstance(body, dict):
        for name, field in schema.get("properties", {}).items():
            yield body | {name: [odd] if "array" in json.dumps(field) else odd}


def schema_of(document: Json, operation: Operation) -> Json:
    """What the document says of an operation's body."""
    content = document["paths"][operation.path][operation.method.lower()]["requestBody"]["content"]
    schema: Json = next(iter(content.values()))["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
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
    with httpx.Client(base_url=world.stack.url, timeout=30) as client:
        for operation in guarded(world):
            ids, url = ids_of(world, operation), ""
            for each in requests(world.document, operation):
                url = operation.url(ids)
                headers = {"Authorization": f"Bearer {KEY}", "Content-Type": operation.media_type or "application/json"}
                answer = client.request(operation.method, url, headers=operation.headers | headers, **each)
                if answer.status_code >= 500:
                    wrong.append((operation.name, answer.status_code, str(each)[:300]))
    assert wrong == []
