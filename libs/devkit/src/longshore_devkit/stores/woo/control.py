"""`/_sim/`: what tests and demos do to a simulated shop, and what they count. No authentication; loopback only."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longshore_devkit.stores.common import Faults, Traffic
from longshore_devkit.stores.woo import buyers
from longshore_devkit.stores.woo.errors import Json, RestError
from longshore_devkit.stores.woo.lifecycle import RefundRequest
from longshore_devkit.stores.woo.models import STATUSES, Order, Product, Webhook
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.webhooks import WebhookQueue

_Act = Callable[["Control", Request, Json], Awaitable[Any]]


class Refused(Exception):
    """A control request that makes no sense, with the status to answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """The control routes of one shop."""

    def __init__(self, shop: Shop, queue: WebhookQueue, faults: Faults, traffic: Traffic, rng: random.Random) -> None:
        self.shop = shop
        self.queue = queue
        self.faults = faults
        self.traffic = traffic
        self.rng = rng

    def routes(self) -> list[Route]:
        """Everything below `/_sim`."""
        table: list[tuple[str, str, _Act]] = [
            ("POST", "/_sim/orders", place),
            ("POST", "/_sim/orders/{id:int}/status", change_status),
            ("POST", "/_sim/orders/{id:int}/refund", refund),
            ("POST", "/_sim/orders/{id:int}/trash", trash),
            ("POST", "/_sim/orders/{id:int}/restore", restore),
            ("POST", "/_sim/orders/{id:int}/delete", delete),
            ("GET", "/_sim/state", state),
            ("GET", "/_sim/fulfilments", fulfilments),
            ("GET", "/_sim/stock", get_stock),
            ("PUT", "/_sim/stock", put_stock),
            ("GET", "/_sim/faults", get_faults),
            ("PUT", "/_sim/faults", put_faults),
            ("PUT", "/_sim/traffic", put_traffic),
            ("PUT", "/_sim/webhook-owner", put_webhook_owner),
        ]
        return [Route(path, self._endpoint(act), methods=[method]) for method, path, act in table]

    def _endpoint(self, act: _Act) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            raw = await request.body()
            try:
                return JSONResponse(await act(self, request, json.loads(raw) if raw.strip() else {}))
            except Refused as refused:
                return JSONResponse({"error": str(refused)}, refused.status)
            except RestError as error:
                return JSONResponse({"error": error.message}, 409)
            except (ValueError, KeyError, TypeError) as wrong:
                return JSONResponse({"error": f"{type(wrong).__name__}: {wrong}"}, 400)

        return endpoint


async def place(control: Control, request: Request, body: Json) -> Json:
    """`{"sku", "quantity"}` or `{"lines"}`, else random; `n` of them. `status`, `coupons`, `force` may be added."""
    shop = control.shop
    wanted = body.get("lines") or ([body] if "sku" in body else [])
    placed = []
    for _ in range(int(body.get("n", 1))):
        if wanted:
            goods = [(_product(shop, line["sku"]), int(line.get("quantity", 1))) for line in wanted]
            for product, quantity in goods:
                if not body.get("force") and not shop.sellable(product, quantity):
                    raise Refused(409, f"{product.sku} is out of stock: {product.stock} left")
            draft = buyers.draft_for(shop, control.rng, goods)
        else:
            found = buyers.random_draft(shop, control.rng)
            if found is None:
                raise Refused(409, "nothing is left to buy")
            draft = found
        draft.status = str(body.get("status", draft.status))
        draft.coupons = list(body.get("coupons", draft.coupons))
        if draft.status not in STATUSES:
            raise Refused(400, f"no such status: {draft.status}")
        placed.append(_summary(shop, shop.place_order(draft)))
    return {"orders": placed}


async def change_status(control: Control, request: Request, body: Json) -> Json:
    """`{"status"}`, as the shop's staff sets it."""
    order = _order(control.shop, request)
    if body["status"] not in STATUSES:
        raise Refused(400, f"no such status: {body['status']}")
    control.shop.set_status(order, body["status"])
    return _summary(control.shop, order)


async def refund(control: Control, request: Request, body: Json) -> Json:
    """`{}` pays all that is left, `{"amount"}` a part, `{"lines": [{"sku", "quantity"}]}` goods; `restock` true."""
    shop, order = control.shop, _order(control.shop, request)
    restock = bool(body.get("restock", True))
    if "lines" in body:
        asked = RefundRequest(Decimal(0), str(body.get("reason", "")), [], restock)
        for wanted in body["lines"]:
            part = _part(shop, order, wanted["sku"], int(wanted.get("quantity", 1)))
            asked.amount = (asked.amount or Decimal(0)) + (part.amount or Decimal(0))
            asked.lines += part.lines
    else:
        amount = Decimal(str(body["amount"])) if "amount" in body else order.total - order.refunded
        asked = RefundRequest(amount, str(body.get("reason", "")), [], restock)
    made = shop.refund_order(order, asked)
    return {"id": made.id, "amount": str(made.amount), "order": _summary(shop, order)}


async def trash(control: Control, request: Request, body: Json) -> Json:
    """To the trash."""
    order = _order(control.shop, request)
    control.shop.trash_order(order)
    return _summary(control.shop, order)


async def restore(control: Control, request: Request, body: Json) -> Json:
    """Back from the trash."""
    order = _order(control.shop, request)
    control.shop.restore_order(order)
    return _summary(control.shop, order)


async def delete(control: Control, request: Request, body: Json) -> Json:
    """For good, in silence."""
    order = _order(control.shop, request)
    control.shop.delete_order(order)
    return {"deleted": order.id}


async def state(control: Control, request: Request, body: Json) -> Json:
    """Everything that can be counted; `?orders=0` leaves the orders out."""
    shop, queue = control.shop, control.queue
    with_orders = request.query_params.get("orders") != "0"
    return {
        "orders": {str(order.id): _detail(shop, order) for order in shop.orders.values()} if with_orders else {},
        "order_count": len(shop.orders),
        "stock": _stock(shop),
        "webhooks": [_webhook(webhook) for webhook in shop.webhooks.values()],
        "deliveries": {"ok": queue.ok, "failed": queue.failed, "pending": queue.pending, "lost": queue.lost},
        "api_calls": dict(shop.api_calls),
        "stock_writes": [dataclasses.asdict(write) for write in shop.stock_writes],
        "turned_away": shop.turned_away,
        "orders_per_minute": control.traffic.per_minute,
        "faults": control.faults.as_dict(),
    }


async def fulfilments(control: Control, request: Request, body: Json) -> Json:
    """Per order what says that it was shipped: each must stand there once."""
    orders = {str(order.id): _shipped(order) for order in control.shop.orders.values()}
    shipped = [entry for entry in orders.values() if entry["tracking_numbers"] or entry["completed_count"]]
    twice = [
        number
        for number, entry in orders.items()
        if len(entry["tracking_numbers"]) != len(set(entry["tracking_numbers"]))
        or len(entry["customer_notes"]) != len(set(entry["customer_notes"]))
        or entry["completed_count"] > 1
    ]
    return {"orders": orders, "shipped": len(shipped), "twice": twice}


async def get_stock(control: Control, request: Request, body: Json) -> Json:
    """Level by SKU."""
    return _stock(control.shop)


async def put_stock(control: Control, request: Request, body: Json) -> Json:
    """`{"sku", "quantity"}`, as the shop's staff sets it."""
    product = _product(control.shop, body["sku"])
    control.shop.set_stock(product, int(body["quantity"]))
    return {"sku": product.sku, "quantity": product.stock}


async def get_faults(control: Control, request: Request, body: Json) -> Json:
    """The knobs as they are."""
    return control.faults.as_dict()


async def put_faults(control: Control, request: Request, body: Json) -> Json:
    """Change the named knobs."""
    control.faults.update(body)
    return control.faults.as_dict()


async def put_traffic(control: Control, request: Request, body: Json) -> Json:
    """`{"orders_per_minute"}`; 0 pauses the buyers."""
    control.traffic.per_minute = float(body["orders_per_minute"])
    return {"orders_per_minute": control.traffic.per_minute}


async def put_webhook_owner(control: Control, request: Request, body: Json) -> Json:
    """`{"may_read": false}`: whoever made the webhooks lost their rights, deliveries hold an error."""
    control.shop.webhook_owner_may_read = bool(body["may_read"])
    return {"may_read": control.shop.webhook_owner_may_read}


def _order(shop: Shop, request: Request) -> Order:
    order = shop.orders.get(int(request.path_params["id"]))
    if order is None:
        raise Refused(404, "no such order")
    return order


def _product(shop: Shop, sku: str) -> Product:
    product = shop.product_by_sku(sku)
    if product is None:
        raise Refused(404, f"no such SKU: {sku}")
    return product


def _part(shop: Shop, order: Order, sku: str, quantity: int) -> RefundRequest:
    for line in order.lines:
        if _sku(shop, line.variation_id or line.product_id) == sku:
            return buyers.refund_of_line(shop, order, line.id, quantity)
    raise Refused(404, f"no line of this order has SKU {sku}")


def _sku(shop: Shop, product_id: int) -> str | None:
    product = shop.products.get(product_id)
    return None if product is None else product.sku


def _stock(shop: Shop) -> dict[str, Any]:
    return {sku: shop.products[product_id].stock for sku, product_id in shop.by_sku.items()}


def _summary(shop: Shop, order: Order) -> Json:
    lines = [
        {"id": line.id, "sku": _sku(shop, line.variation_id or line.product_id), "quantity": line.quantity}
        for line in order.lines
    ]
    return {
        "id": order.id,
        "number": str(order.id),
        "status": order.status,
        "currency": order.currency,
        "total": str(order.total),
        "refunded": str(order.refunded),
        "lines": lines,
        "placed_at": order.placed_at,
    }


def _detail(shop: Shop, order: Order) -> Json:
    return {
        **_summary(shop, order),
        "date_modified_gmt": order.modified.strftime("%Y-%m-%dT%H:%M:%S"),
        "meta": {meta.key: meta.value for meta in order.meta},
        "notes": [{"note": note.text, "customer_note": note.customer_note} for note in order.notes],
    }


def _shipped(order: Order) -> Json:
    meta = {entry.key: entry.value for entry in order.meta}
    items = meta.get("_wc_shipment_tracking_items") or []
    numbers = [str(item.get("tracking_number", "")) for item in items]
    if meta.get("_tracking_number"):
        numbers.append(str(meta["_tracking_number"]))
    return {
        "status": order.status,
        "completed_count": order.completed_count,
        "tracking_items": items,
        "tracking_numbers": numbers,
        "tracking_writes": order.tracking_writes,
        "customer_notes": [note.text for note in order.notes if note.customer_note],
        "own_fulfillments": [{each.key: each.value for each in fulfillment.meta} for fulfillment in order.fulfillments],
        "fulfillment_mails": list(order.fulfillment_mails),
    }


def _webhook(webhook: Webhook) -> Json:
    return {
        "id": webhook.id,
        "topic": webhook.topic,
        "status": webhook.status,
        "delivery_url": webhook.delivery_url,
        "failure_count": webhook.failure_count,
        "delivered": webhook.delivered,
        "failed": webhook.failed,
        "pings": webhook.pings,
        "pending_ping": webhook.pending_ping,
    }
