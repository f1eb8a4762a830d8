"""Routes of the custom channel: one for each kind of thing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from longshore.contracts import Contract
from longshore_gateway.accounts.api import OrgIngesting
from longshore_gateway.ingest.rules import INPUTS, MOST_ITEMS, Kind
from longshore_gateway.ingest.service import Ingest

router = APIRouter(prefix="/api/v1/ingest", tags=["ingest"])

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")


class AcceptedItem(Contract):
    """An item that is safe in the log. `id` is its canonical id (of orders, products and customers)."""

    external_id: str
    id: UUID | None


class AcceptedItems(Contract):
    """All items of the request, in its order."""

    accepted: int
    items: list[AcceptedItem]


def _taking(kind: Kind) -> Any:
    async def take(request: Request, org_id: OrgIngesting, integration_id: UUID) -> AcceptedItems:
        service: Ingest = request.app.state.ingest
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()  # bounded by the door
        found = await service.take(org_id, integration_id, kind, body, lines=media_type in NDJSON)
        return AcceptedItems(
            accepted=len(found), items=[AcceptedItem(external_id=each.external_id, id=each.id) for each in found]
        )

    take.__name__ = f"ingest_{kind}"
    return take


def _request_body(kind: Kind) -> dict[str, Any]:
    """What a request holds. Written out in place: FastAPI, which gathers schemas, does not read these bodies."""
    schema = INPUTS[kind].model_json_schema(mode="validation")
    one = _resolved(schema, schema.get("$defs", {}))
    several = {"type": "array", "minItems": 1, "maxItems": MOST_ITEMS, "items": one}
    lines = {"type": "string", "description": f"One object a line, up to {MOST_ITEMS:,}"}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [one, several]}},
            "application/x-ndjson": {"schema": lines},
        },
    }


def _resolved(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_resolved(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found = definitions[node["$ref"].rpartition("/")[2]]
        return _resolved({**found, **{key: value for key, value in node.items() if key != "$ref"}}, definitions)
    return {key: _resolved(value, definitions) for key, value in node.items() if key != "$defs"}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {}}}


for _kind in INPUTS:
    router.add_api_route(
        f"/{{integration_id}}/{_kind}",
        _taking(_kind),
        methods=["POST"],
        status_code=202,
        response_model=AcceptedItems,
        summary=f"Send {_kind} of a custom channel",
        description=(
            f"One object, an array or NDJSON of up to {MOST_ITEMS:,}. 202 once the log has them all; a bad item is "
            "refused by its index, and then none is taken. Send it whole again whenever it changes."
        ),
        responses={
            400: _problem("The body holds no items"),
            404: _problem("There is no such integration"),
            409: _problem("The integration is no custom channel"),
            413: _problem(f"More than {MOST_ITEMS:,} items, or than 8 MiB"),
            422: _problem("Items are refused: `errors` names them by `index` and `pointer`; none was taken"),
        },
        openapi_extra={"requestBody": _request_body(_kind)},
    )
