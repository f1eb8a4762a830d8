"""One hub for all end-to-end tests: to start five processes takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from longshore_devkit.forking import ForkServer
from longshore_devkit.ports import free_port
from longshore_devkit.running import RunningInfra, RunningStack
from longshore_devkit.testing import MakeDatabase, running_stack


@pytest.fixture(scope="package")
def shopify_port() -> int:
    """Where the simulated Shopify will listen: the services have to know it when they start."""
    return free_port()


@pytest.fixture(scope="package")
def stack_environ(shopify_port: int) -> dict[str, str]:
    """Webhooks are looked at every three seconds, not every five minutes."""
    return {
        "LONGSHORE_SHOPIFY_ADMIN_ORIGIN": f"http://127.0.0.1:{shopify_port}",
        "LONGSHORE_STOCK_SETTLE_S": "2",
        "LONGSHORE_WEBHOOK_CHECK_S": "3",
    }


@pytest.fixture(scope="package")
def stack(
    infra: RunningInfra,
    forks: ForkServer,
    make_database: MakeDatabase,
    stack_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningStack]:
    with running_stack(infra, forks, make_database(), stack_environ, tmp_path_factory.mktemp("stack")) as stack:
        yield stack
