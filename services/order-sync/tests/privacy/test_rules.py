"""What is left of an order and of a customer when the buyer is erased."""

from __future__ import annotations

from typing import Any

from longshore.contracts import Address, CustomerRef, Note, OrderSnapshot, Refund
from longshore.money import Money
from longshore_order_sync.orders.rules import with_digest
from longshore_order_sync.privacy.rules import buyer, without_buyer, without_person

ANNA = CustomerRef(external_id="7", email="Anna@Example.com", first_name="Anna", last_name="Buyer", phone="+441")
HOME = Address(first_name="Anna", last_name="Buyer", address1="1 Quay", city="Bristol", country_code="GB", phone="+441")


def order(shop: Any, **more: Any) -> OrderSnapshot:
    fields: dict[str, Any] = {
        "customer": ANNA,
        "shipping_address": HOME,
        "billing_address": HOME,
        "notes": [Note(text="Ring at Anna's", author="customer")],
        "tags": ["anna-vip"],
    }
    made: OrderSnapshot = shop.snapshot(**fields | more)
    return made


def test_nothing_of_the_person_is_left_and_all_of_the_books(shop: Any) -> None:
    before = order(shop)
    before.refunds.append(
        Refund(id=before.lines[0].id, external_id="1", amount=Money(1, "EUR", 2), reason="Anna asked")
    )
    after = without_buyer(before)
    text = after.to_json().decode()
    for word in ("Anna", "anna", "Buyer", "Quay", "Bristol", "+441", "example.com"):
        assert word not in text
    assert after.shipping_address == Address(country_code="GB")
    assert (after.totals, after.lines, after.number) == (before.totals, before.lines, before.number)
    assert after.refunds[0].amount == before.refunds[0].amount
    # Compared with later deliveries as if nothing had happened.
    assert after.digest == before.digest
    assert without_buyer(after) == after


def test_a_snapshot_without_a_digest_keeps_the_one_that_it_would_have(shop: Any) -> None:
    given = order(shop).model_copy(update={"digest": ""})
    assert without_buyer(given.model_copy()).digest == with_digest(given.model_copy()).digest


def test_a_customers_record(shop: Any) -> None:
    given = shop.customer(email="a@example.com", first_name="Anna", last_name="B", phone="+4")
    left = without_person(given)
    assert (left.email, left.first_name, left.last_name, left.phone) == (None,) * 4
    assert (left.external_id, left.digest) == (given.external_id, given.digest)


def test_who_bought(shop: Any) -> None:
    theirs = order(shop)
    guest = order(shop, customer=CustomerRef(email="anna@example.com"))
    other = order(shop, customer=CustomerRef(external_id="8", email="bob@example.com"))
    nobody = order(shop, customer=None)
    by_id, by_email = buyer("7", None, ()), buyer(None, " ANNA@example.com ", ())
    assert [by_id.bought(each) for each in (theirs, guest, other, nobody)] == [True, False, False, False]
    assert [by_email.bought(each) for each in (theirs, guest, other, nobody)] == [True, True, False, False]
    assert buyer(None, None, ("1001",)).bought(nobody)
    # Nobody in particular is nobody.
    assert not any(buyer(None, None, ()).bought(each) for each in (theirs, guest, other, nobody))
    assert not buyer(None, "", ()).bought(order(shop, customer=CustomerRef(email=None)))
