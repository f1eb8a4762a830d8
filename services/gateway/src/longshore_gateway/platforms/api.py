"""The route that lists platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from longshore.contracts import Contract
from longshore.platforms.declaration import Ability, Availability, Capability, Declaration
from longshore_gateway.accounts.api import Org

router = APIRouter(prefix="/api/v1/platforms", tags=["platforms"])


class PlatformView(Contract):
    """A platform. `credentials` is the JSON Schema of what connecting one of its stores takes; secrets have the format
    `password`. `store_url` is an example of an address; null where none is needed. `commands`: what can be asked of its
    stores. `scopes`: the permissions that its owner is asked to grant, by the platform's names."""

    platform: str
    name: str
    status: Availability
    capabilities: list[Capability]
    credentials: dict[str, Any]
    store_url: str | None
    setup_steps: list[str]
    commands: list[Ability] = []
    scopes: list[str] = []


class PlatformList(Contract):
    """All platforms: those that are available first."""

    items: list[PlatformView]
    next_cursor: str | None = None


@router.get("", response_model=PlatformList)
async def list_platforms(request: Request, org_id: Org) -> PlatformList:
    """What can be connected, what it takes, and what is still to come."""
    platforms: Mapping[str, Declaration] = request.app.state.platforms
    declared = sorted(platforms.values(), key=lambda each: not each.available)
    return PlatformList(items=[_view(each) for each in declared])


def _view(platform: Declaration) -> PlatformView:
    return PlatformView(
        platform=platform.id,
        name=platform.name,
        status=platform.availability,
        capabilities=list(platform.capabilities),
        credentials=platform.credentials_schema(),
        store_url=platform.store_url,
        setup_steps=list(platform.setup_steps),
        commands=sorted(platform.commands),
        scopes=list(platform.scopes),
    )
