"""What reaches a service behind the gateway is what was let through, and nothing else."""

from __future__ import annotations

from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest
from fastapi import Request

from longshore.ids import OrgId
from longshore.internal import ORG_HEADER
from longshore.observability import use_traceparent
from longshore.problems import Problem
from longshore_gateway.forwarding.service import Forwarder

KEY = "A" * 43 + "="


async def forwarded(path: str, query: bytes = b"", headers: dict[bytes, bytes] | None = None) -> httpx.Request:
    """The request that a service gets for a path as the router has matched it."""
    seen: list[httpx.Request] = []

    def service(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": query, "scheme": "https",
        "server": ("hub", 443), "headers": list((headers or {}).items()),
    }  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as client:
        forwarder = Forwarder(client, {"order-sync": "http://order-sync:8001"}, (KEY,))
        await forwarder.forward("order-sync", Request(scope, receive), OrgId(uuid4()))
    (request,) = seen
    return request


@pytest.mark.parametrize(
    "name", ["a?as_of=1", "a#b", "a%2Fb", "ä\U0003e22d", "\x0f", "]", "a b", "..a", "a;b", "%2e%2e"]
)
async def test_a_segment_stays_the_segment_that_it_was(name: str) -> None:
    path = f"/api/v1/orders/{name}/revisions"
    request = await forwarded(path, b"limit=3")
    raw_path, _, query = request.url.raw_path.partition(b"?")
    assert unquote(raw_path.decode()) == path
    assert query == b"limit=3"
    assert request.url.host == "order-sync"


@pytest.mark.parametrize("name", [".", ".."])
async def test_what_would_lead_to_another_route_is_not_passed_on(name: str) -> None:
    with pytest.raises(Problem) as refused:
        await forwarded(f"/api/v1/orders/{name}")
    assert refused.value.status == 404


async def test_the_caller_names_no_organisation() -> None:
    request = await forwarded("/api/v1/orders", headers={b"x-longshore-org": b"another's", b"accept": b"text/plain"})
    assert request.headers[ORG_HEADER] != "another's"
    assert request.headers["accept"] == "text/plain"


async def test_a_request_goes_on_in_the_gateways_trace() -> None:
    with use_traceparent(None) as traceparent:
        request = await forwarded("/api/v1/orders", headers={b"traceparent": b"nonsense"})
    assert request.headers["traceparent"] == traceparent
