"""Orders with their refunds, one body each. An order names its refunds without their lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    StoreError,
    StoreRefused,
    StoreUnauthorized,
    StoreUnavailable,
    SyncFailure,
)
from longshore_connector_woo.client.answers import NO_REST_API, split_array
from longshore_connector_woo.client.paging import PAGE, pages
from longshore_connector_woo.client.reader import Reader
from longshore_connector_woo.client.walking import rows_of

Row = tuple[str, dict[str, Any]]

# The list of all refunds is there since WooCommerce 9.0.
_LIST = "/refunds"


async def with_refunds(reader: Reader, orders: Sequence[Row]) -> tuple[list[FetchedEntity], list[SyncFailure]]:
    """The orders as entities, and those whose refunds cannot be read. Raises StoreUnavailable, StoreUnauthorized.

    Refunds are read a hundred at a time where the store lists them, else order by order.
    """
    wanted = {str(parsed["id"]): _named(parsed) for _, parsed in orders}
    known = await _listed(reader, [id for named in wanted.values() for id in named])
    asked: dict[str, Callable[[], Awaitable[list[str]]]] = {
        order: partial(_of_order, reader, order)
        for order, (_, parsed) in zip(wanted, orders, strict=True)
        if parsed.get("refunds") and not (wanted[order] and known.keys() >= set(wanted[order]))
    }
    read = dict(zip(asked, await reader.together(list(asked.values())), strict=True))
    entities: list[FetchedEntity] = []
    failed: list[SyncFailure] = []
    for (exact, _), (id, named) in zip(orders, wanted.items(), strict=True):
        found = read[id] if id in read else [known[each] for each in named]
        if isinstance(found, StoreRefused) and not isinstance(found, StoreUnauthorized):
            failed.append(SyncFailure(FetchRequest("order", id), found.code, found.detail))
        elif isinstance(found, StoreError):
            raise found
        else:
            entities.append(FetchedEntity("order", id, order_body(exact, found)))
    return entities, failed


def order_body(order: str, refunds: Sequence[str]) -> bytes:
    """`{"order": <order>, "refunds": [<refund>, ...]}`, of exact texts."""
    return f'{{"order":{order},"refunds":[{",".join(refunds)}]}}'.encode()


def _named(order: dict[str, Any]) -> list[int]:
    """The ids of the refunds that an order names."""
    named = order.get("refunds")
    found = [each.get("id") for each in named if isinstance(each, dict)] if isinstance(named, list) else []
    return [id for id in found if isinstance(id, int)]


async def _listed(reader: Reader, ids: Sequence[int]) -> dict[int, str]:
    """The exact texts of refunds by their id, as far as the store lists them."""
    if not ids or _LIST in reader.lacks:
        return {}
    parts = [ids[n : n + PAGE] for n in range(0, len(ids), PAGE)]
    found: dict[int, str] = {}
    for answer in await reader.together([partial(_list, reader, part) for part in parts]):
        if isinstance(answer, StoreUnauthorized):
            raise answer
        if isinstance(answer, StoreUnavailable):
            if answer.code != NO_REST_API:
                raise answer
            # Not for ever: the whole API may be away for a moment; then orders could not be read either.
            reader.lacks.add(_LIST)
        elif not isinstance(answer, StoreError):
            found |= {parsed["id"]: exact for exact, parsed in answer}
    return found


async def _list(reader: Reader, ids: Sequence[int]) -> list[Row]:
    query = {"include": ",".join(map(str, ids)), "per_page": str(len(ids))}
    return rows_of(await reader.get(_LIST, query))


async def _of_order(reader: Reader, order_id: str) -> list[str]:
    return [text async for page in pages(reader, f"/orders/{order_id}/refunds", {}) for text in split_array(page.body)]
