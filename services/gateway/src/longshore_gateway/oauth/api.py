"""Routes of connecting by consent. Browsers follow them, so that answers are pages where a page is asked for."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from longshore.contracts import Contract, Platform, UtcDatetime
from longshore.problems import Problem
from longshore_gateway.accounts.api import OrgConnecting
from longshore_gateway.door.browser import SentOn, failed, page, send_on, wants_page
from longshore_gateway.integrations.rules import IntegrationSettings
from longshore_gateway.oauth.rules import STATE_FOR, WooCommerceKeys
from longshore_gateway.oauth.service import Consent

router = APIRouter(tags=["connecting"])

Token = Annotated[
    str,
    Query(
        max_length=8_000,
        pattern="^[A-Za-z0-9_=-]*$",
        description="Of the link, see POST /api/v1/integrations/connect-links",
    ),
]


class ConnectLinkCreate(BaseModel):
    """A store that somebody is to connect in a browser. `name`: else the store's own address."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    platform: Platform
    store_url: str = Field(min_length=1, max_length=2_000)
    name: str | None = Field(default=None, min_length=1, max_length=200)
    settings: IntegrationSettings = IntegrationSettings()


class ConnectLink(Contract):
    """Where a person connects a store: the link works once, and not for long."""

    url: str
    expires_at: UtcDatetime


@router.post("/api/v1/integrations/connect-links", status_code=201, response_model=ConnectLink)
async def create_connect_link(request: Request, org_id: OrgConnecting, body: ConnectLinkCreate) -> ConnectLink:
    """Make a link that connects a store (or connects it once more) when its owner follows it and agrees."""
    name = body.name or body.store_url.rpartition("://")[2].rstrip("/")[:200]
    url, expires_at = _consent(request).link(org_id, body.platform, body.store_url, name, body.settings)
    return ConnectLink(url=url, expires_at=expires_at)


@router.get("/oauth/shopify/start", status_code=302, response_class=Response)
async def start_shopify(
    request: Request, shop: Annotated[str, Query(max_length=300, pattern="^[ -~]*$")], token: Token = ""
) -> Response:
    """Follow a connect link: on to the shop, where its merchant is asked."""
    try:
        return _send_on(request, await _consent(request).start(Platform.SHOPIFY, token, shop))
    except Problem as problem:
        return failed(request, problem)


@router.get("/oauth/shopify/callback", response_class=Response)
async def end_shopify(request: Request) -> Response:
    """Where Shopify sends the merchant back, with a code that is exchanged for tokens."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    try:
        done = await _consent(request).end_shopify(pairs, request.cookies)
    except Problem as problem:
        return failed(request, problem)
    if isinstance(done, SentOn):
        return _send_on(request, done)
    return _answer(request, 200, "Connected", f"{done.name} is connected.", {"integration_id": str(done.id)})


@router.get("/oauth/woocommerce/start", status_code=302, response_class=Response)
async def start_woocommerce(request: Request, token: Token = "") -> Response:
    """Follow a connect link: on to the store, where its owner is asked."""
    try:
        return _send_on(request, await _consent(request).start(Platform.WOOCOMMERCE, token))
    except Problem as problem:
        return failed(request, problem)


@router.post("/oauth/woocommerce/callback", response_model=None)
async def take_woocommerce_keys(request: Request, body: WooCommerceKeys) -> dict[str, str]:
    """Where a store posts the keys that its owner has agreed to; proven by the flow's state, in `user_id`."""
    row = await _consent(request).end_woocommerce(body)
    return {"integration_id": str(row.id)}


@router.get("/oauth/woocommerce/return", response_class=Response)
async def end_woocommerce(
    request: Request,
    user_id: Annotated[str, Query(max_length=200)],
    success: Annotated[str, Query(max_length=10)] = "0",
) -> Response:
    """Where the store sends its owner back: says whether the keys have come."""
    try:
        integration_id = await _consent(request).look(user_id, request.cookies)
        if success != "1":
            raise Problem(400, "The store's owner has not agreed.", type="declined")
        if integration_id is None:
            detail = "The store has not sent its keys. Can it reach this hub's address, by https?"
            raise Problem(502, detail, type="no-keys")
    except Problem as problem:
        return failed(request, problem)
    return _answer(request, 200, "Connected", "The store is connected.", {"integration_id": str(integration_id)})


def _consent(request: Request) -> Consent:
    consent: Consent = request.app.state.consent
    return consent


def _send_on(request: Request, to: SentOn) -> Response:
    return send_on(request, to, lives=STATE_FOR, path="/oauth")


def _answer(request: Request, status: int, title: str, text: str, body: dict[str, Any]) -> Response:
    if not wants_page(request):
        return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
    return page(status, title, text + " You can close this window.")
