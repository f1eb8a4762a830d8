"""What is subscribed to shows in AsyncAPI, with its payload, without a broker."""

from __future__ import annotations

from collections.abc import Sequence

from faststream.specification import AsyncAPI
from pydantic import BaseModel

from longshore.broker import COMMERCE_ORDERS, RAW, Producer, Record, make_broker, subscribe


class Snapshot(BaseModel):
    """An order as the store had it."""

    external_id: str


async def test_a_subscription_is_documented_with_its_model() -> None:
    async def apply(records: Sequence[Record]) -> None:
        raise AssertionError

    broker = make_broker("127.0.0.1:1", producer=Producer("127.0.0.1:1"))
    subscribe(
        broker,
        topics=[COMMERCE_ORDERS],
        group="order-sync.orders",
        apply=apply,
        schema=Snapshot,
        description="Snapshots of orders.",
    )
    subscribe(broker, topics=[RAW("shopify")], group="connector-shopify.raw", apply=apply)
    document = (
        AsyncAPI(broker, title="order-sync", version="1", schema_version="3.0.0").to_specification().to_jsonable()
    )
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {"commerce.orders", "raw.shopify"}
    assert document["components"]["schemas"]["Snapshot"]["properties"]["external_id"]["type"] == "string"
    assert "Snapshots of orders." in str(document)
