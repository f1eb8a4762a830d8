"""The end of every transaction that moves stock: save the book, mark who goes short, tell subscribers and stores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from longshore.commands import command_message
from longshore.contracts import AvailabilityChanged, Command, EntityFetch, StockAdjusted, StockSet
from longshore.db import UnitOfWork
from longshore.ids import uuid7
from longshore_inventory.messages import adjusted_message, available_message, oversold_message
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.pushes.store import add_commands
from longshore_inventory.stock.book import Book, Movement, Push
from longshore_inventory.stock.oversold import allocate
from longshore_inventory.stock.rules import LOCATION, StoreListing
from longshore_inventory.stock.store import save_book

REPLY_TO = "inventory"


async def close_book(
    work: UnitOfWork,
    book: Book,
    now: datetime,
    metrics: InventoryMetrics,
    *,
    decisions: Sequence[Movement] = (),
    hold_pushes: bool = False,
) -> None:
    """Save `book` and say what follows of it when the transaction commits. Lines have to be saved before.

    `decisions`: movements that are told as StockAdjusted. `hold_pushes`: stores are told at the next change.
    """
    if not book.touched:
        return
    pushes = [] if hold_pushes else book.pushes(now)
    if book.postponed:
        metrics.waited_at = time.monotonic()
    await save_book(work.conn, book)
    short = await allocate(work.conn, book, now)
    if short:
        metrics.oversold_lines.inc(sum(1 for event in short for pieces in event.lines.values() if pieces > 0))
    commands = [_command(push, now) for push in pushes]
    if commands:
        await add_commands(work.conn, commands, [push.caused_at for push in pushes], [push.sold for push in pushes])
        metrics.pushes.labels("pending").inc(len(commands))
    work.emit(*(adjusted_message(_adjusted(each, book)) for each in decisions))
    for level in book.changed():
        if level.counted:
            event = AvailabilityChanged(
                org_id=level.org_id,
                variant_id=level.variant_id,
                sku=level.sku,
                location=LOCATION,
                on_hand=level.on_hand,
                reserved=level.reserved,
                available=level.available,
                at=now,
            )
            work.emit(available_message(event))
    work.emit(*(oversold_message(each) for each in short))
    work.emit(*(command_message(each) for each in commands))


def _command(push: Push, now: datetime) -> Command:
    listing = push.listing
    payload = StockSet(
        listing_id=listing.id,
        sku=push.sku,
        product_external_id=listing.product_external_id,
        parent_external_id=listing.parent_external_id,
        variant_external_id=listing.variant_external_id,
        inventory_external_id=listing.inventory_external_id,
        location_external_id=listing.location,
        quantity=push.quantity,
        expected=push.expected,
        sequence=push.sequence,
        caused_at=push.caused_at,
    )
    return _to_store(listing, payload, now)


def fetch_command(listing: StoreListing, now: datetime) -> Command:
    """Ask a listing's store what it has."""
    return _to_store(listing, EntityFetch(resource="stock", external_id=listing.inventory_external_id), now)


def _to_store(listing: StoreListing, payload: StockSet | EntityFetch, now: datetime) -> Command:
    return Command(
        id=uuid7(),
        org_id=listing.org_id,
        integration_id=listing.integration_id,
        platform=listing.platform,
        payload=payload,
        reply_to=REPLY_TO,
        created_at=now,
    )


def _adjusted(movement: Movement, book: Book) -> StockAdjusted:
    return StockAdjusted(
        movement_id=movement.id,
        org_id=movement.org_id,
        variant_id=movement.variant_id,
        sku=book.levels[movement.variant_id].sku,
        location=movement.location,
        delta=movement.delta,
        reason=movement.reason,
        at=movement.at,
    )
