"""Clients of a simulated shop, and of a server that answers whatever a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession, web

from longshore.contracts import CommandLine, FulfillmentCreate, Platform, StockSet, Tracking
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import Done, Integration, StoreThrottled, StoreUnavailable
from longshore_connector_woo.client import WooClient
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig

READ_ONLY = ("ck_" + "1" * 40, "cs_" + "1" * 40)
SECRET = 'a "webhook" & secret'


def make_client(url: str, key: str, secret: str, ca_file: str | None = None) -> WooClient:
    """A client as the connector makes it, private addresses allowed."""
    integration = Integration(
        IntegrationId(UUID(int=1)),
        OrgId(UUID(int=2)),
        Platform.WOOCOMMERCE,
        "shop",
        url,
        {"consumer_key": key, "consumer_secret": secret, "webhook_secret": SECRET},
    )
    return WooClient(integration, allow_private_stores=True, tls_ca_file=ca_file)


@pytest.fixture(scope="session")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates are made once: that takes longer than a test."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
async def woo(tls_dir: Path) -> AsyncIterator[SimulatedWoo]:
    """A shop with http and https."""
    config = WooConfig(products=12, read_only_key=READ_ONLY[0], read_only_secret=READ_ONLY[1])
    async with SimulatedWoo(config, https_port=0, tls_dir=tls_dir) as shop:
        yield shop


@pytest.fixture(params=["http", "https"])
async def client(woo: SimulatedWoo, request: pytest.FixtureRequest) -> AsyncIterator[WooClient]:
    """A client with full rights: OAuth 1.0a over http, Basic over https."""
    url = woo.url if request.param == "http" else woo.https_url
    made = make_client(url, woo.config.consumer_key, woo.config.consumer_secret, str(woo.ca_file))
    yield made
    await made.close()


@pytest.fixture
async def sim(woo: SimulatedWoo) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Calls the shop's control API: `await sim("POST", "/orders", {...})`."""
    async with ClientSession() as session:

        async def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            async with session.request(method, f"{woo.url}/_sim{path}", json=body) as response:
                assert response.status == 200, await response.text()
                return await response.json()

        yield call


Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Answering], Awaitable[WooClient]]]:
    """Starts a server with one handler for everything; gives a client of it."""
    runners: list[web.AppRunner] = []
    clients: list[WooClient] = []

    async def start(handler: Answering) -> WooClient:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        clients.append(make_client(f"http://{host}:{port}", "ck", "cs"))
        return clients[-1]

    yield start
    for each in clients:
        await each.close()
    for runner in runners:
        await runner.cleanup()


def shipment(order: dict[str, Any], **change: Any) -> FulfillmentCreate:
    """A command that ships all of an order as `/_sim/orders` gave it."""
    command = FulfillmentCreate(
        order_id=uuid4(),
        order_external_id=str(order["id"]),
        fulfillment_id=uuid4(),
        lines=[
            CommandLine(line_id=uuid4(), external_id=str(line["id"]), quantity=line["quantity"])
            for line in order["lines"]
        ],
        tracking=Tracking(number="00340434161094", carrier="DHL", url="https://dhl.example/?id=00340434161094&lang=en"),
        completes_order=True,
    )
    return command.model_copy(update=change)


@pytest.fixture
def ship() -> Callable[..., FulfillmentCreate]:
    """Makes fulfilment commands."""
    return shipment


def target(product: dict[str, Any], quantity: int, **change: Any) -> StockSet:
    """A stock target of a product or variation as the REST API shows it."""
    parent = product.get("parent_id") or None
    command = StockSet(
        listing_id=uuid4(),
        sku=product.get("sku") or "",
        variant_external_id=str(product["id"]),
        inventory_external_id=str(product["id"]),
        parent_external_id=str(parent) if parent else None,
        quantity=quantity,
        sequence=1,
    )
    return command.model_copy(update=change)


@pytest.fixture
def stock_target() -> Callable[..., StockSet]:
    """Makes stock targets."""
    return target


@pytest.fixture
def client_of() -> Callable[..., WooClient]:
    """Makes clients with other keys."""
    return make_client


@pytest.fixture
async def hub(woo: SimulatedWoo) -> AsyncIterator[WooClient]:
    """One client with full rights, where the way of signing does not matter."""
    made = make_client(woo.url, woo.config.consumer_key, woo.config.consumer_secret)
    yield made
    await made.close()


async def _until_done(call: Any, tries: int = 200) -> tuple[Any, int]:
    """Repeat like the job queue does while the store is unavailable; the result and how often it failed."""
    for failures in range(tries):
        try:
            return await call(), failures
        except StoreThrottled as error:
            await asyncio.sleep(min(error.retry_after or 0, 0.01))
        except StoreUnavailable:
            pass
    raise AssertionError("it never got through")


@pytest.fixture
def until_done() -> Callable[..., Awaitable[tuple[Any, int]]]:
    """`await until_done(call)`: see _until_done."""
    return _until_done


class Lossy:
    """Asks a store for something whose answer is lost, and then once more; `again` is what the second time said."""

    def __init__(self, woo: SimulatedWoo) -> None:
        self._woo = woo

    async def __call__(self, ask: Callable[[], Awaitable[Done]]) -> Done:
        self._woo.faults.drop_after_write_rate = 1.0
        with pytest.raises(StoreUnavailable):
            await ask()
        self._woo.faults.drop_after_write_rate = 0.0
        return await ask()


@pytest.fixture
def lossy(woo: SimulatedWoo) -> Lossy:
    """See Lossy."""
    return Lossy(woo)
