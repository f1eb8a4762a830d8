"""Only the hub's own services get in, and only for a named organisation."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from longshore.internal import OrgDep, internal_headers, internal_token, internal_tokens
from longshore.problems import install_problem_handlers

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
ORG = uuid4()


@pytest.fixture
async def client() -> httpx.AsyncClient:
    app = FastAPI()
    app.state.internal_tokens = internal_tokens([NEW, OLD])
    install_problem_handlers(app)

    @app.get("/api/v1/orders")
    async def orders(org_id: OrgDep) -> str:
        return str(org_id)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


@pytest.mark.parametrize("keys", [[NEW], [OLD], [NEW, OLD]])
async def test_any_of_the_keys_is_accepted(client: httpx.AsyncClient, keys: list[str]) -> None:
    answer = await client.get("/api/v1/orders", headers=internal_headers(keys, ORG))
    assert (answer.status_code, answer.json()) == (200, str(ORG))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Longshore-Org": str(ORG)},
        {"X-Longshore-Internal": "wrong", "X-Longshore-Org": str(ORG)},
        {"X-Longshore-Internal": internal_token([Fernet.generate_key().decode()]), "X-Longshore-Org": str(ORG)},
        {"X-Longshore-Internal": internal_token([NEW])},
        {"X-Longshore-Internal": internal_token([NEW]), "X-Longshore-Org": "no uuid"},
        {"X-Longshore-Internal": NEW, "X-Longshore-Org": str(ORG)},
    ],
)
async def test_everyone_else_is_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.get("/api/v1/orders", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/not-authenticated"


def test_the_token_tells_nothing_of_the_key() -> None:
    assert internal_token([NEW]) != internal_token([OLD])
    assert NEW not in internal_token([NEW])
