"""What is sold and for how much: products shown and hidden, prices. A variation is written through its product."""

from __future__ import annotations

from typing import Any

from longshore.contracts import PriceSet, ProductPublish, ProductUnpublish
from longshore.platforms.protocols import Done, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.translate.reading import to_decimal


async def publish(http: StoreHttp, command: ProductPublish | ProductUnpublish) -> Done:
    """A product that is hidden is a draft, a variation is private."""
    product, path = await _find(http, command.product_external_id)
    shown = isinstance(command, ProductPublish)
    hidden = "private" if product.get("type") == "variation" else "draft"
    if (product.get("status") == "publish") is shown:
        return Done(existed=True)
    wanted = "publish" if shown else hidden
    await _write(http, path, command.product_external_id, {"status": wanted})
    return Done()


async def set_price(http: StoreHttp, command: PriceSet) -> Done:
    """The price, and what it was before a reduction: WooCommerce's regular price, with the sale price under it."""
    product, path = await _find(http, command.variant_external_id)
    if product.get("type") in ("variable", "grouped"):
        raise StoreRefused("no-price", "This product has no price of its own: set those of its variations.")
    wanted = prices(product, command)
    if all(_same(product.get(name), value) for name, value in wanted.items()):
        return Done(existed=True)
    await _write(http, path, command.variant_external_id, wanted)
    return Done()


def prices(product: dict[str, Any], command: PriceSet) -> dict[str, str]:
    """The two prices to write. Pure."""
    price = str(command.price.decimal())
    if command.compare_at is not None:
        return {"regular_price": str(command.compare_at.decimal()), "sale_price": price}
    regular = to_decimal(product.get("regular_price"))
    reduced = bool(product.get("sale_price")) and not command.end_reduction
    if reduced and regular is not None and command.price.decimal() < regular:
        return {"regular_price": str(product.get("regular_price")), "sale_price": price}
    return {"regular_price": price, "sale_price": ""}


async def _find(http: StoreHttp, id: str) -> tuple[dict[str, Any], str]:
    """A product or variation, and where it is written."""
    product = (await http.get(f"/products/{id}")).entity(id)
    if product.get("type") == "variation":
        return product, f"/products/{product.get('parent_id')}/variations/{id}"
    if product.get("status") == "trash":
        raise StoreRefused("product-closed", "The product is in the trash at the store.")
    return product, f"/products/{id}"


async def _write(http: StoreHttp, path: str, id: str, change: dict[str, str]) -> None:
    written = (await http.post(path, change)).entity(id)
    if not all(_same(written.get(name), value) for name, value in change.items()):
        raise StoreUnavailable("not-written", "The store answered as if it had taken the change, and has not.")


def _same(one: object, other: str) -> bool:
    """Whether two values are the same; prices come padded or not."""
    if one == other:
        return True
    a, b = to_decimal(one), to_decimal(other)
    return bool(one) and bool(other) and a is not None and a == b
