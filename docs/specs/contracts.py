"""JSON Schemas of the contracts that travel as events of their own."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic.json_schema import models_json_schema

import longshore.contracts
from longshore.contracts import Contract

Json = dict[str, Any]


def event_contracts() -> list[type[Contract]]:
    """Every contract with an event type of its own, by that type. Raises ValueError if two have the same."""
    public = [each for _, each in inspect.getmembers(longshore.contracts, inspect.isclass)]
    events = [each for each in public if issubclass(each, Contract) and "event_type" in vars(each) and each.event_type]
    types = [each.event_type for each in events]
    if doubled := {each for each in types if types.count(each) > 1}:
        raise ValueError(f"several contracts have the event type {', '.join(sorted(doubled))}")
    return sorted(events, key=lambda each: each.event_type)


def contract_schema(contract: type[Contract]) -> Json:
    """The JSON Schema of one contract, whole in itself.

    It is that of reading: a field that is not `required` may be missing in records that an older version wrote.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:longshore:contract:{contract.event_type}",
        "x-event-type": contract.event_type,
        **contract.model_json_schema(),
    }


def shared_schemas(contracts: list[type[Contract]], ref_template: str) -> Json:
    """The schemas of all contracts and what they are made of, by class name; references follow `ref_template`."""
    _, whole = models_json_schema([(each, "validation") for each in contracts], ref_template=ref_template)
    schemas: Json = whole["$defs"]
    return schemas


def summary(contract: type[Contract]) -> str:
    """The first sentence of a contract's docstring, on one line."""
    text = " ".join((contract.__doc__ or "").split())
    return text.split(". ")[0].rstrip(".")
