"""Secrets in memory: one query for many deliveries, and deliveries are taken while PostgreSQL is away."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from longshore.contracts import Platform
from longshore.ids import IntegrationId, OrgId
from longshore_gateway.webhooks.stores import FRESH_S, UNKNOWN_FRESH_S, Sender, Stores, StoresUnavailable, sender_of

STORE = str(uuid4())


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingStores(Stores):
    """Answers from a dict instead of PostgreSQL, and counts how often it was asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(None, None, (), clock)  # type: ignore[arg-type]  # nothing reaches them
        self.known: dict[str, tuple[Sender, ...]] = {}
        self.asked = 0
        self.asked_once = asyncio.Event()
        self.away = False

    async def _load(self, platform: Platform, name: str) -> tuple[Sender, ...]:
        self.asked += 1
        self.asked_once.set()
        await asyncio.sleep(0)
        if self.away:
            raise OperationalError("SELECT", {}, Exception("away"))
        return self.known.get(name, ())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stores(clock: Clock) -> CountingStores:
    stores = CountingStores(clock)
    stores.known[STORE] = (sender_of(Platform.WOOCOMMERCE, OrgId(uuid4()), IntegrationId(uuid4()), (b"k",)),)
    return stores


async def test_many_deliveries_at_once_ask_once(stores: CountingStores) -> None:
    answers = await asyncio.gather(*[stores.woocommerce(STORE) for _ in range(50)])
    assert all(answer == stores.known[STORE] for answer in answers)
    assert stores.asked == 1
    await stores.woocommerce(STORE)
    assert stores.asked == 1


async def test_a_shop_is_not_remembered_as_a_store_of_another_platform(stores: CountingStores) -> None:
    shop = "demo.myshopify.com"
    stores.known[shop] = stores.known[STORE]
    assert await stores.shopify(shop)
    assert stores.remembered(Platform.SHOPIFY, shop)
    assert stores.remembered(Platform.WOOCOMMERCE, shop) is None
    assert await stores.woocommerce(shop) == ()


async def test_a_change_is_heard(stores: CountingStores) -> None:
    before = await stores.woocommerce(STORE)
    stores.known[STORE] = ()
    assert await stores.woocommerce(STORE) == before
    stores.forget()
    assert await stores.woocommerce(STORE) == ()


async def test_what_changes_while_it_is_read_is_read_again(stores: CountingStores) -> None:
    reading = asyncio.create_task(stores.woocommerce(STORE))
    await stores.asked_once.wait()
    stores.forget()
    await reading
    await stores.woocommerce(STORE)
    assert stores.asked == 2


async def test_the_unknown_is_remembered_shortly(stores: CountingStores, clock: Clock) -> None:
    stranger = str(uuid4())
    assert await stores.woocommerce(stranger) == ()
    assert await stores.woocommerce(stranger) == ()
    assert stores.asked == 1
    clock.now += UNKNOWN_FRESH_S
    assert await stores.woocommerce(stranger) == ()
    assert stores.asked == 2


@pytest.mark.parametrize("name", ["", "x", "../etc", "01ee1e13-2be6-4d7d-90b5-94ba906c9e150"])
async def test_what_is_no_id_is_not_asked_for(stores: CountingStores, name: str) -> None:
    assert await stores.woocommerce(name) == ()
    assert stores.asked == 0


async def test_known_stores_are_served_while_postgresql_is_away(stores: CountingStores, clock: Clock) -> None:
    known = await stores.woocommerce(STORE)
    stores.away = True
    clock.now += FRESH_S + 1
    assert await stores.woocommerce(STORE) == known
    stores.forget()
    assert await stores.woocommerce(STORE) == known
    # It is not asked for each delivery whether PostgreSQL is back.
    assert stores.asked == 2
    with pytest.raises(StoresUnavailable):
        await stores.woocommerce(str(uuid4()))
    stores.away = False
    clock.now += 2
    assert await stores.woocommerce(STORE) == known
    assert stores.asked == 3


async def test_a_shop_is_found_whatever_the_case_of_its_domain(stores: CountingStores) -> None:
    sender: Any = sender_of(Platform.SHOPIFY, OrgId(uuid4()), IntegrationId(uuid4()), (b"k",))
    stores.known["demo.myshopify.com"] = (sender,)
    assert await stores.shopify("Demo.MyShopify.com") == (sender,)
