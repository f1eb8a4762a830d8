"""The store that makes its orders as they are asked for, and what is told of a run."""

from __future__ import annotations

from typing import Any

from bench import woo
from longshore.platforms.protocols import SyncRequest


async def test_a_run_brings_each_of_its_orders_once() -> None:
    found: list[int] = []
    async with woo.lazy_store(250) as store:
        client = store.client()
        try:
            cursor: str | None = None
            while True:
                page = await client.sync_page(SyncRequest("orders"), cursor)
                found += [int(each.external_id) for each in page.entities]
                assert page.total == 250
                cursor = page.cursor
                if cursor is None:
                    break
        finally:
            await client.close()
    assert found == list(range(1, 251))


def test_a_real_store_is_told_of_where_one_was_read() -> None:
    memory = [{"orders": 1_000, "orders_per_s": 900, "store_orders_per_s": 1_000, "peak_mb": 9.5}]
    translate = [{"kb": 5.0, "lines": 4, "us": 200}]
    webhooks = {"lag_p50_ms": 40, "lag_p99_ms": 90, "lag_max_ms": 120}
    found: dict[str, Any] = {"memory": memory, "real": None, "translate": translate, "webhooks": webhooks}
    real = {
        "orders": 2_000, "orders_per_s": 190, "store_orders_per_s": 200, "at_a_time": 3, "share": 0.95,
        "same_requests": 28, "same_orders_per_s": 194, "share_of_same": 0.98,
    }  # fmt: skip
    told = "0.95 of that"
    assert "40 / 90 / 120" in woo.section(found)
    assert told not in woo.section(found)
    assert told in woo.section(found | {"real": real})
    assert "0.98 of that" in woo.section(found | {"real": real})
    assert len(woo.figures(found | {"real": real})) == len(woo.figures(found)) + 2
