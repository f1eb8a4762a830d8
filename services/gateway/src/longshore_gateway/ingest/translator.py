"""The custom channel's translator: what was sent to our own API, as normalized events. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from longshore.contracts import CustomerSnapshot, OrderSnapshot, ProductSnapshot, StockLevel, content_digest
from longshore.money import Money
from longshore.platforms.events import is_far_ahead, snapshot_head
from longshore.platforms.exact_json import parse_exact
from longshore.platforms.protocols import RawRecord, Resource, Translation, Untranslatable
from longshore_gateway.ingest.amounts import Purse, WrongInput
from longshore_gateway.ingest.inputs import CustomerInput, OrderInput, ProductInput, StockInput
from longshore_gateway.ingest.orders import order_snapshot

Event = OrderSnapshot | ProductSnapshot | StockLevel | CustomerSnapshot
_Model = TypeVar("_Model", bound=BaseModel)


class ApiTranslator:
    """See longshore.platforms.protocols.Translator."""

    def translate(self, record: RawRecord) -> Translation:
        """One raw record is one item. What the gateway took is good; only a record that is not its own fails."""
        if record.resource is None:
            raise Untranslatable("it does not say what it is")
        try:
            data = parse_exact(record.body)
        except (ValueError, RecursionError, ArithmeticError):
            raise Untranslatable("the body is not JSON") from None
        try:
            return Translation([build(record.resource, data, record)])
        except WrongInput as error:
            raise Untranslatable(f"{error.pointer}: {error.detail}") from None
        except ValidationError as error:
            places = sorted({"/".join(str(part) for part in each["loc"]) for each in error.errors()})
            raise Untranslatable(f"not as the contract has it: {', '.join(places)[:500]}") from None


def build(resource: Resource, data: Any, record: RawRecord) -> Event:
    """The event of one item. Raises pydantic.ValidationError or WrongInput."""
    match resource:
        case "order":
            order = _read(OrderInput, data, record)
            if is_far_ahead(order.placed_at, record):
                raise WrongInput("/placed_at", "it lies in the future")
            return order_snapshot(order, record)
        case "product":
            return _product(_read(ProductInput, data, record), record)
        case "stock":
            return _level(_read(StockInput, data, record), record)
        case "customer":
            return _customer(_read(CustomerInput, data, record), record)


def entity_key(event: Event) -> str:
    """What the raw record is keyed by: as its event will be."""
    return event.inventory_external_id if isinstance(event, StockLevel) else event.external_id


def _read(model: type[_Model], data: Any, record: RawRecord) -> _Model:
    found = model.model_validate(data)
    updated_at = getattr(found, "updated_at", None)
    if updated_at is not None and is_far_ahead(updated_at, record):
        # It would outrank all that is sent later.
        raise WrongInput("/updated_at", "it lies in the future")
    return found


def _product(product: ProductInput, record: RawRecord) -> ProductSnapshot:
    prices = [(f"/variants/{n}/price", each.price) for n, each in enumerate(product.variants) if each.price is not None]
    named = next((price.currency for _, price in prices if price.currency is not None), None)
    currency = product.currency or named
    if currency is None and prices:
        raise WrongInput("/currency", "a price needs the product's currency")
    variants: list[dict[str, Any]] = []
    seen: set[str] = set()
    for n, each in enumerate(product.variants):
        external_id = each.external_id or each.sku
        if external_id is None:
            raise WrongInput(f"/variants/{n}", "a variant needs an external_id or a sku")
        if external_id in seen:
            raise WrongInput(f"/variants/{n}/external_id", "another variant of the product has this id")
        seen.add(external_id)
        price: Money | None = None
        if each.price is not None and currency is not None:
            purse = Purse(currency, [prices_at for prices_at in prices if prices_at[0] == f"/variants/{n}/price"])
            price = purse.money(each.price)
        variants.append(
            {
                "external_id": external_id,
                "inventory_external_id": each.inventory_external_id or external_id,
                "sku": each.sku,
                "barcode": each.barcode,
                "title": each.title or product.title,
                "price": price,
                "tracked": each.tracked,
            }
        )
    snapshot = ProductSnapshot.model_validate(
        {
            **snapshot_head(record, product.external_id, product.updated_at or record.received_at),
            "title": product.title,
            "status": product.status,
            "platform_status": product.platform_status or product.status.value,
            "currency": currency,
            "variants": variants,
        }
    )
    snapshot.digest = content_digest(snapshot)
    return snapshot


def _level(level: StockInput, record: RawRecord) -> StockLevel:
    item = level.inventory_external_id or level.sku
    if item is None:
        raise WrongInput("", "it names no variant: inventory_external_id or sku")
    external_id = f"{item}@{level.location_external_id}" if level.location_external_id else item
    snapshot = StockLevel.model_validate(
        {
            **snapshot_head(record, external_id, level.updated_at or record.received_at),
            "inventory_external_id": item,
            "location_external_id": level.location_external_id,
            "quantity": level.quantity,
        }
    )
    snapshot.digest = content_digest(snapshot)
    return snapshot


def _customer(customer: CustomerInput, record: RawRecord) -> CustomerSnapshot:
    snapshot = CustomerSnapshot.model_validate(
        {
            **snapshot_head(record, customer.external_id, customer.updated_at or record.received_at),
            **customer.model_dump(include={"email", "first_name", "last_name", "phone", "created_at"}),
        }
    )
    snapshot.digest = content_digest(snapshot)
    return snapshot
