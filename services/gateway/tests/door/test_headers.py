"""Headers for browsers, and who may call from another site: nobody, unless it is set."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp

from longshore_gateway.app import build, front
from longshore_gateway.door.headers import SecurityHeadersMiddleware
from longshore_gateway.settings import GatewaySettings

SITE = "https://backoffice.example"


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://hub")


async def test_every_answer_has_them_also_errors(quiet: Any) -> None:
    for path, status in (("/api/v1/orders", 401), ("/nowhere", 404), ("/livez", 200), ("/openapi.json", 200)):
        answer = await quiet.stranger.get(path)
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers.get("cache-control") == ("no-store" if path.startswith("/api/") else None)


async def test_what_an_answer_says_itself_counts() -> None:
    page = Response("x", headers={"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=9"})
    async with client(SecurityHeadersMiddleware(page, https=False)) as http:
        answer = await http.get("/api/v1/page")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers.get_list("cache-control") == ["max-age=9"]
    assert "strict-transport-security" not in answer.headers


PREFLIGHT = {
    "Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization",
}  # fmt: skip


async def test_no_other_site_may_call(quiet: Any) -> None:
    answer = await quiet.client.get("/api/v1/me", headers={"Origin": SITE})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (await quiet.stranger.options("/api/v1/orders", headers=PREFLIGHT)).status_code == 405


async def test_sites_that_are_named_may(settings: GatewaySettings) -> None:
    app = front(build(settings.model_copy(update={"cors_origins": (SITE,)})))
    async with client(app) as http:
        allowed = await http.options("/api/v1/orders", headers=PREFLIGHT)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, SITE)
        assert "access-control-allow-credentials" not in allowed.headers
        other = await http.options("/api/v1/orders", headers=PREFLIGHT | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        refused = await http.get("/api/v1/orders", headers={"Origin": SITE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, SITE)


@pytest.mark.parametrize("origins", ["*", "backoffice.example", "https://a.example/path", "https://*.example"])
def test_origins_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, origins: str, settings: GatewaySettings) -> None:
    monkeypatch.setenv("LONGSHORE_CORS_ORIGINS", origins)
    given = settings.model_dump(include={"kafka_bootstrap_servers", "database_url", "encryption_keys"})
    with pytest.raises(ValidationError, match="origin"):
        GatewaySettings(**given)
