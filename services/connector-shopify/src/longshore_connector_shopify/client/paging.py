"""Reading pages of a GraphQL connection."""

from __future__ import annotations

from typing import Any


def nodes_of(connection: Any) -> tuple[list[dict[str, Any]], str | None]:
    """The nodes of a page, and the cursor to go on from; None when it was the last."""
    if not isinstance(connection, dict):
        return [], None
    nodes = [node for node in connection.get("nodes") or () if isinstance(node, dict)]
    page = connection.get("pageInfo") or {}
    return nodes, page.get("endCursor") if page.get("hasNextPage") else None


def is_cut(connection: Any) -> bool:
    """Whether there are more nodes than this page holds."""
    return nodes_of(connection)[1] is not None
