"""Products and variations of sync runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    SyncPage,
)
from longshore_connector_woo.client.answers import NO_REST_API
from longshore_connector_woo.client.entities import product_entity, variation_entity, variations
from longshore_connector_woo.client.paging import PAGE
from longshore_connector_woo.client.reader import Reader
from longshore_connector_woo.client.walking import Place, Rows, rows_of, walk, write_place

Row = tuple[str, dict[str, Any]]

# The list of all variations is in newer versions only; else each variable product is asked for those that have changed.
_LIST = "/variations"


async def products_with_variations(
    reader: Reader, products: Sequence[Row]
) -> tuple[list[FetchedEntity], list[SyncFailure]]:
    """Each product, followed by its variations; those whose variations cannot be read are named as well.

    Raises StoreUnavailable, StoreUnauthorized.
    """
    asked = [parsed for _, parsed in products if parsed.get("variations")]
    read = dict(
        zip(
            [str(each["id"]) for each in asked],
            await reader.together([partial(_variations, reader, each, {}) for each in asked]),
            strict=True,
        )
    )
    entities: list[FetchedEntity] = []
    failed: list[SyncFailure] = []
    for exact, parsed in products:
        entities.append(product_entity(exact, parsed))
        found = read.get(str(parsed["id"]), [])
        if isinstance(found, StoreError):
            failed.append(_failure(parsed["id"], found))
        else:
            entities += found
    return entities, failed


async def variations_page(reader: Reader, since: Mapping[str, str], place: Place, held: Mapping[str, Any]) -> SyncPage:
    """A step through the variations, with `since` those that have changed. Raises StoreError."""
    if _LIST not in reader.lacks:
        try:
            found = await walk(reader, _LIST, since, place)
        except StoreUnavailable as error:
            if error.code != NO_REST_API:
                raise
            reader.lacks.add(_LIST)
        else:
            names = await _names(reader, found.rows)
            # One whose product is gone, or in the trash, is nothing that could be sold.
            entities = [
                variation_entity(exact, parsed, names[parsed["parent_id"]])
                for exact, parsed in found.rows
                if parsed.get("parent_id") in names
            ]
            return _page(entities, [], found, held)
    return await _by_product(reader, since, place, held)


async def _by_product(reader: Reader, since: Mapping[str, str], place: Place, held: Mapping[str, Any]) -> SyncPage:
    found = await walk(reader, "/products", {"type": "variable", "_fields": "id,name"}, place)
    reads = [partial(_variations, reader, parsed, since) for _, parsed in found.rows]
    entities: list[FetchedEntity] = []
    failed: list[SyncFailure] = []
    for (_, parsed), read in zip(found.rows, await reader.together(reads), strict=True):
        if isinstance(read, StoreError):
            failed.append(_failure(parsed["id"], read))
        else:
            entities += read
    return _page(entities, failed, found, held)


def _page(entities: list[FetchedEntity], failed: list[SyncFailure], found: Rows, held: Mapping[str, Any]) -> SyncPage:
    # What is counted is products.
    following = None if found.place is None else write_place(found.place, **held)
    return SyncPage(entities, 0, following, None, failed)


async def _variations(reader: Reader, product: Mapping[str, Any], since: Mapping[str, str]) -> list[FetchedEntity]:
    return [each async for page in variations(reader, product, since) for each in page]


async def _names(reader: Reader, rows: Sequence[Row]) -> dict[Any, str]:
    """The names of the products that variations belong to; the list has them not."""
    ids = sorted({parsed["parent_id"] for _, parsed in rows if isinstance(parsed.get("parent_id"), int)})
    names: dict[Any, str] = {}
    for n in range(0, len(ids), PAGE):
        part = ids[n : n + PAGE]
        query = {"include": ",".join(map(str, part)), "per_page": str(len(part)), "_fields": "id,name"}
        names |= {
            found["id"]: str(found.get("name") or "") for _, found in rows_of(await reader.get("/products", query))
        }
    return names


def _failure(product_id: int, error: StoreError) -> SyncFailure:
    """What could not be read of a product. Raises what is wrong with the store, and not with this product."""
    if isinstance(error, StoreUnauthorized) or not isinstance(error, StoreRefused):
        raise error
    return SyncFailure(FetchRequest("product", str(product_id)), error.code, error.detail)
