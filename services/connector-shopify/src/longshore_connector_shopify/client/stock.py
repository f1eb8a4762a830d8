"""Setting what a store can sell, by compare-and-set.

A listing whose level at the store is not what we expected is not overwritten: a sale that we have not heard of may be
in that difference. Its result says what the store has now; the hub decides anew. Only when the hub has no expectation
is the level read first and set from that.

`inventorySetQuantities` changes all or nothing: what it complains of is taken out, and the rest is sent again.

An item that is stocked at no location (a variant that was made without stock) is stocked at the primary one, once there
is something of it to sell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from longshore.contracts import STALE, StockSet
from longshore.platforms.protocols import StockResult, StoreUnavailable
from longshore_connector_shopify.client.admin_api import AdminApi, gid
from longshore_connector_shopify.client.paging import nodes_of

BATCH = 250

# One read of levels: its cost stays far below the limit of a request.
_READ_AT_ONCE = 50
# Rounds of one call: each takes at least one item out.
_ROUNDS = 6
_STALE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"})
_NOT_STOCKED = frozenset({"ITEM_NOT_STOCKED_AT_LOCATION", "INVALID_LOCATION"})
_CODES = {
    "INVALID_INVENTORY_ITEM": ("unknown-item", "The store has no such inventory item."),
    "INVALID_LOCATION": ("unknown-location", "The store has no such location."),
    "ITEM_NOT_STOCKED_AT_LOCATION": ("not-stocked", "The item is not stocked at the location."),
    "NON_MUTABLE_INVENTORY_ITEM": ("not-settable", "The store computes the stock of this item itself (a bundle)."),
    "INVALID_QUANTITY_TOO_HIGH": ("bad-quantity", "The quantity is higher than the store allows."),
}


@dataclass(slots=True)
class Push:
    """One listing on its way: `sold_at` is the location, `known` what the store has there as far as we know."""

    target: StockSet
    sold_at: str | None
    known: int | None

    @property
    def item(self) -> str:
        return self.target.inventory_external_id

    @property
    def quantity(self) -> int:
        # Oversold is our word: a store sells from zero up.
        return max(0, self.target.quantity)

    def done(self, quantity: int) -> StockResult:
        return StockResult(self.target.listing_id, self.target.sequence, quantity)

    def failed(self, code: str, error: str, *, quantity: int | None = None, retry: bool = False) -> StockResult:
        return StockResult(self.target.listing_id, self.target.sequence, quantity, error, code, retry)


class StockSetter:
    """Sets stock at one store; remembers at which location it sells an item."""

    def __init__(self, api: AdminApi) -> None:
        self._api = api
        self._primary: str | None = None
        self._sold_at: dict[str, str] = {}

    async def set_stock(self, targets: Sequence[StockSet]) -> list[StockResult]:
        """One result for each target. Raises StoreError when the store could not be asked at all."""
        results: list[StockResult] = []
        pushes = [
            Push(each, each.location_external_id or self._sold_at.get(each.inventory_external_id), each.expected)
            for each in targets
        ]
        blind = [each for each in pushes if each.sold_at is None or each.known is None]
        await self._read(blind)
        waiting = []
        for each in pushes:
            if each.sold_at is None or each.known is None:
                results.append(await self._activate(each))
            else:
                waiting.append(each)
        while waiting:
            # The store refuses two quantities for one place: listings that share an item take turns.
            turn, waiting = _one_each(waiting)
            results += await self._push(turn)
        return results

    async def _push(self, pushes: Sequence[Push]) -> list[StockResult]:
        results: list[StockResult] = []
        left = list(pushes)
        salt = ""
        for _ in range(_ROUNDS):
            if not left:
                return results
            errors = await self._send(left, salt)
            if not errors:
                return results + [each.done(each.quantity) for each in left]
            faulty = _by_place(errors, len(left))
            if faulty is None:
                if not _only_keys(errors):
                    return results + [each.failed("refused", _words(errors)) for each in left]
                # The key's first try failed for certain (it was stale, say): this is a new one, with a key of its own.
                salt = uuid4().hex
                continue
            stale = [left[n] for n, error in faulty.items() if error.get("code") in _STALE]
            # Where it was stocked when we looked, it is no more.
            moved = [
                left[n]
                for n, error in faulty.items()
                if error.get("code") in _NOT_STOCKED and left[n].target.location_external_id is None
            ]
            results += [
                left[n].failed(*_CODES.get(str(error.get("code")), ("refused", str(error.get("message"))[:200])))
                for n, error in faulty.items()
                if error.get("code") not in _STALE and left[n] not in moved
            ]
            settled, again = await self._after_stale(stale)
            results += settled
            settled, found = await self._look_anew(moved)
            results += settled
            again += found
            left = [each for n, each in enumerate(left) if n not in faulty] + again
        return results + [each.failed("contended", "The level keeps changing.", retry=True) for each in left]

    async def _after_stale(self, stale: Sequence[Push]) -> tuple[list[StockResult], list[Push]]:
        """Read what the store has, and leave that; again only where nothing was expected.

        Not done either if it is what we want: a sale that we have not heard of may have led there.
        """
        results: list[StockResult] = []
        again: list[Push] = []
        await self._read(stale, anew=True)
        for each in stale:
            if each.known is None:
                results.append(await self._activate(each))
            elif each.target.expected is None and each.known == each.quantity:
                results.append(each.done(each.quantity))
            elif each.target.expected is None:
                again.append(each)
            else:
                words = "The store's level is not what was expected; it was left as it is."
                results.append(each.failed(STALE, words, quantity=each.known))
        return results, again

    async def _look_anew(self, moved: Sequence[Push]) -> tuple[list[StockResult], list[Push]]:
        """Where items are stocked now; stocked where they are nowhere."""
        for each in moved:
            each.sold_at = None
            self._sold_at.pop(each.item, None)
        if moved:
            self._primary = None  # it may be closed
        await self._read(moved)
        results = [await self._activate(each) for each in moved if each.sold_at is None]
        return results, [each for each in moved if each.sold_at is not None]

    async def _activate(self, push: Push) -> StockResult:
        """Stock an item where it is to be sold and is not: at the location that was named, or the primary one."""
        if push.quantity == 0:
            # Nothing of it can be sold there as it is.
            return push.done(0)
        location = push.sold_at or await self._primary_location()
        change = (str(push.target.listing_id), push.target.sequence, location, push.quantity)
        variables = {
            "item": gid("InventoryItem", push.item),
            "location": gid("Location", location),
            "available": push.quantity,
            "key": sha256(repr(("activate", change)).encode()).hexdigest(),
        }
        payload = (await self._api.query("stock_activate", variables)).data.get("inventoryActivate") or {}
        errors = [each for each in payload.get("userErrors") or () if isinstance(each, dict)]
        if not errors and payload.get("inventoryLevel"):
            self._sold_at[push.item] = location
            return push.done(push.quantity)
        return push.failed("not-stocked", f"The item is not stocked at any location: {_words(errors)}")

    async def _send(self, pushes: Sequence[Push], salt: str) -> list[dict[str, Any]]:
        """The errors of one try. Its key is made of the change: a try repeated after a lost answer changes nothing."""
        quantities = [
            {
                "inventoryItemId": gid("InventoryItem", each.item),
                "locationId": gid("Location", each.sold_at or ""),
                "quantity": each.quantity,
                "changeFromQuantity": each.known,
            }
            for each in pushes
        ]
        change = [(str(each.target.listing_id), each.target.sequence, each.known, each.sold_at) for each in pushes]
        key = sha256(repr((salt, change)).encode()).hexdigest()
        data = (
            await self._api.query(
                "stock_set",
                {"input": {"name": "available", "reason": "correction", "quantities": quantities}, "key": key},
            )
        ).data
        payload = data.get("inventorySetQuantities")
        if not isinstance(payload, dict):
            raise StoreUnavailable("no-data", "The store's answer holds no result.")
        return [each for each in payload.get("userErrors") or () if isinstance(each, dict)]

    async def _read(self, pushes: Sequence[Push], *, anew: bool = False) -> None:
        """Where the store sells each item, if that is not known yet, and what it has there if we expect nothing
        (`anew`: in any case)."""
        if not pushes:
            return
        primary = await self._primary_location()
        for start in range(0, len(pushes), _READ_AT_ONCE):
            part = pushes[start : start + _READ_AT_ONCE]
            ids = list(dict.fromkeys(gid("InventoryItem", each.item) for each in part))
            data = (await self._api.query("levels_now", {"ids": ids, "primary": gid("Location", primary)})).data
            items = {_number(node["id"]): node for node in data.get("nodes") or () if node and node.get("id")}
            for each in part:
                levels = _levels(items.get(each.item) or {})
                if each.sold_at is None:
                    self._choose(each, levels, primary)
                if each.sold_at is None or not (anew or each.known is None):
                    continue
                each.known = levels.get(each.sold_at)
                if each.known is None:
                    each.known = await self._level_at(each.item, each.sold_at)
                if each.known is None and each.target.location_external_id is None:
                    # Where it was sold when we looked, it is no more.
                    self._choose(each, levels, primary)
                    each.known = None if each.sold_at is None else levels[each.sold_at]

    def _choose(self, push: Push, levels: Mapping[str, int], primary: str) -> None:
        """Of the locations where it is stocked the primary one, or the first; None if there is none."""
        push.sold_at = primary if primary in levels else next(iter(levels), None)
        self._sold_at.pop(push.item, None)
        if push.sold_at is not None:
            self._sold_at[push.item] = push.sold_at
        elif primary == self._primary:
            # It may be closed.
            self._primary = None

    async def _level_at(self, item: str, location: str) -> int | None:
        """A level that is neither at the primary location nor among the first ones."""
        data = (
            await self._api.query(
                "levels_now", {"ids": [gid("InventoryItem", item)], "primary": gid("Location", location)}
            )
        ).data
        nodes = [node for node in data.get("nodes") or () if node]
        return _levels(nodes[0]).get(location) if nodes else None

    async def _primary_location(self) -> str:
        if self._primary is None:
            self._primary = await self._find_primary_location()
        return self._primary

    async def _find_primary_location(self) -> str:
        first: str | None = None
        after: str | None = None
        while True:
            nodes, after = nodes_of((await self._api.query("locations", {"after": after})).data.get("locations"))
            for node in nodes:
                if node.get("isActive") and node.get("isPrimary"):
                    return _number(node["id"])
                if node.get("isActive") and first is None:
                    first = _number(node["id"])
            if after is None:
                break
        if first is None:
            raise StoreUnavailable("no-location", "The store has no active location.")
        return first


def _levels(item: Mapping[str, Any]) -> dict[str, int]:
    """What is available of an item by location, the primary one first."""
    found: dict[str, int] = {}
    for level in [item.get("inventoryLevel"), *nodes_of(item.get("inventoryLevels"))[0]]:
        if not level or level["location"].get("isActive") is False:
            continue
        for each in level.get("quantities") or ():
            if each.get("name") == "available":
                found.setdefault(_number(level["location"]["id"]), int(each["quantity"]))
    return found


def _one_each(pushes: Sequence[Push]) -> tuple[list[Push], list[Push]]:
    """The first push of each place, and the others."""
    turn: dict[tuple[str, str | None], Push] = {}
    others = [each for each in pushes if turn.setdefault((each.item, each.sold_at), each) is not each]
    return list(turn.values()), others


def _by_place(errors: Sequence[Mapping[str, Any]], count: int) -> dict[int, Mapping[str, Any]] | None:
    """The errors by the item that each speaks of; None if one of them speaks of none."""
    found: dict[int, Mapping[str, Any]] = {}
    for error in errors:
        path = error.get("field") or []
        place = path[2] if len(path) > 2 and path[1] == "quantities" else None
        if not isinstance(place, str) or not place.isdigit() or int(place) >= count:
            return None
        found.setdefault(int(place), error)
    return found


def _only_keys(errors: Sequence[Mapping[str, Any]]) -> bool:
    if any(error.get("code") == "IDEMPOTENCY_CONCURRENT_REQUEST" for error in errors):
        raise StoreUnavailable("busy", "The store is still at an earlier try of the same change.", retry_after=1.0)
    return all(str(error.get("code")).startswith("IDEMPOTENCY_") for error in errors)


def _words(errors: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(str(error.get("message"))[:200] for error in errors[:3])


def _number(global_id: str) -> str:
    return str(global_id).partition("?")[0].rpartition("/")[2]
