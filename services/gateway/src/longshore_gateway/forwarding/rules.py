"""Which routes other services serve, and the scope that each needs. Without a line here a route is not public."""

from __future__ import annotations

from dataclasses import dataclass

from longshore_gateway.accounts.rules import Scope


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A route, as it stands in the service's own OpenAPI document too."""

    method: str
    path: str
    service: str
    scope: Scope
    # Whether `{id}` in the path is a store: the gateway, whose table that is, looks that it is the organisation's.
    of_store: bool = False


FORWARDED = (
    Forwarded("GET", "/api/v1/orders", "order-sync", Scope.READ),
    Forwarded("GET", "/api/v1/orders/{order_id}", "order-sync", Scope.READ),
    Forwarded("GET", "/api/v1/orders/{order_id}/revisions", "order-sync", Scope.READ),
    Forwarded("POST", "/api/v1/orders/{order_id}/fulfillments", "order-sync", Scope.ORDERS_WRITE),
    Forwarded("POST", "/api/v1/orders/{order_id}/cancel", "order-sync", Scope.ORDERS_WRITE),
    Forwarded("POST", "/api/v1/orders/{order_id}/notes", "order-sync", Scope.ORDERS_WRITE),
    Forwarded("POST", "/api/v1/orders/{order_id}/refunds", "order-sync", Scope.ORDERS_WRITE),
    Forwarded("POST", "/api/v1/orders/{order_id}/tags", "order-sync", Scope.ORDERS_WRITE),
    Forwarded("POST", "/api/v1/orders/{order_id}/mark-paid", "order-sync", Scope.ORDERS_WRITE),
    Forwarded("POST", "/api/v1/orders/{order_id}/status", "order-sync", Scope.ORDERS_WRITE),
    Forwarded(
        "POST", "/api/v1/orders/{order_id}/fulfillments/{fulfillment_id}/tracking", "order-sync", Scope.ORDERS_WRITE
    ),
    Forwarded(
        "POST", "/api/v1/orders/{order_id}/fulfillments/{fulfillment_id}/cancel", "order-sync", Scope.ORDERS_WRITE
    ),
    Forwarded("GET", "/api/v1/customers", "order-sync", Scope.READ),
    Forwarded("POST", "/api/v1/integrations/{id}/sync", "order-sync", Scope.INTEGRATIONS_OPERATE, of_store=True),
    Forwarded("GET", "/api/v1/integrations/{id}/sync-runs", "order-sync", Scope.READ, of_store=True),
    Forwarded("GET", "/api/v1/sync-runs/{run_id}", "order-sync", Scope.READ),
    Forwarded("POST", "/api/v1/sync-runs/{run_id}/cancel", "order-sync", Scope.INTEGRATIONS_OPERATE),
    Forwarded("POST", "/api/v1/sync-runs/{run_id}/retry", "order-sync", Scope.INTEGRATIONS_OPERATE),
    Forwarded("GET", "/api/v1/inventory", "inventory", Scope.READ),
    Forwarded("POST", "/api/v1/inventory/adjustments", "inventory", Scope.INVENTORY_WRITE),
    Forwarded("GET", "/api/v1/inventory/movements", "inventory", Scope.READ),
    Forwarded("GET", "/api/v1/inventory/alerts", "inventory", Scope.READ),
    Forwarded("DELETE", "/api/v1/inventory/alerts/{alert_id}", "inventory", Scope.INVENTORY_WRITE),
    Forwarded("GET", "/api/v1/listings", "inventory", Scope.READ),
    Forwarded("POST", "/api/v1/listings/{listing_id}/price", "inventory", Scope.PRODUCTS_WRITE),
    Forwarded("GET", "/api/v1/products", "inventory", Scope.READ),
    Forwarded("POST", "/api/v1/products/{product_id}/publish", "inventory", Scope.PRODUCTS_WRITE),
    Forwarded("DELETE", "/api/v1/products/{product_id}/publish/{integration_id}", "inventory", Scope.PRODUCTS_WRITE),
)

_BY_ROUTE = {(route.method, route.path): route for route in FORWARDED}


def forwarded(method: str, path: str) -> Forwarded:
    """The route of that method and path. Raises ValueError when the gateway does not forward it."""
    try:
        return _BY_ROUTE[method, path]
    except KeyError:
        raise ValueError(
            f"{method} {path} has no line, and so no scope, in the gateway's forwarding/rules.py"
        ) from None
