"""Random faults of a Shopify shop: nothing is lost, nothing written twice, and money reconciles."""

from __future__ import annotations

from bench.faults import play


async def test_a_shop_in_trouble() -> None:
    met = await play(1, steps=20)
    assert min(met.faults, met.orders, met.shipments) > 0
