"""Scopes and roles."""

from __future__ import annotations

from uuid import uuid4

import pytest

from longshore.ids import OrgId
from longshore.problems import Problem
from longshore_gateway.accounts.rules import (
    ALL_SCOPES,
    ROLE_SCOPES,
    Caller,
    CallerKind,
    Role,
    Scope,
    read_scopes,
    require,
    require_grantable,
)


def caller(*scopes: Scope) -> Caller:
    return Caller(OrgId(uuid4()), CallerKind.API_KEY, uuid4(), "till", frozenset(scopes))


def test_a_viewer_only_reads_and_an_operator_touches_no_credential_key_or_person() -> None:
    assert ROLE_SCOPES[Role.VIEWER] == {Scope.READ}
    assert ROLE_SCOPES[Role.OWNER] == ALL_SCOPES
    assert ALL_SCOPES - ROLE_SCOPES[Role.OPERATOR] == {Scope.INTEGRATIONS_WRITE, Scope.ADMIN}


def test_the_missing_scope_is_named() -> None:
    require(caller(Scope.READ), ["read"])
    with pytest.raises(Problem) as refused:
        require(caller(Scope.READ), ["read", "orders:write"])
    assert refused.value.status == 403
    assert refused.value.body()["scope"] == "orders:write"
    assert "orders:write" in refused.value.detail


def test_nobody_gives_what_they_do_not_have() -> None:
    require_grantable(caller(Scope.ADMIN, Scope.READ), [Scope.READ])
    with pytest.raises(Problem) as refused:
        require_grantable(caller(Scope.ADMIN), [Scope.ADMIN, Scope.READ])
    assert refused.value.body()["scope"] == "read"


def test_stored_scopes_of_another_version() -> None:
    assert read_scopes(None) == ALL_SCOPES
    assert read_scopes(["read", "a-scope-of-tomorrow"]) == {Scope.READ}
    assert read_scopes([]) == frozenset()


def test_an_admin_reads_and_does_nothing_else_by_that() -> None:
    assert read_scopes(["admin"]) == {Scope.ADMIN, Scope.READ}
    assert read_scopes(["orders:write"]) == {Scope.ORDERS_WRITE}
