"""What an order out of a bulk operation says of its shipments, whose lines such an operation cannot tell.

Both halves of the connector go by this: the client reads an order anew where nothing can be said, and the translator
says it where it can. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def pieces_shipped(order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, int] | None:
    """Pieces by line (gid) of the order's only shipment; {} if there is none, None if it cannot be known.

    It can where nothing was given back or removed, and what the lines lack of being unshipped is what the shipment
    holds in all. A line that is never shipped (a tip) would count too many: then the sums differ.
    """
    shipments = order.get("fulfillments")
    if order.get("refunds") or not isinstance(shipments, list):
        return None
    if not shipments:
        return {}
    if len(shipments) > 1 or shipments[0].get("status") != "SUCCESS":
        return None
    found: dict[str, int] = {}
    for line in lines:
        quantity, left = line.get("quantity"), line.get("unfulfilledQuantity")
        if type(quantity) is not int or type(left) is not int or line.get("currentQuantity") != quantity:
            return None
        if quantity > left:
            found[str(line.get("id"))] = quantity - left
    return found if sum(found.values()) == shipments[0].get("totalQuantity") else None
