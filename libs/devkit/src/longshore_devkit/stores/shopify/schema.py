"""The official Shopify Admin GraphQL schema, from the npm package @shopify/dev-mcp.

The package is a development dependency (`libs/devkit/npm`); neither it nor its data is part of this repository.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, build_client_schema

SCHEMA_ENV = "LONGSHORE_SHOPIFY_SCHEMA"
"""Environment variable with the path of an `admin_<version>.json.gz` to use instead of the npm package's."""

# Which of them a token needs depends on what they are given, so the schema's own list leaves them out.
_BY_WHAT_THEY_CHANGE = {
    "Mutation.refundCreate": ("write_orders", "write_marketplace_orders"),
    "Mutation.tagsAdd": ("write_orders",),
    "Mutation.tagsRemove": ("write_orders",),
    "Mutation.fulfillmentCancel": (
        "write_assigned_fulfillment_orders",
        "write_merchant_managed_fulfillment_orders",
        "write_third_party_fulfillment_orders",
    ),
}

_IDEMPOTENCY_REQUIRED = "idempotency key is required"


class SchemaMissingError(RuntimeError):
    """The schema file is not on this machine; the message says how to get it."""


@lru_cache(maxsize=4)
def load_admin_schema(version: str = "2026-07") -> GraphQLSchema:
    """The Admin schema of that version, built once per process (about 0.5 s).

    Validate documents with `graphql.validate(load_admin_schema(), graphql.parse(text))`.
    Raises SchemaMissingError when `npm ci` has not been run in libs/devkit/npm.
    """
    return build_client_schema(_document(version)["data"], assume_valid=True)


@lru_cache(maxsize=4)
def required_scopes(version: str = "2026-07") -> Mapping[str, tuple[str, ...]]:
    """Access scopes by `Type` or `Type.field`; any one of them is enough. What is not listed needs none.

    `tagsAdd` and its like change many kinds of thing: here orders.
    """
    scopes: dict[str, tuple[str, ...]] = dict(_BY_WHAT_THEY_CHANGE)
    for item in _document(version)["offline_scopes"]["items"]:
        if item["offlineScopes"]:
            field = item.get("fieldName")
            name = f"{item['typeName']}.{field}" if field else item["typeName"]
            scopes[name] = tuple(item["offlineScopes"])
    return scopes


@lru_cache(maxsize=4)
def idempotent_mutations(version: str = "2026-07") -> frozenset[str]:
    """Mutations that are refused without `@idempotent(key:)`; the schema says so in their descriptions only."""
    mutation = load_admin_schema(version).mutation_type
    assert isinstance(mutation, GraphQLObjectType)
    return frozenset(
        name
        for name, field in mutation.fields.items()
        if _IDEMPOTENCY_REQUIRED in (field.description or "").replace("\n", " ")
    )


def schema_path(version: str = "2026-07") -> Path:
    """Where the schema file is expected; it need not exist."""
    override = os.environ.get(SCHEMA_ENV)
    if override:
        return Path(override)
    relative = Path("node_modules/@shopify/dev-mcp/dist/data") / f"admin_{version}.json.gz"
    for parent in Path(__file__).resolve().parents:
        if (parent / "npm" / "package.json").is_file():
            return parent / "npm" / relative
    return Path.cwd() / "libs/devkit/npm" / relative


@lru_cache(maxsize=4)
def _document(version: str) -> dict[str, Any]:
    path = schema_path(version)
    if not path.is_file():
        raise SchemaMissingError(
            f"The Shopify Admin schema {version} is not installed (looked for {path}). "
            f"Run `npm ci` in libs/devkit/npm, or set {SCHEMA_ENV} to an admin_{version}.json.gz."
        )
    with gzip.open(path, "rb") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded
