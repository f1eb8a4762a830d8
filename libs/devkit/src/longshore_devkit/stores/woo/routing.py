"""From HTTP to a handler and back: authentication, parameters, error bodies, paging headers."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longshore_devkit.stores.woo.auth import Authenticator, Call, php_parameters
from longshore_devkit.stores.woo.errors import Json, RestError, invalid_param, no_route, not_in_enum
from longshore_devkit.stores.woo.render import View, php_json
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.webhooks import WebhookQueue

T = TypeVar("T")
_NO_CACHE = {
    "Expires": "Wed, 11 Jan 1984 05:00:00 GMT",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}
_EXPOSED = "X-WP-Total, X-WP-TotalPages, Link"
_ALLOWED = "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type"
_DENIED = {
    "list": ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    "view": ("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource."),
    "create": ("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources."),
    "edit": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "delete": ("woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource."),
    "batch": ("woocommerce_rest_cannot_batch", "Sorry, you are not allowed to batch manipulate this resource."),
}
MAX_BATCH = 100


@dataclass
class Answer:
    """What a handler gives back; `headers` go with it."""

    data: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Context:
    """One authenticated request."""

    shop: Shop
    queue: WebhookQueue
    origin: str
    path: dict[str, int | str]
    query: dict[str, str]
    body: Json

    @property
    def view(self) -> View:
        """How to show things: `dp` may ask for more decimals."""
        return View(self.shop, self.origin, self.integer("dp", None, 0, 20))

    @property
    def edit_view(self) -> View:
        """The same in context "edit", as writes are answered."""
        return View(self.shop, self.origin, self.integer("dp", None, 0, 20), edit=True)

    @property
    def id(self) -> int:
        """The id in the path."""
        return int(self.path["id"])

    @property
    def force(self) -> bool:
        """`?force=true`."""
        return str(self.query.get("force", self.body.get("force", ""))).lower() in ("true", "1")

    def integer(self, name: str, default: T, least: int = 1, most: int | None = None) -> int | T:
        """A whole number in the query; RestError 400 out of bounds."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.lstrip("-").isdigit():
            raise invalid_param(name, f"{name} is not of type integer.", "rest_invalid_type")
        value = int(text)
        if value < least or (most is not None and value > most):
            bounds = f"between {least} (inclusive) and {most} (inclusive)"
            problem = f"{name} must be {bounds if most else f'greater than or equal to {least}'}"
            raise invalid_param(name, problem, "rest_out_of_bounds")
        return value

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """One of the allowed words; RestError 400 otherwise."""
        value = self.query.get(name, default)
        if value not in allowed:
            raise not_in_enum(name, list(allowed))
        return value

    def many(self, name: str) -> list[str]:
        """A list, written `a,b` or `name[]=a&name[]=b`."""
        listed = [value for key, value in self.query.items() if key.startswith(f"{name}[")]
        return listed or [part.strip() for part in self.query.get(name, "").split(",") if part.strip()]

    def page(
        self, items: Sequence[T], show: Callable[[T], Any], collection: str, *, empty_total: bool = False
    ) -> Answer:
        """One page of `items` and its headers. `empty_total`: past the end the totals are 0 too (orders, measured)."""
        per_page = self.integer("per_page", 10, 1, 100)
        number = self.integer("page", 1)
        start = self.integer("offset", (number - 1) * per_page, 0)
        part = items[start : start + per_page]
        total = 0 if empty_total and not part else len(items)
        pages = math.ceil(total / per_page)
        links = []
        base = f"{self.view.api}/{collection}?"
        query = {name: value for name, value in self.query.items() if not name.startswith("oauth_")}
        if number > 1:
            links.append(f'<{base}{urlencode(query | {"page": min(number - 1, pages)})}>; rel="prev"')
        if number < pages:
            links.append(f'<{base}{urlencode(query | {"page": number + 1})}>; rel="next"')
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
        if links:
            headers["Link"] = ", ".join(links)
        return Answer([show(item) for item in part], headers=headers)

    def with_body(self, body: Json, **path: int | str) -> Context:
        """The same request for one item of a batch."""
        return Context(self.shop, self.queue, self.origin, {**self.path, **path}, {}, body)


Handler = Callable[[Context], Awaitable[Answer]]
Methods = Mapping[str, tuple[str, Handler]]
"""Method -> (what is done: list, view, create, edit, delete, batch or public; handler)."""


class Router:
    """Collects the routes of wc/v3 and runs requests through them."""

    def __init__(self, shop: Shop, queue: WebhookQueue, authenticator: Authenticator) -> None:
        self._shop = shop
        self._queue = queue
        self._authenticator = authenticator
        self.routes: list[Route] = []

    def add(self, path: str, methods: Methods) -> None:
        """Serve `path` (below the host); POST, PUT and PATCH of one item are the same to WordPress."""
        known = dict(methods)
        if "PUT" in known:
            known.setdefault("POST", known["PUT"])
            known.setdefault("PATCH", known["PUT"])
        allow = ", ".join(method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if method in known)

        async def endpoint(request: Request) -> Response:
            return await self._serve(request, known, allow)

        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        self.routes.append(Route(path, endpoint, methods=every))

    async def not_found(self, request: Request) -> Response:
        """The answer to any other path."""
        return await self._serve(request, {}, "")

    async def _serve(self, request: Request, methods: Methods, allow: str) -> Response:
        raw = await request.body()
        origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
        headers = {"X-Robots-Tag": "noindex", "X-Content-Type-Options": "nosniff"}
        headers |= {"Access-Control-Expose-Headers": _EXPOSED, "Access-Control-Allow-Headers": _ALLOWED}
        try:
            answer = await self._handle(request, raw, origin, methods)
        except RestError as error:
            answer = Answer(error.body(), error.status)
        if answer.status != 401:
            headers |= _NO_CACHE
        if allow and answer.status not in (401,):
            headers["Allow"] = allow
        headers.setdefault("Link", f'<{origin}/wp-json/>; rel="https://api.w.org/"')
        data = _only(answer.data, request.query_params.get("_fields"))
        return Response(php_json(data), answer.status, {**headers, **answer.headers}, "application/json; charset=UTF-8")

    async def _handle(self, request: Request, raw: bytes, origin: str, methods: Methods) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
        call = Call(
            request.method,
            request.url.scheme,
            origin + request.scope.get("raw_path", request.url.path.encode()).decode("latin-1").partition("?")[0],
            request.url.query,
            request.headers.get("authorization", ""),
            raw.decode("utf-8", "replace") if form else "",
        )
        key = self._authenticator.identify(call)
        if method not in methods:
            raise no_route()
        action, handler = methods[method]
        if key is None and action != "public":
            code, message = _DENIED[action]
            raise RestError(401, code, message)
        self._shop.api_calls[f"{method} {_pattern(request)}"] += 1
        body: Json = dict(php_parameters(call.form)) if form else _json(raw)
        query = php_parameters(request.url.query)
        return await handler(Context(self._shop, self._queue, origin, dict(request.path_params), query, body))


async def run_batch(context: Context, create: Handler, update: Handler, delete: Handler) -> Answer:
    """`{"create": [...], "update": [...], "delete": [ids]}`: item errors sit inside the 200; over 100 items is 413."""
    wanted = {name: context.body.get(name) or [] for name in ("create", "update", "delete")}
    if sum(len(items) for items in wanted.values()) > MAX_BATCH:
        message = f"Unable to accept more than {MAX_BATCH} items for this request."
        raise RestError(413, "woocommerce_rest_request_entity_too_large", message)
    context.shop.before_batch()
    done: Json = {}
    for name, handler in (("create", create), ("update", update), ("delete", delete)):
        if wanted[name]:
            done[name] = [await _batch_item(context, handler, name, item) for item in wanted[name]]
    return Answer(done)


async def _batch_item(context: Context, handler: Handler, name: str, item: Any) -> Json:
    body: Json = item if isinstance(item, dict) else {"id": item}
    item_id = int(body.get("id") or 0)
    if name == "delete":
        body = {**body, "force": True}
    try:
        answer = await handler(context.with_body(body, id=item_id))
    except RestError as error:
        return {"id": item_id, "error": error.body()}
    shown: Json = answer.data
    return shown


def _json(raw: bytes) -> Json:
    if not raw.strip():
        return {}
    try:
        parsed = json.loads(raw)
    except ValueError:
        data = {"status": 400, "json_error_code": 4, "json_error_message": "Syntax error"}
        raise RestError(400, "rest_invalid_json", "Invalid JSON body passed.", data) from None
    return parsed if isinstance(parsed, dict) else {}


def _pattern(request: Request) -> str:
    """The route without its ids, for counting."""
    parts = [part for part in request.url.path.removeprefix("/wp-json/wc/v3/").split("/") if not part.isdigit()]
    return "/".join(parts)


def _only(data: Any, fields: str | None) -> Any:
    if not fields or (isinstance(data, dict) and "code" in data and "message" in data):
        return data
    names = {name.strip().split(".")[0] for name in fields.split(",")}
    if isinstance(data, list):
        return [_only(item, fields) for item in data]
    return {name: value for name, value in data.items() if name in names} if isinstance(data, dict) else data
