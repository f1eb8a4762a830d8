"""What may change in a contract within one version, and what may not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import BaseModel
from specs.compatibility import incompatibilities, stem_and_version, withdrawn
from specs.contracts import contract_schema, event_contracts

BASE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status", "money"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "status": {"$ref": "#/$defs/Status"},
        "money": {"$ref": "#/$defs/Money"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "error": {"anyOf": [{"$ref": "#/$defs/Failure"}, {"type": "null"}], "default": None},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "short": {"type": "object", "additionalProperties": {"type": "integer"}},
        "payload": {
            "oneOf": [{"$ref": "#/$defs/Ship"}, {"$ref": "#/$defs/Stock"}],
            "discriminator": {
                "propertyName": "type",
                "mapping": {"ship": "#/$defs/Ship", "stock": "#/$defs/Stock"},
            },
        },
    },
    "$defs": {
        "Status": {"type": "string", "enum": ["open", "closed"]},
        "Money": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}},
        "Failure": {"type": "object", "title": "Failure", "properties": {"code": {"type": "string"}}},
        "Line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}},
        "Ship": {"type": "object", "properties": {"type": {"const": "ship", "type": "string"}}},
        "Stock": {
            "type": "object",
            "properties": {"type": {"const": "stock", "type": "string"}, "quantity": {"type": "integer"}},
        },
    },
}

DELETE = object()


def changed(place: str, value: Any) -> dict[str, Any]:
    """BASE with the value at `place` (keys joined by /) set, or deleted."""
    schema = copy.deepcopy(BASE)
    *path, last = place.split("/")
    target: Any = schema
    for key in path:
        target = target[int(key) if key.isdigit() else key]
    if value is DELETE:
        del target[last]
    else:
        target[last] = value
    return schema


ALLOWED = {
    "nothing": ("type", "object"),
    "a new optional field": ("properties/more", {"type": "string"}),
    "a field need not be there any more": ("required", ["id"]),
    "a new default": ("properties/note/default", "none"),
    "a better description": ("$defs/Money/description", "Minor units."),
    "another title": ("$defs/Failure/title", "StoreFailure"),
    "an enum grows": ("$defs/Status/enum", ["open", "closed", "paused"]),
    "a new optional field deep inside": ("$defs/Line/properties/title", {"type": "string"}),
    "a command type more": (
        "properties/payload/discriminator/mapping",
        {"ship": "#/$defs/Ship", "stock": "#/$defs/Stock", "other": "#/$defs/Line"},
    ),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED.keys())
def test_is_compatible(change: tuple[str, Any]) -> None:
    assert incompatibilities(BASE, changed(*change)) == []


BREAKING = {
    "a field is gone": ("properties/note", DELETE, "note: the field was removed"),
    "a field deep inside is gone": ("$defs/Money/properties/amount", DELETE, "money.amount: the field was removed"),
    "a field becomes required": ("required", ["id", "status", "money", "note"], "note: the field became required"),
    "a field becomes required inside": ("$defs/Line/required", ["sku", "title"], "lines[].title: the field is new"),
    "another type": ("properties/id/type", "integer", "id: the type changed from string to integer"),
    "another format": ("properties/id/format", "date-time", "id: format changed from uuid to date-time"),
    "a tighter limit": ("$defs/Line/properties/sku/maxLength", 10, "lines[].sku: maxLength changed from nothing to 10"),
    "an enum loses a value": ("$defs/Status/enum", ["open"], "status: the enum lost closed"),
    "an enum's value is renamed": ("$defs/Status/enum", ["open", "done"], "status: the enum lost closed"),
    "text becomes an enum": ("$defs/Line/properties/sku/enum", ["A"], "lines[].sku: became an enum"),
    "an enum becomes text": ("$defs/Status/enum", DELETE, "status: is an enum no more"),
    "it may be null now": (
        "properties/id",
        {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
        "id: may now be null, too",
    ),
    "it may not be null any more": ("properties/note", {"type": "string"}, "note: may no longer be null"),
    "inside what may be null": (
        "$defs/Failure/properties/code/type",
        "integer",
        "error.code: the type changed from string to integer",
    ),
    "other items": ("properties/lines/items", {"type": "string"}, "lines[]: the type changed from object to string"),
    "other values of a map": (
        "properties/short/additionalProperties/type",
        "number",
        "short[]: the type changed from integer to number",
    ),
    "a command type less": (
        "properties/payload/discriminator/mapping",
        {"ship": "#/$defs/Ship"},
        "payload: the union lost stock",
    ),
    "inside a command": (
        "$defs/Stock/properties/quantity",
        DELETE,
        "payload<stock>.quantity: the field was removed",
    ),
    "a command's type is another word": (
        "$defs/Stock/properties/type/const",
        "level",
        "payload<stock>.type: the constant changed from stock to level",
    ),
}


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING.keys())
def test_is_breaking(change: tuple[str, Any, str]) -> None:
    place, value, expected = change
    found = incompatibilities(BASE, changed(place, value))
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_several_changes_are_all_told() -> None:
    new = changed("properties/note", DELETE)
    new["$defs"]["Status"]["enum"] = ["open"]
    assert len(incompatibilities(BASE, new)) == 2


class Node(BaseModel):
    """A model that holds itself."""

    name: str
    children: list[Node] = []


class Renamed(BaseModel):
    """The same with another name for a field."""

    label: str
    children: list[Renamed] = []


def test_a_recursive_model_ends() -> None:
    assert incompatibilities(Node.model_json_schema(), Node.model_json_schema()) == []
    found = incompatibilities(Node.model_json_schema(), Renamed.model_json_schema())
    assert found == [
        "name: the field was removed (or renamed)",
        "label: the field is new and required: older records do not have it",
    ]


def test_every_contract_is_compatible_with_itself() -> None:
    for contract in event_contracts():
        schema = contract_schema(contract)
        assert incompatibilities(schema, copy.deepcopy(schema)) == []


def test_an_event_may_go_only_for_a_newer_version() -> None:
    assert withdrawn({"a.v1", "b.v1"}, {"a.v2", "b.v1"}) == []
    assert withdrawn({"a.v1"}, {"a.v1", "a.v2"}) == []
    assert withdrawn({"a.v2"}, {"a.v1"}) == ["a.v2: is gone, and no newer version takes its place"]
    assert len(withdrawn({"a.v1"}, {"other.v2"})) == 1


def test_versions_count_as_numbers() -> None:
    assert stem_and_version("longshore.order.snapshot.v10") == ("longshore.order.snapshot", 10)
    assert withdrawn({"a.v9"}, {"a.v10"}) == []
    with pytest.raises(ValueError, match=r"does not end in a version \(\.v1\)"):
        stem_and_version("longshore.order")
