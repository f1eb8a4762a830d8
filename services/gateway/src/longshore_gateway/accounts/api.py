"""The dependency that every route of the API has."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from longshore.ids import OrgId
from longshore_gateway.accounts.service import Accounts

_bearer = HTTPBearer(auto_error=False, description="An API key")


async def authenticate(request: Request, _: Annotated[object, Security(_bearer)]) -> OrgId:
    """The organisation that the caller's key speaks for; 401 otherwise."""
    accounts: Accounts = request.app.state.accounts
    return await accounts.authenticate(request.headers.get("authorization"))


Org = Annotated[OrgId, Depends(authenticate)]
