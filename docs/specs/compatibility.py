"""Whether a contract may change as it did without a new version.

Both directions count, because topics outlive deployments: today's subscribers read what tomorrow's services write,
and tomorrow's services read what is in the log since last year. So within one version

- a field may be added if it need not be there, and a field that had to be there may become optional;
- an enum may grow, and so may a union told apart by a discriminator: readers must pass over what they do not know;
- words for people (title, description, examples) and defaults may change.

Everything else is a new version: the suffix of the event type (`longshore.order.snapshot.v1` -> `.v2`) counts up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_WORDS = {"title", "description", "examples", "default", "deprecated", "$schema", "$id", "$defs", "x-event-type"}
_STRUCTURE = {"$ref", "type", "properties", "required", "items", "additionalProperties", "enum", "const", "allOf"}
_UNIONS = ("anyOf", "oneOf")
_VERSION = re.compile(r"(.+)\.v([0-9]+)")


def incompatibilities(old: Json, new: Json) -> list[str]:
    """What a subscriber or an old record would stumble over, as sentences with the place; empty if nothing would."""
    return _Comparison(old, new).compare()


def withdrawn(old_types: set[str], new_types: set[str]) -> list[str]:
    """Event types that are gone without a newer version of the same event."""
    newest: dict[str, int] = {}
    for name in new_types:
        stem, version = stem_and_version(name)
        newest[stem] = max(newest.get(stem, 0), version)
    gone = []
    for name in sorted(old_types - new_types):
        stem, version = stem_and_version(name)
        if newest.get(stem, 0) <= version:
            gone.append(f"{name}: is gone, and no newer version takes its place")
    return gone


def stem_and_version(event_type: str) -> tuple[str, int]:
    """ "longshore.order.snapshot.v1" -> ("longshore.order.snapshot", 1). Raises ValueError without a version."""
    match = _VERSION.fullmatch(event_type)
    if match is None:
        raise ValueError(f"the event type {event_type!r} does not end in a version (.v1)")
    return match[1], int(match[2])


class _Comparison:
    """One walk through two schemas side by side."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._found: list[str] = []
        self._seen: set[tuple[str, str]] = set()

    def compare(self) -> list[str]:
        self._walk(self._old, self._new, "")
        return self._found

    def _walk(self, old: Json, new: Json, place: str) -> None:
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if any(references):
            if references in self._seen:
                return
            self._seen.add(references)
        old, new = self._resolve(self._old, old), self._resolve(self._new, new)
        if any(union in old or union in new for union in _UNIONS):
            self._unions(old, new, place)
            return
        if old.get("type") != new.get("type"):
            self._say(place, f"the type changed from {old.get('type', 'any')} to {new.get('type', 'any')}")
            return
        self._enums(old, new, place)
        self._constraints(old, new, place)
        self._fields(old, new, place)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), Mapping) and isinstance(new.get(part), Mapping):
                self._walk(old[part], new[part], f"{place}[]")
            elif old.get(part) != new.get(part):
                self._say(place, f"{part} changed")

    def _enums(self, old: Json, new: Json, place: str) -> None:
        if ("enum" in old) != ("enum" in new):
            self._say(place, "is an enum no more" if "enum" in old else "became an enum")
        elif removed := [value for value in old.get("enum", ()) if value not in new["enum"]]:
            self._say(place, f"the enum lost {', '.join(map(str, removed))}")
        if old.get("const") != new.get("const"):
            self._say(place, f"the constant changed from {old.get('const')} to {new.get('const')}")

    def _constraints(self, old: Json, new: Json, place: str) -> None:
        for name in sorted((old.keys() | new.keys()) - _WORDS - _STRUCTURE):
            if old.get(name) != new.get(name):
                self._say(place, f"{name} changed from {old.get(name, 'nothing')} to {new.get(name, 'nothing')}")

    def _fields(self, old: Json, new: Json, place: str) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                self._say(f"{place}.{name}", "the field was removed (or renamed)")
            else:
                self._walk(before[name], after[name], f"{place}.{name}")
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                what = "became required" if name in before else "is new and required"
                self._say(f"{place}.{name}", f"the field {what}: older records do not have it")

    def _unions(self, old: Json, new: Json, place: str) -> None:
        before, after = _members(old), _members(new)
        discriminator = old.get("discriminator", {}).get("propertyName")
        if discriminator != new.get("discriminator", {}).get("propertyName"):
            self._say(place, "what tells the members of the union apart changed")
            return
        if discriminator is not None:
            self._mappings(old["discriminator"]["mapping"], new["discriminator"]["mapping"], place)
            return
        names_before, names_after = self._by_name(self._old, before), self._by_name(self._new, after)
        for name in sorted(names_before.keys() - names_after.keys()):
            self._say(place, f"may no longer be {name}")
        for name in sorted(names_after.keys() - names_before.keys()):
            self._say(place, f"may now be {name}, too: subscribers do not expect that")
        for name in names_before.keys() & names_after.keys():
            self._walk(names_before[name], names_after[name], place)

    def _mappings(self, old: Mapping[str, str], new: Mapping[str, str], place: str) -> None:
        for kind, reference in old.items():
            if kind not in new:
                self._say(place, f"the union lost {kind}")
            else:
                self._walk({"$ref": reference}, {"$ref": new[kind]}, f"{place}<{kind}>")

    def _resolve(self, document: Json, schema: Json) -> Json:
        """Follow references; what stands beside one (a default, a description) is kept."""
        while "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**document["$defs"][name], **beside}
        return schema

    def _by_name(self, document: Json, members: list[Json]) -> dict[str, Json]:
        """Members by what they are; several objects are told apart by their titles, one alone may be renamed."""
        names = [self._name(document, each) for each in members]
        titles = [str(self._resolve(document, each).get("title", "object")) for each in members]
        several = names.count("object") > 1
        return {
            title if several and name == "object" else name: member
            for name, title, member in zip(names, titles, members, strict=True)
        }

    def _name(self, document: Json, schema: Json) -> str:
        """What a member of a union is: its type, with its format or what it holds."""
        whole = self._resolve(document, schema)
        kind = str(whole.get("type", "any"))
        if kind == "array":
            return f"array of {self._name(document, whole.get('items', {}))}"
        return f"{kind} ({whole['format']})" if "format" in whole else kind

    def _say(self, place: str, what: str) -> None:
        self._found.append(f"{place.lstrip('.') or 'the whole'}: {what}")


def _members(schema: Json) -> list[Json]:
    """The members of a union; a schema that is none has itself as its only member."""
    for union in _UNIONS:
        if union in schema:
            members: list[Json] = schema[union]
            return members
    return [schema]
