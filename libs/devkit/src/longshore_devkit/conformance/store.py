"""What the suite needs of a platform's stores: what their buyers and merchants do, and what can be seen from outside.

A simulated store and a real one both can do that. What goes wrong at a store (`Knob`) only some can be made to do: a
store names those, and what it cannot is left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from longshore.vault import TokenPair
from longshore_devkit.conformance.door import Taken


class Knob(StrEnum):
    """What a store may be made to do wrong; each is turned on and off."""

    # Carries writes out and drops the connection instead of answering.
    LOSE_ANSWERS = "lose answers"
    # Asks for a pause at every call.
    THROTTLE = "throttle"
    # Does not know our credentials.
    SHUT_OUT = "shut out"
    # Answers with success and a page.
    GARBLE = "garble"


class Ability(StrEnum):
    """What not every platform has."""

    # A stock level is set only if it is what was expected: by the store, or by a look just before.
    COMPARE_AND_SET = "compare-and-set"
    # Stores are connected by consent, with tokens that expire (`Store.grant`).
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as its buyer sees it; `total` as the store prints it."""

    external_id: str
    total: str


class Store(ABC):
    """One store. Quantities are pieces; ids are those of the store's events."""

    abilities: frozenset[Ability] = frozenset()
    knobs: frozenset[Knob] = frozenset()
    many: int = 120
    """So many orders are more than the connector reads at a time."""
    stays: bool = False
    """It is there for the next test, too: our webhooks are to be removed from it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address that it is connected by."""

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """What it is connected with, as `POST /api/v1/integrations` takes it."""

    @property
    @abstractmethod
    def skus(self) -> Sequence[str]:
        """At least two that it sells, ten pieces or more of each."""

    @abstractmethod
    async def place_order(self, sku: str, quantity: int) -> Placed:
        """A buyer orders so many pieces, and pays."""

    @abstractmethod
    async def cancel_order(self, external_id: str) -> None:
        """The merchant cancels an order that has not been shipped."""

    @abstractmethod
    async def refund_order(self, external_id: str) -> str:
        """The merchant pays back one piece of the first line; the refund's id."""

    @abstractmethod
    async def shipments(self, external_id: str) -> list[str]:
        """The tracking numbers of an order, one for each shipment that its buyer was told of."""

    @abstractmethod
    async def refunds(self, external_id: str) -> list[str]:
        """The ids of the refunds of an order."""

    @abstractmethod
    async def notes(self, external_id: str) -> list[str]:
        """The notes that were written on an order by hand, for whomever."""

    @abstractmethod
    async def stock(self, sku: str) -> int:
        """What it has to sell."""

    @abstractmethod
    async def set_stock(self, sku: str, quantity: int) -> None:
        """The merchant counts anew."""

    @abstractmethod
    async def webhooks(self) -> Counter[str]:
        """How often it would deliver each topic to us."""

    @abstractmethod
    async def end_webhook(self) -> str:
        """It stops to deliver one topic, as after too many failures; answers which."""

    @abstractmethod
    def signed(self, like: Taken, body: bytes, credentials: Mapping[str, str]) -> Taken:
        """A delivery with another body, signed as the store signs. `credentials`: as they were kept."""

    async def turn(self, knob: Knob, on: bool) -> None:
        """Turn one of its `knobs`."""
        raise NotImplementedError(knob)

    def grant(self) -> TokenPair:
        """The merchant agrees, once more (Ability.TOKENS)."""
        raise NotImplementedError

    def expire_token(self) -> None:
        """Its newest token is not good any more; what it is refreshed with is (Ability.TOKENS)."""
        raise NotImplementedError

    def take_grant_back(self) -> None:
        """Neither is: until the merchant agrees once more (Ability.TOKENS)."""
        raise NotImplementedError


class Stores(ABC):
    """Where stores come from; one for all tests of a connector. Entered before the connector starts."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the connector that lead it to these stores."""
        return {}

    @abstractmethod
    def open(self, name: str) -> AbstractAsyncContextManager[Store]:
        """A store for one test, without webhooks of ours. `name`: lower case letters and digits."""

    async def __aenter__(self) -> Stores:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None
