"""Who may do what: scopes, roles, callers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from longshore.ids import OrgId
from longshore.problems import Problem


class Scope(StrEnum):
    """What a route needs and a key or a role gives."""

    # Everything that is shown of orders, stock, stores, dead letters; never a credential, a key or a person.
    READ = "read"
    # Ship, cancel, refund, note.
    ORDERS_WRITE = "orders:write"
    # Adjust stock, dismiss alerts.
    INVENTORY_WRITE = "inventory:write"
    # Publish products in stores and take them down.
    PRODUCTS_WRITE = "products:write"
    # Send orders, products, stock and customers of a custom channel.
    INGEST_WRITE = "ingest:write"
    # Test a store's connection, repair its webhooks, run a sync: nothing that holds a credential.
    INTEGRATIONS_OPERATE = "integrations:operate"
    # Connect a store, change it, disconnect it.
    INTEGRATIONS_WRITE = "integrations:write"
    DEADLETTERS_WRITE = "deadletters:write"
    # People, API keys, the audit log; erasure of a buyer's or a store's data.
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is in an organisation."""

    OWNER = "owner"
    OPERATOR = "operator"
    VIEWER = "viewer"


ALL_SCOPES = frozenset(Scope)
_SCOPES = {scope.value: scope for scope in Scope}

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.OWNER: ALL_SCOPES,
        # Credentials, keys and people are the owners'.
        Role.OPERATOR: ALL_SCOPES - {Scope.INTEGRATIONS_WRITE, Scope.ADMIN},
        Role.VIEWER: frozenset({Scope.READ}),
    }
)


class CallerKind(StrEnum):
    """How somebody has proven who they are."""

    API_KEY = "api_key"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, for which organisation, and what they may do. `name` is for people who read the audit log."""

    org_id: OrgId
    kind: CallerKind
    id: UUID
    name: str
    scopes: frozenset[Scope]
    role: Role | None = None

    @property
    def actor(self) -> str:
        """One word for who it is: `api_key:<id>` or `user:<id>`."""
        return f"{self.kind.value}:{self.id}"


def require(caller: Caller, needed: Iterable[str]) -> None:
    """Raises Problem 403 that names the scope, unless the caller has all of them."""
    for scope in needed:
        if scope not in caller.scopes:
            raise missing_scope(scope)


def require_grantable(caller: Caller, scopes: Iterable[Scope]) -> None:
    """Nobody hands on what they do not have themselves. Raises Problem 403."""
    beyond = sorted(frozenset(scopes) - caller.scopes)
    if beyond:
        raise Problem(
            403,
            f"Nobody can give what they may not do themselves: {', '.join(beyond)}.",
            type="missing-scope",
            scope=beyond[0],
        )


def missing_scope(scope: str) -> Problem:
    """A 403 that says what the caller lacks."""
    return Problem(
        403, f"This needs the scope {scope}, which the caller does not have.", type="missing-scope", scope=scope
    )


def read_scopes(stored: Iterable[str] | None) -> frozenset[Scope]:
    """What stored scopes give. What a newer version knows and we do not is left out; None is all of an owner.

    `admin` gives `read`, too: whoever hands out a buyer's data sees nothing new in a list of orders, and nobody could
    make a viewer without it. It gives nothing else: who sees to people and keys need not ship, nor hold credentials.
    """
    if stored is None:
        return ALL_SCOPES
    given = frozenset(_SCOPES[each] for each in stored if each in _SCOPES)
    return given | {Scope.READ} if Scope.ADMIN in given else given


def digest_of(secret: str) -> str:
    """What is kept of a key or token. They are long and random, so a fast digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
