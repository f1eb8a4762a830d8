"""The loader of the official schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import parse, validate

from longshore_devkit.stores.shopify.schema import (
    SCHEMA_ENV,
    SchemaMissingError,
    idempotent_mutations,
    load_admin_schema,
    required_scopes,
    schema_path,
)


class TestLoadAdminSchema:
    def test_is_built_once(self) -> None:
        assert load_admin_schema() is load_admin_schema()

    def test_tells_a_valid_document_from_an_invalid_one(self) -> None:
        schema = load_admin_schema()
        assert validate(schema, parse("{ shop { name } }")) == []
        assert validate(schema, parse("{ shop { nonsense } }"))

    def test_says_how_to_get_a_missing_schema(self) -> None:
        with pytest.raises(SchemaMissingError, match="npm ci"):
            load_admin_schema("1999-01")


def test_the_environment_overrides_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCHEMA_ENV, "/elsewhere/admin.json.gz")
    assert schema_path() == Path("/elsewhere/admin.json.gz")


def test_sixteen_mutations_want_an_idempotency_key() -> None:
    names = idempotent_mutations()
    assert len(names) == 16
    assert {"inventorySetQuantities", "inventoryAdjustQuantities", "refundCreate"} <= names
    assert "fulfillmentCreate" not in names


def test_scopes_are_known_by_type_and_by_field() -> None:
    scopes = required_scopes()
    assert "read_orders" in scopes["Order"]
    assert "write_inventory" in scopes["Mutation.inventorySetQuantities"]
    assert "write_fulfillments" not in scopes["Mutation.fulfillmentCreate"]
