"""Entities out of the lines of a bulk operation's file: each with its children, in the shape in which it is fetched
alone. Lines are joined as they are, so what the store wrote is kept byte for byte. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jiter

from longshore.contracts import SyncResource
from longshore.platforms.protocols import FetchedEntity, Resource, StoreUnavailable
from longshore_connector_shopify.shipped import pieces_shipped


@dataclass(frozen=True, slots=True)
class Shape:
    """What a resource is in an answer: its field, and the connections that its children belong to, by their kind."""

    resource: Resource
    field: str
    children: Mapping[str, str]


SHAPES: Mapping[SyncResource, Shape] = {
    "orders": Shape(
        "order",
        "order",
        {"LineItem": "lineItems", "ShippingLine": "shippingLines", "DiscountApplication": "discountApplications"},
    ),
    "products": Shape("product", "product", {"ProductVariant": "variants"}),
    "customers": Shape("customer", "customer", {}),
    "inventory": Shape("stock", "inventoryItem", {"InventoryLevel": "inventoryLevels"}),
}


@dataclass(slots=True)
class Group:
    """An object of the first rank with what follows it. `start`: where in the part of the file it begins."""

    gid: str
    start: int
    line: bytes
    node: dict[str, Any]
    children: dict[str, list[bytes]] = field(default_factory=dict)
    nodes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    strange: bool = False

    @property
    def number(self) -> str:
        """The store's own number."""
        return self.gid.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Read:
    """What a part of a file held. `used`: bytes that need not be read again. `late`: numbers of those whose children
    did not stand behind them."""

    groups: Sequence[Group]
    used: int
    late: Sequence[str]


def read_groups(data: bytes, shape: Shape, *, whole: bool) -> Read:
    """The groups in a part of a file. Of the last one more may follow, unless the file ends here (`whole`).

    Raises StoreUnavailable for what is no JSONL: an error page, a broken transfer.
    """
    groups: list[Group] = []
    late: list[str] = []
    current: Group | None = None
    place = 0
    for line in data.splitlines(keepends=True):
        if not line.endswith(b"\n") and not whole:
            break
        if line.strip():
            node = _node(line)
            parent = node.get("__parentId")
            if parent is None:
                if current is not None:
                    groups.append(current)
                current = Group(_gid(node), place, line.rstrip(), node)
            elif current is not None and parent == current.gid:
                _adopt(current, node, line.rstrip(), shape)
            else:
                late.append(str(parent).rpartition("/")[2])
        place += len(line)
    if current is None:
        return Read(groups, place, late)
    if whole:
        return Read([*groups, current], place, late)
    return Read(groups, current.start, late)


def entity_of(group: Group, shape: Shape, beside: bytes = b"") -> FetchedEntity | None:
    """The entity; None if the file does not hold all of it and it has to be fetched alone.

    `beside`: members that its answer has next to it (a product's shop), as JSON with a comma behind.
    """
    if group.strange:
        return None
    if shape.resource == "order" and pieces_shipped(group.node, group.nodes.get("lineItems", ())) is None:
        return None
    own = group.line[: group.line.rindex(b"}")]
    parts = [own] + [
        b',"%s":{"nodes":[%s]}' % (connection.encode(), b",".join(group.children.get(connection, ())))
        for connection in shape.children.values()
    ]
    body = b'{"data":{%s"%s":%s}}}' % (beside, shape.field.encode(), b"".join(parts))
    return FetchedEntity(shape.resource, group.number, body)


def _adopt(group: Group, node: dict[str, Any], line: bytes, shape: Shape) -> None:
    connection = shape.children.get(_kind(node))
    if connection is None:
        group.strange = True
        return
    group.children.setdefault(connection, []).append(line)
    group.nodes.setdefault(connection, []).append(node)


def _kind(node: Mapping[str, Any]) -> str:
    """The type of a child: by its id, or (discounts have none) by its name."""
    gid = node.get("id")
    if isinstance(gid, str):
        return gid.removeprefix("gid://shopify/").partition("/")[0]
    name = str(node.get("__typename") or "")
    return "DiscountApplication" if name.endswith(("DiscountApplication", "DiscountCodeApplication")) else name


def _node(line: bytes) -> dict[str, Any]:
    try:
        node = _parsed(line)
    except (ValueError, RecursionError):
        node = None
    if not isinstance(node, dict):
        raise StoreUnavailable("bulk-file-broken", "The file of the bulk operation is broken.")
    return node


def _parsed(line: bytes) -> Any:
    """Nearly all of the time that a file takes is this: jiter takes a fifth of the standard library's, which bears more
    (halves of surrogate pairs)."""
    try:
        return jiter.from_json(line)
    except ValueError:
        return json.loads(line)


def _gid(node: Mapping[str, Any]) -> str:
    gid = node.get("id")
    if not isinstance(gid, str) or not gid.rpartition("/")[2].isdigit():
        raise StoreUnavailable("bulk-file-broken", "The file of the bulk operation holds something without an id.")
    return gid
