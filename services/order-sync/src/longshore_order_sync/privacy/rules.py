"""What is a buyer's in an order, and what is left when that is erased. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from longshore import ids
from longshore.contracts import Address, CustomerSnapshot, OrderDeleted, OrderSnapshot
from longshore_order_sync.orders.rules import with_digest
from longshore_order_sync.orders.state import Delivery, delivery_of


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom a request is about, in the store's own words; each of these finds orders."""

    customer_external_ids: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    order_external_ids: frozenset[str] = frozenset()

    def bought(self, order: OrderSnapshot) -> bool:
        """Whether an order is this buyer's."""
        if order.external_id in self.order_external_ids:
            return True
        customer = order.customer
        if customer is None:
            return False
        return customer.external_id in self.customer_external_ids or _folded(customer.email) in self.emails

    def is_customer(self, customer: CustomerSnapshot) -> bool:
        """Whether a customer's record is this buyer's."""
        return customer.external_id in self.customer_external_ids or _folded(customer.email) in self.emails


@dataclass(frozen=True, slots=True)
class Erased:
    """What a batch holds of entities whose data were erased before."""

    entities: frozenset[UUID] = frozenset()
    stores: Mapping[UUID, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.entities or self.stores)

    def is_gone(self, integration_id: UUID, observed_at: datetime) -> bool:
        """Whether all that was observed of a store then is erased."""
        erased_at = self.stores.get(integration_id)
        return erased_at is not None and observed_at <= erased_at


def buyer(customer_external_id: str | None, email: str | None, order_external_ids: tuple[str, ...]) -> Buyer:
    """A buyer as a request names them."""
    return Buyer(
        frozenset({customer_external_id} if customer_external_id else ()),
        frozenset({_folded(email)} if email else ()),
        frozenset(order_external_ids),
    )


def without_buyer(order: OrderSnapshot) -> OrderSnapshot:
    """The order as bookkeeping needs it: who bought is gone, with free texts and tags, which may hold anything.

    Of the address the country stays (taxes). Parcels' tracking numbers stay: they prove that goods were sent. The
    digest stays that of the store's own content, so that later deliveries are compared as before.
    """
    digest = with_digest(order).digest
    return order.model_copy(
        update={
            "customer": None,
            "shipping_address": _country(order.shipping_address),
            "billing_address": _country(order.billing_address),
            "notes": [],
            "tags": [],
            "refunds": [each.model_copy(update={"reason": None}) for each in order.refunds],
            "digest": digest,
        }
    )


def without_person(customer: CustomerSnapshot) -> CustomerSnapshot:
    """A customer's record without the person: an id of the store's, which names nobody by itself."""
    return customer.model_copy(update={"email": None, "first_name": None, "last_name": None, "phone": None})


def kept(deliveries: Sequence[Delivery | OrderDeleted], erased: Erased) -> list[Delivery | OrderDeleted]:
    """A batch as it may be applied: without what was erased."""
    left: list[Delivery | OrderDeleted] = []
    for each in deliveries:
        if isinstance(each, OrderDeleted):
            if not erased.is_gone(each.integration_id, each.observed_at):
                left.append(each)
            continue
        summary = each.summary
        if erased.is_gone(summary.integration_id, each.seen.observed_at):
            continue
        if ids.order_id(ids.IntegrationId(summary.integration_id), summary.external_id) in erased.entities:
            scrubbed = without_buyer(each.read())
            left.append(delivery_of(scrubbed, scrubbed.to_json()))
        else:
            left.append(each)
    return left


def _country(address: Address | None) -> Address | None:
    return None if address is None else Address(country_code=address.country_code)


def _folded(email: str | None) -> str:
    return (email or "").strip().casefold()
