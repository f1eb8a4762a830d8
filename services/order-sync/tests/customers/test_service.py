from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from longshore.contracts import CustomerDeleted, CustomerSnapshot
from longshore_order_sync.customers.store import list_customers


async def emails(hub: Any, shop: Any) -> list[str | None]:
    async with hub.engine.connect() as conn:
        return [each.email for _, each in await list_customers(conn, shop.org_id, None, None, 10)]


def given(snapshot: Any) -> Any:
    return snapshot, snapshot.to_json()


class TestApplyCustomers:
    async def test_the_newest_wins_in_any_order(self, hub: Any, shop: Any) -> None:
        old, new = shop.customer(at=1, email="old@example.com"), shop.customer(at=2, email="new@example.com")
        for order in ([old, new], [new, old]):
            await hub.empty()
            for each in order:
                await hub.customers.apply([given(each)])
            assert await emails(hub, shop) == ["new@example.com"]

    async def test_nothing_is_nothing(self, hub: Any) -> None:
        await hub.customers.apply([])
        assert await hub.count("customers") == 0


class TestDeletion:
    async def test_who_is_deleted_is_gone_in_any_order(self, hub: Any, shop: Any) -> None:
        there, gone = shop.customer(at=1), shop.customer_deleted(at=2)
        late = shop.customer(at=1, seen=3)
        for order in itertools.permutations([there, gone, late]):
            await hub.empty()
            for each in order:
                await hub.customers.apply(*split([each]))
            assert await emails(hub, shop) == []
            assert await hub.count("customers") == 0
            await hub.empty()
            await hub.customers.apply(*split(order))
            assert await emails(hub, shop) == []

    @pytest.mark.parametrize("fetched", [True, False])
    async def test_who_is_there_again(self, hub: Any, shop: Any, fetched: bool) -> None:
        """Changed since, or read since: a store may say that a customer is gone of whom it has taken a role."""
        gone = shop.customer_deleted(at=2)
        again = shop.customer(at=1 if fetched else 3, seen=3, fetched=fetched)
        for order in itertools.permutations([shop.customer(at=0), gone, again]):
            await hub.empty()
            for each in order:
                await hub.customers.apply(*split([each]))
            assert await emails(hub, shop) == [again.email]

    async def test_others_stay(self, hub: Any, shop: Any) -> None:
        await hub.customers.apply(*split([shop.customer("7"), shop.customer("8"), shop.customer_deleted("7", at=2)]))
        assert await emails(hub, shop) == [shop.customer("8").email]


def split(told: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    snapshots = [given(each) for each in told if isinstance(each, CustomerSnapshot)]
    return snapshots, [each for each in told if isinstance(each, CustomerDeleted)]
