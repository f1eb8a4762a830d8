"""Reading single entities, whole: every page of every list in them. Each answer is kept byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    StoreRefused,
    StoreUnauthorized,
    StoreUnavailable,
)
from longshore_connector_shopify.client.admin_api import AdminApi, Answer, gid
from longshore_connector_shopify.client.paging import is_cut, nodes_of
from longshore_connector_shopify.client.setup import granted
from longshore_connector_shopify.permissions import ALL_ORDERS
from longshore_connector_shopify.references import OF_RETURN

# As in order.graphql: these two are lists without cursors.
_SHIPMENTS_TOLD, _REFUNDS_TOLD = 4, 3
# An order that changes while its pages are read is read again.
_READS = 3


async def fetch(api: AdminApi, request: FetchRequest) -> list[FetchedEntity]:
    """Read one entity; `gone` if the store has it no more."""
    match request.resource:
        case "order":
            external_id: str | None = request.external_id
            if request.external_id.startswith(OF_RETURN):
                external_id = await _order_of_return(api, request.external_id.removeprefix(OF_RETURN))
            return [] if external_id is None else [await _order(api, external_id)]
        case "product":
            return [await fetch_product(api, request.external_id)]
        case "stock":
            # `<item>@<location>` names a level; all levels of its item are read.
            return [await fetch_stock(api, request.external_id.partition("@")[0])]
        case "customer":
            answer = await api.query("customer", {"id": gid("Customer", request.external_id)})
            return [_entity("customer", request.external_id, [answer], answer.data.get("customer"))]


async def fetch_product(api: AdminApi, external_id: str) -> FetchedEntity:
    """A product with all its variants."""
    answers, first = await _pages(api, "product", gid("Product", external_id), "product", "variants")
    return _entity("product", external_id, answers, first)


async def fetch_stock(api: AdminApi, external_id: str) -> FetchedEntity:
    """An inventory item with its level at every location."""
    answers, first = await _pages(api, "stock", gid("InventoryItem", external_id), "inventoryItem", "inventoryLevels")
    return _entity("stock", external_id, answers, first)


async def all_shipments(api: AdminApi, order: dict[str, Any], told: int) -> list[Answer]:
    """Answers with what an order's answer cuts off its shipments; `told`: how many it lists at most."""
    listed = order.get("fulfillments") or []
    ids = [each["id"] for each in listed if is_cut(each.get("fulfillmentLineItems"))]
    if len(listed) >= told:
        known = {each["id"] for each in listed}
        ids += [each for each in await _parts(api, order["id"], "fulfillments") if each not in known]
    return await _each(api, "shipment", ids, "fulfillment", "fulfillmentLineItems")


async def _order(api: AdminApi, external_id: str) -> FetchedEntity:
    order_gid = gid("Order", external_id)
    for _ in range(_READS):
        answer = await api.query("order", {"id": order_gid})
        order = answer.data.get("order")
        if order is None:
            await _must_see_all_orders(api)
            return _entity("order", external_id, [answer], None)
        answers = [answer, *await _rest_of(api, order)]
        if len(answers) == 1:
            return _entity("order", external_id, answers, order)
        again = (await api.query("order_parts", {"id": order_gid})).data.get("order") or {}
        if again.get("updatedAt") == order.get("updatedAt"):
            return _entity("order", external_id, answers, order)
    raise StoreUnavailable("order-changing", "The order changes faster than it can be read.")


async def _order_of_return(api: AdminApi, number: str) -> str | None:
    """The order of a return; None if the return is gone, or we may not see it: the order's own deliveries tell, too."""
    try:
        found = (await api.query("return_order", {"id": gid("Return", number)})).data.get("return")
    except StoreUnauthorized as error:
        if not error.partial:
            raise
        return None
    return None if found is None else str(found["order"]["id"]).rpartition("/")[2]


async def _rest_of(api: AdminApi, order: dict[str, Any]) -> list[Answer]:
    """What the first answer cuts off."""
    answers: list[Answer] = []
    after = nodes_of(order.get("lineItems"))[1]
    while after is not None:
        answer = await api.query("order_lines", {"id": order["id"], "after": after})
        answers.append(answer)
        after = nodes_of((answer.data.get("order") or {}).get("lineItems"))[1]
    answers += await all_shipments(api, order, _SHIPMENTS_TOLD)
    refunds = order.get("refunds") or []
    ids = [each["id"] for each in refunds if is_cut(each.get("refundLineItems"))]
    if len(refunds) >= _REFUNDS_TOLD:
        known = {each["id"] for each in refunds}
        ids += [each for each in await _parts(api, order["id"], "refunds") if each not in known]
    return answers + await _each(api, "refund", ids, "refund", "refundLineItems")


async def _must_see_all_orders(api: AdminApi) -> None:
    """An order that is not there may only be too old for us to see: that is no reason to drop it."""
    if ALL_ORDERS not in await granted(api):
        raise StoreRefused(
            "order-not-visible",
            f"The store shows no such order. Without {ALL_ORDERS} it may be deleted, or older than 60 days.",
        )


async def _parts(api: AdminApi, order_gid: str, name: str) -> list[str]:
    order = (await api.query("order_parts", {"id": order_gid})).data.get("order") or {}
    return [str(each["id"]) for each in order.get(name) or ()]


async def _each(api: AdminApi, name: str, ids: Sequence[str], field: str, connection: str) -> list[Answer]:
    answers: list[Answer] = []
    for each in ids:
        answers += (await _pages(api, name, each, field, connection))[0]
    return answers


async def _pages(
    api: AdminApi, name: str, node_gid: str, field: str, connection: str
) -> tuple[list[Answer], dict[str, Any] | None]:
    """All answers of a document that pages one connection, and the node in the first."""
    answers: list[Answer] = []
    first: dict[str, Any] | None = None
    after: str | None = None
    while True:
        answer = await api.query(name, {"id": node_gid, "after": after})
        node = answer.data.get(field)
        if first is None:
            first = node
        answers.append(answer)
        after = nodes_of((node or {}).get(connection))[1]
        if after is None:
            return answers, first


def _entity(resource: Any, external_id: str, answers: Sequence[Answer], found: Any) -> FetchedEntity:
    bodies = [each.body for each in answers]
    body = bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]"
    return FetchedEntity(resource, external_id, body, gone=found is None)
