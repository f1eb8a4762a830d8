"""The operational routes of every service, and the middleware that continues traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from longshore.internal import require_internal
from longshore.observability import use_traceparent

if TYPE_CHECKING:
    from longshore.runtime import Service


def ops_router(service: Service) -> APIRouter:
    """/livez, /readyz and /metrics, open to the cluster; /internal/status for the gateway."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        hindered = service.hindered()
        return JSONResponse({"ready": not hindered, "missing": service.missing()}, 503 if hindered else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)

    @router.get("/internal/status", dependencies=[Depends(require_internal)])
    async def status() -> dict[str, Any]:
        return await service.status()

    return router


class TraceMiddleware:
    """Each request runs in the trace that its caller named, or begins one. Plain ASGI: it costs microseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        with use_traceparent(None if parent is None else parent.decode("latin-1")):
            await self._app(scope, receive, send)
