"""Every error of every route is a problem document (RFC 9457), and shows nothing that was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.types import Receive, Scope, Send

from longshore.broker import BrokerUnavailable
from longshore.problems import MEDIA_TYPE, TITLES, Problem, install_problem_handlers, not_found

SECRET = "ck_0123456789abcdef"


class Credentials(BaseModel):
    consumer_key: str
    consumer_secret: str
    port: int = 443


class Store(BaseModel):
    name: str
    credentials: Credentials


def app_with_errors() -> FastAPI:
    app = FastAPI()
    letters = APIRouter(prefix="/letters")

    async def one(id: int) -> None: ...

    for method, path in (("POST", ""), ("GET", ""), ("GET", "/{id}"), ("PATCH", "/{id}"), ("POST", "/replay")):
        letters.add_api_route(path, one if "{" in path else lambda: None, methods=[method])
    install_problem_handlers(app, [letters])
    app.include_router(letters)

    @app.post("/stores")
    async def add(store: Store) -> None: ...

    @app.get("/stores/{id}")
    async def get(id: UUID, limit: Annotated[int, Query(ge=1)] = 1, token: Annotated[int, Header()] = 1) -> None:
        raise not_found("The store")

    @app.get("/conflict")
    async def conflict() -> None:
        raise Problem(
            409, "It is connected already.", type="already-connected", integration_id=uuid4(), at=datetime.now(UTC)
        )

    @app.get("/busy")
    async def busy() -> None:
        raise Problem(503, "Kafka does not answer.", headers={"Retry-After": "2"})

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError(f"leaked {SECRET}")

    @app.get("/framework")
    async def framework() -> None:
        raise HTTPException(401, "No key.", headers={"WWW-Authenticate": "Bearer"})

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418)

    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://hub")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app_with_errors()) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    assert SECRET not in answer.text
    return body


async def test_a_problem_with_members_of_its_own(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/conflict"), 409)
    assert (body["type"], body["title"]) == ("/problems/already-connected", TITLES[409])
    assert UUID(body["integration_id"])
    assert datetime.fromisoformat(body["at"]).tzinfo is not None


async def test_headers_are_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get("/busy")
    assert problem(answer, 503)["type"] == "about:blank"
    assert answer.headers["retry-after"] == "2"


async def test_an_unknown_path(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/nowhere"), 404)["title"] == "Not found"


async def test_a_thing_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert problem(await client.get(f"/stores/{uuid4()}"), 404)["detail"] == "The store does not exist."


async def test_a_method_that_is_not_there(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/conflict")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET"


async def test_a_bug_says_nothing_of_itself(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/bug"), 500)["title"] == "Internal error"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "refused"),
        TimeoutError(),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        DBAPIError(SECRET, None, asyncpg.ConnectionDoesNotExistError("gone")),
        PoolTimeout("QueuePool limit reached"),
        BrokerUnavailable("Kafka has not been reached."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_passes_by_itself_is_to_be_asked_again(error: Exception) -> None:
    app = app_with_errors()

    @app.get("/away")
    async def away() -> None:
        raise error

    answer = await client_of(app).get("/away")
    assert problem(answer, 503)["type"] == "/problems/try-again"
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("error", "status"), [(ConnectionRefusedError(111, "refused"), 503), (RuntimeError(f"leaked {SECRET}"), 500)]
)
async def test_what_a_middleware_raises_is_told_apart_too(error: Exception, status: int) -> None:
    """As one that looks for an Idempotency-Key while PostgreSQL is away: no exception handler but the last sees it."""
    app = app_with_errors()

    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    app.add_middleware(lambda inner: raising)
    answer = await client_of(app).get("/conflict")
    problem(answer, status)
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("query", "given"),
    [("CAST(:text AS text)", "a\0b"), ("CAST(:text AS text)", "\ud83d"), ("CAST(:text AS jsonb)", '"\\u0000"')],
)
async def test_a_text_that_no_database_keeps_is_bad_input(query: str, given: str, database_url: str) -> None:
    app = app_with_errors()
    engine = create_async_engine(database_url)

    @app.get("/kept")
    async def kept() -> None:
        async with engine.begin() as conn:
            await conn.execute(text(f"SELECT {query}"), {"text": given})

    answer = await client_of(app).get("/kept")
    await engine.dispose()
    assert problem(answer, 422)["type"] == "/problems/invalid-input"


async def test_an_error_of_the_database_that_does_not_pass_is_a_bug() -> None:
    app = app_with_errors()

    @app.get("/wrong")
    async def wrong() -> None:
        raise DBAPIError(SECRET, None, asyncpg.UniqueViolationError(SECRET))

    assert problem(await client_of(app).get("/wrong"), 500)["title"] == "Internal error"


async def test_errors_of_the_framework(client: httpx.AsyncClient) -> None:
    answer = await client.get("/framework")
    assert problem(answer, 401)["detail"] == "No key."
    assert answer.headers["www-authenticate"] == "Bearer"
    assert problem(await client.get("/teapot"), 418)["title"] == "Error"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a", "credentials": SECRET}, "/body/credentials"),
        ({"name": {"x": SECRET}, "credentials": {}}, "/body/name"),
        ({"name": "a", "credentials": {"consumer_key": [SECRET], "consumer_secret": SECRET}}, "/body/credentials"),
        (
            {"name": "a", "credentials": {"consumer_key": "k", "consumer_secret": "s", "port": SECRET}},
            "/body/credentials/port",
        ),
        ([SECRET], "/body"),
        (None, "/body"),
    ],
)
async def test_invalid_input_is_named_but_not_shown(client: httpx.AsyncClient, body: object, pointer: str) -> None:
    answer = problem(await client.post("/stores", json=body), 422)
    assert answer["type"] == "/problems/invalid-input"
    assert any(each["pointer"].startswith(pointer) for each in answer["errors"])
    assert answer["detail"].startswith(answer["errors"][0]["pointer"])


async def test_a_body_that_is_no_json(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    problem(await client.post("/stores", content=f'{{"name": "{SECRET}', headers=headers), 422)
    problem(await client.post("/stores", content=b"\xff\xfe" + SECRET.encode(), headers=headers), 400)


async def test_path_query_and_headers_too(client: httpx.AsyncClient) -> None:
    assert problem(await client.get(f"/stores/{SECRET}"), 422)["errors"][0]["pointer"] == "/path/id"
    assert problem(await client.get(f"/stores/{uuid4()}?limit=0"), 422)["errors"][0]["pointer"] == "/query/limit"
    answer = await client.get(f"/stores/{uuid4()}", headers={"token": SECRET})
    assert problem(answer, 422)["errors"][0]["pointer"] == "/header/token"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/letters", "GET, POST"),
        ("/letters/7", "GET, PATCH"),
        # Not the methods of a letter whose name is "replay".
        ("/letters/replay", "POST"),
    ],
)
async def test_a_path_says_which_methods_it_takes(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == MEDIA_TYPE


async def test_a_method_that_a_path_does_not_take_is_no_invalid_input(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/letters/replay")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    problem(await client.patch("/letters/seven"), 422)
