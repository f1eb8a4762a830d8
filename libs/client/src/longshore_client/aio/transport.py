"""One connection to a hub: sends, asks again where that is safe, and makes errors of problems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from longshore_client.errors import NoAnswer, UnexpectedAnswer, error_of
from longshore_client.models import Page
from longshore_client.requests import body_of, params_of, path_of
from longshore_client.retries import RETRIED, Retries

M = TypeVar("M", bound=BaseModel)


class AsyncConnection:
    """Sends requests of one organisation. `path` is a template; `names` fills it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        retries: Retries,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._retries = retries
        self._sleep = sleep

    async def get(self, model: type[M], path: str, names: Mapping[str, object] | None = None, /, **query: object) -> M:
        """Read one thing."""
        return _read(model, await self._send("GET", path, names, query))

    def pages(
        self, model: type[M], path: str, names: Mapping[str, object] | None = None, /, **query: object
    ) -> AsyncPages[M]:
        """Read a list, page by page."""
        return AsyncPages(self, model, path, names, query)

    async def post(
        self,
        model: type[M],
        path: str,
        names: Mapping[str, object] | None = None,
        /,
        *,
        body: object = None,
        idempotency_key: str | None = None,
    ) -> M:
        """Do something once: a key is made if none is given, so that it may be asked for again."""
        return _read(model, await self._send("POST", path, names, {}, body, idempotency_key or str(uuid4())))

    async def patch(
        self, model: type[M], path: str, names: Mapping[str, object] | None = None, /, *, body: object = None
    ) -> M:
        """Change one thing."""
        return _read(model, await self._send("PATCH", path, names, {}, body))

    async def withdraw(self, model: type[M], path: str, names: Mapping[str, object] | None = None, /) -> M:
        """Undo one thing, in the background: a DELETE with an answer."""
        return _read(model, await self._send("DELETE", path, names, {}))

    async def delete(self, path: str, names: Mapping[str, object] | None = None, /, **query: object) -> None:
        """Remove one thing."""
        await self._send("DELETE", path, names, query)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        names: Mapping[str, object] | None,
        query: Mapping[str, object],
        body: object = None,
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        """The answer, which is a success. Raises LongshoreError."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._http.request(
                    method, path_of(path, names or {}), params=params_of(query), json=body_of(body), headers=headers
                )
            except httpx.UnsupportedProtocol:
                raise NoAnswer("The hub's address must begin with https:// or http://.") from None
            except httpx.TransportError as error:
                wait = self._retries.wait(attempt, None)
                if wait is None:
                    raise NoAnswer(f"The hub does not answer ({type(error).__name__}): {error}") from error
            else:
                # The try before may have removed it and only its answer have been lost.
                if answer.is_success or (method == "DELETE" and attempt > 1 and answer.status_code == 404):
                    return answer
                problem = error_of(answer)
                again = answer.status_code in RETRIED
                wait = self._retries.wait(attempt, getattr(problem, "retry_after", None)) if again else None
                if wait is None:
                    raise problem
            await self._sleep(wait)


class AsyncPages(Generic[M]):
    """A list of the hub. Iterate over it for all items; pages are read as they are needed."""

    def __init__(
        self,
        connection: AsyncConnection,
        model: type[M],
        path: str,
        names: Mapping[str, object] | None,
        query: Mapping[str, object],
    ) -> None:
        self._connection = connection
        self._page: type[Page[M]] = Page[model]  # type: ignore[valid-type]  # a model made of the list's own
        self._path = path
        self._names = names
        self._query = dict(query)

    async def page(self, cursor: str | None = None) -> Page[M]:
        """One page: the first, or the one that `next_cursor` of another leads to."""
        query: dict[str, Any] = self._query | ({"cursor": cursor} if cursor is not None else {})
        return await self._connection.get(self._page, self._path, self._names, **query)

    async def pages(self) -> AsyncIterator[Page[M]]:
        """All pages, from the one that the list was asked to begin with."""
        page = await self.page()
        yield page
        while page.next_cursor is not None:
            page = await self.page(page.next_cursor)
            yield page

    async def __aiter__(self) -> AsyncIterator[M]:
        async for page in self.pages():
            for item in page.items:
                yield item


def _read(model: type[M], answer: httpx.Response) -> M:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise UnexpectedAnswer(
            f"{answer.request.url.path} answered something else than {model.__name__}: is this a hub of this version?"
        ) from error
