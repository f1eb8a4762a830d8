"""Routes of API keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, StringConstraints

from longshore.contracts import Contract, UtcDatetime
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore_gateway.accounts.api import Admin
from longshore_gateway.accounts.rules import Scope, read_scopes
from longshore_gateway.accounts.store import KeyRow
from longshore_gateway.keys.service import ApiKeys

router = APIRouter(prefix="/api/v1/api-keys", tags=["api keys"])


class ApiKeyCreate(Contract):
    """A key to make. Without `expires_at` it is good until it is revoked."""

    # A misspelt `expires_at` must not make a key for ever.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    expires_at: UtcDatetime | None = None


class ApiKeyView(Contract):
    """A key. `prefix` is its beginning; `last_used_at` is written now and then, not with each request."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_by: str
    created_at: UtcDatetime
    expires_at: UtcDatetime | None
    last_used_at: UtcDatetime | None


class ApiKeyCreated(ApiKeyView):
    """A new key with the key itself, which is shown this once."""

    key: str


class ApiKeyList(Contract):
    """A page of keys."""

    items: list[ApiKeyView]
    next_cursor: str | None


@router.post("", status_code=201, response_model=ApiKeyCreated)
async def create_api_key(request: Request, caller: Admin, body: ApiKeyCreate) -> ApiKeyCreated:
    """Make a key. `key` in the answer is not kept and cannot be shown again."""
    row, secret = await _service(request).create(caller, body.name, body.scopes, body.expires_at)
    return ApiKeyCreated(**_view(row), key=secret)


@router.get("", response_model=ApiKeyList)
async def list_api_keys(
    request: Request, caller: Admin, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> ApiKeyList:
    """Keys that are not revoked, oldest first."""
    rows = await _service(request).list(caller.org_id, read_cursor(cursor), limit + 1)
    items, following = page(rows, limit, lambda each: write_cursor(each.created_at, each.id))
    return ApiKeyList(items=[ApiKeyView(**_view(row)) for row in items], next_cursor=following)


@router.delete("/{id}", status_code=204)
async def revoke_api_key(request: Request, caller: Admin, id: UUID) -> Response:
    """End a key, within half a minute in every process. Revoking the key that asks is possible."""
    await _service(request).revoke(caller, id)
    return Response(status_code=204)


def _service(request: Request) -> ApiKeys:
    service: ApiKeys = request.app.state.api_keys
    return service


def _view(row: KeyRow) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": sorted(read_scopes(row.scopes)),
        "created_by": row.created_by,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }
