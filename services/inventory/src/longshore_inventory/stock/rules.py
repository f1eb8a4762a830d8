"""Levels, what a store is believed to have, when it is told otherwise, and whom stock does not cover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from longshore.contracts import Origin, Platform

# One pool for now: every store sells from it.
LOCATION = "default"


ONE_AT_A_TIME_S = 2.0
"""While a push is under way the listing's next one waits, but for no longer: a store may take hours to answer."""

SMALL_SHARE = 0.01
"""A change of less than this share of what the store has waits for the next second after the last push: the store would
have to sell a hundred times as much before it oversells. In that second those of many items go out as one batch."""


class Mode(StrEnum):
    """What a channel's own reports count for."""

    SHARED = "shared"  # they enter the ledger and go out to the others
    FOLLOWER = "follower"  # they are corrected
    OFF = "off"  # neither read nor written


class MovementKind(StrEnum):
    """Where a movement of the ledger comes from."""

    INITIAL = "initial"
    ORDER = "order"
    ADJUSTMENT = "adjustment"
    REPORT = "report"


@dataclass(slots=True)
class Level:
    """Stock of a variant, and how its ledger began. `decided_at`: the first adjustment, of all made.

    The ledger begins with the report that was observed first, unless somebody had set stock before.
    """

    org_id: UUID
    variant_id: UUID
    sku: str
    on_hand: int = 0
    reserved: int = 0
    base_listing_id: UUID | None = None
    base_observed_at: datetime | None = None
    base_quantity: int = 0
    decided_at: datetime | None = None

    @property
    def available(self) -> int:
        """What can be sold; negative when more is promised than there is."""
        return self.on_hand - self.reserved

    @property
    def counted(self) -> bool:
        """Whether anyone has told how much there is. Until then stores are not told either, and nothing is oversold."""
        return self.base_listing_id is not None or self.decided_at is not None


@dataclass(slots=True)
class StoreListing:
    """A variant as one store sells it, and what we believe that store has of it (in all its locations).

    `believed` is the last confirmed push or report less the store's own orders since; `sold` counts what these have
    taken off it, ever. `anchored_at`: as of when it was last set by a clock and not by the order of our pushes (by a
    report, or a push that expected nothing): orders of before are in it. `acked` is the newest `sequence` whose outcome
    is known. `refuted`: what we believed when the store last refused a push since it has something else. `elsewhere`:
    what the store has at locations that we do not push to. `fetched`: the last report was read from the store, not
    delivered by it; `asked_at`: when it was asked for what it has, to be sure of that report. `waiting_since`: when we
    heard of the first change that waits to be told, see `may_wait`.
    """

    id: UUID
    org_id: UUID
    integration_id: UUID
    platform: Platform
    variant_id: UUID
    product_external_id: str
    parent_external_id: str | None
    variant_external_id: str
    inventory_external_id: str
    sellable: bool  # active, and the store counts its stock
    mode: Mode = Mode.SHARED
    buffer: int = 0
    linked_at: datetime | None = None  # as of when the first report holds
    linked_observed_at: datetime | None = None
    believed: int | None = None
    confirmed_at: datetime | None = None
    pushed_at: datetime | None = None
    pushed_quantity: int | None = None
    sequence: int = 0
    acked: int = 0
    location: str | None = None
    elsewhere: int = 0
    reported: int | None = None
    reported_as_of: datetime | None = None
    differs_since: datetime | None = None
    failed: bool = False
    sold: int = 0
    anchored_at: datetime | None = None
    refuted: int | None = None
    fetched: bool = False
    asked_at: datetime | None = None
    waiting_since: datetime | None = None
    changed: bool = False

    @property
    def pending(self) -> bool:
        """Whether a push is under way."""
        return self.sequence > self.acked

    @property
    def settled_until(self) -> datetime | None:
        """Up to when `believed` has the store's own orders in it, by the clock."""
        if self.anchored_at is None or self.linked_at is None:
            return self.anchored_at or self.linked_at
        return max(self.anchored_at, self.linked_at)

    @property
    def waits(self) -> bool:
        """Whether the store would refuse a push once more: it has said that it has not what we still believe."""
        return self.differs_since is not None and self.refuted is not None and self.believed == self.refuted

    @property
    def is_to_be_asked(self) -> bool:
        """Whether what we believe now may be right, after the store has refuted what we believed before."""
        return self.differs_since is not None and self.refuted is not None and not (self.pending or self.waits)


def milliseconds(at: datetime) -> int:
    """Of a time since 1970: what the sequences of pushes count up from."""
    return int(at.timestamp() * 1000)


def sellable_at(listing: StoreListing, level: Level) -> int:
    """What this channel may sell: never below 0, and less its buffer."""
    return max(0, level.available - listing.buffer)


def recheck(listing: StoreListing) -> None:
    """End the window of a difference that is explained by now, or that a later push has made void."""
    if listing.differs_since is None:
        return
    confirmed, as_of = listing.confirmed_at, listing.reported_as_of
    void = confirmed is not None and as_of is not None and as_of < confirmed
    if void or listing.reported == listing.believed:
        agree(listing)


def agree(listing: StoreListing) -> None:
    """Nothing differs (any more)."""
    listing.differs_since = listing.refuted = listing.asked_at = None
    listing.changed = True


def push_of(listing: StoreListing, level: Level) -> int | None:
    """The quantity to tell the store, or None when it has it, is being told it, or is not to be told.

    The custom channel has no store to tell: it reads inventory.events.
    """
    if not (listing.sellable and level.counted) or listing.mode is Mode.OFF or listing.platform is Platform.API:
        return None
    # What lies at its other locations it sells whatever we say.
    quantity = max(sellable_at(listing, level), listing.elsewhere)
    current = listing.pushed_quantity if listing.pending else listing.believed
    if listing.is_to_be_asked and quantity == current:
        # What it has it keeps; whether it has it is what it says.
        return quantity
    # A store with backorders counts below zero. That is its own affair: nothing can be sold either way.
    return None if current is not None and quantity == max(0, current) else quantity


def may_wait(listing: StoreListing, quantity: int, now: datetime) -> bool:
    """Whether a push of `quantity` is to wait for the answer to the one before, or for others to go with it.

    So a store is told at the pace at which it answers, and of a sold out item at once.
    """
    if quantity == 0:
        return False
    at = milliseconds(now)
    if listing.pending:
        return abs(at - listing.sequence) < ONE_AT_A_TIME_S * 1000
    has = listing.believed or 0
    return at // 1000 == listing.sequence // 1000 and abs(has - quantity) < SMALL_SHARE * min(has, quantity)


def in_sync(listing: StoreListing, level: Level) -> bool:
    """Whether the store has, as far as we know, what it is to have."""
    return (
        not (listing.pending or listing.failed or listing.differs_since)
        and listing.believed is not None
        and push_of(listing, level) is None
    )


class Report(NamedTuple):
    """What a store says of one inventory item at one location: the first time, and at last.

    `stocked`: whether it can (still) be sold from there, as last told. `fetched`: that was read from the store.
    """

    location: str
    first_quantity: int
    first_as_of: datetime
    first_observed_at: datetime
    quantity: int
    as_of: datetime
    observed_at: datetime
    offset: int
    stocked: bool = True
    fetched: bool = False


def holds_as_of(platform: Platform, origin: Origin, updated_at: datetime, observed_at: datetime) -> datetime:
    """The moment at which a report was true: orders placed by then are in its quantity.

    What was fetched was true when it was read. WooCommerce builds a delivery's body when it delivers, and need not
    touch a product's date when an order takes stock. Shopify repeats a delivery for hours with its first body.
    """
    return observed_at if origin is Origin.FETCH or platform is Platform.WOOCOMMERCE else updated_at


class Heard(NamedTuple):
    """Where in the raw log a report is (no partition: not known), and when whoever took it says that it came."""

    partition: int | None
    offset: int | None
    observed_at: datetime


def heard_before(one: Heard, other: Heard) -> bool:
    """Whether `one` came before `other`. The store's SQL does the same (reports.py).

    A partition of the log is in the order of arrival, whatever a clock said: by a gateway whose clock is behind, each
    report would else come before the first, and the ledger begin with it once more. Of two partitions the times tell.
    """
    if one.partition is not None and one.partition == other.partition and one.offset != other.offset:
        return (one.offset or 0) < (other.offset or 0)
    return one.observed_at < other.observed_at


LATEST_DELIVERY_S = 600.0
"""A delivery that is held up tells of what was up to so long before it came."""

LONGEST_READ_S = 60.0
"""A report that was read is of at most so long before it was noted."""

ANSWER_S = 300.0
"""A store that does not say what it has within so long is taken at its last word."""


class Certainty(StrEnum):
    """What to do with a difference that has outlived its window."""

    COUNTS = "counts"
    ASK = "ask"
    WAIT = "wait"


def certainty(listing: StoreListing, now: datetime, settle_s: float) -> Certainty:
    """Whether the last report is of after our last push for certain, or the store is to be asked what it has.

    A report counts as of its arrival where its platform tells no better: one that was held up may tell of before a push
    and come after it. Who asks when a difference has outlived its window gets a report of so long after the push.
    """
    if listing.platform is Platform.API or listing.confirmed_at is None or listing.reported_as_of is None:
        return Certainty.COUNTS
    if listing.fetched and listing.refuted is not None:
        # It has refused a push for it: by their order that is of after the last one that went through.
        return Certainty.COUNTS
    late = min(settle_s, LONGEST_READ_S) if listing.fetched else LATEST_DELIVERY_S
    if (listing.reported_as_of - listing.confirmed_at).total_seconds() >= late:
        return Certainty.COUNTS
    asked = listing.asked_at
    if asked is None or (asked - now).total_seconds() > CLOCKS_DIFFER_S:
        return Certainty.ASK
    return Certainty.COUNTS if (now - asked).total_seconds() >= ANSWER_S else Certainty.WAIT


class Stated(NamedTuple):
    """What a store says it has of one item, over its locations; `observed_at`: when we first heard."""

    quantity: int
    as_of: datetime
    observed_at: datetime


def first_stated(reports: Sequence[Report]) -> Stated:
    """What the store had when we first heard of the item.

    Stores date orders to the second. One of the second of the report may have been placed before or after it; it counts
    as placed after: if it was not, we sell a piece too few until the store's next report, and not one too many.
    """
    return Stated(
        sum(each.first_quantity for each in reports),
        max(each.first_as_of for each in reports).replace(microsecond=0) - timedelta(microseconds=1),
        min(each.first_observed_at for each in reports),
    )


def last_stated(reports: Sequence[Report]) -> Stated:
    """What the store had when we last heard of the item."""
    return Stated(
        sum(each.quantity for each in reports),
        max(each.as_of for each in reports),
        min(each.observed_at for each in reports),
    )


def main_location(reports: Sequence[Report], current: str | None) -> str | None:
    """The location to push to: the one pushed to so far, else that with the most stock at first (empty: none).

    From one that has closed, or stocks the item no more, to where it is stocked still; if it is nowhere, a push fails
    and says so.
    """
    known = {each.location or None: each for each in reports}
    open_ones = [each for each in reports if each.stocked]
    if current is not None and current in known and (known[current].stocked or not open_ones):
        return current
    return max(open_ones or reports, key=lambda each: (each.first_quantity, each.location)).location or None


def unexplained(listing: StoreListing, stated: Stated, sold_since: int) -> int:
    """By how much a report differs from what we expect; 0 when it tells of before our last push.

    `sold_since`: pieces that the store's own orders took after the report.
    """
    if listing.believed is None or (listing.confirmed_at is not None and stated.as_of < listing.confirmed_at):
        return 0
    return stated.quantity - (listing.believed + sold_since)


class InDoubt(NamedTuple):
    """What may explain a difference that no stranger has made, in pieces.

    `after`: sold in the second as of which a clock has set what we believe (`anchored_at`); these counted as before,
    and may have come after: the store has less. `before`: sold in the second of the last push; these counted as after
    it, and where a platform cannot compare and write at once, it may have overwritten them: the store has more.
    `taken`: what of the store's own reports was counted as lost lately; its orders may have been heard of since.
    """

    after: int
    before: int
    taken: int


def is_our_doing(difference: int, doubt: InDoubt) -> bool:
    """Whether a difference is of sales of the store's own that we have placed wrongly."""
    return -doubt.after <= difference < 0 or (0 < difference <= doubt.before and difference > doubt.taken)


CLOCKS_DIFFER_S = 60.0
"""Clocks of two processes of ours differ by less."""


def is_mature(listing: StoreListing, now: datetime, settle_s: float) -> bool:
    """Whether a difference has outlived its window, with no push under way that might explain it."""
    since = listing.differs_since
    return since is not None and not listing.pending and (now - since).total_seconds() >= settle_s


def restart_impossible(listing: StoreListing, now: datetime) -> bool:
    """Begin a window anew that begins in the future; answers whether it did.

    A clock that was wrong then has noted it: it must not wait until that time, nor end before it has lasted.
    """
    since = listing.differs_since
    if since is None or (since - now).total_seconds() <= CLOCKS_DIFFER_S:
        return False
    listing.differs_since = now
    listing.changed = True
    return True


class OpenLine(NamedTuple):
    """A reservation, with what decides its turn."""

    placed_at: datetime
    order_id: UUID
    line_id: UUID
    reserved: int


def shortfalls(available: int, lines: Iterable[OpenLine]) -> dict[UUID, int]:
    """Pieces short per line: who ordered first is served first, so the newest orders go short.

    The store's SQL does the same with a window function.
    """
    short = max(0, -available)
    result: dict[UUID, int] = {}
    for line in sorted(lines, reverse=True):
        if short <= 0:
            break
        pieces = min(short, line.reserved)
        if pieces:
            result[line.line_id] = pieces
        short -= pieces
    return result
