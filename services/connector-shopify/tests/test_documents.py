"""Our GraphQL documents against the official schema, and the scopes that they need."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    get_operation_ast,
    parse,
    validate,
    visit,
)

from longshore_connector_shopify.client.admin_api import _RANKS, API_VERSION
from longshore_connector_shopify.client.bulk_entities import SHAPES
from longshore_connector_shopify.client.topics import FOLLOWED, NEEDS, enum_of
from longshore_connector_shopify.documents import bulk_document, document, keys_of_answer, names
from longshore_connector_shopify.permissions import ASKED, REQUIRED, missing, with_implied
from longshore_connector_shopify.translate.translator import (
    CHECK_TOPICS,
    LEVEL_TOPICS,
    LOCATION_TOPICS,
    PART_TOPICS,
    SNAPSHOT_TOPICS,
)
from longshore_devkit.stores.shopify.cost import MAX_QUERY_COST, QueryCost
from longshore_devkit.stores.shopify.engine import Engine
from longshore_devkit.stores.shopify.schema import idempotent_mutations, load_admin_schema, required_scopes
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig


def _operation(name: str) -> OperationDefinitionNode:
    operation = get_operation_ast(parse(document(name)))
    assert operation is not None
    return operation


def test_there_are_documents() -> None:
    assert len(names()) > 15


# What we ask for, and the version after it: a store that is asked for a version of the past answers with its oldest.
VERSIONS = (API_VERSION, "2026-10")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", names())
def test_the_schema_accepts_it(name: str, version: str) -> None:
    assert [error.message for error in validate(load_admin_schema(version), parse(document(name)))] == []


@pytest.mark.parametrize("name", names())
def test_it_is_known_what_an_answer_has(name: str) -> None:
    selections = _operation(name).selection_set.selections
    fields = [field for field in selections if isinstance(field, FieldNode)]
    assert len(fields) == len(selections)
    # None that leaves a field out.
    assert {directive.name.value for field in fields for directive in field.directives or ()} <= {"idempotent"}
    assert keys_of_answer(name) == {(field.alias or field.name).value for field in fields}


def test_the_next_version_wants_keys_of_the_same_mutations() -> None:
    """Of those that we use."""
    used = {
        field.name.value
        for name in names()
        for field in _operation(name).selection_set.selections
        if isinstance(field, FieldNode)
    }
    ours, next_ = (idempotent_mutations(version) & used for version in VERSIONS)
    assert ours == next_ != frozenset()


@pytest.mark.parametrize("name", names())
def test_a_key_is_sent_where_the_schema_wants_one_and_nowhere_else(name: str) -> None:
    operation = _operation(name)
    if operation.operation.value != "mutation":
        return
    for field in operation.selection_set.selections:
        assert isinstance(field, FieldNode)
        has_key = any(directive.name.value == "idempotent" for directive in field.directives or ())
        assert has_key == (field.name.value in idempotent_mutations())


def test_what_is_written_goes_before_what_is_read() -> None:
    """All that is sent for a command has a rank of its own; webhooks and bulk operations are set up without haste."""
    writes = {name for name in names() if _operation(name).operation.value == "mutation"}
    assert writes - _RANKS.keys() <= {"bulk_cancel", "bulk_run", "webhook_create", "webhook_delete"}
    assert _RANKS.keys() <= set(names())


@pytest.mark.parametrize("name", names())
def test_it_costs_less_than_a_request_may(name: str) -> None:
    """By the simulated store's model, which is of the right order: half the limit leaves room for being wrong."""
    cost = QueryCost(load_admin_schema(), parse(document(name)), _operation(name), {"ids": []})
    assert cost.requested() <= MAX_QUERY_COST / 2


BULK = [name for name in names() if name.startswith("bulk_") and name.partition("_")[2] in SHAPES]


@pytest.mark.parametrize("name", BULK)
def test_a_bulk_operation_takes_it(name: str) -> None:
    """Without variables and fragments, and with what it must not hold left out; as the simulated shop checks it."""
    search = "id:>7 updated_at:>='2026-11-28T13:00:05Z'"
    text = bulk_document(name, query=search, label="0197_0")
    assert "..." not in text.replace("... on", "")
    assert search in text
    assert "_0197_0 {" in text
    for version in VERSIONS:
        assert [error.message for error in validate(load_admin_schema(version), parse(text))] == []
    engine = Engine(Shop(ShopConfig(products=1)))
    run = {"query": text}
    assert engine.execute(document("bulk_run"), run)["data"]["bulkOperationRunQuery"]["userErrors"] == []


def test_there_is_a_bulk_document_and_a_count_for_each_resource() -> None:
    assert len(BULK) == len(SHAPES)
    assert {f"count_{resource}" for resource in SHAPES} <= set(names())


def test_what_is_left_out_of_a_bulk_document() -> None:
    whole = bulk_document("bulk_orders", query=None, label="a")
    assert "customer {" in whole
    assert "customer {" not in bulk_document("bulk_orders", query=None, label="a", without="OrderCustomer")


@pytest.mark.parametrize("topic", FOLLOWED)
def test_topics_exist_and_are_understood(topic: str) -> None:
    for version in VERSIONS:
        topics = load_admin_schema(version).type_map["WebhookSubscriptionTopic"]
        assert isinstance(topics, GraphQLEnumType)
        assert enum_of(topic) in topics.values
    others = {"orders/delete", "products/delete", "customers/delete", "inventory_levels/disconnect"}
    assert topic in SNAPSHOT_TOPICS | LEVEL_TOPICS | LOCATION_TOPICS | PART_TOPICS | CHECK_TOPICS | others


class _Scopes(Visitor):
    """Collects the scope alternatives of every field that a document asks for."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self.found: set[tuple[str, ...]] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent, type_ = self._info.get_parent_type(), self._info.get_type()
        scopes = required_scopes()
        own = scopes.get(f"{parent.name}.{node.name.value}") if parent else None
        of_type = scopes.get(get_named_type(type_).name.removesuffix("Connection")) if type_ else None
        self.found |= {each for each in (own, of_type) if each}


def _demanded() -> set[tuple[str, ...]]:
    """Scope alternatives of all documents and topics: of each tuple one is enough."""
    demanded: set[tuple[str, ...]] = set()
    for name in set(names()) - {"return_order"}:  # asked only about deliveries that need the same scope
        info = TypeInfo(load_admin_schema())
        scopes = _Scopes(info)
        visit(parse(document(name)), TypeInfoVisitor(info, scopes))
        demanded |= scopes.found
    topics = load_admin_schema().type_map["WebhookSubscriptionTopic"]
    assert isinstance(topics, GraphQLEnumType)
    for topic in FOLLOWED:
        words = (topics.values[enum_of(topic)].description or "").replace("\n", " ")
        named = re.findall(r"\b(?:read|write)_\w+", words)
        if named:
            demanded.add(tuple(named))
    return demanded


def test_the_scopes_that_we_ask_for_are_enough() -> None:
    assert [each for each in _demanded() if not set(each) & set(ASKED)] == []


def test_no_scope_is_asked_for_in_vain() -> None:
    for scope in ASKED:
        others = set(ASKED) - {scope}
        assert any(scope in each and not set(each) & others for each in _demanded()), scope


def test_what_may_be_kept_from_us_is_known_by_topic() -> None:
    topics = load_admin_schema().type_map["WebhookSubscriptionTopic"]
    assert isinstance(topics, GraphQLEnumType)
    for topic in FOLLOWED:
        named = set(re.findall(r"\b(?:read|write)_\w+", topics.values[enum_of(topic)].description or ""))
        assert not named or named & set(REQUIRED) or NEEDS[topic] in named, topic


def test_to_write_is_to_read() -> None:
    assert missing(with_implied(set(REQUIRED) - {"read_inventory"})) == ()
    assert missing(with_implied(set(REQUIRED) - {"write_inventory"})) == ("write_inventory",)
    assert missing(frozenset()) == REQUIRED
