"""Every place where a secret could end up, as bytes: answers, logs, metrics, topics, tables."""

from __future__ import annotations

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer

from .conftest import World
from .document import operations
from .secrets import KEY


def answers(world: World) -> dict[str, bytes]:
    """What every GET of the document answers to the organisation itself."""
    found: dict[str, bytes] = {}
    with world.http(KEY) as client:
        for operation in operations(world.document):
            if operation.method == "GET" and operation.path.startswith("/api/"):
                prefixes = {
                    name: f"{operation.path.partition(f'{{{name}}}')[0]}{{{name}}}" for name in operation.parameters
                }
                if not set(prefixes.values()) <= world.objects.keys():
                    continue  # there is none of it: test_access has its own
                ids = {name: world.objects[prefix] for name, prefix in prefixes.items()}
                answer = client.get(operation.url(ids), params=operation.query)
                found[operation.name] = answer.content + repr(answer.headers.raw).encode()
    return found


def logs(world: World) -> dict[str, bytes]:
    """What the services have written."""
    return {each.name: each.read_bytes() for each in world.stack.logs.iterdir()}


def metrics(world: World) -> dict[str, bytes]:
    """Every service's metrics."""
    return {name: httpx.get(f"{url}/metrics", timeout=20).content for name, url in world.stack.urls.items()}


async def topics(world: World, bootstrap_servers: str) -> dict[str, bytes]:
    """All records of all topics of this hub: keys, values and headers."""
    admin = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await admin.start()
    names = [each for each in await admin.topics() if each.startswith(world.topic_prefix)]
    await admin.stop()
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    parts: dict[str, list[bytes]] = {name: [] for name in names}
    try:
        places = consumer.assignment()
        ends = await consumer.end_offsets(places)
        while [each for each in places if await consumer.position(each) < ends[each]]:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    headers = b" ".join(key.encode() + b"=" + value for key, value in record.headers)
                    parts[place.topic].append(b"\n".join([record.key or b"", record.value or b"", headers]))
    finally:
        await consumer.stop()
    return {name.removeprefix(world.topic_prefix): b"\n".join(each) for name, each in parts.items()}


async def tables(world: World) -> dict[str, bytes]:
    """All tables of all schemas, as pg_dump would read them; binary, so that nothing is spelled otherwise."""
    conn = await asyncpg.connect(world.database_url.replace("+asyncpg", ""))
    try:
        rows = await conn.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found: dict[str, bytes] = {}
        for schema, table in rows:
            parts: list[bytes] = []

            async def keep(part: bytes, parts: list[bytes] = parts) -> None:
                parts.append(part)

            await conn.copy_from_table(table, schema_name=schema, output=keep, format="binary")
            found[f"{schema}.{table}"] = b"".join(parts)
        return found
    finally:
        await conn.close()
