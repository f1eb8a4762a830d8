"""`orders/{id}/fulfillments`: WooCommerce's own fulfilments, where the feature is on (read in 11.0.1's code)."""

from __future__ import annotations

from typing import Any

from longshore_devkit.stores.woo.errors import Json, RestError, missing_param
from longshore_devkit.stores.woo.models import Meta, Order, OrderFulfillment
from longshore_devkit.stores.woo.routing import Answer, Context, Router


def routes(router: Router, root: str) -> None:
    """Register them; a store without the feature knows no such route."""
    router.add(f"{root}/orders/{{id:int}}/fulfillments", {"GET": ("list", list_all), "POST": ("create", create)})
    router.add(
        f"{root}/orders/{{id:int}}/fulfillments/{{fulfillment_id:int}}",
        {"GET": ("view", get), "PUT": ("edit", update), "DELETE": ("delete", delete)},
    )


async def list_all(context: Context) -> Answer:
    """Those of an order."""
    return Answer([_show(each) for each in _order(context).fulfillments])


async def get(context: Context) -> Answer:
    """One of an order."""
    return Answer(_show(_one(context)))


async def create(context: Context) -> Answer:
    """Make one. Its items are checked for their shape alone; the buyer is mailed if that is asked for."""
    order, body, shop = _order(context), context.body, context.shop
    if "meta_data" not in body:
        raise missing_param("meta_data")
    made = OrderFulfillment(next(shop.ids.fulfillment), shop.now())
    shop.write_meta(made.meta, _entries(body))
    _check_items(made)
    _set_state(made, body)
    order.fulfillments.append(made)
    if made.is_fulfilled and body.get("notify_customer"):
        order.fulfillment_mails.append("created")
    return Answer(_show(made), 201)


async def update(context: Context) -> Answer:
    """Change one: meta that is not named goes."""
    order, body, found = _order(context), context.body, _one(context)
    was_fulfilled = found.is_fulfilled
    if "meta_data" in body:
        context.shop.write_meta(found.meta, _entries(body))
        named = {str(each.get("key")) for each in _entries(body)}
        found.meta[:] = [meta for meta in found.meta if meta.key in named]
    _check_items(found)
    _set_state(found, body)
    if body.get("notify_customer") and found.is_fulfilled:
        order.fulfillment_mails.append("updated" if was_fulfilled else "created")
    return Answer(_show(found))


async def delete(context: Context) -> Answer:
    """Take one away."""
    _order(context).fulfillments.remove(_one(context))
    return Answer({"message": "Fulfillment deleted successfully."})


def _order(context: Context) -> Order:
    order = context.shop.orders.get(context.id)
    if order is None:
        raise RestError(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
    return order


def _one(context: Context) -> OrderFulfillment:
    wanted = int(context.path["fulfillment_id"])
    for each in _order(context).fulfillments:
        if each.id == wanted:
            return each
    raise RestError(400, "0", "Invalid fulfillment.")


def _entries(body: Json) -> list[dict[str, Any]]:
    entries = body.get("meta_data")
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _set_state(fulfillment: OrderFulfillment, body: Json) -> None:
    fulfillment.is_fulfilled = bool(body.get("is_fulfilled", fulfillment.is_fulfilled))
    fulfillment.status = str(body.get("status", fulfillment.status))


def _check_items(fulfillment: OrderFulfillment) -> None:
    items = next((meta.value for meta in fulfillment.meta if meta.key == "_items"), None)
    if not items:
        raise RestError(400, "0", "The fulfillment should contain at least one item.")
    for item in items:
        if type(item.get("item_id")) is not int or type(item.get("qty")) not in (int, float) or item["qty"] <= 0:
            raise RestError(400, "0", "Invalid item.")


def _show(fulfillment: OrderFulfillment) -> Json:
    return {
        "id": fulfillment.id,
        "entity_type": "WC_Order",
        "status": fulfillment.status,
        "is_fulfilled": fulfillment.is_fulfilled,
        "date_updated": f"{fulfillment.updated:%Y-%m-%dT%H:%M:%S}Z",
        "date_deleted": None,
        "meta_data": [_row(meta) for meta in fulfillment.meta],
    }


def _row(meta: Meta) -> Json:
    return {"id": meta.id, "key": meta.key, "value": meta.value}
