"""What is left of a buyer after their erasure, in every place: nothing, but where the guide to privacy says so."""

from __future__ import annotations

import asyncio
import json

import pytest

from longshore_devkit.stores.woo.payloads import make_order_webhook

from . import places
from .conftest import World, deliver, until
from .secrets import KEY, spellings

pytestmark = pytest.mark.e2e

EMAIL = "erased.buyer.x7qz@example.com"
PHONE = "+4930555017099"
NAME = "Erasedname-x7Qz"
STREET = "Erasedstreet-x7Qz 7"
ORDER_ID = 777_001

# Kafka's retention sees to these (docs/guides/privacy.md): what an operator sets for the raw log, 7 days for others.
BY_RETENTION = {
    "raw.woocommerce",
    "raw.woocommerce.dlq",
    "commerce.orders",
    "commerce.customers",
    "commands.woocommerce",
}


def test_nothing_of_a_buyer_outlives_their_erasure(world: World, bootstrap_servers: str) -> None:
    hub = world.hub
    url = hub.integrations.get(world.integration_id).webhook_url or ""
    order = json.loads(make_order_webhook(1)) | {"id": ORDER_ID, "number": str(ORDER_ID), "customer_id": 4711}
    for part in ("billing", "shipping"):
        order[part] = {"first_name": NAME, "last_name": NAME, "address_1": STREET, "city": "B", "country": "DE"}
    order["billing"] |= {"email": EMAIL, "phone": PHONE}
    order["customer_note"] = f"For {NAME}"
    deliver(url, order)
    customer = {"id": 4711, "email": EMAIL, "first_name": NAME, "last_name": NAME, "billing": order["billing"]}
    deliver(url, customer, topic="customer.updated")
    found = until(lambda: next(iter(hub.orders.list(q=EMAIL)), None))
    assert found is not None
    until(lambda: [each for each in hub.customers.list() if each.email == EMAIL])
    # Somebody writes a note, ships it (the store does not know the order and refuses both), and changes it once more.
    hub.orders.add_note(found.id, f"{NAME} has called", to_customer=True)
    hub.orders.fulfil(found.id)
    deliver(url, order | {"status": "completed", "date_modified_gmt": "2027-02-01T00:00:00"})
    # And it comes broken.
    deliver(url, {"id": ORDER_ID, "line_items": 7, "billing": order["billing"]})
    until(lambda: [each for each in hub.dead_letters.list() if str(ORDER_ID) in each.key])
    world.settled()
    buyer = {"integration_id": world.integration_id, "email": EMAIL}
    keyed = {"Idempotency-Key": "export-of-erased"}
    with world.http(KEY) as client:
        exported = client.post("/api/v1/privacy/exports", json=buyer, headers=keyed)
        assert exported.status_code == 200, exported.text
        assert all(each in exported.text for each in (EMAIL, PHONE, NAME, STREET))
        erased = client.post("/api/v1/privacy/erasures", json=buyer, headers={"Idempotency-Key": "erase"})
        assert erased.status_code == 201, erased.text
        record = erased.json()
        again = client.post("/api/v1/privacy/exports", json=buyer, headers=keyed)
        requests = client.get("/api/v1/privacy/requests").json()["items"]
        answers = {"export": again.content, "record": erased.content}
        for path in (
            f"/api/v1/orders/{found.id}", f"/api/v1/orders/{found.id}/revisions", "/api/v1/orders?q=erased",
            "/api/v1/commands", "/api/v1/customers", "/api/v1/audit?limit=200", "/api/v1/dead-letters",
        ):  # fmt: skip
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            answers[path] = answer.content
    # It was done, and that is recorded; the books are there.
    assert (record["kind"], record["outcome"]["orders"], record["outcome"]["customers"]) == ("erase_buyer", 1, 1)
    assert record["done_at"]
    assert record["id"] in [each["id"] for each in requests]
    assert hub.orders.get(found.id).totals.total == found.totals.total
    # What the store says later of the order comes without the buyer, too.
    deliver(url, order | {"status": "refunded", "date_modified_gmt": "2027-03-01T00:00:00"})
    until(lambda: hub.orders.get(found.id).status == "refunded")
    world.settled()
    places_ = {
        "answers": answers,
        "tables": asyncio.run(places.tables(world)),
        "topics": {
            name: content
            for name, content in asyncio.run(places.topics(world, bootstrap_servers)).items()
            if name not in BY_RETENTION
        },
        "logs": places.logs(world),
    }
    left = [
        f"{kind} {name}: {what}"
        for kind, found_there in places_.items()
        for name, content in found_there.items()
        for what in (EMAIL, PHONE, NAME, STREET)
        if any(each in content for each in spellings(what))
    ]
    assert left == []
