"""Tests against a real WooCommerce store, no part of `make test`: `make test-woo` starts the store for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from longshore_devkit.forking import ForkServer
from longshore_devkit.running import RunningInfra, RunningStack
from longshore_devkit.stores.real_woo import START, RealWoo
from longshore_devkit.testing import MakeDatabase, eventually, running_stack

collect_ignore_glob = [] if os.environ.get(START) else ["test_*.py"]


@pytest.fixture(scope="session")
def real() -> Iterator[RealWoo]:
    """The store, up."""
    store = asyncio.run(RealWoo.start())
    yield store
    asyncio.run(store.stop())


@pytest.fixture(scope="package")
def stack(
    real: RealWoo,
    infra: RunningInfra,
    forks: ForkServer,
    make_database: MakeDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningStack]:
    """A hub that trusts the store's certificate. Webhooks are looked at every two seconds, not every five minutes."""
    environ = {"LONGSHORE_TLS_CA_FILE": real.ca_file, "LONGSHORE_WEBHOOK_CHECK_S": "2"}
    with running_stack(infra, forks, make_database(), environ, tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@asynccontextmanager
async def connected(hub: Any, shop: RealWoo, url: str, **settings: Any) -> AsyncIterator[dict[str, Any]]:
    """The store, connected as its owner connects it."""
    body = {"platform": "woocommerce", "name": "Real", "store_url": url, "credentials": shop.credentials}
    integration = await hub.connect(body | {"settings": settings})
    try:
        yield integration
    finally:
        await hub.client.delete(f"/api/v1/integrations/{integration['id']}")
        await hub.settled()


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    return await eventually(found, timeout=60)


def amount(money: dict[str, Any]) -> Decimal:
    return Decimal(money["amount"]).scaleb(-money["exponent"])
