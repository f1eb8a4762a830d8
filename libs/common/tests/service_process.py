"""A whole service as a process of its own: consumes, writes, speaks through its outbox."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from longshore.broker import COMMERCE_ORDERS, ORDERS_EVENTS, Message, Record
from longshore.db import unit_of_work
from longshore.runtime import OrgDep, Service, serve
from longshore.settings import ServiceSettings, load_settings


def compose(settings: ServiceSettings) -> Service:
    service = Service("warehouse", "1.2.3", settings)
    service.migrations(Path(__file__).parent / "migrations", "warehouse")
    service.topics(ORDERS_EVENTS)
    service.outbox("warehouse")

    async def apply(records: Sequence[Record]) -> None:
        async with unit_of_work(service.engine, "warehouse") as work:
            await work.conn.execute(
                text(
                    "INSERT INTO warehouse.bins (id, org_id)"
                    " SELECT unnest(CAST(:ids AS int[])), CAST(:org AS uuid) ON CONFLICT DO NOTHING"
                ),
                {"ids": [int(each.value) for each in records], "org": "6f1d3c52-7f0a-5e7b-9a43-3d3f0d1c8a10"},
            )
            work.emit(*[Message(ORDERS_EVENTS.name, each.key or "", each.value) for each in records])

    service.subscribe(topics=[COMMERCE_ORDERS], group="warehouse.orders", apply=apply)

    async def collector() -> dict[str, Any]:
        return {"gc_threshold": gc.get_threshold()[0], "gc_spared": gc.get_freeze_count() > 10_000}

    service.detail(collector)
    return service


def main() -> None:
    settings = load_settings(ServiceSettings)
    service = compose(settings)
    app = service.app()

    @app.get("/api/v1/bins")
    async def bins(org_id: OrgDep) -> int:
        async with service.engine.connect() as conn:
            return int(
                await conn.scalar(text("SELECT count(*) FROM warehouse.bins WHERE org_id = :org"), {"org": org_id}) or 0
            )

    serve(app, settings)


if __name__ == "__main__":
    main()
