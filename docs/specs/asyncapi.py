"""The AsyncAPI document of the stream: one of FastStream's per service, joined by topic, with all contracts.

FastStream names a channel per subscription and knows nothing of what our own producer sends. Here a channel is a topic,
an operation is a consumer group or a sender, and a message is a contract.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from faststream.specification.asyncapi import AsyncAPI

from longshore.broker.deadletters import HEADERS as DEAD_LETTER_HEADERS
from longshore.broker.topics import DLQ_SUFFIX
from specs.contracts import event_contracts, shared_schemas, summary
from specs.topics import TOPICS, Topic

Json = dict[str, Any]

DESCRIPTION = (
    "The topics that any system of the merchant may subscribe to, with a consumer group of its own. Events are "
    "CloudEvents 1.0 in Kafka's binary mode: the header `ce_type` says which contract the value is. "
    "docs/contracts.md has the rules."
)

_SCHEMA_REF = "#/components/schemas/"
_RAW = "longshore.raw"
_DEAD_LETTERS = "dead-letters"


def asyncapi_document(apps: dict[str, FastAPI]) -> Json:
    """One document of all services. Raises ValueError where a subscription and the table of topics disagree."""
    own = {name: AsyncAPI(app.state.service.broker).to_specification().to_jsonable() for name, app in apps.items()}
    contracts = event_contracts()
    _all_travel({each.event_type for each in contracts})
    documented = {topic.spec.name: topic for topic in TOPICS}
    operations: Json = {}
    for service, document in own.items():
        operations |= _receiving(service, document, documented)
    operations |= _sending()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Longshore",
            "version": apps["gateway"].version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {"host": "kafka:9092", "protocol": "kafka", "description": "The installation's own Kafka"}
        },
        "channels": {topic.spec.name: _channel(topic) for topic in TOPICS} | {_DEAD_LETTERS: _dead_letters()},
        "operations": dict(sorted(operations.items())),
        "components": {
            "messages": {each.event_type: _message(each.event_type, each.__name__, summary(each)) for each in contracts}
            | {_RAW: _raw_message()},
            "schemas": {
                **_without_discriminators(dict(sorted(shared_schemas(contracts, _SCHEMA_REF + "{model}").items()))),
                "Headers": _headers(),
                "RawHeaders": _raw_headers(),
                "DeadLetterHeaders": _dead_letter_headers(),
            },
        },
    }


def _without_discriminators(schemas: Any) -> Any:
    """AsyncAPI's discriminator is another than OpenAPI's; the members tell themselves apart by a constant."""
    if isinstance(schemas, dict):
        return {
            name: _without_discriminators(each)
            for name, each in schemas.items()
            if not (name == "discriminator" and "oneOf" in schemas)
        }
    return [_without_discriminators(each) for each in schemas] if isinstance(schemas, list) else schemas


def _all_travel(types: set[str]) -> None:
    """Every contract with an event type must stand in the table of topics. Raises ValueError."""
    sent = {contract.event_type for topic in TOPICS for contract in topic.contracts}
    if types != sent:
        raise ValueError(f"docs/specs/topics.py and the contracts disagree on {', '.join(sorted(types ^ sent))}")


def _receiving(service: str, document: Json, topics: dict[str, Topic]) -> Json:
    """The operations of a service's consumer groups, from what FastStream found."""
    operations: Json = {}
    for channel in document["channels"].values():
        address, description = channel["address"], channel.get("description", "")
        group, messages = _subscription(document, channel)
        if address.endswith(DLQ_SUFFIX):
            operations[group] = _operation("receive", _DEAD_LETTERS, ["DeadLetter"], description, group)
            continue
        if address not in topics:
            if address.rpartition(".")[2] == "api":
                continue
            raise ValueError(f"{service} reads {address}, which docs/specs/topics.py does not tell of")
        topic = topics[address]
        known = {contract.__name__ for contract in topic.contracts}
        if known and not messages <= known:
            raise ValueError(f"{group} expects {messages} on {address}, where {known} travel")
        name = group if group not in operations else f"{group}:{address}"
        operations[name] = _operation("receive", address, _names(topic), description, group)
    return operations


def _subscription(document: Json, channel: Json) -> tuple[str, set[str]]:
    """The consumer group and the contracts of one of FastStream's channels (their title is our group)."""
    payloads = [
        document["components"]["messages"][reference["$ref"].rpartition("/")[2]]
        for reference in channel["messages"].values()
    ]
    names = {message["payload"].get("$ref", "").rpartition("/")[2] for message in payloads}
    title = str(payloads[0]["title"])
    return title.split(":")[0], {name for name in names if name and ":" not in name}


def _sending() -> Json:
    return {
        f"{service}>{topic.spec.name}": _operation("send", topic.spec.name, _names(topic), "", None)
        for topic in TOPICS
        for service in topic.senders
    }


def _operation(action: str, channel: str, messages: list[str], description: str, group: str | None) -> Json:
    operation: Json = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
    if description:
        operation["description"] = description
    operation["messages"] = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
    if group is not None:
        operation["bindings"] = {"kafka": {"groupId": {"type": "string", "enum": [group]}, "bindingVersion": "0.5.0"}}
    return operation


def _names(topic: Topic) -> list[str]:
    return [contract.__name__ for contract in topic.contracts] or ["Raw"]


def _channel(topic: Topic) -> Json:
    messages = {each.__name__: {"$ref": f"#/components/messages/{each.event_type}"} for each in topic.contracts}
    return {
        "address": topic.spec.name,
        "description": f"{topic.description} Key: `{topic.key}`.",
        "messages": messages or {"Raw": {"$ref": f"#/components/messages/{_RAW}"}},
        "bindings": {
            "kafka": {
                "topic": topic.spec.name,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.spec.retention_ms},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _dead_letters() -> Json:
    return {
        "address": "{topic}" + DLQ_SUFFIX,
        "description": "Records that a consumer could not apply, byte for byte, with the reason in headers.",
        "parameters": {"topic": {"description": "The topic that the record was read from"}},
        "messages": {
            "DeadLetter": {
                "title": "DeadLetter",
                "summary": "The record as it was",
                "headers": {"$ref": f"{_SCHEMA_REF}DeadLetterHeaders"},
                "payload": {},
            }
        },
    }


def _message(event_type: str, schema: str, text: str) -> Json:
    return {
        "name": event_type,
        "title": schema,
        "summary": text,
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": f"{_SCHEMA_REF}Headers"},
                {"type": "object", "properties": {"ce_type": {"const": event_type}}},
            ]
        },
        "payload": {"$ref": f"{_SCHEMA_REF}{schema}"},
    }


def _raw_message() -> Json:
    return {
        "name": _RAW,
        "title": "Raw",
        "summary": "The exact bytes of a store's delivery, or of one entity as it was fetched",
        "headers": {"$ref": f"{_SCHEMA_REF}RawHeaders"},
        "payload": {},
    }


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


_COMMON = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": _text("The event's id; the same event sent again has the same"),
    "ce_source": _text("`/stores/<integration_id>` or the service that speaks"),
    "ce_type": _text("The contract and its version"),
    "ce_time": _text("When it was observed or decided, RFC 3339"),
    "longshore-org-id": _text("The organisation"),
}


def _headers() -> Json:
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka binary mode",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "longshore-org-id"],
        "properties": {
            **_COMMON,
            "ce_subject": _text("The id of what it speaks of"),
            "content-type": {"const": "application/json"},
            "longshore-integration-id": _text("The store, where it is about one"),
            "traceparent": _text("W3C trace context"),
        },
    }


def _raw_headers() -> Json:
    return {
        "type": "object",
        "description": "CloudEvents, ours, and all of the platform's own headers in lower case",
        "required": [*_COMMON, "longshore-integration-id", "longshore-origin", "longshore-topic"],
        "properties": {
            **_COMMON,
            "longshore-integration-id": _text("The store"),
            "longshore-origin": {"enum": ["webhook", "fetch", "api"]},
            "longshore-topic": _text("The webhook's topic in the platform's words; empty for what was fetched"),
            "longshore-resource": _text("What was fetched: order, product, stock, customer"),
            "longshore-external-id": _text("The store's id of what was fetched"),
            "longshore-gone": _text("`1`: the store does not have it any more"),
            "longshore-polled": _text("`1`: fetched by an incremental sync run"),
        },
        "additionalProperties": {"type": "string"},
    }


def _dead_letter_headers() -> Json:
    return {
        "type": "object",
        "description": "The record's own headers, and these",
        "required": list(DEAD_LETTER_HEADERS),
        "properties": {name: {"type": "string"} for name in DEAD_LETTER_HEADERS},
        "additionalProperties": {"type": "string"},
    }
