"""What follows when a store's report and a listing come together, whichever was first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from longshore_inventory.orders.rules import settled_pieces
from longshore_inventory.orders.store import (
    lines_of_listings,
    orders_of,
    save_lines,
    settled_fulfillments,
)
from longshore_inventory.stock.book import Book, Line
from longshore_inventory.stock.rules import (
    Mode,
    Report,
    StoreListing,
    first_stated,
    last_stated,
    main_location,
    recheck,
)
from longshore_inventory.stock.store import ItemKey, reports_of, sold_since


def item_of(listing: StoreListing) -> ItemKey:
    """What the listing's stock is kept under at its store."""
    return (listing.integration_id, listing.inventory_external_id)


async def take_reports(
    conn: AsyncConnection,
    book: Book,
    listings: Sequence[StoreListing],
    now: datetime,
    added: Mapping[ItemKey, int] | None = None,
) -> None:
    """Link what is not linked yet, and note which listings differ from what we expect.

    The book's levels are locked. `added`: quantities at locations that had not been heard of before.
    """
    if not listings:
        return
    reports = await reports_of(conn, [item_of(each) for each in listings])
    told = [(each, reports[item_of(each)]) for each in listings if item_of(each) in reports]
    for listing, said in told:
        _locate(listing, said)
    await _link(conn, book, [pair for pair in told if _is_news(book, *pair)], added or {})
    for listing, said in told:
        _compare(listing, said, now)
        if listing.differs_since is not None:
            # A report alone is no reason to tell its store anything: first the difference is explained, or counts.
            book.held.add(listing.id)


async def relocate(conn: AsyncConnection, listings: Sequence[StoreListing]) -> set[UUID]:
    """Look anew where these listings are to be told, since their stores refuse; answers those that have moved."""
    reports = await reports_of(conn, [item_of(each) for each in listings])
    before = {each.id: each.location for each in listings}
    for listing in listings:
        if item_of(listing) in reports:
            _locate(listing, reports[item_of(listing)])
    return {each.id for each in listings if each.location != before[each.id]}


def _locate(listing: StoreListing, said: Sequence[Report]) -> None:
    location = main_location(said, listing.location)
    if listing.pending and listing.location is not None:
        # The push that is under way is of there; if it is refused we look again.
        location = listing.location
    elsewhere = sum(each.quantity for each in said if (each.location or None) != location)
    if (location, elsewhere) != (listing.location, listing.elsewhere):
        listing.location, listing.elsewhere = location, elsewhere
        listing.changed = True


def _is_news(book: Book, listing: StoreListing, said: Sequence[Report]) -> bool:
    first = first_stated(said)
    if listing.mode is Mode.OFF:
        return False
    if (listing.linked_at, listing.linked_observed_at) != (first.as_of, first.observed_at):
        return True
    level = book.levels[listing.variant_id]
    return level.base_listing_id is None or (
        level.base_listing_id == listing.id and level.base_quantity != first.quantity
    )


async def _link(
    conn: AsyncConnection,
    book: Book,
    told: Sequence[tuple[StoreListing, Sequence[Report]]],
    added: Mapping[ItemKey, int],
) -> None:
    if not told:
        return
    firsts = [(listing, first_stated(said)) for listing, said in told]
    sold = await sold_since(conn, [(listing, first.as_of) for listing, first in firsts])
    again: set[UUID] = set()
    for (listing, first), pieces in zip(firsts, sold, strict=True):
        again |= book.link(listing, first, sold_since=pieces, added=added.get(item_of(listing), 0))
    await _reopen(conn, book, again)


async def _reopen(conn: AsyncConnection, book: Book, listing_ids: set[UUID]) -> None:
    """Look again at which orders the ledger's beginning already reckons with."""
    concerned = [
        (listing.variant_id, listing.integration_id, listing.variant_external_id, listing.linked_at)
        for listings in book.listings.values()
        for listing in listings
        if listing.id in listing_ids and listing.linked_at is not None
    ]
    await move_again(conn, book, await lines_of_listings(conn, concerned))


async def move_again(
    conn: AsyncConnection, book: Book, lines: Sequence[Line], variants: Mapping[UUID, UUID | None] | None = None
) -> None:
    """Place lines anew, now that their listing is known or linked. `variants`: those of lines that get another."""
    if not lines:
        return
    order_ids = {line.order_id for line in lines}
    orders = await orders_of(conn, order_ids)
    settled = await settled_fulfillments(conn, order_ids)
    changed = []
    for old in lines:
        order = orders[old.order_id]
        line = replace(old, variant_id=(variants or {}).get(old.id, old.variant_id))
        pieces = settled_pieces(settled.get(order.id, ()), frozenset(order.void))
        updated_at = old.placed_at if order.rank is None else order.rank.updated_at
        book.place(
            line,
            order.claim,
            updated_at=updated_at,
            cancelled_at=order.cancelled_at,
            settled=pieces.get(line.id, 0),
        )
        book.move_line(old, line, at=updated_at, caused_at=None, at_store=False)
        if old != line:
            changed.append(line)
    await save_lines(conn, changed)


def _compare(listing: StoreListing, said: Sequence[Report], now: datetime) -> None:
    """Begin, or end, the window in which the last report may differ from what we expect."""
    stated = last_stated(said)
    if listing.reported_as_of is not None and stated.as_of < listing.reported_as_of:
        return
    was, since = listing.reported, listing.differs_since
    listing.reported, listing.reported_as_of = stated.quantity, stated.as_of
    listing.fetched = max(said, key=lambda each: each.as_of).fetched
    # Each report begins it anew: what sells all the time is compared when it comes to rest. Not so the answer of a
    # store that was asked, and says the same.
    again = listing.asked_at is not None and listing.fetched and stated.quantity == was
    listing.asked_at = None
    if listing.mode is Mode.OFF:
        listing.differs_since = None
    elif since is None or not again:
        listing.differs_since = now
    listing.changed = True
    recheck(listing)
