"""How arguments become the parts of a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

from pydantic_core import to_jsonable_python


def path_of(template: str, names: Mapping[str, object]) -> str:
    """`/api/v1/orders/{order_id}` with its names filled in. Raises ValueError for what would lead to another route."""
    filled = {name: quote(str(value), safe="") for name, value in names.items()}
    for name, value in filled.items():
        if value in {"", ".", ".."}:
            raise ValueError(f"{name} is no id: {names[name]!r}")
    return template.format(**filled)


def params_of(query: Mapping[str, object]) -> dict[str, str]:
    """Query parameters; those that are None are left out."""
    return {name: _text(value) for name, value in query.items() if value is not None}


def body_of(body: object) -> Any:
    """JSON values of a body. At the top, members that are None are left out: they were not given."""
    if isinstance(body, Mapping):
        body = {name: value for name, value in body.items() if value is not None}
    return to_jsonable_python(body)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a zone: use datetime.now(UTC), say")
        return value.isoformat()
    return str(value.value if isinstance(value, Enum) else value)
