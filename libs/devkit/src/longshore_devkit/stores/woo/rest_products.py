"""`products` and their variations."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from longshore_devkit.stores.woo import render_products as show
from longshore_devkit.stores.woo.errors import Json, RestError, invalid_id, invalid_param
from longshore_devkit.stores.woo.models import Product
from longshore_devkit.stores.woo.moments import in_time
from longshore_devkit.stores.woo.routing import Answer, Context, Router, run_batch

_ORDERBY = ["date", "modified", "id", "include", "title", "slug", "price", "popularity", "rating", "menu_order"]
_STATUSES = ["any", "future", "trash", "draft", "pending", "private", "publish"]
_TEXTS = {"name": "name", "description": "description", "status": "status", "tax_class": "tax_class"}


def routes(router: Router, root: str) -> None:
    """Register everything below `products`."""
    router.add(f"{root}/products", {"GET": ("list", list_products), "POST": ("create", create)})
    router.add(f"{root}/products/batch", {"PUT": ("batch", batch)})
    router.add(
        f"{root}/products/{{id:int}}",
        {"GET": ("view", get), "PUT": ("edit", update), "DELETE": ("delete", delete)},
    )
    router.add(f"{root}/variations", {"GET": ("list", all_variations)})
    below = f"{root}/products/{{parent:int}}/variations"
    router.add(below, {"GET": ("list", list_variations), "POST": ("create", create_variation)})
    router.add(f"{below}/batch", {"PUT": ("batch", batch_variations)})
    router.add(
        f"{below}/{{id:int}}",
        {
            "GET": ("view", get_variation),
            "PUT": ("edit", update_variation),
            "DELETE": ("delete", delete_variation),
        },
    )


async def list_products(context: Context) -> Answer:
    """Products; variations only when asked for by SKU (measured)."""
    skus = context.many("sku")
    status = context.choice("status", "any", _STATUSES)
    include = context.many("include")
    search = context.query.get("search", "").lower()
    kind = context.query.get("type")
    found = [
        product
        for product in context.shop.products.values()
        if (product.sku in skus if skus else product.kind != "variation")
        and (product.status != "trash" if status == "any" else product.status == status)
        and (not include or str(product.id) in include)
        and (not search or search in f"{product.name} {product.sku}".lower())
        and (not kind or product.kind == kind)
        and _in_times(context, product)
    ]
    return context.page(_sorted(context, found), lambda product: show.product(context.view, product), "products")


async def all_variations(context: Context) -> Answer:
    """Variations of all products."""
    found = [
        product
        for product in context.shop.products.values()
        if product.kind == "variation" and product.status != "trash" and _in_times(context, product)
    ]
    return context.page(_sorted(context, found), lambda product: show.variation(context.view, product), "variations")


async def get(context: Context) -> Answer:
    """One product; variations too."""
    product = context.shop.products.get(context.id)
    if product is None:
        raise invalid_id("product")
    return Answer(show.product(context.view, product))


async def create(context: Context) -> Answer:
    """Put a simple or variable product on sale."""
    body, shop = context.body, context.shop
    now = shop.now()
    _check_sku(context, body.get("sku"), None)
    product = Product(
        id=next(shop.ids.post),
        name=str(body.get("name", "Product")),
        sku=str(body.get("sku", "")),
        price=str(body.get("regular_price", "")),
        created=now,
        modified=now,
        kind=str(body.get("type", "simple")),
        manage_stock=False,
        stock=None,
        virtual=bool(body.get("virtual", False)),
        options=[(str(a.get("name")), list(a.get("options", []))) for a in body.get("attributes") or []],
    )
    _write(context, product)
    shop.add_product(product)
    shown = show.product(context.edit_view, product)
    return Answer(shown, 201, {"Location": f"{context.view.api}/products/{product.id}"})


async def update(context: Context) -> Answer:
    """Change a product. Variations are refused here, with a 404 (measured)."""
    product = context.shop.products.get(context.id)
    if product is None:
        raise invalid_id("product", 400)
    if product.kind == "variation":
        message = (
            "To manipulate product variations you should use the "
            "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
        )
        raise RestError(404, "woocommerce_rest_invalid_product_id", message)
    was = product.status
    _write(context, product)
    if product.status == "publish" and was != "publish":
        context.shop.emit("product.published", product.id)
    context.shop.save_product(product)
    return Answer(show.product(context.edit_view, product))


async def delete(context: Context) -> Answer:
    """To the trash, or for good with `force`."""
    product = context.shop.products.get(context.id)
    if product is None:
        raise invalid_id("product")
    shown = show.product(context.edit_view, product)
    if context.force:
        context.shop.delete_product(product)
    elif product.status == "trash":
        raise RestError(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
    else:
        context.shop.trash_product(product)
    return Answer(shown)


async def batch(context: Context) -> Answer:
    """Up to 100 changes at once."""
    return await run_batch(context, create, update, delete)


async def list_variations(context: Context) -> Answer:
    """The variations of a product, newest first."""
    parent = _parent(context)
    found = [context.shop.products[child] for child in reversed(parent.variations)]
    skus, include = context.many("sku"), context.many("include")
    if skus:
        found = [product for product in found if product.sku in skus]
    if include:
        found = [product for product in found if str(product.id) in include]
    found = [product for product in found if _in_times(context, product)]
    path = f"products/{parent.id}/variations"
    return context.page(found, lambda product: show.variation(context.view, product), path)


async def get_variation(context: Context) -> Answer:
    """One variation."""
    return Answer(show.variation(context.view, _variation(context, 404)))


async def create_variation(context: Context) -> Answer:
    """Add a variation."""
    parent, body, shop = _parent(context), context.body, context.shop
    now = shop.now()
    _check_sku(context, body.get("sku"), None)
    attributes = [(str(a.get("name")), str(a.get("option"))) for a in body.get("attributes") or []]
    product = Product(
        id=next(shop.ids.post),
        name=f"{parent.name} - " + ", ".join(value for _, value in attributes),
        sku=str(body.get("sku", "")),
        price=str(body.get("regular_price", "")),
        created=now,
        modified=now,
        kind="variation",
        parent_id=parent.id,
        attributes=attributes,
        manage_stock=False,
        stock=None,
    )
    _write(context, product)
    shop.add_product(product)
    return Answer(show.variation(context.edit_view, product), 201)


async def update_variation(context: Context) -> Answer:
    """Change a variation."""
    product = _variation(context, 400)
    _write(context, product)
    context.shop.save_product(product)
    return Answer(show.variation(context.edit_view, product))


async def delete_variation(context: Context) -> Answer:
    """Remove a variation for good."""
    product = _variation(context, 404)
    shown = show.variation(context.edit_view, product)
    context.shop.delete_product(product)
    return Answer(shown)


async def batch_variations(context: Context) -> Answer:
    """Up to 100 changes at once."""
    return await run_batch(context, create_variation, update_variation, delete_variation)


def _parent(context: Context) -> Product:
    product = context.shop.products.get(int(context.path["parent"]))
    if product is None:
        raise RestError(404, "woocommerce_rest_product_invalid_id", "Invalid product ID.")
    return product


def _variation(context: Context, status: int) -> Product:
    product = context.shop.products.get(context.id)
    if product is None or product.parent_id != int(context.path["parent"]):
        raise invalid_id("product_variation", status)
    return product


def _in_times(context: Context, product: Product) -> bool:
    return all(
        in_time(context, name, moment)
        for name, moment in (
            ("after", product.created),
            ("before", product.created),
            ("modified_after", product.modified),
            ("modified_before", product.modified),
        )
    )


def _sorted(context: Context, products: list[Product]) -> list[Product]:
    orderby = context.choice("orderby", "date", _ORDERBY)
    descending = context.choice("order", "desc", ["asc", "desc"]) == "desc"
    return sorted(products, key=lambda product: _sort_key(product, orderby), reverse=descending)


def _sort_key(product: Product, orderby: str) -> tuple[float | str, int]:
    if orderby == "modified":
        return product.modified.timestamp(), product.id
    if orderby == "title":
        return product.name, product.id
    return (product.created.timestamp() if orderby == "date" else 0.0), product.id


def _write(context: Context, product: Product) -> None:
    """Apply a request's fields. A quantity is kept only where stock is managed."""
    body, shop = context.body, context.shop
    _check_sku(context, body.get("sku"), product)
    quantity = _quantity(body["stock_quantity"]) if "stock_quantity" in body else None
    prices = {name: _price(name, body[name]) for name in ("regular_price", "sale_price") if name in body}
    for name, attribute in _TEXTS.items():
        if name in body:
            setattr(product, attribute, str(body[name]))
    product.price = prices.get("regular_price", product.price)
    product.sale_price = prices.get("sale_price", product.sale_price)
    if "sku" in body and body["sku"] != product.sku:
        shop.by_sku.pop(product.sku, None)
        product.sku = str(body["sku"])
        shop.by_sku[product.sku] = product.id
    if "manage_stock" in body:
        product.manage_stock = bool(body["manage_stock"])
        product.stock = (product.stock or 0) if product.manage_stock else None
    if body.get("backorders") in ("no", "notify", "yes"):
        product.backorders = body["backorders"]
    if body.get("stock_status") in ("instock", "outofstock", "onbackorder") and not product.manage_stock:
        product.stock_status = body["stock_status"]
    if quantity is not None and product.manage_stock:
        shop.note_stock(product, quantity, by_api=True)
    shop.write_meta(product.meta, body.get("meta_data") or [])


def _quantity(value: Any) -> int:
    """Whole numbers, also as text (measured)."""
    try:
        return int(str(value))
    except ValueError:
        raise invalid_param("stock_quantity", "stock_quantity is not of type integer.", "rest_invalid_type") from None


def _price(name: str, value: Any) -> str:
    text = str(value)
    try:
        return str(Decimal(text)) if text else ""
    except InvalidOperation:
        raise invalid_param(name, f"{name} is not of type string.", "rest_invalid_type") from None


def _check_sku(context: Context, sku: Any, product: Product | None) -> None:
    owner = context.shop.by_sku.get(str(sku)) if sku else None
    if owner is not None and (product is None or owner != product.id):
        data: Json = {"status": 400, "resource_id": owner, "unique_sku": f"{sku}-1"}
        raise RestError(400, "product_invalid_sku", "Invalid or duplicated SKU.", data)
