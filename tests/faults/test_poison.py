"""Records that nobody can apply: some of them are set aside and the stream goes on, a flood of them halts the consumer,
and so does a deploy that can apply nothing.

These come last of those that share a stack (the workspace's conftest.py sees to it): after the flood a consumer of it
stays halted, as it should.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from longshore.broker import INTEGRATION_ID_HEADER, ORG_ID_HEADER
from longshore.contracts import OrderSnapshot, Platform
from longshore.platforms.protocols import Untranslatable
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.broken import Signed, break_body, break_headers, signed
from longshore_devkit.forms import LONG_FORM
from longshore_devkit.loadgen import run_load
from longshore_devkit.raw_records import raw_record
from longshore_devkit.testing import eventually

pytestmark = pytest.mark.e2e

CONNECTORS = {"woocommerce": "connector-woo", "shopify": "connector-shopify"}
SKUS = ("POISON-1", "POISON-2")
SECRET = "mute-secret"

HALTED = "longshore_consumer_halted"
RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules" / "longshore.yml"

MOST_SET_ASIDE = 100
"""The kit's limit (ConsumerPolicy.poison_max_count): from so many on it halts."""


def poison(store: Any, n: int) -> bytes:
    """Signed, JSON, and no order: neither connector finds a currency or a total in it."""
    return json.dumps({"id": store.order_id(n), "line_items": 7}).encode()


@pytest.fixture
def held(stack: Any) -> Callable[..., Any]:
    """`async with held("connector-woo"):` what is delivered meanwhile is one batch afterwards, or nearly so."""

    class Held:
        def __init__(self, name: str) -> None:
            self._name = name

        async def __aenter__(self) -> None:
            await asyncio.to_thread(stack.signal, signal.SIGSTOP, self._name)

        async def __aexit__(self, *_: object) -> None:
            await asyncio.to_thread(stack.signal, signal.SIGCONT, self._name)

    return Held


@pytest.fixture
async def produce(stack: Any) -> AsyncIterator[Callable[..., Any]]:
    """Writes a record past the gateway, as a broken producer would."""
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, acks="all")
    await producer.start()

    async def send(topic: str, key: str, value: bytes, headers: dict[str, str]) -> None:
        encoded = [(name, text.encode()) for name, text in headers.items()]
        await producer.send_and_wait(stack.topic_prefix + topic, value, key.encode(), headers=encoded)

    yield send
    await producer.stop()


class TestSome:
    @pytest.mark.parametrize("platform", sorted(CONNECTORS))
    async def test_a_poison_record_is_set_aside_and_its_neighbours_go_on(
        self, hub: Any, mute: Any, account: Any, held: Any, platform: str
    ) -> None:
        store = await mute(platform, SKUS)
        orders, bad = range(60), {7, 30, 59}
        before = (await hub.settled())["dead_letters"]
        async with held(CONNECTORS[platform]):
            await store.deliver(
                orders, copies=1, body=lambda n: poison(store, n) if n in bad else store.body(n), connections=1
            )
        state = await hub.settled(timeout=60)
        assert state["dead_letters"] == before + len(bad)
        assert state["halted"] == []
        await account.assert_exactly(store, [n for n in orders if n not in bad])

        topic = f"raw.{platform}"
        letters = await self.letters(hub, store, topic=topic)
        assert {letter["consumer_group"] for letter in letters} == {f"{CONNECTORS[platform]}.raw"}
        assert all("currency" in letter["reason"] for letter in letters), letters
        details = [await hub.get(f"dead-letters/{letter['id']}") for letter in letters]
        assert {detail["body"].encode() for detail in details} == {poison(store, n) for n in bad}
        assert all("Untranslatable" in detail["stack"] for detail in details)

        # Replayed it dies again: one letter for each, not two, and the old one is closed.
        chosen = letters[0]
        assert (await hub.post("dead-letters/replay", {"ids": [chosen["id"]]}, 202))["replayed"] == 1
        state = await hub.settled(timeout=60)
        assert state["dead_letters"] == before + len(bad)
        again = await self.letters(hub, store, topic=topic)
        assert len(again) == len(bad)
        (new,) = [letter for letter in again if letter["id"] not in {each["id"] for each in letters}]
        assert (new["key"], new["reason"], new["size"]) == (chosen["key"], chosen["reason"], chosen["size"])
        assert len(await self.letters(hub, store, topic=topic, replayed=True)) == len(bad) + 1
        # A letter is replayed once.
        assert (await hub.post("dead-letters/replay", {"ids": [chosen["id"]]}, 202))["replayed"] == 0
        await account.assert_exactly(store, [n for n in orders if n not in bad])

    async def test_a_record_that_two_services_cannot_read(
        self, hub: Any, mute: Any, account: Any, held: Any, produce: Any
    ) -> None:
        store = await mute("woocommerce", SKUS)
        before = (await hub.settled())["dead_letters"]
        headers = {
            "ce_type": "longshore.order.snapshot.v1",
            ORG_ID_HEADER: store.integration["org_id"],
            INTEGRATION_ID_HEADER: store.id,
        }
        await store.deliver(range(20), copies=1)
        await produce("commerce.orders", f"{store.id}:1", b'{"no": "order"}', headers)
        await store.deliver(range(20, 40), copies=1)
        state = await hub.settled(timeout=60)
        await account.assert_exactly(store, range(40))
        letters = await self.letters(hub, store, topic="commerce.orders")
        assert sorted(letter["consumer_group"] for letter in letters) == ["inventory.orders", "order-sync.orders"]
        assert state["dead_letters"] == before + 2

        # One record has died twice: it goes back once, whichever letter is named, and has two letters again, not four.
        for named in (False, True):
            letters = await self.letters(hub, store, topic="commerce.orders")
            chosen = {"ids": [letters[0]["id"]]} if named else {"topic": "commerce.orders"}
            assert (await hub.post("dead-letters/replay", chosen, 202))["replayed"] == 1
            state = await hub.settled(timeout=60)
            assert state["dead_letters"] == before + 2
            assert len(await self.letters(hub, store, topic="commerce.orders")) == 2

    async def letters(self, hub: Any, store: Any, **which: Any) -> list[dict[str, Any]]:
        return [letter for letter in await hub.all("dead-letters", **which) if letter["integration_id"] == store.id]


class TestBroken:
    """Signed deliveries with broken content among good ones, through all of it (test_broken_deliveries.py has the same
    in process, by the hundred thousand)."""

    EACH = 1_500 if LONG_FORM else 60

    @pytest.mark.parametrize("platform", sorted(CONNECTORS))
    async def test_each_is_an_order_or_ignored_or_a_dead_letter_and_no_neighbour_is_lost(
        self, hub: Any, stack: Any, mute: Any, account: Any, rows: Any, platform: Any, seed: int
    ) -> None:
        chance = random.Random(seed)
        store = await mute(platform, SKUS)
        before = (await hub.settled())["dead_letters"]
        ends = {name: len(stack.ends_of(name)) for name in CONNECTORS.values()}
        # Two in three are good: a consumer halts when half of what it takes is poison.
        numbers = range(3 * self.EACH)
        broken: dict[int, bytes] = {}
        for n in numbers[1::3]:
            # No two alike: connectors pass over what repeats the delivery before it, and one letter is left of both.
            while (body := break_body(store.body(n), chance)) in broken.values():
                pass
            broken[n] = body
        expected = Expected(store)
        async with httpx.AsyncClient(timeout=20) as client:
            for start in range(0, len(numbers), 30):
                part = numbers[start : start + 30]
                bodies = [broken.get(n, store.body(n)) for n in part]
                answers = await asyncio.gather(*[send(client, store, body, chance) for body in bodies])
                for n, body, answer in zip(part, bodies, answers, strict=True):
                    assert answer == 200 or (n in broken and answer in (400, 413)), (answer, body[:200])
                    if n in broken and answer == 200:
                        expected.add(body)
        state = await hub.settled(timeout=120)
        assert state["halted"] == []
        assert {name: len(stack.ends_of(name)) for name in CONNECTORS.values()} == ends

        good = {str(store.order_id(n)) for n in numbers if n not in broken}
        found = await account.orders(store)
        assert set(found) == good | expected.orders
        letters = [each for each in await hub.all("dead-letters") if each["integration_id"] == store.id]
        # What a connector lets through, nobody behind it chokes on.
        assert {(each["topic"], each["consumer_group"]) for each in letters} <= {
            (f"raw.{platform}", f"{CONNECTORS[platform]}.raw")
        }, letters
        assert len(letters) == expected.dead
        assert (await hub.get("system"))["dead_letters"] == before + expected.dead
        assert expected.dead > 0
        assert expected.orders > set()
        # The good ones are reserved to the piece, whatever the broken ones claim of the same goods.
        (reserved,) = await rows(
            "SELECT count(DISTINCT o.external_id) AS orders FROM inventory.orders o"
            " WHERE o.integration_id = $1::uuid AND o.external_id = ANY($2::text[])",
            store.id,
            sorted(good),
        )
        assert reserved["orders"] == len(good)


class Expected:
    """What has to come of broken bodies, by the connector's own translator: it is pure, so it says the same here."""

    def __init__(self, store: Any) -> None:
        self.orders: set[str] = set()
        self.dead = 0
        self._store = store
        self._translator = WooTranslator() if store.platform == "woocommerce" else ShopifyTranslator()

    def add(self, body: bytes) -> None:
        """One that the gateway took."""
        raw = raw_record(
            Platform(self._store.platform),
            body,
            org_id=UUID(self._store.integration["org_id"]),
            integration_id=UUID(self._store.id),
        )
        try:
            translation = self._translator.translate(raw)
        except Untranslatable:
            self.dead += 1
            return
        self.orders |= {each.external_id for each in translation.events if isinstance(each, OrderSnapshot)}


async def send(client: httpx.AsyncClient, store: Any, body: bytes, chance: random.Random) -> int:
    """Deliver one; a third of them with odd headers, but those that name it."""
    platform, shop = store.platform, store.integration["store_url"].removeprefix("https://")
    topic = "order.updated" if platform == "woocommerce" else "orders/updated"
    delivery = signed(platform, topic, body, secret=SECRET, shop=shop)
    if chance.random() < 0.33:
        delivery = odd_headers(delivery, chance)
    url = store.integration["webhook_url"]
    return (await client.post(url, content=delivery.body, headers=list(delivery.headers))).status_code


def odd_headers(delivery: Signed, chance: random.Random) -> Signed:
    """Broken as `break_headers` does, with the topic as it was."""
    topic = next(pair for pair in delivery.headers if pair[0].endswith(b"topic"))
    odd = break_headers(delivery, chance)
    # No client sends spaces at the ends of a value, or letters in a name that HTTP does not have.
    others = tuple((name, value.strip()) for name, value in odd.headers if name != topic[0] and b"\xff" not in name)
    return replace(odd, headers=(topic, *others))


async def halted(hub: Any, group: str) -> dict[str, Any]:
    """The system's state, in which `group` alone is halted."""
    state: dict[str, Any] = await hub.get("system")
    assert state["halted"] == [group], state
    assert not state["ready"]
    return state


async def counted_of(hub: Any, group: str, before: int, came: int) -> tuple[int, int]:
    """What a halted `group` has set aside, with `before` dead letters there already, and what waits in its topic: all
    that came. A letter is counted when the gateway has it, which is after its record was passed over."""
    state = await halted(hub, group)
    assert group in state["lag"], "Kafka's figures were not read in time"
    aside, waiting = state["dead_letters"] - before, state["lag"][group]
    assert aside + waiting == came
    return aside, waiting


class TestBadDeploy:
    async def test_a_translator_that_fails_at_everything_halts_and_goes_on_when_mended(
        self, hub: Any, stack: Any, mute: Any, account: Any
    ) -> None:
        woo, shopify = await mute("woocommerce", SKUS), await mute("shopify", SKUS)
        before = (await hub.settled())["dead_letters"]
        poisoned, first = 7, range(50)
        await shopify.deliver(
            first, copies=1, body=lambda n: poison(shopify, n) if n == poisoned else shopify.body(n), connections=1
        )
        assert (await hub.settled())["dead_letters"] == before + 1

        stack.inject(connector_shopify={"raises": "longshore_connector_shopify.translate:ShopifyTranslator.translate"})
        await asyncio.to_thread(stack.restart, "connector-shopify")
        meanwhile = range(50, 450)
        # Slowly, so that it meets them in many batches: only their sum says that it is the deploy, not the records.
        await run_load(shopify.plan(meanwhile, rate=300, copies=1))

        def counted(came: int) -> Awaitable[tuple[int, int]]:
            return counted_of(hub, "connector-shopify.raw", before + 1, came)

        aside, waiting = await eventually(lambda: counted(len(meanwhile)), timeout=60)
        assert aside < MOST_SET_ASIDE
        await self.assert_shown(stack.own_urls["connector-shopify"])
        # Stores notice nothing, and the other platform goes on.
        await shopify.deliver(range(450, 500), copies=1)
        await woo.deliver(range(50), copies=1)

        async def other_goes_on() -> bool:
            return len(await account.orders(woo)) == 50

        await eventually(other_goes_on, timeout=60)
        assert await eventually(lambda: counted(len(meanwhile) + 50)) == (aside, waiting + 50)

        # Mended, it goes on from where it stood, and what was set aside before it halted is sent back.
        stack.inject()
        await asyncio.to_thread(stack.restart, "connector-shopify")
        state = await hub.settled(timeout=60)
        assert state["halted"] == []
        assert state["dead_letters"] == before + 1 + aside
        letters = [each for each in await hub.all("dead-letters") if each["integration_id"] == shopify.id]
        ours = [each["id"] for each in letters if each["reason"] == "the translator failed"]
        assert len(ours) == aside
        if ours:
            assert (await hub.post("dead-letters/replay", {"ids": ours}, 202))["replayed"] == aside
        assert (await hub.settled(timeout=60))["dead_letters"] == before + 1
        await account.assert_exactly(shopify, [n for n in range(500) if n != poisoned])
        await account.assert_exactly(woo, range(50))

    async def assert_shown(self, url: str) -> None:
        """Whoever looks at the halted process sees it, and a rule watches for it."""
        async with httpx.AsyncClient(base_url=url, timeout=20) as client:
            ready, metrics = await client.get("/readyz"), await client.get("/metrics")
        assert ready.status_code == 503
        assert "halted" in ready.json()["missing"]["consumer connector-shopify.raw"]
        assert f'{HALTED}{{group="connector-shopify.raw"}} 1.0' in metrics.text
        rules = yaml.safe_load(RULES.read_text())
        watching = [rule for group in rules["groups"] for rule in group["rules"] if HALTED in rule["expr"]]
        assert [rule["labels"]["severity"] for rule in watching] == ["critical"]


class TestFlood:
    async def test_a_flood_halts_the_consumer_and_skips_nothing(
        self, hub: Any, stack: Any, mute: Any, account: Any, held: Any, rows: Any, kill: Any
    ) -> None:
        woo, shopify = await mute("woocommerce", SKUS), await mute("shopify", SKUS)
        before = (await hub.settled())["dead_letters"]
        flood = range(1_000, 1_400)
        # Poison is weighed against what came in the last minute: here none of the good records of the tests before.
        await asyncio.to_thread(stack.restart, "connector-woo")
        async with held("connector-woo"):
            await woo.deliver(flood, copies=1, body=lambda n: poison(woo, n))

        async def halted_alone() -> bool:
            state = await halted(hub, "connector-woo.raw")
            assert {each["name"] for each in state["services"] if not each["ready"]} == {"connector-woo"}
            return not state["settled"]

        def counted(came: int) -> Awaitable[tuple[int, int]]:
            return counted_of(hub, "connector-woo.raw", before, came)

        await eventually(halted_alone, timeout=60)
        aside, waiting = await eventually(lambda: counted(len(flood)), timeout=60)
        assert aside < MOST_SET_ASIDE

        # The platform's stream waits; the other one goes on.
        good = range(50)
        await woo.deliver(good, copies=1)
        await shopify.deliver(good, copies=1)

        async def other_goes_on() -> bool:
            return len(await account.orders(shopify)) == len(good)

        await eventually(other_goes_on, timeout=60)
        await account.assert_exactly(shopify, good)
        assert await account.orders(woo) == {}
        assert await eventually(lambda: counted(len(flood) + len(good))) == (aside, waiting + len(good))

        # Started again it meets the same records, and halts again: still nothing is lost.
        starts = stack.starts("connector-woo")
        await kill("connector-woo")
        await eventually(lambda: stack.starts("connector-woo") > starts, timeout=60)
        again, _ = await eventually(lambda: counted(len(flood) + len(good)), timeout=60)
        assert aside <= again < aside + MOST_SET_ASIDE
        (letters,) = await rows(
            'SELECT count(*) AS rows, count(DISTINCT (topic, partition, "offset")) AS records'
            " FROM gateway.dead_letters WHERE integration_id = $1::uuid",
            woo.id,
        )
        assert letters == {"rows": again, "records": again}
