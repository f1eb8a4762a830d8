"""Topics are created as specified, once, whoever is first."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidTopicError

from longshore.broker import COMMANDS, COMMERCE_ORDERS, ORDERS_EVENTS, RAW, TopicSpec, dlq_of, ensure_topics

DAY_MS = 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("topic", "dead"),
    [(RAW("shopify"), "raw.shopify.dlq"), ("commerce.orders", "commerce.orders.dlq"), ("a.dlq", "a.dlq")],
)
def test_dead_letters_have_a_topic_of_their_own(topic: TopicSpec | str, dead: str) -> None:
    assert dlq_of(topic) == dead


async def test_missing_topics_are_created_with_their_retention(bootstrap_servers: str, topic_prefix: str) -> None:
    topics: list[TopicSpec | str] = [RAW("woocommerce"), COMMERCE_ORDERS, "orders.events", COMMANDS("shopify")]
    await asyncio.gather(*[ensure_topics(bootstrap_servers, topic_prefix, topics, 3) for _ in range(3)])
    await ensure_topics(bootstrap_servers, topic_prefix, topics, 5)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        names = [topic_prefix + each for topic in topics for each in (str(topic), dlq_of(topic))]
        described = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(names)}
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    finally:
        await admin.close()
    config = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    retention = {name.removeprefix(topic_prefix): int(each["retention.ms"]) for name, each in config.items()}
    assert retention == {
        "raw.woocommerce": -1,
        "raw.woocommerce.dlq": -1,
        "commerce.orders": 7 * DAY_MS,
        "commerce.orders.dlq": 30 * DAY_MS,
        str(ORDERS_EVENTS): -1,
        "orders.events.dlq": -1,
        "commands.shopify": 7 * DAY_MS,
        "commands.shopify.dlq": 30 * DAY_MS,
    }
    assert described == {name: 1 if name.endswith(".dlq") else 3 for name in names}


async def test_a_name_that_kafka_refuses_is_an_error_at_once(bootstrap_servers: str, topic_prefix: str) -> None:
    with pytest.raises(InvalidTopicError):
        await asyncio.wait_for(ensure_topics(bootstrap_servers, topic_prefix, ["not a topic"], 1), 10)
