"""Setting stock, in batches: products by their own, variations by their product's. Item errors sit inside a 200.

WooCommerce has no compare-and-set. So a batch is read, compared with what the hub expects, and written at once; what is
something else than expected is left as it is (STALE). What came between the look and the write shows: in the batch each
product is first changed by nothing, and the answer to that says what the store had the moment before. Such a sale is
taken off what we have written, in one more batch. Quantities are written, never differences: a request that was lost,
or goes on at the store after we have hung up, may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from longshore.contracts import StockSet
from longshore.platforms.protocols import StockResult, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.levels import PRODUCTS, Push, failed, judge

BATCH = 100  # WooCommerce answers 413 above
# Each product takes two places of a batch.
_AT_ONCE = BATCH // 2
# A push, and so often what came between is put right.
_ROUNDS = 3
_FIELDS = "id,type,status,parent_id,manage_stock,stock_quantity"


async def set_stock(http: StoreHttp, targets: Sequence[StockSet]) -> list[StockResult]:
    """One result per target. A store that fails in the middle leaves only the unanswered ones to be tried again."""
    results: list[StockResult] = []
    lost: StoreUnavailable | None = None
    for path, group in _by_path(targets).items():
        for start in range(0, len(group), _AT_ONCE):
            part = group[start : start + _AT_ONCE]
            if lost is None:
                try:
                    results += await _set(http, path, part)
                    continue
                except StoreUnavailable as error:
                    if not results:
                        raise
                    lost = error
            results += [
                StockResult(each.listing_id, each.sequence, None, lost.detail, lost.code, retry=True) for each in part
            ]
    by_target = {(result.listing_id, result.sequence): result for result in results}
    return [by_target[target.listing_id, target.sequence] for target in targets]


def _by_path(targets: Sequence[StockSet]) -> dict[str, list[StockSet]]:
    """The targets by the list that they are to be found in."""
    groups: dict[str, list[StockSet]] = {}
    for target in targets:
        parent = target.parent_external_id
        # A variation that draws on its product's stock: the product's figure is the one to set.
        own = parent is not None and target.inventory_external_id != parent
        groups.setdefault(f"{PRODUCTS}/{parent}/variations" if own else PRODUCTS, []).append(target)
    return groups


async def _set(http: StoreHttp, path: str, targets: Sequence[StockSet]) -> list[StockResult]:
    """Look and write. Of several targets of one product the newest counts, and its result is that of all."""
    results: list[StockResult] = []
    wanted: dict[int, StockSet] = {}
    for target in targets:
        if not target.inventory_external_id.isdigit():
            results.append(failed(target, "not-found", "This is no id of a WooCommerce product."))
            continue
        id = int(target.inventory_external_id)
        if id not in wanted or target.sequence > wanted[id].sequence:
            wanted[id] = target
    try:
        products = await _look(http, path, list(wanted)) if wanted else {}
    except StoreUnavailable as error:
        error.untouched = True
        raise
    judged = {id: judge(target, products.get(id)) for id, target in wanted.items()}
    pushes = [each for each in judged.values() if isinstance(each, Push)]
    settled = {id: each for id, each in judged.items() if not isinstance(each, Push)}
    settled |= await _write(http, pushes)
    return results + [
        replace(
            settled[int(target.inventory_external_id)],
            listing_id=target.listing_id,
            sequence=target.sequence,
            slipped=settled[int(target.inventory_external_id)].slipped
            and target is wanted[int(target.inventory_external_id)],
        )
        for target in targets
        if target.inventory_external_id.isdigit()
    ]


async def _look(http: StoreHttp, path: str, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The products as the store has them now. What the list does not show (a variation that we took for a product, one
    that a plugin keeps out of lists) is asked for by itself."""
    try:
        query = {"include": ",".join(map(str, ids)), "per_page": str(BATCH), "_fields": _FIELDS}
        listed = (await http.get(path, query)).objects()
    except StoreRefused as error:
        if error.code != "not-found":
            raise
        listed = []
    found = {each["id"]: each for each in listed if isinstance(each.get("id"), int)}
    for id in ids:
        if id not in found:
            try:
                found[id] = (await http.get(f"{PRODUCTS}/{id}", {"_fields": _FIELDS})).entity(str(id))
            except StoreRefused as error:
                if error.code != "not-found":
                    raise
    return found


async def _write(http: StoreHttp, pushes: Sequence[Push]) -> dict[int, StockResult]:
    """The results by id."""
    results: dict[int, StockResult] = {}
    left = list(pushes)
    for _ in range(_ROUNDS):
        for path in dict.fromkeys(each.path for each in left):
            part = [each for each in left if each.path == path]
            answered = await _post(http, f"{path}/batch", [item for each in part for item in each.items()])
            for each in part:
                if (result := each.take(answered.get(each.id, []))) is not None:
                    results[each.id] = result
        left = [each for each in left if each.id not in results]
    return results | {each.id: each.result() for each in left}


async def _post(http: StoreHttp, path: str, items: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """The answers to a batch by id, in the order of the items."""
    answer = await http.post(path, {"update": items})
    if not isinstance(answer.object().get("update"), list):
        raise StoreUnavailable("unexpected-json", "The store answered with something else than was asked for.")
    found: dict[int, list[dict[str, Any]]] = {}
    for each in answer.objects("update"):
        if isinstance(each.get("id"), int):
            found.setdefault(each["id"], []).append(each)
    return found
