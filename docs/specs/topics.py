"""The stream's topics as the documents tell of them: what travels there, keyed by what, and who sends it.

Who reads them is not written here: that is taken from the services' own subscriptions.
"""

from __future__ import annotations

from dataclasses import dataclass

from longshore.broker import (
    COMMANDS,
    COMMANDS_OUTCOMES,
    COMMERCE_CUSTOMERS,
    COMMERCE_ORDERS,
    COMMERCE_PRODUCTS,
    COMMERCE_STOCK,
    INTEGRATIONS_EVENTS,
    INVENTORY_EVENTS,
    ORDERS_EVENTS,
    RAW,
    TopicSpec,
)
from longshore.contracts import (
    AvailabilityChanged,
    Command,
    CommandOutcome,
    Contract,
    CustomerDeleted,
    CustomerSnapshot,
    DataErased,
    FulfillmentRequested,
    FulfillmentSettled,
    IntegrationChanged,
    OrderActionRequested,
    OrderActionSettled,
    OrderChanged,
    OrderDeleted,
    OrderOversold,
    OrderSnapshot,
    Platform,
    ProductDeleted,
    ProductSnapshot,
    StockAdjusted,
    StockLevel,
    SyncRunChanged,
    WebhooksRepaired,
)

CONNECTORS = {Platform.SHOPIFY: "connector-shopify", Platform.WOOCOMMERCE: "connector-woo"}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `contracts` is empty where the store's own bytes travel. `senders` are services."""

    spec: TopicSpec
    description: str
    key: str
    contracts: tuple[type[Contract], ...]
    senders: tuple[str, ...]


_ENTITY = "<integration_id>:<external_id>"
_STORES = tuple(CONNECTORS.values())
# The gateway translates for the custom channel.
_TRANSLATORS = (*_STORES, "gateway")

TOPICS: tuple[Topic, ...] = (
    *(
        Topic(
            RAW(platform.value),
            f"The record of all that {platform.value} stores told us: exact bytes of every delivery and every entity "
            "that was fetched. Kept for ever; all canonical state can be rebuilt from it.",
            _ENTITY,
            (),
            ("gateway", connector),
        )
        for platform, connector in CONNECTORS.items()
    ),
    Topic(
        RAW(Platform.API.value),
        "All that was sent to the custom channel's API, one record an item, its exact text. Kept for ever.",
        _ENTITY,
        (),
        ("gateway",),
    ),
    Topic(
        COMMERCE_ORDERS,
        "Whole orders as their stores had them, one snapshot per change. Keep the newest by `version`.",
        _ENTITY,
        (OrderSnapshot, OrderDeleted),
        _TRANSLATORS,
    ),
    Topic(
        COMMERCE_PRODUCTS,
        "Whole products with their variants as their stores had them. Keep the newest by `version`.",
        _ENTITY,
        (ProductSnapshot, ProductDeleted),
        _TRANSLATORS,
    ),
    Topic(
        COMMERCE_STOCK,
        "What stores say that they can sell. Keep the newest by `version`.",
        "<integration_id>:<inventory_external_id>",
        (StockLevel,),
        _TRANSLATORS,
    ),
    Topic(
        COMMERCE_CUSTOMERS,
        "Customers as their stores had them. Keep the newest by `version`. Holds personal data.",
        _ENTITY,
        (CustomerSnapshot, CustomerDeleted),
        _TRANSLATORS,
    ),
    Topic(
        ORDERS_EVENTS,
        "What happened to canonical orders, and what people decided about them. Kept for ever.",
        f"{_ENTITY}; of DataErased <integration_id>",
        (
            OrderChanged,
            FulfillmentRequested,
            FulfillmentSettled,
            OrderActionRequested,
            OrderActionSettled,
            DataErased,
        ),
        ("order-sync",),
    ),
    Topic(
        INVENTORY_EVENTS,
        "What happened to stock, and what people decided about it. Kept for ever.",
        "<variant_id>; of OrderOversold <integration_id>:<order_external_id>",
        (StockAdjusted, AvailabilityChanged, OrderOversold),
        ("inventory",),
    ),
    Topic(
        INTEGRATIONS_EVENTS,
        "Stores that were connected, changed their state, or were disconnected; webhooks that were put right; sync"
        " runs, their progress and ends.",
        "<integration_id>",
        (IntegrationChanged, WebhooksRepaired, SyncRunChanged),
        ("gateway", *_STORES),
    ),
    *(
        Topic(
            COMMANDS(platform.value),
            f"What {platform.value} stores are to do.",
            "<integration_id>",
            (Command,),
            ("order-sync", "inventory"),
        )
        for platform in CONNECTORS
    ),
    Topic(
        COMMANDS(Platform.API.value),
        "What the shops of custom channels are to do: they read it here, or from the API.",
        "<integration_id>",
        (Command,),
        ("order-sync",),
    ),
    Topic(
        COMMANDS_OUTCOMES,
        "What became of commands; `reply_to` says whom it concerns.",
        "<integration_id>",
        (CommandOutcome,),
        _TRANSLATORS,
    ),
)
