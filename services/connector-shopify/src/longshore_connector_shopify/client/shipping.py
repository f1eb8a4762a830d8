"""Telling a store of a shipment, exactly once.

`fulfillmentCreate` takes no idempotency key (the schema allows `@idempotent` only where a mutation's description says
so; this one's does not), and a fulfilment has no field for an id of ours. So each try looks first. A fulfilment at the
store is an earlier try of this very command when

- this process made it for this command, or
- it has the command's tracking number (none counts as equal to none), this process made it for no other command, its
  lines are among the command's, and either they are exactly the command's and it has a number (the hub never asks twice
  for the same lines with the same number), or it was made after the command was asked for: `fulfillment_id` is a
  UUIDv7, which tells when that was.

What such fulfilments cover is not sent again; the rest is, as far as it remains to be shipped. When nothing remains
because somebody shipped it already, the command has come true without us.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from longshore.contracts import FulfillmentCreate
from longshore.platforms.protocols import FulfillmentResult, StoreRefused, StoreUnauthorized
from longshore_connector_shopify.client.admin_api import AdminApi, gid
from longshore_connector_shopify.client.fetching import all_shipments
from longshore_connector_shopify.client.paging import nodes_of
from longshore_connector_shopify.client.setup import granted
from longshore_connector_shopify.permissions import READ_FULFILLMENT_ORDERS

# As in to_ship.graphql.
_SHIPMENTS_TOLD = 20
_STANDING = frozenset({"SUCCESS", "OPEN", "PENDING"})
_SHIPPABLE = frozenset({"OPEN", "IN_PROGRESS"})
# The store tells times to the second, cut off; another second for clocks that differ.
_CLOCK_SLACK = timedelta(seconds=2)
_REMEMBERED = 10_000


@dataclass(slots=True)
class Shipped:
    """A fulfilment at the store: pieces by line number."""

    gid: str
    created_at: datetime | None
    numbers: frozenset[str]
    pieces: Counter[str]
    # The location that it left; None where the store does not say.
    at: str | None = None


@dataclass(slots=True)
class Waiting:
    """Pieces of a line that a fulfilment order waits to ship. `location` tells parcels apart, `at` is its id where it
    has one."""

    fulfillment_order: str
    location: str
    item: str
    line: str
    remaining: int
    at: str | None = None


@dataclass(slots=True)
class Order:
    """What of an order has shipped and what waits; `held`: pieces that may not be shipped now, and `reasons` why."""

    shipped: list[Shipped] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)
    cancelled: bool = False
    told_fulfillment_orders: bool = False


class Shipper:
    """Creates fulfilments at one store. One command of an order at a time."""

    def __init__(self, api: AdminApi) -> None:
        self._api = api
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # Which command each fulfilment was made for, as far as this process made it.
        self._made: OrderedDict[str, UUID] = OrderedDict()

    async def create(self, command: FulfillmentCreate) -> FulfillmentResult:
        """Make sure that the store knows of the shipment. Raises StoreError."""
        wanted = Counter[str]()
        for line in command.lines:
            wanted[line.external_id] += line.quantity
        if not wanted or min(wanted.values()) < 1:
            raise StoreRefused("nothing-to-ship", "The shipment holds no pieces.")
        turn = self._turns.setdefault(command.order_external_id, asyncio.Lock())
        async with turn:
            return await self._create(command, wanted)

    async def _create(self, command: FulfillmentCreate, wanted: Counter[str]) -> FulfillmentResult:
        order = await look(self._api, command.order_external_id)
        ours = self._earlier_tries(command, wanted, order.shipped)
        rest = wanted - sum((each.pieces for each in ours), Counter[str]())
        if not rest:
            return _result([each.gid for each in ours], existed=True)
        parcels = plan(order.waiting, rest)
        if parcels is None:
            done = _shipped_by_others(order, ours, rest)
            if done is not None:
                return FulfillmentResult(_number(done.gid), existed=True)
            raise await self._why_not(command.order_external_id, order, rest)
        made = [await self._ship(parcel, command) for parcel in parcels]
        return _result([*(each.gid for each in ours), *made], existed=bool(ours))

    def _earlier_tries(
        self, command: FulfillmentCreate, wanted: Counter[str], shipped: Iterable[Shipped]
    ) -> list[Shipped]:
        """What earlier tries of this command made, see the head of this file."""
        number = command.tracking.number if command.tracking else None
        asked_at = asked_when(command.fulfillment_id)
        found = []
        for each in shipped:
            maker = self._made.get(each.gid)
            if maker is not None:
                if maker == command.fulfillment_id:
                    found.append(each)
                continue
            same_number = number in each.numbers if number else not each.numbers
            if not same_number or not each.pieces or not each.pieces <= wanted:
                continue
            if (number and each.pieces == wanted) or self._is_after(each.created_at, asked_at):
                found.append(each)
        return found

    def _is_after(self, made_at: datetime | None, asked_at: datetime | None) -> bool:
        if made_at is None or asked_at is None:
            return False
        by_their_clock = asked_at + timedelta(seconds=self._api.clock_ahead_s)
        return made_at >= by_their_clock - _CLOCK_SLACK

    async def _ship(self, parcel: Sequence[tuple[Waiting, int]], command: FulfillmentCreate) -> str:
        groups: dict[str, list[dict[str, Any]]] = {}
        for waiting, quantity in parcel:
            groups.setdefault(waiting.fulfillment_order, []).append({"id": waiting.item, "quantity": quantity})
        fulfillment: dict[str, Any] = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": order, "fulfillmentOrderLineItems": items} for order, items in groups.items()
            ],
            "notifyCustomer": command.notify_customer,
        }
        if command.tracking is not None:
            told = {
                "number": command.tracking.number,
                "company": command.tracking.carrier,
                "url": command.tracking.url,
            }
            fulfillment["trackingInfo"] = {name: value for name, value in told.items() if value}
        data = (await self._api.query("fulfillment_create", {"fulfillment": fulfillment})).data
        payload = data.get("fulfillmentCreate") or {}
        errors = [str(each.get("message")) for each in payload.get("userErrors") or ()]
        if errors or not payload.get("fulfillment"):
            raise StoreRefused("fulfillment-refused", f"The store refused the shipment: {'; '.join(errors)[:300]}")
        made = str(payload["fulfillment"]["id"])
        self._made[made] = command.fulfillment_id
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
        return made

    async def _why_not(self, order_external_id: str, order: Order, rest: Counter[str]) -> StoreRefused:
        if not order.told_fulfillment_orders and READ_FULFILLMENT_ORDERS not in await granted(self._api):
            # The store hides what we may not see: an empty list, not an error (PLATFORMS.md).
            return StoreUnauthorized("missing-scope", f"The access token lacks {READ_FULFILLMENT_ORDERS}.")
        if order.cancelled:
            return StoreRefused("order-cancelled", "The order is cancelled at the store.")
        if any(order.held[line] for line in rest):
            why = f" ({'; '.join(order.reasons)})" if order.reasons else ""
            return StoreRefused(
                "on-hold",
                f"The store holds these pieces back from shipping{why}. Release the hold in Shopify, then ask again.",
            )
        seen = order.held + sum((Counter({each.line: each.remaining}) for each in order.waiting), Counter[str]())
        unshipped = await self._unshipped(order_external_id)
        if any(unshipped[line] > seen[line] and quantity > seen[line] for line, quantity in rest.items()):
            # Of a fulfilment order that we may not see the store tells nothing either.
            return StoreRefused(
                "shipped-elsewhere",
                "Some of these pieces are at a location that another app or a fulfilment service ships from: have it "
                "ship them, or move them to one of the shop's own locations in Shopify.",
            )
        return StoreRefused("nothing-to-ship", "The store has fewer of these pieces left to ship.")

    async def _unshipped(self, order_external_id: str) -> Counter[str]:
        """Pieces by line that have not shipped, whoever is to ship them."""
        found, after, first = Counter[str](), None, True
        while first or after is not None:
            variables = {"id": gid("Order", order_external_id), "after": after}
            node = (await self._api.query("unshipped", variables)).data.get("order") or {}
            lines, after = nodes_of(node.get("lineItems"))
            for each in lines:
                found[_number(each["id"])] += int(each.get("unfulfilledQuantity") or 0)
            first = False
        return found


async def look(api: AdminApi, order_external_id: str) -> Order:
    """What of an order is shipped and what waits. Raises StoreRefused if there is no such order."""
    order_gid = gid("Order", order_external_id)
    order, after, first = Order(), None, True
    while first or after is not None:
        data = (await api.query("to_ship", {"id": order_gid, "after": after})).data
        node = data.get("order")
        if node is None:
            raise StoreRefused("order-not-found", "The store has no such order.")
        if first:
            order.cancelled = node.get("cancelledAt") is not None
            await _read_shipped(api, node, order)
        nodes, after = nodes_of(node.get("fulfillmentOrders"))
        for each in nodes:
            order.told_fulfillment_orders = True
            await _read_waiting(api, each, order)
        first = False
    return order


def plan(waiting: Sequence[Waiting], rest: Mapping[str, int]) -> list[list[tuple[Waiting, int]]] | None:
    """Which pieces to ship of which fulfilment order, one list for each location; None if not all remain.

    A fulfilment may hold several fulfilment orders of one location only. Lines are matched by their own id: two lines
    may have the same variant.
    """
    parcels: dict[str, list[tuple[Waiting, int]]] = {}
    for line, quantity in rest.items():
        missing = quantity
        for each in waiting:
            if each.line == line and missing and each.remaining:
                taken = min(missing, each.remaining)
                missing -= taken
                parcels.setdefault(each.location, []).append((each, taken))
        if missing:
            return None
    return list(parcels.values())


def asked_when(fulfillment_id: UUID) -> datetime | None:
    """When a fulfilment was asked for: the time in its UUIDv7; None for an id of another kind."""
    if fulfillment_id.version != 7:
        return None
    return datetime.fromtimestamp((fulfillment_id.int >> 80) / 1000, UTC)


def _result(parcels: Sequence[str], *, existed: bool) -> FulfillmentResult:
    first, *more = (_number(each) for each in parcels)
    return FulfillmentResult(first, existed, tuple(more))


def _shipped_by_others(order: Order, ours: Sequence[Shipped], rest: Counter[str]) -> Shipped | None:
    """A standing fulfilment that covers all that is missing."""
    mine = {each.gid for each in ours}
    return next((each for each in order.shipped if each.gid not in mine and rest <= each.pieces), None)


async def _read_shipped(api: AdminApi, node: dict[str, Any], order: Order) -> None:
    heads = {each["id"]: each for each in node.get("fulfillments") or ()}
    lines: dict[str, list[dict[str, Any]]] = {
        each: nodes_of(head.get("fulfillmentLineItems"))[0] for each, head in heads.items()
    }
    whole: set[str] = set()
    for answer in await all_shipments(api, node, _SHIPMENTS_TOLD):
        part = answer.data.get("fulfillment") or {}
        if part:
            if part["id"] not in whole:
                whole.add(part["id"])
                heads[part["id"]], lines[part["id"]] = part, []
            lines[part["id"]] += nodes_of(part.get("fulfillmentLineItems"))[0]
    for each, head in heads.items():
        if head.get("status") not in _STANDING:
            continue
        pieces = Counter[str]()
        for entry in lines[each]:
            pieces[_number(entry["lineItem"]["id"])] += entry.get("quantity") or 0
        numbers = frozenset(info["number"] for info in head.get("trackingInfo") or () if info.get("number"))
        at = (head.get("location") or {}).get("id")
        order.shipped.append(Shipped(each, _moment(head.get("createdAt")), numbers, pieces, at))


async def _read_waiting(api: AdminApi, node: dict[str, Any], order: Order) -> None:
    at = ((node.get("assignedLocation") or {}).get("location") or {}).get("id")
    location = at or node["id"]
    lines, after = nodes_of(node.get("lineItems"))
    while after is not None:
        more = (await api.query("fulfillment_order", {"id": node["id"], "after": after})).data
        page, after = nodes_of((more.get("fulfillmentOrder") or {}).get("lineItems"))
        lines += page
    for each in lines:
        line, remaining = _number(each["lineItem"]["id"]), int(each.get("remainingQuantity") or 0)
        if node.get("status") in _SHIPPABLE:
            order.waiting.append(Waiting(node["id"], location, each["id"], line, remaining, at))
        elif node.get("status") in {"ON_HOLD", "SCHEDULED"}:
            order.held[line] += remaining
    if node.get("status") == "ON_HOLD":
        reasons = [str(each.get("displayReason")) for each in node.get("fulfillmentHolds") or ()]
        order.reasons += [each for each in reasons if each not in order.reasons]


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _number(global_id: str) -> str:
    return global_id.rpartition("/")[2]
