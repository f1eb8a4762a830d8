"""The mutations that the simulated store carries out; every other one is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from graphql import GraphQLError

from longshore_devkit.stores.shopify.model import FulfillmentOrder, FulfillmentOrderLine, Order, Variant
from longshore_devkit.stores.shopify.nodes import Args, Node, iso, number_of
from longshore_devkit.stores.shopify.order_mutations import OrderMutations, user_error
from longshore_devkit.stores.shopify.order_nodes import OrderNodes
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.shop import Shop, ShopError
from longshore_devkit.stores.shopify.webhooks import Subscription, topic_of

MAX_QUANTITY = 1_000_000_000

_REASONS = (
    "correction cycle_count_available damaged movement_created movement_updated movement_received movement_canceled "
    "other promotion quality_control received reservation_created reservation_deleted reservation_updated restock "
    "safety_stock shrinkage"
).split()

Part = tuple[FulfillmentOrder, FulfillmentOrderLine, int]


class Mutations(OrderMutations):
    """Carries out mutations on one shop; each method takes the field's arguments and returns its payload."""

    def __init__(self, shop: Shop, nodes: OrderNodes, can_fulfil: Callable[[], bool]) -> None:
        super().__init__(shop, nodes)
        self._can_fulfil = can_fulfil
        self.by_name: dict[str, Callable[[Args], Node]] = {
            "webhookSubscriptionCreate": self.webhook_create,
            "webhookSubscriptionUpdate": self.webhook_update,
            "webhookSubscriptionDelete": self.webhook_delete,
            "fulfillmentCreate": self.fulfillment_create,
            "fulfillmentTrackingInfoUpdate": self.tracking_update,
            "fulfillmentCancel": self.fulfillment_cancel,
            "inventorySetQuantities": self.inventory_set,
            "inventoryAdjustQuantities": self.inventory_adjust,
            "inventoryActivate": self.inventory_activate,
            "orderCancel": self.order_cancel,
            "orderUpdate": self.order_update,
            "orderMarkAsPaid": self.order_mark_paid,
            "tagsAdd": self.tags_add,
            "refundCreate": self.refund_create,
            "productUpdate": self.product_update,
            "productVariantsBulkUpdate": self.variants_update,
            "tagsRemove": self.tags_remove,
        }

    def webhook_create(self, args: Args) -> Node:
        given = args["webhookSubscription"]
        uri, topic = given.get("uri") or given.get("callbackUrl") or "", topic_of(args["topic"])
        problem = self._uri_problem(uri, topic, None)
        if problem:
            return {"webhookSubscription": None, "userErrors": [problem]}
        now = self._shop.now()
        made = Subscription(
            self._shop.ids.next("subscription"), topic, uri, now, now, list(given.get("includeFields") or [])
        )
        self._shop.webhooks.subscriptions[made.id] = made
        return {"webhookSubscription": self._nodes.subscription(made), "userErrors": []}

    def webhook_update(self, args: Args) -> Node:
        found = self._shop.webhooks.subscriptions.get(number_of(args["id"]))
        if found is None:
            return {
                "webhookSubscription": None,
                "userErrors": [user_error(["id"], "Webhook subscription does not exist")],
            }
        given = args["webhookSubscription"]
        uri = given.get("uri") or given.get("callbackUrl") or found.uri
        problem = self._uri_problem(uri, found.topic, found.id)
        if problem:
            return {"webhookSubscription": None, "userErrors": [problem]}
        found.uri, found.updated_at, found.failures = uri, self._shop.now(), 0
        if "includeFields" in given:
            found.include_fields = list(given["includeFields"] or [])
        return {"webhookSubscription": self._nodes.subscription(found), "userErrors": []}

    def webhook_delete(self, args: Args) -> Node:
        found = self._shop.webhooks.subscriptions.pop(number_of(args["id"]), None)
        errors = [] if found else [user_error(["id"], "Webhook subscription does not exist")]
        return {"deletedWebhookSubscriptionId": args["id"] if found else None, "userErrors": errors}

    def fulfillment_create(self, args: Args) -> Node:
        given = args["fulfillment"]
        problem, order, parts = self._parts(given["lineItemsByFulfillmentOrder"])
        if problem or order is None:
            return {"fulfillment": None, "userErrors": [user_error(["fulfillment"], problem)]}
        made = self._shop.fulfil(
            order, parts, notify=bool(given.get("notifyCustomer")), **_tracking(given.get("trackingInfo") or {})
        )
        return {"fulfillment": self._nodes.fulfillment(order, made), "userErrors": []}

    def tracking_update(self, args: Args) -> Node:
        found = self._shop.fulfillments.get(number_of(args["fulfillmentId"])) if self._can_fulfil() else None
        if found is None:
            return {"fulfillment": None, "userErrors": [user_error(["fulfillmentId"], "Fulfillment does not exist.")]}
        self._shop.track(*found, notify=bool(args.get("notifyCustomer")), **_tracking(args["trackingInfoInput"]))
        return {"fulfillment": self._nodes.fulfillment(*found), "userErrors": []}

    def fulfillment_cancel(self, args: Args) -> Node:
        found = self._shop.fulfillments.get(number_of(args["id"])) if self._can_fulfil() else None
        if found is None:
            return {"fulfillment": None, "userErrors": [user_error(["id"], "Fulfillment does not exist.")]}
        try:
            self._shop.cancel_fulfillment(*found)
        except ShopError as problem:
            return {"fulfillment": None, "userErrors": [user_error(["id"], str(problem))]}
        return {"fulfillment": self._nodes.fulfillment(*found), "userErrors": []}

    def inventory_set(self, args: Args) -> Node:
        given = args["input"]
        name, entries = given["name"], given["quantities"]
        errors = _naming_errors(name, given["reason"], ("available", "on_hand"))
        found: list[tuple[Variant, int, int]] = []
        for index, entry in enumerate(entries):
            path = ["input", "quantities", str(index)]
            if "changeFromQuantity" not in entry:
                raise GraphQLError(
                    "InventoryQuantityInput must include the following argument: changeFromQuantity.",
                    extensions={"code": "INVALID_FIELD_ARGUMENTS"},
                )
            problem, variant = self._stocked(entry, path)
            if variant is None:
                errors += problem
                continue
            location, quantity = number_of(entry["locationId"]), entry["quantity"]
            level = variant.levels[location]
            current = level.available if name == "available" else level.on_hand
            expected = entry["changeFromQuantity"]
            if expected is not None and expected != current:
                message = "The changeFromQuantity argument no longer matches the persisted quantity."
                errors.append(user_error([*path, "changeFromQuantity"], message, "CHANGE_FROM_QUANTITY_STALE"))
            errors += _range_errors(quantity, [*path, "quantity"])
            found.append((variant, location, quantity))
        if len({(variant.id, location) for variant, location, _ in found}) < len(found):
            message = "The combination of inventoryItemId and locationId must be unique."
            errors.append(user_error(["input", "quantities"], message, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"))
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        return self._apply(given, name, found)

    def inventory_adjust(self, args: Args) -> Node:
        given = args["input"]
        errors = _naming_errors(given["name"], given["reason"], ("available",))
        found: list[tuple[Variant, int, int]] = []
        for index, entry in enumerate(given["changes"]):
            path = ["input", "changes", str(index)]
            if "changeFromQuantity" not in entry:
                raise GraphQLError(
                    "InventoryChangeInput must include the following argument: changeFromQuantity.",
                    extensions={"code": "INVALID_FIELD_ARGUMENTS"},
                )
            problem, variant = self._stocked(entry, path)
            if variant is None:
                errors += problem
                continue
            location = number_of(entry["locationId"])
            current = variant.levels[location].available
            if entry["changeFromQuantity"] not in (None, current):
                message = "The changeFromQuantity argument no longer matches the persisted quantity."
                errors.append(user_error([*path, "changeFromQuantity"], message, "CHANGE_FROM_QUANTITY_STALE"))
            found.append((variant, location, current + entry["delta"]))
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        return self._apply(given, "available", found)

    def inventory_activate(self, args: Args) -> Node:
        """Where it is stocked already nothing changes, and a quantity is refused: that would overwrite one."""
        variant = self._shop.variant_by_item(number_of(args["inventoryItemId"]))
        location = number_of(args["locationId"])
        if variant is None:
            problem = user_error(["inventoryItemId"], "The inventory item couldn't be found.")
        elif all(place.id != location or not place.active for place in self._shop.locations):
            problem = user_error(["locationId"], "The location couldn't be found.")
        elif location in variant.levels and args.get("available") is not None:
            problem = user_error(["available"], "Not allowed to set available quantity when the item is active.")
        else:
            if location not in variant.levels:
                self._shop.activate(variant, location, int(args.get("available") or 0))
            return {"inventoryLevel": self._nodes.level(variant, location), "userErrors": []}
        return {"inventoryLevel": None, "userErrors": [problem]}

    def _uri_problem(self, uri: str, topic: str, own_id: int | None) -> Node | None:
        parts = urlsplit(uri)
        field = ["webhookSubscription", "callbackUrl"]
        loopback = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if not parts.hostname:
            return user_error(field, "Address is invalid")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            return user_error(field, f"Address protocol {parts.scheme}:// is not supported")
        for other in self._shop.webhooks.subscriptions.values():
            if (other.topic, other.uri) == (topic, uri) and other.id != own_id:
                return user_error(field, "Address for this topic has already been taken")
        return None

    def _parts(self, groups: list[Args]) -> tuple[str, Order | None, list[Part]]:
        parts: list[Part] = []
        owner: Order | None = None
        for group in groups:
            number = number_of(group["fulfillmentOrderId"])
            found = self._shop.fulfillment_orders.get(number) if self._can_fulfil() else None
            if found is None:
                return "Fulfillment order does not exist.", None, []
            order, fulfillment_order = found
            if owner is not None and owner is not order:
                return "All fulfillment orders must belong to the same order.", None, []
            owner = order
            if parts and parts[0][0].location_id != fulfillment_order.location_id:
                return "All fulfillment orders must be assigned to the same location.", None, []
            if fulfillment_order.status not in {"open", "in_progress"}:
                status = fulfillment_order.status
                return f"Fulfillment order {number} has an unfulfillable status= {status}.", None, []
            problem, chosen = _chosen(fulfillment_order, group.get("fulfillmentOrderLineItems") or [])
            if problem:
                return problem, None, []
            parts += chosen
        return ("", owner, parts) if parts else ("Nothing to fulfill.", None, [])

    def _stocked(self, entry: Args, path: list[str]) -> tuple[list[Node], Variant | None]:
        variant = self._shop.variant_by_item(number_of(entry["inventoryItemId"]))
        location = number_of(entry["locationId"])
        if variant is None:
            message = "The specified inventory item could not be found."
            return [user_error([*path, "inventoryItemId"], message, "INVALID_INVENTORY_ITEM")], None
        if all(place.id != location for place in self._shop.locations):
            message = "The specified location could not be found."
            return [user_error([*path, "locationId"], message, "INVALID_LOCATION")], None
        if location not in variant.levels:
            message = "The specified inventory item is not stocked at the location."
            return [user_error([*path, "locationId"], message, "ITEM_NOT_STOCKED_AT_LOCATION")], None
        return [], variant

    def _apply(self, given: Args, name: str, found: list[tuple[Variant, int, int]]) -> Node:
        event = self._shop.webhooks.event_id()
        changes: list[Node] = []
        for variant, location, quantity in found:
            delta = self._shop.set_quantity(variant, location, quantity, name=name, event=event)
            if delta:
                changes += self._changes(variant, location, delta)
        group = {
            "id": gid("InventoryAdjustmentGroup", self._shop.ids.next("adjustment")),
            "createdAt": iso(self._shop.now()),
            "reason": given["reason"],
            "referenceDocumentUri": given.get("referenceDocumentUri"),
            "app": None,
            "staffMember": None,
            "changes": lambda args: [c for c in changes if c["name"] in (args.get("quantityNames") or [c["name"]])],
        }
        return {"inventoryAdjustmentGroup": group if changes else None, "userErrors": []}

    def _changes(self, variant: Variant, location_id: int, delta: int) -> list[Node]:
        level = variant.levels[location_id]
        location = next(place for place in self._shop.locations if place.id == location_id)
        return [
            {
                "name": name,
                "delta": delta,
                "quantityAfterChange": after,
                "ledgerDocumentUri": None,
                "item": self._nodes.inventory_item(variant),
                "location": self._nodes.location(location),
            }
            for name, after in (("available", level.available), ("on_hand", level.on_hand))
        ]


def _tracking(given: Args) -> Args:
    """`FulfillmentTrackingInput`, which takes one of each or several."""
    return {
        "numbers": given.get("numbers") or ([given["number"]] if given.get("number") else []),
        "urls": given.get("urls") or ([given["url"]] if given.get("url") else []),
        "company": given.get("company"),
    }


def _chosen(fulfillment_order: FulfillmentOrder, asked: list[Args]) -> tuple[str, list[Part]]:
    if not asked:
        return "", [(fulfillment_order, part, part.remaining) for part in fulfillment_order.lines if part.remaining]
    by_id = {part.id: part for part in fulfillment_order.lines}
    chosen: list[Part] = []
    for entry in asked:
        part = by_id.get(number_of(entry["id"]))
        if part is None:
            return "Fulfillment order line item does not exist.", []
        already = sum(quantity for _, other, quantity in chosen if other is part)
        if not 0 < entry["quantity"] <= part.remaining - already:
            return "Invalid fulfillment order line item quantity requested.", []
        chosen.append((fulfillment_order, part, entry["quantity"]))
    return "", chosen


def _naming_errors(name: str, reason: str, names: tuple[str, ...]) -> list[Node]:
    errors = []
    if name not in names:
        errors.append(
            user_error(["input", "name"], f"The quantity name must be one of: {', '.join(names)}.", "INVALID_NAME")
        )
    if reason not in _REASONS:
        errors.append(user_error(["input", "reason"], "The specified reason is invalid.", "INVALID_REASON"))
    return errors


def _range_errors(quantity: int, path: list[str]) -> list[Node]:
    if quantity > MAX_QUANTITY:
        return [user_error(path, "The total quantity can't be higher than 1,000,000,000.", "INVALID_QUANTITY_TOO_HIGH")]
    if quantity < 0:
        return [user_error(path, "The quantity can't be negative.", "INVALID_QUANTITY_NEGATIVE")]
    return []
