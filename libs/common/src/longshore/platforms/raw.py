"""Raw records: how the exact bytes of a store travel on `raw.<platform>`, and how they are read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast, get_args

from longshore.broker import Message, Record
from longshore.broker.records import INTEGRATION_ID_HEADER, ORG_ID_HEADER, EncodedHeaders, Headers
from longshore.broker.topics import RAW
from longshore.contracts import Origin, Platform, RawRef
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import FetchedEntity, RawRecord, Resource

ORIGIN_HEADER = "longshore-origin"
TOPIC_HEADER = "longshore-topic"
RECEIVED_HEADER = "ce_time"
RESOURCE_HEADER = "longshore-resource"
EXTERNAL_ID_HEADER = "longshore-external-id"
GONE_HEADER = "longshore-gone"
# What an incremental run read: it is compared with what deliveries brought.
POLLED_HEADER = "longshore-polled"

RESOURCES = frozenset(get_args(Resource))


def stream_key(integration_id: IntegrationId, external_id: str) -> str:
    """The partition key of an entity: its order holds, and entities spread over partitions."""
    return f"{integration_id}:{external_id}"


def store_headers(platform: Platform, org_id: OrgId, integration_id: IntegrationId, origin: Origin) -> Headers:
    """Those headers of a raw record that are the same for all records of a store: CloudEvents and ours."""
    return {
        "ce_specversion": "1.0",
        "ce_source": f"/stores/{integration_id}",
        "ce_type": f"longshore.raw.{platform.value}.v1",
        ORG_ID_HEADER: str(org_id),
        INTEGRATION_ID_HEADER: str(integration_id),
        ORIGIN_HEADER: origin.value,
    }


def delivery_headers(
    store: Headers, *, topic_name: str, received_at: datetime, delivery_id: str, platform_headers: Mapping[str, str]
) -> Headers:
    """Headers of a webhook's raw record: `store_headers`, and all of the platform's (lower case)."""
    return {
        **platform_headers,
        **store,
        "ce_id": delivery_id,
        RECEIVED_HEADER: received_at.isoformat(),
        TOPIC_HEADER: topic_name,
    }


def encoded_delivery_headers(
    store: EncodedHeaders,
    *,
    topic_name: bytes,
    received_at: datetime,
    delivery_id: bytes,
    platform_headers: Mapping[str, bytes],
) -> EncodedHeaders:
    """The same as Kafka takes them, for the hot route: what came as bytes goes on as bytes."""
    return [
        *platform_headers.items(),
        *store,
        ("ce_id", delivery_id),
        (RECEIVED_HEADER, received_at.isoformat().encode()),
        (TOPIC_HEADER, topic_name),
    ]


def fetched_message(
    platform: Platform,
    org_id: OrgId,
    integration_id: IntegrationId,
    entity: FetchedEntity,
    fetched_at: datetime,
    fetch_id: str,
    *,
    polled: bool = False,
) -> Message:
    """The raw record of one entity that a connector read from the store; `polled`: by an incremental run."""
    headers = delivery_headers(
        store_headers(platform, org_id, integration_id, Origin.FETCH),
        topic_name="",
        received_at=fetched_at,
        delivery_id=fetch_id,
        platform_headers={},
    )
    headers[RESOURCE_HEADER] = entity.resource
    headers[EXTERNAL_ID_HEADER] = entity.external_id
    if entity.gone:
        headers[GONE_HEADER] = "1"
    if polled:
        headers[POLLED_HEADER] = "1"
    return Message(RAW(platform.value).name, stream_key(integration_id, entity.external_id), entity.body, headers)


def read_raw(record: Record, platform: Platform) -> RawRecord:
    """The raw record in a Kafka record. Raises KeyError or ValueError if its headers are not ours: poison."""
    headers = record.headers
    origin = Origin(headers[ORIGIN_HEADER])
    resource = headers.get(RESOURCE_HEADER)
    if resource is not None and resource not in RESOURCES:
        raise ValueError(f"{RESOURCE_HEADER}: not a resource")
    return RawRecord(
        platform=platform,
        org_id=OrgId(record.org_id),
        integration_id=IntegrationId(record.integration_id),
        origin=origin,
        topic_name=headers.get(TOPIC_HEADER, ""),
        resource=cast("Resource | None", resource),
        external_id=headers.get(EXTERNAL_ID_HEADER),
        gone=GONE_HEADER in headers,
        received_at=datetime.fromisoformat(headers[RECEIVED_HEADER]),
        headers=headers,
        body=record.value,
        ref=RawRef(topic=record.topic, partition=record.partition, offset=record.offset, origin=origin),
    )
