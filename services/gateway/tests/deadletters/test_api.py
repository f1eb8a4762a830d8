"""Dead letters through the API: kept, listed, looked at, replayed once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer

from longshore.broker import INTEGRATION_ID_HEADER, ORG_ID_HEADER, Message, Record, Rejected, dead_letter
from longshore_devkit.testing import eventually

TOPIC = "raw.woocommerce"


async def org_of(client: Any, name: str) -> UUID:
    body = {"platform": "api", "name": name}
    return UUID((await client.post("/api/v1/integrations", json=body)).json()["org_id"])


def letter(org: UUID, offset: int, value: bytes = b'{"broken"}', group: str = "connector-woo.raw") -> Message:
    headers = {ORG_ID_HEADER: str(org), INTEGRATION_ID_HEADER: str(uuid4()), "x-wc-webhook-topic": "order.created"}
    record = Record(TOPIC, 0, offset, 1_795_000_000_000, f"k{offset}", value, headers)
    return dead_letter(Rejected(record, "cannot be read", ValueError("x")), group)


async def listed(client: Any, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(f"/api/v1/dead-letters{query}")).json()["items"]
    return items


async def fill(gateway: Any, org: UUID, offsets: Sequence[int]) -> None:
    await gateway.service.producer.send_many([letter(org, offset) for offset in offsets])

    async def all_there() -> bool:
        return len(await listed(gateway.client)) == len(offsets)

    await eventually(all_there, timeout=15)


async def test_listed_inspected_replayed_once(gateway: Any) -> None:
    org = await org_of(gateway.client, "a")
    await fill(gateway, org, [1, 2, 3])
    items = await listed(gateway.client)
    assert {item["offset"] for item in items} == {1, 2, 3}
    detail = (await gateway.client.get(f"/api/v1/dead-letters/{items[0]['id']}")).json()
    assert detail["body"] == '{"broken"}'
    assert detail["reason"] == "cannot be read"

    wanted = {"ids": [items[0]["id"], items[1]["id"]]}
    # Two at once: each letter goes back once.
    answers = await asyncio.gather(*[gateway.client.post("/api/v1/dead-letters/replay", json=wanted) for _ in range(2)])
    assert sum(answer.json()["replayed"] for answer in answers) == 2
    assert len(await listed(gateway.client)) == 1
    assert len(await listed(gateway.client, "?replayed=true")) == 3

    consumer = AIOKafkaConsumer(
        gateway.settings.topic_prefix + TOPIC,
        bootstrap_servers=gateway.settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), 10) for _ in range(2)]
    finally:
        await consumer.stop()
    assert {record.key.decode() for record in records} == {f"k{item['offset']}" for item in items[:2]}
    assert all(record.value == b'{"broken"}' for record in records)
    assert not any(name.startswith("dlq-") for record in records for name, _ in record.headers)


async def test_a_record_that_two_groups_could_not_apply_goes_back_once(gateway: Any) -> None:
    org = await org_of(gateway.client, "a")
    letters = [letter(org, offset, group=group) for offset in (1, 2) for group in ("a.raw", "b.raw")]
    await gateway.service.producer.send_many(letters)

    async def all_there() -> bool:
        return len(await listed(gateway.client)) == len(letters)

    await eventually(all_there, timeout=15)
    named = next(item for item in await listed(gateway.client) if item["offset"] == 1)
    # Whoever reads the topic reads it: the other group's letter is answered by it, too.
    answer = await gateway.client.post("/api/v1/dead-letters/replay", json={"ids": [named["id"]]})
    assert answer.json() == {"replayed": 1}
    assert {item["offset"] for item in await listed(gateway.client)} == {2}
    answer = await gateway.client.post("/api/v1/dead-letters/replay", json={"all": True})
    assert answer.json() == {"replayed": 1}
    assert await listed(gateway.client) == []


async def test_pages_and_topics(gateway: Any) -> None:
    org = await org_of(gateway.client, "a")
    await fill(gateway, org, list(range(5)))
    first = (await gateway.client.get("/api/v1/dead-letters?limit=3")).json()
    rest = (await gateway.client.get(f"/api/v1/dead-letters?limit=3&cursor={first['next_cursor']}")).json()
    assert rest["next_cursor"] is None
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 5
    assert await listed(gateway.client, "?topic=commerce.orders") == []
    answer = await gateway.client.post("/api/v1/dead-letters/replay", json={"topic": TOPIC})
    assert (answer.status_code, answer.json()) == (202, {"replayed": 5})


async def test_no_organisation_sees_or_replays_anothers(gateway: Any) -> None:
    org = await org_of(gateway.client, "a")
    await fill(gateway, org, [1])
    (item,) = await listed(gateway.client)
    assert await listed(gateway.other) == []
    assert (await gateway.other.get(f"/api/v1/dead-letters/{item['id']}")).status_code == 404
    for body in ({"ids": [item["id"]]}, {"all": True}, {"topic": TOPIC}):
        assert (await gateway.other.post("/api/v1/dead-letters/replay", json=body)).json() == {"replayed": 0}
    assert len(await listed(gateway.client)) == 1


async def test_a_replay_says_which(quiet: Any) -> None:
    for body in ({}, {"ids": [str(uuid4())], "all": True}, {"ids": ["x"]}):
        assert (await quiet.client.post("/api/v1/dead-letters/replay", json=body)).status_code == 422
