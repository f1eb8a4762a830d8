"""The demo's line of figures."""

from __future__ import annotations

import httpx
import pytest

from longshore_devkit.demo_table import COMMANDS, DELIVERIES, ORDERS, OVERSELL_WINDOW, PUSHES, DemoTable, format_line
from longshore_devkit.metrics import Samples

PAGE = f"""
# TYPE {DELIVERIES.removesuffix("_total")} counter
{DELIVERIES}{{platform="shopify",status="200"}} 10
{DELIVERIES}{{platform="shopify",status="401"}} 3
# TYPE {COMMANDS.removesuffix("_total")} counter
{COMMANDS}{{platform="shopify",type="stock.set",status="succeeded"}} 7
# TYPE {PUSHES.removesuffix("_total")} counter
{PUSHES}{{status="succeeded"}} 7
{PUSHES}{{status="pending"}} 9
# TYPE {ORDERS.removesuffix("_total")} counter
{ORDERS}{{outcome="created"}} 6
{ORDERS}{{outcome="stale"}} 4
{COMMANDS}{{platform="shopify",type="fulfillment.create",status="succeeded"}} 2
{COMMANDS}{{platform="shopify",type="stock.set",status="failed"}} 1
# TYPE {OVERSELL_WINDOW} histogram
{OVERSELL_WINDOW}_bucket{{le="0.1"}} 4
{OVERSELL_WINDOW}_bucket{{le="0.2"}} 4
{OVERSELL_WINDOW}_bucket{{le="+Inf"}} 4
"""


def test_a_line_has_counts_quantiles_and_what_waits() -> None:
    system = {"lag": {"order-sync": 4, "inventory": 0}, "outbox": {"inventory": 2}, "jobs": {}, "dead_letters": 1}
    words = format_line(system, Samples([PAGE])).split()
    assert words[:11] == ["10", "6", "-", "-", "7", "2", "1", "50", "ms", "99", "ms"]
    assert " ".join(words[11:]) == "order-sync 4; 2 on their way; 1 dead letters"


def test_nothing_yet() -> None:
    assert format_line({}, Samples([])).split() == ["0", "0", "-", "-", "0", "0", "0", "-", "-", "0"]


async def test_a_service_that_is_down_costs_its_figures_and_not_the_table() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "down":
            raise httpx.ConnectError("refused", request=request)
        if request.url.path == "/metrics":
            return httpx.Response(200, text=PAGE)
        return httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://gateway") as client:
        table = DemoTable(client, {"gateway": "http://gateway", "inventory": "http://down"})
        header, line = (await table.line()).splitlines()
        assert header.split()[0] == "webhooks"
        assert line.split()[0] == "10"
        assert len((await table.line()).splitlines()) == 1


@pytest.mark.parametrize("lag", [{}, {"order-sync": 0}])
def test_no_lag_is_said_as_zero(lag: dict[str, int]) -> None:
    assert format_line({"lag": lag}, Samples([])).endswith("0")
