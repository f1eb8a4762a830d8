"""Reading the answers of the Admin API: each reader gives something of the right type, if only an empty one."""

from __future__ import annotations

from typing import Any

from longshore.platforms.protocols import Untranslatable
from longshore_connector_shopify.translate.reading import Json


def answers(body: Any) -> list[Json]:
    """The `data` of each answer in a raw record's body. Raises Untranslatable if there is none."""
    pages = body if isinstance(body, list) else [body]
    data = [page["data"] for page in pages if isinstance(page, dict) and isinstance(page.get("data"), dict)]
    if not data or len(data) != len(pages):
        raise Untranslatable("not an answer of the Admin API")
    return data


def as_dict(value: Any) -> dict[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Json]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def as_nodes(value: Any) -> list[Json]:
    """The nodes of a connection."""
    return as_list(as_dict(value).get("nodes"))


def lower(value: Any) -> Any:
    """A word of an enum as webhooks spell it."""
    return value.lower() if isinstance(value, str) else value
