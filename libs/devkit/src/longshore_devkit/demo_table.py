"""The demo's live figures: one line per round, from the API's system page and the services' metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from longshore_devkit.metrics import Samples

DELIVERIES = "longshore_webhook_deliveries_total"
ORDERS = "longshore_orders_applied_total"
ORDER_LAG = "longshore_order_lag_seconds"
PUSHES = "longshore_stock_pushes_total"
COMMANDS = "longshore_commands_total"
OVERSELL_WINDOW = "longshore_oversell_window_seconds"

_COLUMNS = (
    ("webhooks", 9),
    ("orders", 7),
    ("lag p50", 8),
    ("p99", 8),
    ("stock pushed", 13),
    ("shipped", 8),
    ("failed", 7),
    ("oversell p50", 13),
    ("p99", 8),
)
_HEADER = " ".join(f"{name:>{width}}" for name, width in _COLUMNS) + "  not yet applied"
_LINES_PER_HEADER = 20


class DemoTable:
    """Formats what the stack says of itself."""

    def __init__(self, api: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._api = api
        self._urls = urls
        self._lines = 0

    async def line(self) -> str:
        """The current figures; now and then with the header above."""
        system, samples = await asyncio.gather(self._system(), self._samples())
        text = format_line(system, samples)
        header = f"{_HEADER}\n" if self._lines % _LINES_PER_HEADER == 0 else ""
        self._lines += 1
        return header + text

    async def _system(self) -> dict[str, Any]:
        page = await self._get("/api/v1/system")
        return dict(page.json()) if page is not None else {}

    async def _samples(self) -> Samples:
        pages = await asyncio.gather(*(self._get(f"{url}/metrics") for url in self._urls.values()))
        return Samples(page.text for page in pages if page is not None)

    async def _get(self, url: str) -> httpx.Response | None:
        """None while a service restarts: the next line has it again."""
        try:
            answer = await self._api.get(url)
        except httpx.HTTPError:
            return None
        return None if answer.is_error else answer


def format_line(system: Mapping[str, Any], samples: Samples) -> str:
    """One line: counts since the services started, quantiles of how long an order took to its row and a sale to the
    other store (the oversell window), and what each consumer group has not applied yet."""
    values = (
        f"{samples.total(DELIVERIES, status=('200', '202', '204')):.0f}",
        f"{samples.total(ORDERS, outcome='created'):.0f}",
        _milliseconds(samples.quantile(ORDER_LAG, 0.5)),
        _milliseconds(samples.quantile(ORDER_LAG, 0.99)),
        f"{samples.total(PUSHES, status='succeeded'):.0f}",
        f"{samples.total(COMMANDS, type='fulfillment.create', status='succeeded'):.0f}",
        f"{samples.total(COMMANDS, status='failed'):.0f}",
        _milliseconds(samples.quantile(OVERSELL_WINDOW, 0.5)),
        _milliseconds(samples.quantile(OVERSELL_WINDOW, 0.99)),
    )
    cells = " ".join(f"{value:>{width}}" for value, (_, width) in zip(values, _COLUMNS, strict=True))
    return f"{cells}  {_lag(system)}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


def _lag(system: Mapping[str, Any]) -> str:
    lag = {group: records for group, records in system.get("lag", {}).items() if records}
    parts = [f"{group} {records}" for group, records in sorted(lag.items())] or ["0"]
    waiting = sum(system.get("outbox", {}).values()) + sum(system.get("jobs", {}).values())
    dead = system.get("dead_letters", 0)
    return (
        ", ".join(parts) + (f"; {waiting} on their way" if waiting else "") + (f"; {dead} dead letters" if dead else "")
    )
