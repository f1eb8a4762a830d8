"""Setting stock, in batches: products by their own, variations by their product's. Item errors sit inside a 200."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longshore.contracts import StockSet
from longshore.platforms.protocols import StockResult, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.answers import plain
from longshore_connector_woo.client.http import StoreHttp

BATCH = 100  # WooCommerce answers 413 above
# What WooCommerce says of a variation that is pushed as if it were a product.
_VARIATION = "is-a-variation"


async def set_stock(http: StoreHttp, targets: Sequence[StockSet]) -> list[StockResult]:
    """One result per target. A store that fails in the middle leaves only the unanswered ones to be tried again."""
    pushed = await _push_all(http, targets)
    misplaced = [target for target, result in zip(targets, pushed, strict=True) if result.code == _VARIATION]
    if not misplaced:
        return pushed
    # Nobody told us that these are variations: ask for their products and push them there.
    again = {
        result.listing_id: result for result in await _push_all(http, [await _placed(http, each) for each in misplaced])
    }
    return [again.get(result.listing_id, result) for result in pushed]


async def _push_all(http: StoreHttp, targets: Sequence[StockSet]) -> list[StockResult]:
    """The results in the order of the targets."""
    results: list[StockResult] = []
    lost: StoreUnavailable | None = None
    for path, group in _by_path(targets).items():
        for start in range(0, len(group), BATCH):
            part = group[start : start + BATCH]
            if lost is None:
                try:
                    results += await _push(http, path, part)
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


async def _placed(http: StoreHttp, target: StockSet) -> StockSet:
    """The target with its product's id, as the store has it."""
    path = f"/products/{target.inventory_external_id}"
    try:
        found = (await http.get(path, {"_fields": "id,parent_id"})).object().get("parent_id")
    except StoreRefused:
        return target
    return target.model_copy(update={"parent_external_id": str(found)}) if found else target


def _by_path(targets: Sequence[StockSet]) -> dict[str, list[StockSet]]:
    groups: dict[str, list[StockSet]] = {}
    for target in targets:
        parent = target.parent_external_id
        # A variation that draws on its product's stock: the product's figure is the one to set.
        own = parent is not None and target.inventory_external_id != parent
        groups.setdefault(f"/products/{parent}/variations/batch" if own else "/products/batch", []).append(target)
    return groups


async def _push(http: StoreHttp, path: str, targets: Sequence[StockSet]) -> list[StockResult]:
    results = []
    wanted: dict[int, StockSet] = {}
    for target in targets:
        if not target.inventory_external_id.isdigit():
            results.append(_failed(target, "not-found", "This is no id of a WooCommerce product."))
            continue
        id = int(target.inventory_external_id)
        if id not in wanted or target.sequence > wanted[id].sequence:
            wanted[id] = target
    answered: dict[int, dict[str, Any]] = {}
    if wanted:
        update = [{"id": id, "manage_stock": True, "stock_quantity": each.quantity} for id, each in wanted.items()]
        answer = await http.post(path, {"update": update})
        if not isinstance(answer.object().get("update"), list):
            raise StoreUnavailable("unexpected-json", "The store answered with something else than was asked for.")
        answered = {each["id"]: each for each in answer.objects("update") if isinstance(each.get("id"), int)}
    return results + [
        _result(target, answered.get(int(target.inventory_external_id)))
        for target in targets
        if target.inventory_external_id.isdigit()
    ]


def _result(target: StockSet, item: dict[str, Any] | None) -> StockResult:
    if item is None:
        return StockResult(
            target.listing_id, target.sequence, None, "The store's answer left it out.", "no-answer", retry=True
        )
    error = item.get("error")
    if isinstance(error, dict):
        data = error.get("data")
        status = data.get("status") if isinstance(data, dict) else data
        code = str(error.get("code", ""))
        if isinstance(status, int) and status >= 500:
            return StockResult(
                target.listing_id, target.sequence, None, plain(error.get("message")), f"http-{status}", retry=True
            )
        if code == "woocommerce_rest_invalid_product_id":
            return _failed(target, _VARIATION, plain(error.get("message")))
        gone = "invalid" in code and code.endswith("id")
        return _failed(target, "not-found" if gone else code.replace("_", "-")[:80], plain(error.get("message")))
    quantity = item.get("stock_quantity")
    return StockResult(target.listing_id, target.sequence, quantity if isinstance(quantity, int) else None)


def _failed(target: StockSet, code: str, detail: str) -> StockResult:
    return StockResult(target.listing_id, target.sequence, None, detail or "The store refused it.", code or "refused")
