"""The control API under /_sim: what a test or the demo does to the shops and asks of them. Ids are strings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longshore_devkit.stores.shopify.model import Order
from longshore_devkit.stores.shopify.money import rest_amount
from longshore_devkit.stores.shopify.pricing import financial_status, fulfillment_status, totals
from longshore_devkit.stores.shopify.shop import Shop, ShopError

if TYPE_CHECKING:
    from longshore_devkit.stores.shopify.server import SimulatedShopify

Json = dict[str, Any]
Handler = Callable[[Request, Json, Shop], Awaitable[Json]]


class Control:
    """Routes of the control API; `?shop=` or `"shop"` in the body chooses a shop, else it is the first."""

    def __init__(self, store: SimulatedShopify) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """All routes, for the app."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/_sim/state", self._state),
            ("GET", "/_sim/orders", self._orders),
            ("POST", "/_sim/orders", self._place),
            ("POST", "/_sim/orders/{id:int}/{action}", self._order_action),
            ("GET", "/_sim/fulfillments", self._fulfillments),
            ("GET", "/_sim/stock", self._stock),
            ("PUT", "/_sim/stock", self._set_stock),
            ("GET", "/_sim/faults", self._faults),
            ("PUT", "/_sim/faults", self._set_faults),
            ("GET", "/_sim/traffic", self._traffic),
            ("PUT", "/_sim/traffic", self._set_traffic),
            ("POST", "/_sim/products/{sku}/{action}", self._product_action),
            ("POST", "/_sim/uninstall", self._uninstall),
            ("PUT", "/_sim/grants", self._set_grants),
            ("PUT", "/_sim/bulk", self._set_bulk),
            ("POST", "/_sim/drain", self._drain),
        ]
        return [Route(path, self._wrap(handler), methods=[method]) for method, path, handler in table]

    def _wrap(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                raw = await request.body()
                body = orjson.loads(raw) if raw else {}
                if not isinstance(body, dict):
                    raise ShopError("the body must be a JSON object")
                shop = self._store.shop(request.query_params.get("shop") or body.get("shop"))
                return _json(await handler(request, body, shop))
            except (ValueError, TypeError) as error:
                return _json({"error": str(error)}, 400)
            except TimeoutError:
                return _json({"error": "deliveries are still pending"}, 504)

        return answer

    async def _state(self, request: Request, body: Json, shop: Shop) -> Json:
        webhooks = shop.webhooks
        shipped = [order for order in shop.orders.values() if order.fulfillments]
        return {
            "shop": shop.config.domain,
            "orders": len(shop.orders),
            "fulfillments": {str(order.id): _shipments(order) for order in shipped},
            "stock": _stock(shop),
            "subscriptions": [
                {"id": str(s.id), "topic": s.topic, "uri": s.uri, "failures": s.failures}
                for s in webhooks.subscriptions.values()
            ],
            "removed_subscriptions": [{"topic": s.topic, "uri": s.uri} for s in webhooks.removed],
            "deliveries": {
                "accepted": dict(webhooks.sent.accepted),
                "failed_attempts": dict(webhooks.sent.failed_attempts),
                "given_up": dict(webhooks.sent.given_up),
                "lost": webhooks.deliverer.lost,
                "pending": webhooks.deliverer.pending,
            },
            "api_calls": dict(self._store.engine(shop.config.domain).calls),
            "orders_per_minute": self._store.traffic.per_minute,
            "faults": self._store.faults.as_dict(),
        }

    async def _orders(self, request: Request, body: Json, shop: Shop) -> Json:
        return {"orders": [_summary(order) for order in shop.orders.values()]}

    async def _place(self, request: Request, body: Json, shop: Shop) -> Json:
        wanted = body.get("lines") or ([body] if body.get("sku") else None)
        items = [(str(entry["sku"]), int(entry.get("quantity", 1))) for entry in wanted] if wanted else None
        count = int(body.get("n", 1))
        if not 1 <= count <= 10_000:
            raise ShopError("n must lie between 1 and 10000")
        placed = [shop.place_order(items, plain=bool(body.get("plain"))) for _ in range(count)]
        return {"orders": [_summary(order) for order in placed]}

    async def _order_action(self, request: Request, body: Json, shop: Shop) -> Json:
        order_id, action = request.path_params["id"], request.path_params["action"]
        if action == "refund":
            shop.refund(order_id, full=bool(body.get("full")), restock=bool(body.get("restock", True)))
        elif action == "cancel":
            shop.cancel(
                order_id,
                reason=str(body.get("reason", "customer")),
                restock=bool(body.get("restock", True)),
                refund=bool(body.get("refund", True)),
            )
        elif action == "edit":
            shop.edit(order_id)
        else:
            raise ShopError(f"unknown action {action!r}: refund, cancel or edit")
        return {"order": _summary(shop.order(order_id))}

    async def _fulfillments(self, request: Request, body: Json, shop: Shop) -> Json:
        by_order = {str(order.id): _shipments(order) for order in shop.orders.values() if order.fulfillments}
        return {
            "count": sum(len(shipments) for shipments in by_order.values()),
            "units": sum(line.fulfilled for order in shop.orders.values() for line in order.lines),
            "by_order": by_order,
        }

    async def _stock(self, request: Request, body: Json, shop: Shop) -> Json:
        return {"stock": _stock(shop)}

    async def _set_stock(self, request: Request, body: Json, shop: Shop) -> Json:
        variant = shop.variant_by_sku(str(body.get("sku")))
        location = int(body.get("location") or shop.locations[0].id)
        if location not in variant.levels:
            raise ShopError(f"{variant.sku} is not stocked at location {location}")
        shop.set_quantity(variant, location, int(body["quantity"]))
        return {"stock": {str(variant.sku): variant.available}}

    async def _faults(self, request: Request, body: Json, shop: Shop) -> Json:
        return self._store.faults.as_dict()

    async def _set_faults(self, request: Request, body: Json, shop: Shop) -> Json:
        self._store.faults.update({name: value for name, value in body.items() if name != "shop"})
        return self._store.faults.as_dict()

    async def _traffic(self, request: Request, body: Json, shop: Shop) -> Json:
        return {"orders_per_minute": self._store.traffic.per_minute, "aftermath": self._store.aftermath}

    async def _set_traffic(self, request: Request, body: Json, shop: Shop) -> Json:
        if "orders_per_minute" in body:
            self._store.traffic.per_minute = float(body["orders_per_minute"])
        if "aftermath" in body:
            self._store.aftermath = float(body["aftermath"])
        return await self._traffic(request, body, shop)

    async def _product_action(self, request: Request, body: Json, shop: Shop) -> Json:
        variant, action = shop.variant_by_sku(request.path_params["sku"]), request.path_params["action"]
        if action not in {"create", "update", "delete"}:
            raise ShopError(f"unknown action {action!r}: create, update or delete")
        shop.send_product(shop.products[variant.product_id], action)
        return {"product_id": str(variant.product_id)}

    async def _uninstall(self, request: Request, body: Json, shop: Shop) -> Json:
        shop.uninstall()
        return {"installed": False}

    async def _set_grants(self, request: Request, body: Json, shop: Shop) -> Json:
        """`expire_access`, `refuse_refresh`, `old_refresh` ("until_replaced", "dies_at_once")."""
        grants = shop.grants
        if body.get("expire_access"):
            grants.expire_access()
        grants.refuse_refresh = bool(body.get("refuse_refresh", grants.refuse_refresh))
        old_refresh = body.get("old_refresh", grants.old_refresh)
        if old_refresh not in ("until_replaced", "dies_at_once"):
            raise ShopError("old_refresh is until_replaced or dies_at_once")
        grants.old_refresh = old_refresh
        return {"calls": dict(grants.calls), "refuse_refresh": grants.refuse_refresh, "old_refresh": old_refresh}

    async def _set_bulk(self, request: Request, body: Json, shop: Shop) -> Json:
        """`hold`, `fail_after` (root objects, null: never), `fail_code`, `at_a_time`; `expire` now."""
        bulk = self._store.engine(shop.config.domain).bulk
        bulk.hold = bool(body.get("hold", bulk.hold))
        if "fail_after" in body:
            bulk.fail_after = None if body["fail_after"] is None else int(body["fail_after"])
        bulk.fail_code = str(body.get("fail_code", bulk.fail_code))
        bulk.at_a_time = int(body.get("at_a_time", bulk.at_a_time))
        if body.get("expire"):
            bulk.expire()
        return {
            "operations": [
                {"id": str(each.id), "status": each.status, "roots": each.roots} for each in bulk.operations.values()
            ]
        }

    async def _drain(self, request: Request, body: Json, shop: Shop) -> Json:
        await self._store.drain(float(body.get("timeout_s", 10)))
        return {"pending": 0}


def _summary(order: Order) -> Json:
    sums = totals(order)
    return {
        "id": str(order.id),
        "name": order.name,
        "currency": order.currency,
        "total": rest_amount(sums.total, order.currency),
        "current_total": rest_amount(sums.current_total, order.currency),
        "financial_status": financial_status(order),
        "fulfillment_status": fulfillment_status(order),
        "cancelled": order.cancelled_at is not None,
        "lines": [
            {
                "id": str(line.id),
                "sku": line.sku,
                "quantity": line.quantity,
                "current_quantity": line.current_quantity,
                "fulfilled_quantity": line.fulfilled,
            }
            for line in order.lines
        ],
    }


def _shipments(order: Order) -> list[Json]:
    return [
        {
            "id": str(shipment.id),
            "name": shipment.name,
            "tracking_company": shipment.tracking_company,
            "tracking_numbers": shipment.tracking_numbers,
            "tracking_urls": shipment.tracking_urls,
            "notify_customer": shipment.notify_customer,
            "lines": [
                {"line_id": str(line.id), "sku": line.sku, "quantity": quantity} for _, line, quantity in shipment.lines
            ],
        }
        for shipment in order.fulfillments
    ]


def _stock(shop: Shop) -> dict[str, int]:
    return {variant.sku: variant.available for variant in shop.variants if variant.sku}


def _json(content: Json, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
