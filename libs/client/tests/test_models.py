"""The client's models know every member of what the document says that routes answer."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from longshore_client import Longshore, Pages
from longshore_client.models import Page

Json = dict[str, Any]


def answers(document: Json) -> Iterator[tuple[str, Json]]:
    for path, found in document["paths"].items():
        # Logging in is for browsers: programs have keys.
        ours = path.startswith("/api/v1") and not path.startswith("/api/v1/auth/")
        for method, operation in found.items() if ours else ():
            for status, response in operation["responses"].items():
                schema = response.get("content", {}).get("application/json", {}).get("schema")
                if status.startswith("2") and schema:
                    yield f"{method} {path}", schema


def models() -> list[type[BaseModel]]:
    """What methods of the client answer."""
    found: list[type[BaseModel]] = []
    with Longshore("https://hub", "k") as hub:
        for group, resource in vars(hub).items():
            for _, method in [] if group.startswith("_") else inspect.getmembers(resource, inspect.ismethod):
                answer = typing.get_type_hints(method).get("return")
                if typing.get_origin(answer) is Pages:
                    found.append(Page[typing.get_args(answer)[0]])  # type: ignore[misc]  # known at run time only
                elif isinstance(answer, type) and issubclass(answer, BaseModel):
                    found.append(answer)
    return found


def shape(schema: Json, root: Json, path: str = "") -> set[str]:
    """Every member and every value of an enumeration below a schema, as paths."""
    while "$ref" in schema:
        *_, kind, name = schema["$ref"].split("/")
        schema = (root["components"]["schemas"] if kind == "schemas" else root["$defs"])[name]
    found = {f"{path}={each}" for each in schema.get("enum", [])}
    for name, member in schema.get("properties", {}).items():
        found |= {f"{path}/{name}"} | shape(member, root, f"{path}/{name}")
    for part in [*schema.get("anyOf", []), *schema.get("allOf", []), *schema.get("oneOf", [])]:
        found |= shape(part, root, path)
    if isinstance(schema.get("items"), dict):
        found |= shape(schema["items"], root, f"{path}[]")
    return found


@pytest.fixture(scope="module")
def known() -> list[set[str]]:
    schemas = [each.model_json_schema(mode="serialization") for each in models()]
    return [shape(each, each) for each in schemas]


def test_nothing_that_a_route_answers_is_lost(document: Json, known: list[set[str]]) -> None:
    for name, schema in answers(document):
        wanted = shape(schema, document)
        assert wanted
        lost = min((_lost(wanted, each) for each in known), key=len)
        assert not lost, f"{name}: no model of longshore_client knows {sorted(lost)}"


def _lost(wanted: set[str], known: set[str]) -> set[str]:
    """What a model does not know. One that takes any text has no values to know."""
    enumerations = {each.partition("=")[0] for each in known if "=" in each}
    return {each for each in wanted - known if "=" not in each or each.partition("=")[0] in enumerations}
