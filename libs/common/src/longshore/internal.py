"""How services trust each other: a token derived from the keys that they share, and the organisation beside it.

The gateway authenticates people and machines; the other services only listen to the gateway and to each other.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from longshore.ids import OrgId
from longshore.problems import Problem

INTERNAL_HEADER = "X-Longshore-Internal"
ORG_HEADER = "X-Longshore-Org"
# Of the store that a request is about, where the gateway has looked it up.
PLATFORM_HEADER = "X-Longshore-Platform"


def internal_token(keys: Sequence[str]) -> str:
    """What to send in X-Longshore-Internal: from the newest of the encryption keys."""
    return _token(keys[0])


def internal_tokens(keys: Sequence[str]) -> tuple[str, ...]:
    """What to accept there: one per key, so that keys can be changed service by service."""
    return tuple(_token(key) for key in keys)


def internal_headers(keys: Sequence[str], org_id: UUID | None = None) -> dict[str, str]:
    """Headers of a request to another service, on behalf of an organisation where there is one."""
    headers = {INTERNAL_HEADER: internal_token(keys)}
    if org_id is not None:
        headers[ORG_HEADER] = str(org_id)
    return headers


async def require_internal(request: Request) -> None:
    """A dependency: only another service may call. Raises a 401 problem."""
    given = request.headers.get(INTERNAL_HEADER, "").encode()
    tokens: tuple[str, ...] = request.app.state.internal_tokens
    # All are compared, so that the time taken tells nothing.
    matches = [hmac.compare_digest(given, token.encode()) for token in tokens]
    if not any(matches):
        raise Problem(401, "This route is for the hub's own services; call the gateway.", type="not-authenticated")


async def require_org(request: Request, _: Annotated[None, Depends(require_internal)]) -> OrgId:
    """A dependency: the organisation that the gateway has authenticated. Raises a 401 problem."""
    try:
        return OrgId(UUID(request.headers.get(ORG_HEADER, "")))
    except ValueError:
        raise Problem(401, "The request names no organisation.", type="not-authenticated") from None


OrgDep = Annotated[OrgId, Depends(require_org)]


def _token(key: str) -> str:
    return hmac.new(key.encode(), b"longshore-internal-v1", hashlib.sha256).hexdigest()
