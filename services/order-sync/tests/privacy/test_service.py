"""Erasing on a real database: at once, for ever, also under load, in a rebuild and after the database was lost."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from longshore.contracts import Address, CustomerRef, DataErased, Note
from longshore_order_sync.customers.service import customer_id
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.privacy import service
from longshore_order_sync.privacy.rules import buyer
from longshore_order_sync.rebuild import REBUILT
from longshore_order_sync.statehash import state_hash

ANNA: dict[str, Any] = {
    "customer": CustomerRef(external_id="7", email="anna@planted.example", first_name="PlantedAnna"),
    "shipping_address": Address(first_name="PlantedAnna", address1="1 Planted Quay", country_code="GB"),
    "notes": [Note(text="planted note", author="customer")],
}
BOB: dict[str, Any] = {"customer": CustomerRef(external_id="8", email="bob@kept.example", first_name="KeptBob")}
SEVEN = buyer("7", None, ())


async def dump(hub: Any) -> str:
    """All that this service keeps, as text."""
    async with hub.engine.connect() as conn:
        names = await conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = :s"), {"s": SCHEMA})
        found = ""
        for name in names.scalars().all():
            rows = await conn.execute(text(f'SELECT t::text FROM {SCHEMA}."{name}" t'))
            found += "\n".join(rows.scalars().all())
    return found.lower()


@pytest.fixture
async def filled(hub: Any, shop: Any) -> Any:
    """Anna has two orders (one as a guest, one in two revisions) and an account; Bob has one of each."""
    await hub.deliver(
        shop.snapshot("1", **ANNA),
        shop.snapshot("1", at=10, quantities=(3, 1), **ANNA),
        shop.snapshot("2", **ANNA | {"customer": CustomerRef(email="Anna@Planted.example")}),
        shop.snapshot("3", **BOB),
    )
    people = [
        shop.customer("7", email="anna@planted.example", first_name="PlantedAnna"),
        shop.customer("8", email="bob@kept.example", first_name="KeptBob"),
    ]
    await hub.customers.apply([(each, each.to_json()) for each in people])
    return hub


class TestBuyer:
    async def test_everything_of_one_and_nothing_of_another(self, filled: Any, shop: Any) -> None:
        before = await state_hash(filled.engine)
        record, external_ids = await filled.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, SEVEN)
        assert external_ids == ["1", "2"]
        assert (record.orders, record.revisions, record.customers) == (2, 3, 1)
        assert record.finished_at is not None
        left = await dump(filled)
        assert "planted" not in left
        assert "bob@kept.example" in left
        assert "keptbob" in left
        # The books are as they were.
        assert await state_hash(filled.engine) == before
        (said,) = await filled.said("data.erased")
        event = DataErased.from_json(said["value"])
        assert (event.order_external_ids, event.customer_external_ids) == (["1", "2"], ["7"])

    async def test_once_for_each_request(self, filled: Any, shop: Any) -> None:
        id = uuid4()
        first, _ = await filled.privacy.erase_buyer(id, shop.org_id, shop.integration_id, SEVEN)
        again, external_ids = await filled.privacy.erase_buyer(id, shop.org_id, shop.integration_id, SEVEN)
        assert (again, external_ids) == (first, [])
        assert len(await filled.said("data.erased")) == 1

    async def test_what_comes_later_of_these_orders_comes_without_the_buyer(self, filled: Any, shop: Any) -> None:
        await filled.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, SEVEN)
        await filled.deliver(
            shop.snapshot("1", at=20, quantities=(4, 1), **ANNA),  # the store says it once more
            shop.snapshot("1", **ANNA),  # an old one, read from the log again
            shop.snapshot("1", at=5, quantities=(9, 9), **ANNA),  # one that was never seen
        )
        late = shop.customer("7", at=5, email="anna@planted.example")
        await filled.customers.apply([(late, late.to_json())])
        assert "planted" not in await dump(filled)
        assert await filled.count("order_revisions") == 6
        # A new order is a new one.
        await filled.deliver(shop.snapshot("9", **ANNA))
        assert "planted" in await dump(filled)

    async def test_orders_that_are_named_and_have_not_come_yet(self, hub: Any, shop: Any) -> None:
        named = buyer("7", None, ("1", "5"))
        record, external_ids = await hub.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, named)
        assert (record.orders, external_ids) == (0, ["1", "5"])
        late = shop.customer("7", email="anna@planted.example")
        await hub.customers.apply([(late, late.to_json())])
        await hub.deliver(shop.snapshot("1", **ANNA), shop.snapshot("5", **ANNA))
        assert "planted" not in await dump(hub)

    async def test_another_organisations_and_another_stores_stay(self, filled: Any, shop: Any, make_shop: Any) -> None:
        other = make_shop()
        await filled.deliver(other.snapshot("1", **ANNA))
        record, _ = await filled.privacy.erase_buyer(uuid4(), other.org_id, shop.integration_id, SEVEN)
        assert (record.orders, record.customers) == (0, 0)
        record, _ = await filled.privacy.erase_buyer(uuid4(), shop.org_id, other.integration_id, SEVEN)
        assert (record.orders, record.customers) == (0, 0)
        assert "plantedanna" in await dump(filled)

    async def test_deliveries_at_the_same_time_bring_nothing_back(self, filled: Any, shop: Any) -> None:
        async def deliver(number: int) -> None:
            await filled.deliver(shop.snapshot("1", at=20 + number, quantities=(number, 1), **ANNA))

        erasing = filled.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, SEVEN)
        batches = [deliver(number) for number in range(1, 12)]
        await asyncio.gather(*batches[:6], erasing, *batches[6:])
        assert "planted" not in await dump(filled)
        assert await filled.count("order_revisions") == 4 + 11

    async def test_search_does_not_find_the_buyer_any_more(self, filled: Any, shop: Any) -> None:
        await filled.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, SEVEN)
        found = await filled.privacy.find(shop.org_id, shop.integration_id, buyer("7", "anna@planted.example", ()))
        assert found.revisions == []


class TestFromTheLog:
    async def test_a_rebuild_brings_back_the_books_and_not_the_buyer(self, filled: Any, shop: Any) -> None:
        await filled.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, SEVEN)
        before = await state_hash(filled.engine)
        async with filled.engine.begin() as conn:
            await conn.execute(text(f"TRUNCATE {', '.join(f'{SCHEMA}.{table}' for table in REBUILT)}"))
        await replay(filled, shop)
        assert await state_hash(filled.engine) == before
        assert "planted" not in await dump(filled)

    @pytest.mark.parametrize("decisions_first", [True, False])
    async def test_nor_does_a_lost_database(self, filled: Any, shop: Any, decisions_first: bool) -> None:
        await filled.privacy.erase_buyer(uuid4(), shop.org_id, shop.integration_id, SEVEN)
        before = await state_hash(filled.engine)
        events = [DataErased.from_json(each["value"]) for each in await filled.said("data.erased")]
        await filled.empty()
        if decisions_first:
            await filled.privacy.restore(events)
        await replay(filled, shop)
        await filled.privacy.restore(events)
        assert await state_hash(filled.engine) == before
        assert "planted" not in await dump(filled)


class TestStore:
    async def test_all_of_it_and_nothing_else(
        self, filled: Any, shop: Any, make_shop: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "CHUNK", 2)
        other = make_shop()
        await filled.deliver(other.snapshot("1", **BOB))
        id = uuid4()
        begun = await filled.privacy.erase_store(id, shop.org_id, shop.integration_id)
        assert begun.finished_at is None
        while await filled.privacy.erase_some():
            continue
        done = await filled.privacy.erase_store(id, shop.org_id, shop.integration_id)
        assert (done.orders, done.revisions, done.customers) == (3, 4, 2)
        assert done.finished_at is not None
        assert await filled.count("orders") == await filled.count("order_revisions") == 1
        assert "planted" not in await dump(filled)

    async def test_the_log_does_not_bring_it_back_a_new_connection_begins_anew(self, filled: Any, shop: Any) -> None:
        await filled.privacy.erase_store(uuid4(), shop.org_id, shop.integration_id)
        while await filled.privacy.erase_some():
            continue
        await replay(filled, shop)
        gone = shop.deleted("1", seen=3)
        await filled.deliver(gone)
        assert await filled.count("orders") == await filled.count("customers") == 0
        async with filled.engine.begin() as conn:
            await conn.execute(text(f"UPDATE {SCHEMA}.erased_stores SET erased_at = '2026-11-20T12:00:05Z'"))
        await filled.deliver(shop.snapshot("1", at=10, **BOB))
        assert await filled.count("orders") == 1


async def replay(hub: Any, shop: Any) -> None:
    """What the raw log gives once more: the whole of it, buyers and all."""
    await hub.deliver(
        shop.snapshot("3", **BOB),
        shop.snapshot("2", **ANNA | {"customer": CustomerRef(email="Anna@Planted.example")}),
        shop.snapshot("1", at=10, quantities=(3, 1), **ANNA),
        shop.snapshot("1", **ANNA),
    )
    people = [
        shop.customer("8", email="bob@kept.example", first_name="KeptBob"),
        shop.customer("7", email="anna@planted.example", first_name="PlantedAnna"),
    ]
    await hub.customers.apply([(each, each.to_json()) for each in people])
    assert customer_id(people[0]) != customer_id(people[1])
