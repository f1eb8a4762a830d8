"""Our GraphQL documents: each in a file of its own under graphql/, with the fragments that it spreads."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_FRAGMENT = re.compile(r"^fragment (\w+) on ", re.MULTILINE)
_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)


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
def _fragments() -> dict[str, str]:
    texts = [
        file.read_text("utf-8")
        for file in files(__package__).joinpath("graphql").iterdir()
        if file.name.startswith("fragment_")
    ]
    return {name: text for text in texts for name in _FRAGMENT.findall(text)}


def _text(name: str) -> str:
    return _COMMENT.sub("", files(__package__).joinpath("graphql", f"{name}.graphql").read_text("utf-8"))
