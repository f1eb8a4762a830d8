# Made of aio/transport.py: see the package.
"""One connection to a hub: sends, asks again where that is safe, and makes errors of problems."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from longshore_client.errors import NoAnswer, UnexpectedAnswer, error_of
from longshore_client.models import Page
from longshore_client.requests import body_of, params_of, path_of
from longshore_client.retries import RETRIED, Retries

M = TypeVar("M", bound=BaseModel)


class Connection:
    """Sends requests of one organisation. `path` is a template; `names` fills it."""

    def __init__(
        self,
        http: httpx.Client,
        retries: Retries,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._retries = retries
        self._sleep = sleep

    def get(self, model: type[M], path: str, names: Mapping[str, object] | None = None, /, **query: object) -> M:
        """Read one thing."""
        return _read(model, self._send("GET", path, names, query))

    def pages(
        self, model: type[M], path: str, names: Mapping[str, object] | None = None, /, **query: object
    ) -> Pages[M]:
        """Read a list, page by page."""
        return Pages(self, model, path, names, query)

    def post(
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
        return _read(model, self._send("POST", path, names, {}, body, idempotency_key or str(uuid4())))

    def patch(
        self, model: type[M], path: str, names: Mapping[str, object] | None = None, /, *, body: object = None
    ) -> M:
        """Change one thing."""
        return _read(model, self._send("PATCH", path, names, {}, body))

    def withdraw(self, model: type[M], path: str, names: Mapping[str, object] | None = None, /) -> M:
        """Undo one thing, in the background: a DELETE with an answer."""
        return _read(model, self._send("DELETE", path, names, {}))

    def delete(self, path: str, names: Mapping[str, object] | None = None, /, **query: object) -> None:
        """Remove one thing."""
        self._send("DELETE", path, names, query)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(
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
                answer = self._http.request(
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
            self._sleep(wait)


class Pages(Generic[M]):
    """A list of the hub. Iterate over it for all items; pages are read as they are needed."""

    def __init__(
        self,
        connection: Connection,
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

    def page(self, cursor: str | None = None) -> Page[M]:
        """One page: the first, or the one that `next_cursor` of another leads to."""
        query: dict[str, Any] = self._query | ({"cursor": cursor} if cursor is not None else {})
        return self._connection.get(self._page, self._path, self._names, **query)

    def pages(self) -> Iterator[Page[M]]:
        """All pages, from the one that the list was asked to begin with."""
        page = self.page()
        yield page
        while page.next_cursor is not None:
            page = self.page(page.next_cursor)
            yield page

    def __iter__(self) -> Iterator[M]:
        for page in self.pages():
            yield from page.items


def _read(model: type[M], answer: httpx.Response) -> M:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise UnexpectedAnswer(
            f"{answer.request.url.path} answered something else than {model.__name__}: is this a hub of this version?"
        ) from error
