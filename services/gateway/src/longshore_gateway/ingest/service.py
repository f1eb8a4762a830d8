"""Taking items of the custom channel: checked, then written to the raw log; what they mean is made of that log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import ids
from longshore.broker import RAW, BrokerUnavailable, Message, MessageTooLarge, Producer
from longshore.clock import Clock, utc_now
from longshore.contracts import Origin, Platform, RawRef
from longshore.ids import OrgId, uuid7
from longshore.platforms.protocols import RawRecord
from longshore.platforms.raw import (
    EXTERNAL_ID_HEADER,
    RESOURCE_HEADER,
    delivery_headers,
    store_headers,
    stream_key,
)
from longshore.problems import Problem, not_found, try_again
from longshore.vault import IntegrationRow, Vault
from longshore_gateway.ingest.rules import (
    MOST_ERRORS,
    MOST_ITEMS,
    RESOURCES,
    BadBody,
    Kind,
    Taken,
    TooManyItems,
    Wrong,
    check,
    split,
)

RAW_API = RAW(Platform.API.value)
BROKER_DEADLINE_S = 10.0
RETRY_AFTER_FULL_S = 60
# How long at a stretch items are worked on, and how many go to Kafka at once: what stores deliver passes between.
STEP_S = 0.004
SENT_AT_ONCE = 100
# Of these an item's canonical id is known before anything is made of it.
_WITH_ID = {"orders": "order", "products": "product", "customers": "customer"}


class Room(Protocol):
    """Whether the disk of the raw log is too full to take more."""

    @property
    def full(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """An item that is in the raw log. `id` is canonical; None for stock, which is no thing of its own."""

    external_id: str
    id: UUID | None


class Ingest:
    """What `POST /api/v1/ingest/...` does."""

    def __init__(
        self, engine: AsyncEngine, vault: Vault, producer: Producer, room: Room, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._producer = producer
        self._room = room
        self._clock = clock

    async def take(self, org_id: OrgId, id: UUID, kind: Kind, body: bytes, *, lines: bool) -> list[Accepted]:
        """Write all items to the raw log, in their order, or none. Returns when Kafka has them.

        Raises Problem: 400 (no items), 404, 409 (not a custom channel), 413, 422 (by item), 503.
        """
        store = await self._channel(org_id, id)
        now = self._clock()
        taken = await _read(kind, body, lines, store, now)
        if self._room.full:
            raise try_again("There is no room to store anything.", RETRY_AFTER_FULL_S)
        deadline = time.monotonic() + BROKER_DEADLINE_S
        try:
            for start in range(0, len(taken), SENT_AT_ONCE):
                messages = [_message(each, kind, store, now) for each in taken[start : start + SENT_AT_ONCE]]
                await self._producer.send_many(messages, max(0.1, deadline - time.monotonic()))
        except BrokerUnavailable:
            raise try_again("It could not be stored, or not all of it; send it again.") from None
        except MessageTooLarge:
            raise Problem(413, "An item is too large for the log.", type="too-large") from None
        return [Accepted(each.external_id, _id_of(store, kind, each)) for each in taken]

    async def _channel(self, org_id: OrgId, id: UUID) -> IntegrationRow:
        async with self._engine.connect() as conn:
            store = await self._vault.get(conn, org_id, id)
        if store is None:
            raise not_found("This integration")
        if store.platform is not Platform.API:
            raise Problem(
                409,
                f"This integration is a {store.platform.value} store: it delivers for itself. "
                'Connect a custom channel (platform "api").',
                type="not-a-custom-channel",
            )
        return store


async def _read(kind: Kind, body: bytes, lines: bool, store: IntegrationRow, now: datetime) -> list[Taken]:
    """All items, checked. In small steps with pauses as long: a thousand orders are half a second's work, and a store's
    delivery must not wait for that (in a thread it would wait for the interpreter's lock again and again)."""
    record = RawRecord(
        platform=Platform.API,
        org_id=store.org_id,
        integration_id=store.id,
        origin=Origin.API,
        topic_name=kind,
        resource=RESOURCES[kind],
        external_id=None,
        gone=False,
        received_at=now,
        headers={},
        body=b"",
        ref=RawRef(topic=RAW_API.name, partition=0, offset=0, origin=Origin.API),
    )
    taken: list[Taken] = []
    wrong: list[Wrong] = []
    began = time.monotonic()
    try:
        for index, item in enumerate(split(body, lines=lines)):
            if len(wrong) >= MOST_ERRORS:
                continue  # enough is wrong; what is left is counted only
            found = check(kind, index, item, record)
            if isinstance(found, Taken):
                taken.append(found)
            else:
                wrong += found
            worked = time.monotonic() - began
            if worked > STEP_S:
                await asyncio.sleep(worked)
                began = time.monotonic()
    except BadBody as error:
        raise Problem(400, str(error), type="malformed-body") from None
    except TooManyItems:
        raise Problem(413, f"A request holds at most {MOST_ITEMS:,} items.", type="too-many-items") from None
    if wrong:
        raise _refusal(wrong)
    return taken


def _refusal(wrong: Sequence[Wrong]) -> Problem:
    first = wrong[0]
    count = len({each.index for each in wrong})
    more = f"{count} items are refused" if count > 1 else "One item is refused"
    more = f"At least {more[0].lower()}{more[1:]}" if len(wrong) >= MOST_ERRORS else more
    return Problem(
        422,
        f"{more}, and none was taken. Item {first.index}: {first.pointer}{': ' if first.pointer else ''}{first.detail}",
        type="invalid-input",
        errors=[{"index": each.index, "pointer": each.pointer, "detail": each.detail} for each in wrong],
    )


def _message(item: Taken, kind: Kind, store: IntegrationRow, now: datetime) -> Message:
    headers = delivery_headers(
        store_headers(Platform.API, store.org_id, store.id, Origin.API),
        topic_name=kind,
        received_at=now,
        delivery_id=str(uuid7()),
        platform_headers={},
    )
    headers[RESOURCE_HEADER] = RESOURCES[kind]
    headers[EXTERNAL_ID_HEADER] = item.external_id
    return Message(RAW_API.name, stream_key(store.id, item.external_id), item.body, headers)


def _id_of(store: IntegrationRow, kind: Kind, item: Taken) -> UUID | None:
    word = _WITH_ID.get(kind)
    return ids.entity_id(store.id, word, item.external_id) if word is not None else None
