"""Executes GraphQL requests against one simulated shop, with the official schema, scopes and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    execute_sync,
    get_named_type,
    get_operation_ast,
    parse,
    validate,
)

from longshore_devkit.stores.shopify.bulk import BulkOperations
from longshore_devkit.stores.shopify.cost import MAX_QUERY_COST, Bucket, QueryCost
from longshore_devkit.stores.shopify.idempotency import IdempotencyKeys
from longshore_devkit.stores.shopify.mutations import Mutations
from longshore_devkit.stores.shopify.nodes import Args, Node, number_of
from longshore_devkit.stores.shopify.order_nodes import OrderNodes
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.schema import idempotent_mutations, load_admin_schema, required_scopes
from longshore_devkit.stores.shopify.search import IN_BULK, Slices, connection
from longshore_devkit.stores.shopify.shop import API_VERSION, RATES, Shop

BUCKET_SECONDS = 20
"""The bucket holds this many seconds of its rate."""

THROTTLED_ERROR: Node = {
    "message": "Throttled",
    "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
}

_READ_FULFILLMENT_ORDERS = "read_merchant_managed_fulfillment_orders"
_READ_OTHERS = "read_third_party_fulfillment_orders"
_WRITE_FULFILLMENT_ORDERS = "write_merchant_managed_fulfillment_orders"


class Engine:
    """One shop's GraphQL endpoint below HTTP. Answers are what Shopify sends with status 200."""

    def __init__(self, shop: Shop, bucket: Bucket | None = None) -> None:
        rate = RATES[shop.config.plan]
        self.shop = shop
        self.bucket = bucket or Bucket(rate, rate * BUCKET_SECONDS)
        self.calls: Counter[str] = Counter()
        self.nodes = OrderNodes(shop)
        self._schema = load_admin_schema(API_VERSION)
        self._scopes = _granted(shop.config.scopes)
        self.nodes.sees_others = self._may(_READ_OTHERS)
        self._keys = IdempotencyKeys(idempotent_mutations(API_VERSION))
        self._mutations = Mutations(shop, self.nodes, lambda: self._may(_WRITE_FULFILLMENT_ORDERS))
        self.bulk = BulkOperations(self._schema, self._slice, lambda: shop.ids.next("bulk_operation"), shop.now)
        self._mutations.by_name |= {
            "bulkOperationRunQuery": self.bulk.run_query,
            "bulkOperationCancel": self.bulk.cancel,
        }
        self._queries = self._query_fields()

    def execute(self, query: str, variables: Mapping[str, Any], operation_name: str | None = None) -> Node:
        """The whole answer: data, errors, extensions. Never raises for a bad request."""
        self.shop.jobs.run()
        checked = _checked(query)
        if isinstance(checked, list):
            return {"errors": checked}
        operation = get_operation_ast(checked, operation_name)
        if operation is None:
            return {"errors": [{"message": "No operation with that name, or several and no name was given."}]}
        cost = QueryCost(self._schema, checked, operation, variables)
        requested = cost.requested()
        if requested > MAX_QUERY_COST:
            return {"errors": [_too_expensive(requested)]}
        if requested > self.bucket.available:
            self.calls["THROTTLED"] += 1
            return self.throttled(requested)
        self._count(operation)
        result = execute_sync(
            self._schema,
            checked,
            variable_values=dict(variables),
            operation_name=operation_name,
            field_resolver=self._resolve,
        )
        assert isinstance(result, ExecutionResult)
        actual = cost.actual(result.data)
        self.bucket.spend(actual)
        answer: Node = {"data": result.data} if result.data is not None or not result.errors else {}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer | {"extensions": {"cost": self._cost(requested, actual)}}

    def throttled(self, requested: int = 10) -> Node:
        """The refusal of a request that the bucket cannot pay."""
        return {"errors": [THROTTLED_ERROR], "extensions": {"cost": self._cost(requested, None)}}

    def _slice(self, document: DocumentNode, slices: Slices) -> ExecutionResult:
        """The next root objects of a bulk operation: it costs nothing, and its pages have no end."""
        slices.begin()
        token = IN_BULK.set(slices)
        try:
            result = execute_sync(self._schema, document, field_resolver=self._resolve)
        finally:
            IN_BULK.reset(token)
        assert isinstance(result, ExecutionResult)
        return result

    def _cost(self, requested: int, actual: int | None) -> Node:
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": self.bucket.status(),
        }

    def _count(self, operation: OperationDefinitionNode) -> None:
        for node in operation.selection_set.selections:
            name = getattr(node, "name", None)
            if name is not None:
                self.calls[name.value] += 1

    def _resolve(self, source: Any, info: GraphQLResolveInfo[Any], **args: Any) -> Any:
        parent, field = info.parent_type.name, info.field_name
        refused = self._refused(parent, field, info)
        if refused is not None:
            return refused(args)
        if parent == "QueryRoot":
            if field not in self._queries:
                raise GraphQLError(f"The simulated store does not answer the query {field!r}.")
            return self._queries[field](args)
        if parent == "Mutation":
            return self._mutate(info, args)
        if field not in source:
            raise GraphQLError(f"The simulated store does not know {parent}.{field}.")
        value = source[field]
        return value(args) if callable(value) else value

    def _mutate(self, info: GraphQLResolveInfo[Any], args: Args) -> Node:
        act = self._mutations.by_name.get(info.field_name)
        if act is None:
            raise GraphQLError(f"The simulated store does not carry out {info.field_name!r}.")
        answer = self._keys.run(info, args, lambda: act(args))
        payload = get_named_type(info.return_type)
        assert isinstance(payload, GraphQLObjectType)
        return dict.fromkeys(payload.fields) | answer

    def _refused(self, parent: str, field: str, info: GraphQLResolveInfo[Any]) -> Callable[[Args], Node | None] | None:
        """What to do instead when the token lacks a scope; None when it does not."""
        if self._scopes is None or parent.endswith(("Connection", "Edge")):
            return None
        node_type = get_named_type(info.return_type).name.removesuffix("Connection")
        if node_type == "FulfillmentOrder":
            if self._may(_READ_FULFILLMENT_ORDERS):
                return None
            if parent == "QueryRoot":
                return lambda _: None
            return lambda args: connection([], args, lambda _: (0, 0), lambda item: item)
        scopes = required_scopes(API_VERSION)
        for name in (f"{parent}.{field}", node_type):
            wanted = scopes.get(name)
            if wanted and not any(self._may(scope) for scope in wanted):
                required = " or ".join(f"`{scope}` access scope" for scope in wanted)
                raise GraphQLError(
                    f"Access denied for {field} field. Required access: {required}.",
                    extensions={
                        "code": "ACCESS_DENIED",
                        "documentation": "https://shopify.dev/api/usage/access-scopes",
                    },
                )
        return None

    def _may(self, scope: str) -> bool:
        return self._scopes is None or scope in self._scopes

    def _query_fields(self) -> dict[str, Callable[[Args], Any]]:
        nodes, shop = self.nodes, self.shop
        return {
            "shop": lambda _: nodes.shop_node(),
            "orders": nodes.orders,
            "order": lambda args: self._node(args["id"], "Order"),
            "products": nodes.products,
            "product": lambda args: self._node(args["id"], "Product"),
            "productVariants": nodes.variants,
            "productVariant": lambda args: self._node(args["id"], "ProductVariant"),
            "inventoryItems": nodes.inventory_items,
            "inventoryItem": lambda args: self._node(args["id"], "InventoryItem"),
            "inventoryLevel": lambda args: nodes.level_by_id(args["id"]),
            "locations": nodes.locations,
            "location": lambda args: self._node(args.get("id") or gid("Location", shop.locations[0].id), "Location"),
            "customers": nodes.customers,
            "customer": lambda args: self._node(args["id"], "Customer"),
            "refund": lambda args: self._node(args["id"], "Refund"),
            "return": lambda args: self._node(args["id"], "Return"),
            "fulfillment": lambda args: self._node(args["id"], "Fulfillment"),
            "fulfillmentOrder": lambda args: self._node(args["id"], "FulfillmentOrder"),
            "job": lambda args: self._node(args["id"], "Job"),
            "webhookSubscriptions": self._subscriptions,
            "webhookSubscription": lambda args: self._node(args["id"], "WebhookSubscription"),
            "node": lambda args: self._node(args["id"], None),
            "nodes": lambda args: [self._node(global_id, None) for global_id in args["ids"]],
            "currentAppInstallation": lambda _: self._installation(),
            "ordersCount": nodes.orders_count,
            "productsCount": nodes.products_count,
            "productVariantsCount": nodes.variants_count,
            "customersCount": nodes.customers_count,
            "bulkOperation": self.bulk.by_id,
            "bulkOperations": self.bulk.list,
            "currentBulkOperation": self.bulk.current,
        }

    def _node(self, global_id: str, wanted: str | None) -> Node | None:
        kind = global_id.removeprefix("gid://shopify/").split("/", 1)[0]
        if wanted is not None and kind != wanted:
            raise GraphQLError(f"Invalid id: {global_id}", extensions={"code": "RESOURCE_NOT_FOUND", "kind": wanted})
        number, shop, nodes = number_of(global_id), self.shop, self.nodes
        makers: dict[str, Callable[[], Node | None]] = {
            "Order": lambda: nodes.order(shop.orders[number]),
            "Product": lambda: nodes.product(shop.products[number]),
            "ProductVariant": lambda: nodes.variant(next(v for v in shop.variants if v.id == number)),
            "InventoryItem": lambda: nodes.inventory_item(
                next(v for v in shop.variants if v.inventory_item_id == number)
            ),
            "InventoryLevel": lambda: nodes.level_by_id(global_id),
            "Location": lambda: nodes.location(next(p for p in shop.locations if p.id == number)),
            "FulfillmentOrder": lambda: nodes.fulfillment_order(*shop.fulfillment_orders[number]),
            "Fulfillment": lambda: nodes.fulfillment(*shop.fulfillments[number]),
            "Refund": lambda: nodes.refund(*shop.refunds[number]),
            "Return": lambda: {"id": global_id, "order": nodes.order(shop.returns[number])},
            "Job": lambda: nodes.job(number),
            "Customer": lambda: nodes.customer(next(c for c in shop.buyers.customers if c.id == number)),
            "WebhookSubscription": lambda: nodes.subscription(shop.webhooks.subscriptions[number]),
        }
        try:
            return makers[kind]() if kind in makers else None
        except (KeyError, StopIteration):
            return None

    def _subscriptions(self, args: Args) -> Node:
        topics, uri = args.get("topics"), args.get("uri") or args.get("callbackUrl")
        found = [self.nodes.subscription(s) for s in self.shop.webhooks.subscriptions.values()]
        found = [s for s in found if (not topics or s["topic"] in topics) and (not uri or s["uri"] == uri)]
        return connection(found, args, lambda s: (int(s["legacyResourceId"]), int(s["legacyResourceId"])), lambda s: s)

    def _installation(self) -> Node:
        granted = self._scopes
        if granted is None:
            granted = frozenset(scope for scopes in required_scopes(API_VERSION).values() for scope in scopes)
        return {
            "id": gid("AppInstallation", self.shop.id),
            "launchUrl": "https://app.example.com",
            "uninstallUrl": None,
            "accessScopes": [{"handle": scope, "description": scope} for scope in sorted(granted)],
            "app": {"id": gid("App", 580111), "title": "Longshore", "handle": "longshore", "apiKey": "simulated"},
        }


def _granted(scopes: frozenset[str] | None) -> frozenset[str] | None:
    """To write is to read: `write_orders` grants `read_orders` too."""
    if scopes is None:
        return None
    return scopes | {scope.replace("write_", "read_", 1) for scope in scopes if scope.startswith("write_")}


@lru_cache(maxsize=256)
def _checked(query: str) -> DocumentNode | list[Node]:
    """The parsed document, or the errors for which Shopify would refuse it. Kept: schemas are large."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return [dict(error.formatted)]
    schema: GraphQLSchema = load_admin_schema(API_VERSION)
    return [dict(error.formatted) for error in validate(schema, document)] or document


def _too_expensive(cost: int) -> Node:
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MAX_QUERY_COST}).",
        "extensions": {"code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": MAX_QUERY_COST},
    }
