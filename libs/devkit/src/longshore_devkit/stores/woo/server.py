"""A simulated WooCommerce shop that listens on loopback."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

from starlette.applications import Starlette

from longshore.clock import Clock, utc_now
from longshore_devkit.stores.common import DatedApp, Faults, FaultyApp, LocalServer, Traffic
from longshore_devkit.stores.woo import buyers, rest_fulfillments, rest_misc, rest_orders, rest_products
from longshore_devkit.stores.woo.auth import ApiKey, Authenticator
from longshore_devkit.stores.woo.config import WooConfig
from longshore_devkit.stores.woo.consent import Consent
from longshore_devkit.stores.woo.control import Control
from longshore_devkit.stores.woo.routing import Router
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.tls import TlsFiles, make_tls_files
from longshore_devkit.stores.woo.webhooks import WebhookQueue

ROOT = "/wp-json/wc/v3"


class SimulatedWoo:
    """One shop, in process: `async with SimulatedWoo() as woo: ...`. Ports of 0 are free ones; no `https_port`, no TLS.

    `url` and `https_url` are origins without a trailing slash, known after `start`; `ca_file` is what clients trust.
    """

    def __init__(
        self,
        config: WooConfig | None = None,
        *,
        port: int = 0,
        https_port: int | None = None,
        tls_dir: Path | None = None,
        faults: Faults | None = None,
        now: Clock = utc_now,
    ) -> None:
        self.config = config or WooConfig()
        self.faults = faults or Faults()
        self.shop = Shop(self.config, now)
        self.queue = WebhookQueue(self.shop, self.faults, lambda: self.url)
        self._rng = random.Random(self.config.seed + 2)
        self.traffic = Traffic(self._buy, self._rng, self.config.orders_per_minute)
        self._tls_dir = tls_dir
        self._own_tls_dir: tempfile.TemporaryDirectory[str] | None = None
        self._tls: TlsFiles | None = None
        self.keys = _keys(self.config)
        self.consent = Consent(self.keys)
        self.app = self._build_app()
        self._http = LocalServer(self.app, port=port)
        self._https_port = https_port
        self._https: LocalServer | None = None

    @property
    def url(self) -> str:
        """Plain HTTP: OAuth 1.0a only."""
        return self._http.url

    @property
    def https_url(self) -> str:
        """HTTPS: Basic works. RuntimeError when the shop was made without."""
        if self._https is None:
            raise RuntimeError("this shop has no TLS: give https_port")
        return self._https.url

    @property
    def ca_file(self) -> Path:
        """The CA to trust for `https_url`."""
        if self._tls is None:
            raise RuntimeError("this shop has no TLS: give https_port")
        return self._tls.ca_file

    async def start(self) -> None:
        """Open the shop. OSError when a port is taken."""
        await self._http.start()
        if self._https_port is not None:
            self._tls = make_tls_files(self._tls_path())
            cert, key = str(self._tls.cert_file), str(self._tls.key_file)
            self._https = LocalServer(self.app, port=self._https_port, ssl_certfile=cert, ssl_keyfile=key)
            await self._https.start()
        self.queue.start()
        self.traffic.start()

    async def stop(self) -> None:
        """Close it; what waits to be delivered is lost. Safe to call twice."""
        await self.traffic.stop()
        await self.queue.stop()
        await asyncio.gather(*(server.stop() for server in (self._http, self._https) if server is not None))
        if self._own_tls_dir is not None:
            self._own_tls_dir.cleanup()
            self._own_tls_dir = None

    async def __aenter__(self) -> SimulatedWoo:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _tls_path(self) -> Path:
        if self._tls_dir is not None:
            return self._tls_dir
        self._own_tls_dir = tempfile.TemporaryDirectory(prefix="simulated-woo-")
        return Path(self._own_tls_dir.name)

    def _build_app(self) -> FaultyApp:
        router = Router(self.shop, self.queue, Authenticator(self.keys))
        rest_orders.routes(router, ROOT)
        if self.config.own_fulfillments:
            rest_fulfillments.routes(router, ROOT)
        rest_products.routes(router, ROOT)
        rest_misc.routes(router, ROOT)
        router.add("/{rest:path}", {})
        control = Control(self.shop, self.queue, self.faults, self.traffic, self._rng)
        app = Starlette(routes=[*control.routes(), *self.consent.routes(), *router.routes])
        return FaultyApp(DatedApp(app, self.shop.now), self.faults, self._rng)

    async def _buy(self) -> None:
        draft = buyers.random_draft(self.shop, self._rng)
        if draft is None:
            self.shop.turned_away += 1
            return
        self.shop.place_order(draft)
        if self._rng.random() < buyers.LATER_SHARE:
            buyers.later(self.shop, self._rng)


def _keys(config: WooConfig) -> dict[str, ApiKey]:
    keys = [ApiKey(config.consumer_key, config.consumer_secret)]
    if config.read_only_key and config.read_only_secret:
        keys.append(ApiKey(config.read_only_key, config.read_only_secret, "read"))
    return {key.consumer_key: key for key in keys}
