"""Our GraphQL documents: each in a file of its own under graphql/, with the fragments that it spreads."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_FRAGMENT = re.compile(r"^fragment (\w+) on ", re.MULTILINE)
_BULK_HEAD = re.compile(r"query (\w+)\(\$query: String\) \{")
_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)
_PART = re.compile(r'"(?:\\.|[^"\\])*"|[@$]?\w+|[^\s,]')


def names() -> list[str]:
    """The names of all documents that can be sent."""
    return sorted(
        name.removesuffix(".graphql")
        for name in (file.name for file in files(__package__).joinpath("graphql").iterdir())
        if name.endswith(".graphql") and not name.startswith("fragment_")
    )


@cache
def document(name: str) -> str:
    """The text of a document, as it is sent."""
    text = _text(name)
    found: dict[str, str] = {}
    open_names = _SPREAD.findall(text)
    while open_names:
        fragment = open_names.pop()
        if fragment not in found:
            found[fragment] = _fragments()[fragment]
            open_names.extend(_SPREAD.findall(found[fragment]))
    return "\n".join([text, *(found[fragment] for fragment in sorted(found))])


@cache
def keys_of_answer(name: str) -> frozenset[str]:
    """What the `data` of every answer to a document has, be it null: the outermost fields, by their alias if they have
    one. (They are fields alone: no spreads, and no directives that leave them out.)"""
    keys = set()
    braces = parentheses = 0
    before = ""
    for part in _PART.findall(_text(name)):
        braces += (part == "{") - (part == "}")
        parentheses += (part == "(") - (part == ")")
        if braces == 1 and parentheses == 0 and before != ":" and re.match(r"\w", part):
            keys.add(part)
        before = part
    return frozenset(keys)


def bulk_document(name: str, *, query: str | None, label: str, without: str | None = None) -> str:
    """The text of a bulk query: one operation, no variables, no fragments, its search written into it.

    `label` becomes part of the operation's name, by which it is found again. `without`: a fragment to leave out.
    """
    text = _BULK_HEAD.sub(rf"query \1_{label} {{", _text(name), count=1)
    while spreads := _SPREAD.findall(text):
        for spread in set(spreads):
            inner = "" if spread == without else _body(_fragments()[spread])
            text = re.sub(rf"\.\.\.\s*{spread}\b", lambda _, inner=inner: inner, text)  # type: ignore[misc]
    return re.sub(r"\s+", " ", text.replace("$query", json.dumps(query))).strip()


def _body(fragment: str) -> str:
    """What is between the outer braces."""
    return fragment[fragment.index("{") + 1 : fragment.rindex("}")]


@cache
def _fragments() -> dict[str, str]:
    texts = [
        _COMMENT.sub("", file.read_text("utf-8"))
        for file in files(__package__).joinpath("graphql").iterdir()
        if file.name.startswith("fragment_")
    ]
    return {name: text for text in texts for name in _FRAGMENT.findall(text)}


def _text(name: str) -> str:
    return _COMMENT.sub("", files(__package__).joinpath("graphql", f"{name}.graphql").read_text("utf-8"))
