"""Requests to the services behind the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import Request, Response

from longshore.ids import OrgId
from longshore.internal import internal_headers
from longshore.observability import current_traceparent
from longshore.problems import Problem, not_found

TIMEOUT_S = 15.0

# What a request and an answer carry across besides their bodies.
_REQUEST_HEADERS = ("content-type", "accept", "idempotency-key")
# RFC 9457's own; the others are the problem's.
_STANDARD = ("type", "title", "status", "detail", "instance")
_ANSWER_HEADERS = ("content-type", "retry-after", "location", "idempotency-replayed")


class Forwarder:
    """Passes requests on to a service by name, on behalf of an organisation."""

    def __init__(self, client: httpx.AsyncClient, services: Mapping[str, str], keys: tuple[str, ...]) -> None:
        self._client = client
        self._services = services
        self._keys = keys

    async def forward(
        self, service: str, request: Request, org_id: OrgId, about: Mapping[str, str] | None = None
    ) -> Response:
        """The service's own answer to this request; `about` are headers of ours. Raises Problem 404, 413 or
        503."""
        body = await request.body()  # bounded by the door
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        if (traceparent := current_traceparent()) is not None:
            headers["traceparent"] = traceparent
        headers |= about or {}
        answer = await self._call(
            service,
            request.method,
            _path(request),
            org_id,
            params=request.url.query,
            content=body,
            headers=headers,
        )
        kept = {name: answer.headers[name] for name in _ANSWER_HEADERS if name in answer.headers}
        return Response(answer.content, answer.status_code, kept)

    async def get_json(self, service: str, path: str, org_id: OrgId, params: Mapping[str, str]) -> dict[str, Any]:
        """A service's answer as JSON. Raises Problem: the service's own, or 502 and 503."""
        return await self.ask_json(service, "GET", path, org_id, params)

    async def ask_json(
        self,
        service: str,
        method: str,
        path: str,
        org_id: OrgId,
        params: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        """The same of any request, with a JSON body or none; waits `timeout_s` for it."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        query = str(httpx.QueryParams(params or {}))
        answer = await self._call(
            service, method, path, org_id, params=query, content=content, headers=headers, timeout_s=timeout_s
        )
        try:
            found: dict[str, Any] = answer.json()
        except ValueError:
            raise Problem(502, f"{service} answered something that is not JSON.") from None
        if answer.status_code >= 400:
            raise Problem(
                answer.status_code,
                str(found.get("detail", "")),
                title=found.get("title"),
                type=str(found.get("type", "")).removeprefix("/problems/") or None,
                **{name: value for name, value in found.items() if name not in _STANDARD},
            )
        return found

    async def _call(
        self,
        service: str,
        method: str,
        path: str,
        org_id: OrgId,
        *,
        params: str,
        content: bytes,
        headers: Mapping[str, str],
        timeout_s: float = TIMEOUT_S,
    ) -> httpx.Response:
        url = f"{self._services[service]}{path}" + (f"?{params}" if params else "")
        try:
            return await self._client.request(
                method,
                url,
                content=content,
                headers={**headers, **internal_headers(self._keys, org_id)},
                timeout=timeout_s,
            )
        except httpx.HTTPError:
            raise Problem(503, f"{service} does not answer.", type="try-again", headers={"Retry-After": "2"}) from None


def _path(request: Request) -> str:
    """The path as it was matched, encoded anew: what was let through as one route reaches no other one. Raises Problem
    404."""
    path: str = request.scope["path"]  # decoded; request.url has it half encoded
    # Clients of HTTP resolve them: /orders/.. would be another route.
    if {".", ".."} & set(path.split("/")):
        raise not_found("This route")
    return quote(path, safe="/")
