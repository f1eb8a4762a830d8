from __future__ import annotations

from typing import Any

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
