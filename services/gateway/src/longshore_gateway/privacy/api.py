"""Routes of privacy: for owners, and for keys with the scope admin."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from longshore.contracts import Contract, UtcDatetime
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore_gateway.accounts.api import Admin
from longshore_gateway.privacy.rules import MAX_ORDERS, Kind, Subject
from longshore_gateway.privacy.service import PrivacyRequests
from longshore_gateway.privacy.store import Request as Recorded

router = APIRouter(prefix="/api/v1", tags=["privacy"])


class BuyerOf(BaseModel):
    """A buyer of one store, by at least one of the three, in the store's own words. The e-mail address is not kept."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    integration_id: UUID
    customer_external_id: str | None = Field(default=None, min_length=1, max_length=200)
    email: str | None = Field(default=None, min_length=3, max_length=500)
    order_external_ids: list[str] = Field(default=[], max_length=MAX_ORDERS)

    @model_validator(mode="after")
    def _somebody(self) -> BuyerOf:
        if not (self.customer_external_id or self.email or self.order_external_ids):
            raise ValueError("name the buyer: customer_external_id, email or order_external_ids")
        return self

    def subject(self) -> Subject:
        """Without the address."""
        return Subject(self.customer_external_id, tuple(self.order_external_ids))


class PrivacyRequest(Contract):
    """A request about somebody's data, and the record of what was done. `source`: who passed it on."""

    id: UUID
    integration_id: UUID
    kind: Kind
    source: str
    customer_external_id: str | None
    order_external_ids: list[str]
    received_at: UtcDatetime
    done_at: UtcDatetime | None
    outcome: dict[str, Any] | None


class PrivacyRequestList(Contract):
    """A page of requests."""

    items: list[PrivacyRequest]
    next_cursor: str | None


class PrivacyExport(Contract):
    """All that is kept of a buyer: accounts, and each order in all states that are kept of it."""

    request: PrivacyRequest
    customers: list[dict[str, Any]]
    orders: list[dict[str, Any]]


@router.get("/privacy/requests", response_model=PrivacyRequestList)
async def list_privacy_requests(
    request: Request, caller: Admin, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> PrivacyRequestList:
    """Requests about buyers' and stores' data, newest first, with what was done."""
    rows = await _service(request).list(caller.org_id, read_cursor(cursor), limit + 1)
    items, following = page(rows, limit, lambda each: write_cursor(each.received_at, each.id))
    return PrivacyRequestList(items=[_view(each) for each in items], next_cursor=following)


@router.post("/privacy/requests/{id}/export", response_model=PrivacyExport)
async def answer_privacy_request(request: Request, caller: Admin, id: UUID) -> PrivacyExport:
    """The data that a recorded request (customers/data_request) asks for; with that it is done."""
    return _export(*await _service(request).answer(caller.org_id, id))


@router.post("/privacy/exports", response_model=PrivacyExport)
async def export_buyer(request: Request, caller: Admin, body: BuyerOf) -> PrivacyExport:
    """All that is kept of a buyer in one store."""
    found = await _service(request).export(caller.org_id, body.integration_id, body.subject(), body.email)
    return _export(*found)


@router.post("/privacy/erasures", status_code=201, response_model=PrivacyRequest)
async def erase_buyer(request: Request, caller: Admin, body: BuyerOf) -> PrivacyRequest:
    """Erase a buyer in one store for ever: orders stay as books need them, without who bought."""
    done = await _service(request).erase_buyer(caller.org_id, body.integration_id, body.subject(), body.email)
    return _view(done)


@router.delete("/integrations/{id}/data", status_code=202, response_model=PrivacyRequest)
async def erase_store(request: Request, caller: Admin, id: UUID) -> PrivacyRequest:
    """Erase all orders and customers of a store that is disconnected. It cannot be taken back."""
    return _view(await _service(request).erase_store(caller.org_id, id))


def _service(request: Request) -> PrivacyRequests:
    service: PrivacyRequests = request.app.state.privacy
    return service


def _export(recorded: Recorded, found: dict[str, Any]) -> PrivacyExport:
    return PrivacyExport(request=_view(recorded), customers=found["customers"], orders=found["orders"])


def _view(recorded: Recorded) -> PrivacyRequest:
    return PrivacyRequest(
        id=recorded.id,
        integration_id=recorded.integration_id,
        kind=recorded.kind,
        source=recorded.source,
        customer_external_id=recorded.subject.customer_external_id,
        order_external_ids=list(recorded.subject.order_external_ids),
        received_at=recorded.received_at,
        done_at=recorded.done_at,
        outcome=None if recorded.outcome is None else dict(recorded.outcome),
    )
