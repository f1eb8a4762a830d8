"""Every route of the published document has a method, and every parameter and member of a body an argument."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import httpx
import jsonschema
import pytest

from longshore.money import Money
from longshore_client import NO_RETRIES, AsyncLongshore, Longshore

ID = UUID("6f1c0b9e-0000-4000-8000-000000000001")
# Meant for browsers, not for programs.
NOT_FOR_PROGRAMS = frozenset(
    {
        *(f"GET /oauth/{name}" for name in ("shopify/start", "shopify/callback")),
        *(f"GET /oauth/{name}" for name in ("woocommerce/start", "woocommerce/return")),
        "POST /oauth/woocommerce/callback",
        *(f"POST /api/v1/auth/{name}" for name in ("login", "refresh", "logout", "accept")),
        *(f"GET /api/v1/auth/{name}" for name in ("methods", "oidc/start", "oidc/callback")),
        "POST /api/v1/me/password",
    }
)

Json = dict[str, Any]
# Where the client takes any text, and the hub only some.
WORDS: dict[str, Any] = {"scopes": ["read"], "role": "viewer"}


class Seen(Exception):
    """Enough is known: nothing needs to answer."""


def sample(annotation: Any, name: str) -> Any:
    """Any value of a type."""
    if name in WORDS:
        return WORDS[name]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        wanted = [each for each in arguments if each is not type(None)]
        # An enum's own values are what the document knows.
        wanted.sort(key=lambda each: not (isinstance(each, type) and issubclass(each, Enum)))
        return sample(wanted[0], name)
    if origin is Literal:
        return arguments[0]
    if origin is not None and issubclass(origin, Mapping):
        # What may hold anything is the hub's to check.
        return {} if arguments[1] is Any else {sample(arguments[0], name): sample(arguments[1], name)}
    if origin is not None and issubclass(origin, Sequence):
        return [sample(arguments[0], name)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    made: dict[Any, Any] = {
        str: "https://a.example" if "url" in name else "word", int: 3, bool: True, float: 1.5, UUID: ID,
        datetime: datetime(2026, 11, 28, tzinfo=UTC), Any: "word", Money: Money(1250, "EUR", 2),
    }  # fmt: skip
    return made[annotation] if annotation in made else annotation()


def methods(hub: Longshore | AsyncLongshore) -> Iterator[tuple[str, Any]]:
    for group, resource in vars(hub).items():
        if group.startswith("_"):
            continue
        for name, method in inspect.getmembers(resource, inspect.ismethod):
            if not name.startswith("_"):
                yield f"{group}.{name}", method


def requests_of(method: Any) -> Iterator[httpx.Request]:
    """What it sends when everything is given that can be; of arguments that exclude each other each in turn."""
    seen: list[httpx.Request] = []

    def wire(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise Seen

    hints = typing.get_type_hints(method)
    given = {name: sample(hints[name], name) for name in inspect.signature(method).parameters}
    for left_out in ({"to"}, {"delta"}) if {"delta", "to"} <= given.keys() else (set(),):
        arguments = {name: value for name, value in given.items() if name not in left_out}
        with Longshore("https://hub", "k", transport=httpx.MockTransport(wire), retries=NO_RETRIES) as hub:
            bound = getattr(type(method.__self__)(hub._connection), method.__name__)
            with contextlib.suppress(Seen):
                answer = bound(**arguments)
                answer.page()
    yield from seen


def operations(document: Json) -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, found in document["paths"].items()
        if path.startswith("/api/v1")
        for method, operation in found.items()
    }


def operation_of(request: httpx.Request, known: Mapping[str, Json]) -> str | None:
    """The operation that a request calls; one without names in its path first."""
    fitting = [
        name
        for name in known
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", name), f"{request.method} {request.url.path}")
    ]
    return min(fitting, key=lambda name: name.count("{"), default=None)


@pytest.fixture(scope="module")
def called() -> dict[str, list[httpx.Request]]:
    with Longshore("https://hub", "k") as hub:
        return {name: list(requests_of(method)) for name, method in methods(hub)}


def test_every_route_has_a_method(document: Json, called: dict[str, list[httpx.Request]]) -> None:
    known = operations(document)
    reached = {operation_of(request, known) for requests in called.values() for request in requests}
    missing = known.keys() - reached - NOT_FOR_PROGRAMS
    assert not missing, f"routes without a method in longshore_client: {sorted(missing)}"


def test_every_method_has_a_route(document: Json, called: dict[str, list[httpx.Request]]) -> None:
    known = operations(document)
    lost = {name for name, requests in called.items() if None in {operation_of(each, known) for each in requests}}
    assert not lost, f"methods of longshore_client without a route: {sorted(lost)}"


def test_every_parameter_and_member_has_an_argument(document: Json, called: dict[str, list[httpx.Request]]) -> None:
    known = operations(document)
    for requests in called.values():
        name = operation_of(requests[0], known)
        assert name is not None
        operation = known[name]
        wanted = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        sent = {each for request in requests for each in request.url.params}
        assert sent == wanted, name
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            continue
        if "anyOf" in schema:
            continue  # one or many of what the caller has made: the hub's to check
        for request in requests:
            jsonschema.validate(_json(request), schema | {"components": document["components"]})
        members = _resolved(schema, document)["properties"].keys()
        assert {each for request in requests for each in _json(request)} == members, name


def test_every_post_has_an_idempotency_key(called: dict[str, list[httpx.Request]]) -> None:
    posts = [each for requests in called.values() for each in requests if each.method == "POST"]
    assert posts
    assert all(each.headers.get("Idempotency-Key") for each in posts)


def test_both_clients_have_the_same_methods() -> None:
    plain = {name for name, _ in methods(Longshore("https://hub", "k"))}
    assert plain == {name for name, _ in methods(AsyncLongshore("https://hub", "k"))}


def _json(request: httpx.Request) -> Json:
    found: Json = json.loads(request.content)
    return found


def _resolved(schema: Json, document: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema
