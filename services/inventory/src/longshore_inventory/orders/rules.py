"""What an order does to stock: which snapshot counts, and the target state of each of its lines.

All of it is a function of the newest whole snapshot (and of fulfilments settled through Longshore), never of the way
there: the ledger is moved by the difference between two targets, so duplicates and reordering change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from longshore.contracts import OrderStatus, Platform


class Claim(StrEnum):
    """What an order's lines claim of the stock."""

    NONE = "none"  # the store has not taken stock for it
    OPEN = "open"  # what is not shipped is owed to the buyer
    GONE = "gone"  # nothing is owed any more, and all that did not come back has left
    RELEASED = "released"  # nothing is owed any more; only what was shipped has left
    KEPT = "kept"  # nothing is owed any more, but the store counts it as gone (a line's, never an order's)


# WooCommerce takes stock on on-hold, processing and completed (and holds it from then on); it gives it back on
# cancelled and pending, and has not taken any for an unpaid order that failed or was never finished. It does not
# give stock back on `refunded`: what a refund restocks it says line by line. A plugin's own word keeps whatever
# stock was taken before it, and follows a paid status as a rule ("picking", "partially-shipped"): it is owed.
_WOOCOMMERCE = {
    "checkout-draft": Claim.NONE,
    "auto-draft": Claim.NONE,
    "draft": Claim.NONE,
    "pending": Claim.NONE,
    "failed": Claim.NONE,
    "on-hold": Claim.OPEN,
    "processing": Claim.OPEN,
    "completed": Claim.GONE,
    "refunded": Claim.GONE,
    "cancelled": Claim.RELEASED,
    "trash": Claim.RELEASED,
}

# The custom channel has no stock of its own, so an unpaid order reserves: safer than to sell a piece twice.
_API = {
    OrderStatus.PENDING: Claim.OPEN,
    OrderStatus.PROCESSING: Claim.OPEN,
    OrderStatus.PARTIALLY_FULFILLED: Claim.OPEN,
    OrderStatus.FULFILLED: Claim.GONE,
    OrderStatus.DELIVERED: Claim.GONE,
    OrderStatus.REFUNDED: Claim.GONE,
    OrderStatus.CANCELLED: Claim.RELEASED,
}


def claim_of(platform: Platform, platform_status: str, status: OrderStatus) -> Claim:
    """What an order in this state claims, by the platform's own habit.

    Shopify commits stock when the order is placed, paid or not, and from then on counts line by line: its financial
    status says nothing of stock, and only a cancellation ends the claim as a whole.
    """
    if platform is Platform.WOOCOMMERCE:
        word = platform_status.removeprefix("wc-")
        claim = _WOOCOMMERCE.get(word)
        if claim is not None:
            return claim
        return _API[status] if status is not OrderStatus.PENDING else Claim.OPEN
    if platform is Platform.SHOPIFY:
        return Claim.RELEASED if status is OrderStatus.CANCELLED else Claim.OPEN
    return _API[status]


def claim_of_line(claim: Claim, taken: int | None) -> Claim:
    """What a line claims, where the store says what it has `taken` out of its stock for it (None: it does not).

    WooCommerce gives stock back on some changes of state and not on others (the trash keeps it), and plugins take it in
    states in which the core does not: the pieces that it counts as taken are, whatever the order's word is.
    """
    if not taken:
        return claim
    return {Claim.NONE: Claim.OPEN, Claim.RELEASED: Claim.KEPT}.get(claim, claim)


class Rank(NamedTuple):
    """How new a snapshot is; the digest (without detail) decides only between two translations of one raw record."""

    updated_at: datetime
    observed_at: datetime
    offset: int
    digest: str


class Detail(NamedTuple):
    """What a snapshot with a detailed digest (`X+Y`, see contracts.Snapshot) tells more than the others that say X.

    It holds for all of them, whenever they were observed: of two, the later by (updated_at, digest). `refunded` is in
    pieces by line.
    """

    updated_at: datetime
    digest: str
    refunded: dict[str, int]


def is_deleted(observed_at: datetime | None, tombstone: datetime | None) -> bool:
    """A tombstone holds against all that was observed before it; what was observed later brings the order back."""
    return tombstone is not None and (observed_at is None or tombstone >= observed_at)


class Target(NamedTuple):
    """What a line holds of the stock, in pieces: reserved, gone out (shipped or written off), and come back of that."""

    reserved: int
    shipped: int
    restocked: int

    @property
    def taken(self) -> int:
        """By how much the line lowers what can be sold."""
        return self.reserved + self.shipped - self.restocked


NOTHING = Target(0, 0, 0)


def target_of(claim: Claim, quantity: int, fulfilled: int, refunded: int, restocked: int, settled: int = 0) -> Target:
    """The target state of a line, from its snapshot's figures and what was `settled` through Longshore.

    A store reports our own fulfilment too (and one without partial shipments only when all is gone), so the greater of
    the two counts, never their sum. A refund first meets what is not shipped. What it does not restock has left the
    stock all the same, as the stores have it: it is written off.
    """
    if claim is Claim.NONE or quantity <= 0:
        return NOTHING
    gone = quantity if claim in (Claim.GONE, Claim.KEPT) else min(quantity, max(fulfilled, settled, 0))
    back = min(quantity, max(restocked, 0))
    waiting = quantity - gone
    paid_back = min(waiting, max(refunded, back, 0))
    back_unshipped = min(paid_back, back)
    reserved = waiting - paid_back if claim is Claim.OPEN else 0
    return Target(reserved, gone + paid_back - back_unshipped, back - back_unshipped)


class Linked(NamedTuple):
    """A store's first report of a variant: what it holds as of `as_of`; `is_base`: the ledger began with it."""

    as_of: datetime
    is_base: bool


def opening_of(
    claim: Claim,
    target: Target,
    quantity: int,
    *,
    placed_at: datetime,
    updated_at: datetime,
    cancelled_at: datetime | None,
    linked: Linked | None,
    taken: int | None = None,
    returned: int = 0,
) -> int:
    """Pieces of a line that the ledger's beginning already reckons with, so that they are not taken twice.

    `target` is the snapshot's alone. An order placed after its store's first report has none. Of an older one

    - the store that the ledger began with had taken its stock already: what the line had taken then is added to the
      beginning (the reported quantity is without it), and the line then takes it like any other;
    - at another store what had been shipped by then left before the ledger cared; what was open is owed still.

    A snapshot of after the report does not say how the line stood then: it counts as whole and unshipped, unless the
    order was cancelled before. Where the store says what it has `taken` for the line and not put back, it had taken
    that and what refunds have `returned` since: an order that was never paid, say, had taken nothing. A wrong guess
    shows as a difference in the store's next report.
    """
    if linked is None or placed_at > linked.as_of:
        return 0
    if updated_at <= linked.as_of:
        if not linked.is_base:
            return target.shipped - target.restocked
        return target.taken if taken is None else max(0, taken)
    if not linked.is_base or claim is Claim.NONE:
        return 0
    if cancelled_at is not None and cancelled_at <= linked.as_of:
        return 0
    return max(0, quantity if taken is None else min(quantity, taken + max(0, returned)))


def settled_pieces(
    fulfillments: Iterable[tuple[str | None, Mapping[UUID, int]]], void: frozenset[str]
) -> dict[UUID, int]:
    """Pieces per line that stores have taken as shipped from us: (external id, pieces per line) of each fulfilment.

    `void`: ids of those that the store has called off since.
    """
    pieces: dict[UUID, int] = {}
    for external_id, lines in fulfillments:
        if external_id is not None and external_id in void:
            continue
        for line, quantity in lines.items():
            pieces[line] = pieces.get(line, 0) + quantity
    return pieces
