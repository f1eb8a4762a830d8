"""The published documents are served to anyone, whole, and are those in docs/."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from longshore_gateway.published import publish

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
async def test_a_document_is_served(name: str) -> None:
    app = FastAPI()
    publish(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.get(f"/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads((DOCS / name).read_text())
