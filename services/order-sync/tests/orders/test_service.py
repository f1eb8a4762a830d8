"""Batches of deliveries on a real database: the newest wins, each content is kept once, and nothing is said twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from longshore.contracts import Command, CommandStatus, EntityFetch, OrderOversold, OrderStatus, Platform
from longshore_devkit.forms import examples
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.orders.listing import get_newest as newest_of
from longshore_order_sync.orders.listing import get_order, list_revisions
from longshore_order_sync.statehash import state_hash


async def order(hub: Any, shop: Any, external_id: str = "1001") -> Any:
    async with hub.engine.connect() as conn:
        return await get_order(conn, shop.org_id, shop.order_id(external_id))


async def revisions(hub: Any, shop: Any) -> Any:
    async with hub.engine.connect() as conn:
        newest = await newest_of(conn, shop.org_id, shop.order_id())
        return await list_revisions(conn, shop.order_id(), newest) if newest else []


def applied(hub: Any) -> dict[str, float]:
    return {outcome: counter._value.get() for outcome, counter in hub.metrics.applied.items()}


class TestApply:
    async def test_a_new_order(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(offset=7))
        assert (await order(hub, shop)).number == "#1001"
        kept = await revisions(hub, shop)
        assert [(each.raw_topic, each.raw_partition, each.seen.offset) for each in kept] == [("raw.woocommerce", 0, 7)]
        said = await hub.said()
        assert [(each["topic"], each["key"]) for each in said] == [("orders.events", f"{shop.integration_id}:1001")]
        event = json.loads(said[0]["value"])
        assert (event["created"], event["status"], event["previous_status"]) == (True, "processing", None)
        assert event["total"] == {"amount": 1500, "currency": "EUR", "exponent": 2}

    async def test_a_change(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1))
        await hub.deliver(shop.snapshot(at=2, status=OrderStatus.FULFILLED))
        assert (await order(hub, shop)).status is OrderStatus.FULFILLED
        assert len(await revisions(hub, shop)) == 2
        event = json.loads((await hub.said())[-1]["value"])
        assert (event["created"], event["status"], event["previous_status"]) == (False, "fulfilled", "processing")
        assert applied(hub) == {"created": 1, "updated": 1, "unchanged": 0, "stale": 0}

    async def test_a_repetition_says_nothing(self, hub: Any, shop: Any) -> None:
        for seen in (1, 2, 3):
            await hub.deliver(shop.snapshot(at=1, seen=seen, offset=seen))
        assert len(await hub.said()) == 1
        kept = await revisions(hub, shop)
        assert [each.seen.offset for each in kept] == [1]
        assert applied(hub) == {"created": 1, "updated": 0, "unchanged": 2, "stale": 0}

    async def test_an_old_one_is_kept_as_history_only(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=5, status=OrderStatus.FULFILLED))
        await hub.deliver(shop.snapshot(at=1))
        assert (await order(hub, shop)).status is OrderStatus.FULFILLED
        assert [each.status for each in await revisions(hub, shop)] == [OrderStatus.PROCESSING, OrderStatus.FULFILLED]
        assert len(await hub.said()) == 1
        assert applied(hub)["stale"] == 1

    async def test_several_of_one_order_in_a_batch(self, hub: Any, shop: Any) -> None:
        await hub.deliver(
            shop.snapshot(at=1), shop.snapshot(at=3, quantities=(4,)), shop.snapshot(at=2, quantities=(3,))
        )
        assert [line.quantity for line in (await order(hub, shop)).lines] == [4]
        assert len(await revisions(hub, shop)) == 3
        assert len(await hub.said()) == 1

    async def test_a_touch_without_change_moves_the_time_alone(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1))
        await hub.deliver(shop.snapshot(at=9))
        assert (await order(hub, shop)).updated_at == shop.snapshot(at=9).updated_at
        assert len(await hub.said()) == 1

    async def test_thousands_in_one_batch(self, hub: Any, shop: Any) -> None:
        await hub.deliver(*(shop.snapshot(str(number), offset=number) for number in range(2_000)))
        assert await hub.count("orders") == await hub.count("outbox") == 2_000

    async def test_poison_is_given_back_and_the_rest_applied(self, hub: Any, shop: Any) -> None:
        from dataclasses import replace

        from longshore_order_sync.orders.consumers import OrdersConsumer

        good = shop.record(shop.snapshot(), 0)
        bad = [
            replace(good, value=b"{", offset=1),
            replace(good, headers={"ce_type": "something.else"}, offset=2),
            replace(good, value=good.value.replace(b'"lines":[', b'"lines":[{},'), offset=3),
        ]
        rejected = await OrdersConsumer(hub.orders).apply([bad[0], good, *bad[1:]])
        assert [each.record.offset for each in rejected] == [1, 2, 3]
        assert await order(hub, shop) is not None
        assert not any("anna" in each.reason for each in rejected)

    async def test_two_writers_of_the_same_orders(self, hub: Any, shop: Any) -> None:
        """As during a rebalance: neither deadlocks nor overwrites the newer with the older."""
        rounds = [[shop.snapshot(str(number), at=at, offset=at) for number in range(40)] for at in (3, 1, 2, 4, 0, 5)]
        await asyncio.gather(*(hub.deliver(*reversed(each) if n % 2 else each) for n, each in enumerate(rounds)))
        for number in range(40):
            assert (await order(hub, shop, str(number))).updated_at == shop.snapshot(at=5).updated_at
        assert len([each for each in await hub.said() if json.loads(each["value"])["created"]]) == 40


class TestDeleted:
    async def test_it_is_cancelled(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1))
        await hub.deliver(shop.deleted(seen=5))
        gone = await order(hub, shop)
        assert (gone.status, gone.platform_status) == (OrderStatus.CANCELLED, "trash")
        assert json.loads((await hub.said())[-1]["value"])["status"] == "cancelled"

    async def test_before_the_order_came(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.deleted(seen=5))
        assert await order(hub, shop) is None
        await hub.deliver(shop.snapshot(at=1))
        assert (await order(hub, shop)).status is OrderStatus.CANCELLED

    async def test_a_later_look_brings_it_back(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1))
        await hub.deliver(shop.deleted(seen=5))
        await hub.deliver(shop.snapshot(at=1, seen=6))
        assert (await order(hub, shop)).status is OrderStatus.PROCESSING
        assert [json.loads(each["value"])["status"] for each in await hub.said()] == [
            "processing", "cancelled", "processing",
        ]  # fmt: skip

    async def test_again_says_nothing(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1), shop.deleted(seen=5))
        await hub.deliver(shop.deleted(seen=5))
        await hub.deliver(shop.deleted(seen=4))
        assert len(await hub.said()) == 1


class TestContradictions:
    async def test_the_store_is_asked_once_and_its_answer_stands(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, seen=2))
        await hub.deliver(shop.snapshot(at=1, seen=3, quantities=(9,)))
        await hub.deliver(shop.snapshot(at=1, seen=4, quantities=(8,)))
        asked: list[Command] = await hub.commands()
        assert [each.payload for each in asked] == [EntityFetch(resource="order", external_id="1001")]
        assert asked[0].reply_to == "order-sync"
        assert (await hub.said("command.v1"))[0]["topic"] == "commands.woocommerce"
        assert [line.quantity for line in (await order(hub, shop)).lines] == [8]
        await hub.deliver(shop.snapshot(at=1, seen=5, quantities=(7,), fetched=True))
        assert [line.quantity for line in (await order(hub, shop)).lines] == [7]
        assert len(await hub.commands()) == 1

    async def test_an_older_delivery_contradicts_as_well(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, seen=3))
        await hub.deliver(shop.snapshot(at=1, seen=2, quantities=(9,)))
        assert len(await hub.commands()) == 1
        assert [line.quantity for line in (await order(hub, shop)).lines] == [2, 1]

    async def test_the_custom_channel_is_not_asked(self, hub: Any, make_shop: Any) -> None:
        shop = make_shop(Platform.API)
        await hub.deliver(shop.snapshot(at=1, seen=2), shop.snapshot(at=1, seen=3, quantities=(9,)))
        assert await hub.commands() == []


class TestDetail:
    """A webhook that holds less than what was fetched, but says the same."""

    async def refunded(self, hub: Any, shop: Any) -> Any:
        now = await order(hub, shop)
        return now.lines[0].refunded_quantity, [len(each.lines) for each in now.refunds]

    async def test_a_newer_webhook_does_not_take_it_away(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, detail=2, fetched=True))
        before = await state_hash(hub.engine)
        await hub.deliver(shop.snapshot(at=1, seen=8, detail=0))
        assert await state_hash(hub.engine) == before
        await hub.deliver(shop.snapshot(at=3, detail=0))
        assert await self.refunded(hub, shop) == (2, [1])
        assert (await order(hub, shop)).updated_at == shop.snapshot(at=3).updated_at
        assert len(await hub.said()) == 1
        assert applied(hub) == {"created": 1, "updated": 0, "unchanged": 2, "stale": 0}

    async def test_it_is_taken_though_observed_earlier(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, seen=5, detail=0))
        await hub.deliver(shop.snapshot(at=1, seen=4, detail=2, fetched=True))
        assert await self.refunded(hub, shop) == (2, [1])
        assert applied(hub) == {"created": 1, "updated": 1, "unchanged": 0, "stale": 0}
        assert [json.loads(each["value"])["created"] for each in await hub.said()] == [True, False]
        assert await hub.commands() == []

    async def test_it_holds_again_when_the_order_is_as_it_was(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, detail=2, fetched=True))
        await hub.deliver(shop.snapshot(at=2, detail=0, tags=["x"]))
        assert await self.refunded(hub, shop) == (0, [0])
        await hub.deliver(shop.snapshot(at=3, detail=0))
        assert await self.refunded(hub, shop) == (2, [1])

    async def test_it_is_shown_in_the_past_too(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, detail=0), shop.snapshot(at=3, detail=2, fetched=True))
        async with hub.engine.connect() as conn:
            then = await get_order(conn, shop.org_id, shop.order_id(), shop.snapshot(at=2).updated_at)
        assert then is not None
        assert (then.updated_at, then.lines[0].refunded_quantity) == (shop.snapshot(at=1).updated_at, 2)

    async def test_what_is_left_to_ship_knows_it(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, quantities=(2, 1), detail=1, fetched=True))
        await hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment([(shop.line_id(0), 1)]))
        await hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment([(shop.line_id(1), 1)]))
        done = [
            shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id=f"f-{number}")
            for number, command in enumerate(await hub.commands())
        ]
        await hub.fulfillments.settle(done)
        assert (await order(hub, shop)).status is OrderStatus.FULFILLED
        await hub.deliver(shop.snapshot(at=2, quantities=(2, 1), detail=0))
        assert (await order(hub, shop)).status is OrderStatus.FULFILLED
        async with hub.engine.connect() as conn:
            row = (await conn.execute(text("SELECT status FROM order_sync.orders"))).scalar_one()
        assert row == "fulfilled"


class TestOversold:
    def event(self, shop: Any, short: dict[int, int], at: int = 0) -> OrderOversold:
        return OrderOversold(
            org_id=shop.org_id,
            integration_id=shop.integration_id,
            order_id=shop.order_id(),
            order_external_id="1001",
            lines={shop.line_id(line): pieces for line, pieces in short.items()},
            at=shop.snapshot(at=at).updated_at,
        )

    async def quantities(self, hub: Any, shop: Any) -> list[int]:
        return [line.oversold_quantity for line in (await order(hub, shop)).lines]

    async def test_marks_lines_and_clears_them(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2, 1)))
        await hub.oversold.apply([self.event(shop, {0: 2}, 1), self.event(shop, {1: 1}, 2)])
        assert await self.quantities(hub, shop) == [2, 1]
        assert len(await hub.said("order.changed")) == 2
        await hub.oversold.apply([self.event(shop, {0: 0}, 3)])
        assert await self.quantities(hub, shop) == [0, 1]

    async def test_late_and_repeated_ones_change_nothing(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2, 1)))
        for event in (self.event(shop, {0: 1}, 5), self.event(shop, {0: 2}, 4), self.event(shop, {0: 1}, 5)):
            await hub.oversold.apply([event])
        assert await self.quantities(hub, shop) == [1, 0]
        assert len(await hub.said("order.changed")) == 2

    async def test_before_the_order_came(self, hub: Any, shop: Any) -> None:
        await hub.oversold.apply([self.event(shop, {0: 1})])
        await hub.deliver(shop.snapshot())
        assert await self.quantities(hub, shop) == [1, 0]


class TestFulfilmentMeanwhile:
    async def test_the_status_counts_what_we_shipped(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, quantities=(2,)))
        asked = await hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment([(shop.line_id(0), 1)]))
        command = (await hub.commands())[0]
        await hub.fulfillments.settle([shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
        # The store has no word for a part: its next snapshot says "processing" still.
        await hub.deliver(shop.snapshot(at=2, quantities=(2,), tags=["seen"]))
        now = await order(hub, shop)
        assert now.status is OrderStatus.PARTIALLY_FULFILLED
        assert [each.id for each in now.fulfillments] == [asked.fulfillment.id]
        assert json.loads((await hub.said())[-1]["value"])["status"] == "partially_fulfilled"

    @pytest.mark.parametrize("others", [1, 3])
    async def test_a_request_between_read_and_write_is_seen(self, hub: Any, shop: Any, others: int) -> None:
        await hub.deliver(shop.snapshot(at=1, quantities=(9,)))
        requests = [
            hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment([(shop.line_id(0), 1)]))
            for _ in range(others)
        ]
        await asyncio.gather(hub.deliver(shop.snapshot(at=2, quantities=(9,), tags=["x"])), *requests)
        now = await order(hub, shop)
        assert now.tags == ["x"]
        assert len(now.fulfillments) == others


class TestAnyOrder:
    """The property of rules.py on the real database, SQL and all."""

    @settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    async def test_the_same_deliveries_give_the_same_state(self, hub: Any, make_shop: Any, data: Any) -> None:
        kinds = data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["snapshot", "snapshot", "fetch", "deleted"]),
                    st.integers(0, 2),
                    st.integers(0, 5),
                    st.integers(0, 2),
                    st.sampled_from([None, 0, 0, 1, 2]),
                ),
                min_size=1,
                max_size=6,
            )
        )

        def deliveries(shop: Any) -> list[Any]:
            return [
                shop.deleted(seen=seen, offset=offset)
                if kind == "deleted"
                else shop.snapshot(
                    at=at,
                    seen=seen,
                    offset=offset,
                    quantities=(1 + content,),
                    fetched=kind == "fetch",
                    detail=detail,
                )
                for offset, (kind, at, seen, content, detail) in enumerate(kinds)
            ]

        org = uuid4()
        states = []
        for shuffled in (False, True):
            shop = make_shop(org_id=org, integration_id=UUID(int=7))
            given = deliveries(shop)
            if shuffled:
                given = data.draw(st.permutations(given)) + data.draw(st.lists(st.sampled_from(given), max_size=3))
            await hub.empty()
            for batch in _cut(given, data.draw(st.lists(st.integers(0, len(given)), max_size=3))):
                await hub.deliver(*batch)
            states.append(await self.state(hub, shop))
        assert states[0] == states[1]

    async def state(self, hub: Any, shop: Any) -> Any:
        now = await order(hub, shop)
        kept = [(each.seen, each.status, each.raw_topic, each.raw_partition) for each in await revisions(hub, shop)]
        async with hub.engine.connect() as conn:
            bodies = (
                await conn.execute(text("SELECT body FROM order_sync.order_revisions ORDER BY updated_at, digest"))
            ).scalars()
            words = (await conn.execute(text("SELECT terms::text FROM order_sync.order_search"))).scalars()
            return now and now.to_json(), kept, list(bodies), list(words), await state_hash(hub.engine)


def _cut(items: Sequence[Any], cuts: list[int]) -> list[Sequence[Any]]:
    edges = [0, *sorted(cuts), len(items)]
    return [items[a:b] for a, b in pairwise(edges) if a < b]


class TestLag:
    async def test_from_delivery_to_commit(self, hub: Any, shop: Any) -> None:
        snapshot = shop.snapshot()
        hub.orders._clock = lambda: snapshot.version.observed_at + timedelta(seconds=2)
        await hub.deliver(snapshot)
        assert hub.metrics.lag_seconds._sum.get() == 2

    async def test_unreconciled_ones_are_counted(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(reconciled=False, discrepancies=["total: off by one"]))
        assert hub.metrics.unreconciled[Platform.WOOCOMMERCE]._value.get() == 1
