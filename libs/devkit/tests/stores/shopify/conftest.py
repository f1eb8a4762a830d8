"""Simulated shops for these tests: a clock that stands still, small assortments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longshore_devkit.stores.common import LocalServer
from longshore_devkit.stores.shopify.engine import Engine
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Hooks:
    """An endpoint that keeps what it is sent; answers the scripted statuses first, then 200."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.script: list[int] = []
        self.server = LocalServer(Starlette(routes=[Route("/hooks", self._take, methods=["POST"])]))

    @property
    def url(self) -> str:
        return self.server.url + "/hooks"

    def topics(self) -> list[str]:
        return sorted(headers["x-shopify-topic"] for headers, _ in self.received)

    async def _take(self, request: Request) -> Response:
        self.received.append((dict(request.headers), await request.body()))
        return Response(status_code=self.script.pop(0) if self.script else 200)


@pytest.fixture
def shop() -> Shop:
    return Shop(ShopConfig(products=10), now=lambda: NOON)


@pytest.fixture
def engine(shop: Shop) -> Engine:
    return Engine(shop)


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    endpoint = Hooks()
    await endpoint.server.start()
    yield endpoint
    await endpoint.server.stop()
