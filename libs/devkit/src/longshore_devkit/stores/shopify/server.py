"""The simulated Shopify as an HTTP server: what would go to https://{shop}/... goes to <origin>/{shop}/..."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from longshore_devkit.stores.common import DatedApp, Faults, FaultyApp, LocalServer, Traffic
from longshore_devkit.stores.shopify.control import Control
from longshore_devkit.stores.shopify.engine import THROTTLED_ERROR, Engine
from longshore_devkit.stores.shopify.grants import GrantRefused
from longshore_devkit.stores.shopify.shop import API_VERSION, RATES, Shop, ShopConfig, ShopError

_THROTTLED_BODY = orjson.dumps(
    {
        "errors": [THROTTLED_ERROR],
        "extensions": {
            "cost": {
                "requestedQueryCost": 10,
                "actualQueryCost": None,
                "throttleStatus": {
                    "maximumAvailable": float(RATES["standard"] * 20),
                    "currentlyAvailable": 0.0,
                    "restoreRate": float(RATES["standard"]),
                },
            }
        },
    }
)
_MUTATION = re.compile(rb"\bmutation\b")


class SimulatedShopify:
    """One or more simulated shops behind one loopback port. `async with` starts and stops it.

    `error_rate_429` throttles as Shopify does: status 200 with code THROTTLED. `aftermath` is the share of traffic
    that refunds, cancels or edits an older order instead of placing a new one.
    """

    def __init__(
        self,
        shops: ShopConfig | Sequence[ShopConfig] | None = None,
        *,
        port: int = 0,
        faults: Faults | None = None,
        orders_per_minute: float = 0.0,
        aftermath: float = 0.1,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        configs = [shops] if isinstance(shops, ShopConfig) else list(shops or [ShopConfig()])
        self.faults = faults or Faults()
        self.engines: dict[str, Engine] = {config.domain: Engine(Shop(config, self.faults, now)) for config in configs}
        self._rng = random.Random(f"traffic/{configs[0].seed}")
        self.aftermath = aftermath
        self.traffic = Traffic(self._act, self._rng, orders_per_minute)
        self.app = self._app()
        self._server = LocalServer(self.app, port=port)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and let the buyers in."""
        await self._server.start()
        for domain, engine in self.engines.items():
            engine.bulk.origin = f"{self.url}/{domain}"
        self.traffic.start()

    async def stop(self) -> None:
        """Stop buyers, deliveries and the server; safe to call twice."""
        await self.traffic.stop()
        for engine in self.engines.values():
            await engine.shop.webhooks.deliverer.close()
            await engine.bulk.close()
        await self._server.stop()

    @property
    def url(self) -> str:
        """The origin: the value for LONGSHORE_SHOPIFY_ADMIN_ORIGIN."""
        return self._server.url

    def shop(self, domain: str | None = None) -> Shop:
        """A shop by its domain, or the first one. ShopError when there is none."""
        return self.engine(domain).shop

    def engine(self, domain: str | None = None) -> Engine:
        """The GraphQL engine of a shop, or of the first one. ShopError when there is none."""
        if domain is None:
            return next(iter(self.engines.values()))
        if domain not in self.engines:
            raise ShopError(f"no shop {domain!r}; there are {', '.join(self.engines)}")
        return self.engines[domain]

    def open(self, config: ShopConfig) -> Shop:
        """One more shop behind the same port."""
        shop = Shop(config, self.faults)
        self.engines[config.domain] = Engine(shop)
        return shop

    async def drain(self, timeout_s: float = 10.0) -> None:
        """Wait until every webhook has been delivered or given up; TimeoutError otherwise."""
        for engine in self.engines.values():
            await engine.shop.webhooks.deliverer.drain(timeout_s)

    def _app(self) -> FaultyApp:
        routes = [
            Route("/{shop}/admin/api/{version}/graphql.json", self._graphql, methods=["POST"]),
            Route("/{shop}/bulk/{name}", self._bulk_file, methods=["GET"]),
            Route("/{shop}/admin/oauth/authorize", self._authorize, methods=["GET"]),
            Route("/{shop}/admin/oauth/access_token", self._access_token, methods=["POST"]),
        ]
        control = Control(self)
        return FaultyApp(
            DatedApp(Starlette(routes=[*control.routes(), *routes]), next(iter(self.engines.values())).shop.now),
            self.faults,
            self._rng,
            too_many=(200, _THROTTLED_BODY),
            is_write=_is_write,
            unauthorized=b'{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}',
        )

    async def _graphql(self, request: Request) -> Response:
        engine = self.engines.get(request.path_params["shop"])
        if engine is None:
            return _json({"errors": "Not Found"}, 404)
        token = request.headers.get("x-shopify-access-token")
        shop = engine.shop
        if not shop.installed or (token != shop.config.access_token and not shop.grants.accepts(token)):
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return _json({"errors": message}, 401)
        try:
            body = orjson.loads(await request.body())
            query, variables = body["query"], body.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return _json({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        return _json(engine.execute(query, variables, body.get("operationName")))

    async def _bulk_file(self, request: Request) -> Response:
        """What a bulk operation made: whoever has the address may read it, whole or a range of it."""
        engine = self.engines.get(request.path_params["shop"])
        path = engine.bulk.file(request.path_params["name"]) if engine else None
        return FileResponse(path, media_type="application/jsonl") if path else Response(status_code=404)

    async def _authorize(self, request: Request) -> Response:
        """The page where a merchant installs the app; here everybody agrees at once."""
        engine = self.engines.get(request.path_params["shop"])
        if engine is None:
            return _json({"errors": "Not Found"}, 404)
        try:
            target = engine.shop.grants.authorize(request.query_params)
        except GrantRefused as refused:
            return _json(refused.body, refused.status)
        engine.shop.installed = True
        return RedirectResponse(target, 302)

    async def _access_token(self, request: Request) -> Response:
        engine = self.engines.get(request.path_params["shop"])
        if engine is None:
            return _json({"errors": "Not Found"}, 404)
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            return _json(engine.shop.grants.token(form))
        except GrantRefused as refused:
            return _json(refused.body, refused.status)

    async def _act(self) -> None:
        shop = self._rng.choice(list(self.engines.values())).shop
        if shop.orders and self._rng.random() < self.aftermath:
            order_id = self._rng.choice(list(shop.orders)[-200:])
            action = self._rng.choice((shop.refund, shop.cancel, shop.edit))
            try:
                action(order_id)
            except ShopError:
                shop.place_order()
        else:
            shop.place_order()


def _is_write(scope: Scope, body: bytes) -> bool:
    """Whether the answer to it may be lost (`drop_after_write_rate`): mutations, and what issues tokens."""
    return scope["method"] == "POST" and (scope["path"].endswith("/access_token") or _MUTATION.search(body) is not None)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    headers = {"X-Shopify-Api-Version": API_VERSION, "X-Request-Id": str(uuid.uuid4())}
    return Response(orjson.dumps(content), status, headers, "application/json; charset=utf-8")
