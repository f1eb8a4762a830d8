"""The published document as something to call: every operation, with values that fit its parameters and body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# Of no organisation.
NOBODYS = "6f1c0b9e-dead-4000-8000-00000000d00a"


@dataclass(frozen=True)
class Operation:
    """One method of one path. `scopes`: what a caller needs; None: the route is open to anyone."""

    method: str
    path: str
    scopes: tuple[str, ...] | None
    parameters: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    media_type: str | None
    answers: frozenset[int] = field(default=frozenset())

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def own_prefix(self) -> str | None:
        """The path up to its last parameter: what the parameter names."""
        found = re.match(r"(.*\})", self.path)
        return found[1] if found else None

    def url(self, ids: Mapping[str, str]) -> str:
        """The path with its parameters filled in."""
        return self.path.format(**ids)


def operations(document: Json) -> list[Operation]:
    """All of them, in the document's order."""
    return [
        _operation(document, method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _operation(document: Json, method: str, path: str, operation: Json) -> Operation:
    security = operation.get("security")
    scopes = tuple(scope for each in security for needed in each.values() for scope in needed) if security else None
    parameters = operation.get("parameters", [])
    content = operation.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    required = [each for each in parameters if each.get("required")]
    return Operation(
        method=method,
        path=path,
        scopes=scopes,
        parameters=tuple(each["name"] for each in parameters if each["in"] == "path"),
        query={each["name"]: str(example(each["schema"], document)) for each in required if each["in"] == "query"},
        headers={each["name"]: str(example(each["schema"], document)) for each in required if each["in"] == "header"},
        body=example(content[media_type].get("schema", {}), document) if media_type else None,
        media_type=media_type,
        answers=frozenset(int(each) for each in operation["responses"] if each.isdigit()),
    )


def example(schema: Json, document: Json) -> Any:
    """The least value that fits a schema: what is required, and no more."""
    if "$ref" in schema:
        return example(referred(document, schema["$ref"]), document)
    for given in ("const", "default", "example"):
        if given in schema and schema[given] is not None:
            return schema[given]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example(schema[choice][0], document)
    kind = schema.get("type")
    if kind == "object":
        members = schema.get("properties", {})
        return {name: example(members[name], document) for name in schema.get("required", [])}
    if kind == "array":
        return [example(schema["items"], document)] * schema.get("minItems", 0)
    if kind == "string":
        formats = {"uuid": NOBODYS, "date-time": "2026-11-28T00:00:00Z", "email": "a@example.com"}
        return formats.get(schema.get("format", ""), "word" + "x" * max(0, schema.get("minLength", 0) - 4))
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return kind == "boolean" or None


def referred(document: Json, reference: str) -> Json:
    """The schema that a `$ref` names."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    schema: Json = found
    return schema
