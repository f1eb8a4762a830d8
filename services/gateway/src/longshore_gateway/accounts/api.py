"""The one dependency that says who is asking, and how a route declares what it needs.

A route takes `Org` if it only reads, or `CallerWith(Scope.ORDERS_WRITE)`. What is declared so stands in /openapi.json
under `security`; a test refuses a route without.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from longshore.ids import OrgId
from longshore.problems import Problem
from longshore_gateway.accounts.rules import Caller, Scope, require
from longshore_gateway.accounts.service import Accounts
from longshore_gateway.door.asgi import caller_of

SCHEME = "HTTPBearer"

_bearer = HTTPBearer(
    auto_error=False, scheme_name=SCHEME, description="An API key, or the access token that a login gives"
)


async def identify(request: Request, needed: SecurityScopes, _: Annotated[object, Security(_bearer)]) -> Caller:
    """Who is asking. Raises Problem 401, or 403 when they lack a scope that the route declares."""
    caller = caller_of(request.scope)
    if caller is None:
        accounts: Accounts = request.app.state.accounts
        caller = await accounts.authenticate(request.headers.get("authorization"))
    if isinstance(caller, Problem):
        raise caller
    require(caller, needed.scopes)
    return caller


async def organisation(caller: Annotated[Caller, Security(identify)]) -> OrgId:
    """The organisation that the caller belongs to."""
    return caller.org_id


def needs(scope: Scope) -> Any:
    """The dependency of a route that needs `scope`; it yields the Caller."""
    return Security(identify, scopes=[scope.value])


def org_needs(scope: Scope) -> Any:
    """The dependency of a route that needs `scope` and asks only for the organisation; it yields the OrgId."""
    return Security(organisation, scopes=[scope.value])


# By far the most routes: they read.
Org = Annotated[OrgId, org_needs(Scope.READ)]
OrgConnecting = Annotated[OrgId, org_needs(Scope.INTEGRATIONS_WRITE)]
OrgOperating = Annotated[OrgId, org_needs(Scope.INTEGRATIONS_OPERATE)]
OrgIngesting = Annotated[OrgId, org_needs(Scope.INGEST_WRITE)]
OrgReplaying = Annotated[OrgId, org_needs(Scope.DEADLETTERS_WRITE)]
AnyCaller = Annotated[Caller, Security(identify)]
Admin = Annotated[Caller, needs(Scope.ADMIN)]
