"""How a platform declares itself: what it is called, what it can, what a person has to do and give to connect it.

Each connector's package has a module `declaration` with a `PLATFORM`; the gateway finds them (`find_platforms`), so a
new platform is its own folder. A declaration imports of its connector what it declares, and no client.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from longshore.problems import Problem

PACKAGES = "longshore_connector_"
MODULE = "declaration"


class Capability(StrEnum):
    """What is synchronised with a platform's stores."""

    ORDERS = "orders"
    PRODUCTS = "products"
    INVENTORY = "inventory"
    FULFILLMENTS = "fulfillments"
    REFUNDS = "refunds"
    CUSTOMERS = "customers"


class Ability(StrEnum):
    """What can be asked of a platform's stores: the types of commands, and what of one a platform may lack."""

    FULFIL = "fulfillment.create"
    UPDATE_TRACKING = "fulfillment.tracking"
    CANCEL_FULFILLMENT = "fulfillment.cancel"
    CANCEL_ORDER = "order.cancel"
    ADD_NOTE = "order.note"
    NOTE_TO_CUSTOMER = "order.note.to_customer"
    REFUND = "order.refund"
    CHANGE_TAGS = "order.tags"
    MARK_PAID = "order.mark_paid"
    SET_ORDER_STATUS = "order.status"
    PUBLISH = "product.publish"
    UNPUBLISH = "product.unpublish"
    SET_PRICE = "product.price"


class Availability(StrEnum):
    """Whether stores of a platform can be connected."""

    AVAILABLE = "available"
    COMING_SOON = "coming_soon"


class Credentials(BaseModel):
    """What a platform wants to be given; a platform inherits and adds its fields. Unknown ones are refused: one that is
    misspelt would be missed. `to_keep` may add what we make ourselves."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    def to_keep(self) -> dict[str, str]:
        """What goes into the vault."""
        found: dict[str, str] = self.model_dump(exclude_none=True)
        return found


class NoCredentials(Credentials):
    """For a platform that needs none."""


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A store's URL, and its key: one spelling, the store's identity within an organisation."""

    url: str
    key: str


# (the URL that was given, the integration's name, whether private stores are allowed). Raises addresses.BadStoreUrl.
ReadStore = Callable[[str, str, bool], StoreAddress]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A platform. `id` is the word for it in the API.

    `service`: the connector that talks to its stores; None where there is no store to talk to. `store_url`: an example
    of an address, None where none is needed. `webhook_path`: where stores deliver, with `{id}` for the integration's.
    `commands`: what can be asked of its stores; anything else is refused before there is a command. `scopes`: the
    permissions that its owner is asked for, by the platform's names; none where a key has all.
    """

    id: str
    name: str
    availability: Availability
    capabilities: tuple[Capability, ...] = ()
    setup_steps: tuple[str, ...] = ()
    credentials: type[Credentials] = NoCredentials
    service: str | None = None
    store_url: str | None = None
    read_store: ReadStore | None = None
    webhook_path: str | None = None
    commands: frozenset[Ability] = frozenset({Ability.FULFIL})
    scopes: tuple[str, ...] = ()

    @property
    def available(self) -> bool:
        """Whether its stores can be connected."""
        return self.availability is Availability.AVAILABLE

    def credentials_schema(self) -> dict[str, Any]:
        """The JSON Schema of its credentials."""
        schema = self.credentials.model_json_schema()
        schema.pop("description", None)
        schema["title"] = f"Credentials of {self.name}"
        return schema

    def webhook_url(self, public_url: str, id: UUID) -> str | None:
        """Where the store of an integration delivers."""
        return None if self.webhook_path is None else public_url + self.webhook_path.format(id=id)


def must_be_able(platform: str, needed: Ability, abilities: frozenset[Ability]) -> None:
    """Raises Problem (409 not-supported) where stores of the platform cannot be asked for this."""
    if needed not in abilities:
        raise Problem(
            409,
            f"This cannot be done at a store of {platform}: {needed.value}.",
            type="not-supported",
            platform=platform,
            command=needed.value,
        )


def find_platforms(*more: Declaration) -> dict[str, Declaration]:
    """All platforms by id: those of the connectors that are installed, `more`, and those that are still to come.

    Raises ValueError when two have one id.
    """
    found: dict[str, Declaration] = {}
    for each in (*_installed(), *more):
        if each.id in found:
            raise ValueError(f"two platforms are called {each.id}")
        found[each.id] = each
    for each in COMING_SOON:
        found.setdefault(each.id, each)
    return found


@cache
def _packages(path: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the connectors. To look through all that is installed takes a while; it stays as it is."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(path) if each.name.startswith(PACKAGES)))


def _installed() -> Iterator[Declaration]:
    for name in _packages(tuple(sys.path)):
        declared = importlib.import_module(f"{name}.{MODULE}").PLATFORM
        if not isinstance(declared, Declaration):
            raise TypeError(f"{name}.{MODULE}.PLATFORM is no Declaration")
        yield declared


def _coming(id: str, name: str, *capabilities: Capability) -> Declaration:
    return Declaration(id, name, Availability.COMING_SOON, capabilities or tuple(Capability))


# Once one has a connector, that one's own declaration counts.
COMING_SOON = (
    _coming("bigcommerce", "BigCommerce"),
    _coming(
        "amazon",
        "Amazon",
        Capability.ORDERS,
        Capability.PRODUCTS,
        Capability.INVENTORY,
        Capability.FULFILLMENTS,
        Capability.REFUNDS,
    ),
    _coming("magento", "Adobe Commerce (Magento)"),
    _coming("tiktok_shop", "TikTok Shop"),
)
