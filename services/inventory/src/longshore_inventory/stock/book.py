"""The book: levels, listings and movements of the variants that one transaction touches. The store loads and saves it.

Whoever loads a book holds the locks of its levels, so nobody else moves these variants meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from longshore.ids import uuid5
from longshore_inventory.orders.rules import NOTHING, Claim, Linked, Target, claim_of_line, opening_of, target_of
from longshore_inventory.stock.rules import (
    LOCATION,
    Level,
    Mode,
    MovementKind,
    Stated,
    StoreListing,
    agree,
    may_wait,
    milliseconds,
    push_of,
    recheck,
)

# The reason of a movement that takes in what a store reported.
STORE_REPORT = "store report"


class Movement(NamedTuple):
    """One entry of the ledger. `id` follows from kind and source: the same cause moves stock once."""

    id: UUID
    org_id: UUID
    variant_id: UUID
    location: str
    kind: MovementKind
    source: str
    delta: int
    reason: str
    at: datetime


@dataclass(slots=True)
class Line:
    """An order line: the snapshot's figures, and what it holds of the stock now."""

    id: UUID
    order_id: UUID
    org_id: UUID
    integration_id: UUID
    variant_id: UUID | None
    variant_external_id: str | None
    sku: str | None
    placed_at: datetime
    quantity: int
    fulfilled: int
    refunded: int
    returned: int  # restocked, by the snapshot
    taken: int | None = None  # out of the store's own stock, where the store says so
    target: Target = NOTHING
    opening: int = 0
    moves: int = 0  # how many movements it has made: names the next

    @property
    def effect(self) -> int:
        """What the line adds to on-hand."""
        return self.opening - self.target.shipped + self.target.restocked


class Push(NamedTuple):
    """A listing to be told `quantity` at its location. `caused_at`: when the sale behind it reached us, if one is."""

    listing: StoreListing
    sku: str
    quantity: int
    expected: int | None
    sequence: int
    caused_at: datetime | None
    # What the store's own orders had taken off `believed` by then; None: nothing is expected, so nothing is compared.
    sold: int | None


@dataclass(slots=True)
class Book:
    """See the module. `before` is each level's (on hand, reserved) as loaded."""

    levels: dict[UUID, Level] = field(default_factory=dict)
    listings: dict[UUID, list[StoreListing]] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    before: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    touched: set[UUID] = field(default_factory=set)
    caused: dict[UUID, datetime] = field(default_factory=dict)
    held: set[UUID] = field(default_factory=set)  # listings not to be told in this transaction
    postponed: bool = False  # whether `pushes` has left something to be told later

    @classmethod
    def of(cls, levels: Iterable[Level], listings: Iterable[StoreListing]) -> Book:
        """A book of what was loaded."""
        book = cls()
        for level in levels:
            book.levels[level.variant_id] = level
            book.before[level.variant_id] = (level.on_hand, level.reserved)
            book.listings[level.variant_id] = []
        for listing in listings:
            if listing.variant_id in book.listings:
                book.listings[listing.variant_id].append(listing)
        return book

    def changed(self) -> list[Level]:
        """Levels that differ from what was loaded."""
        return [level for id, level in self.levels.items() if self.before[id] != (level.on_hand, level.reserved)]

    def listing_of(self, line: Line) -> StoreListing | None:
        """The listing that a line was sold on, so far as we know it."""
        if line.variant_id is None:
            return None
        for listing in self.listings[line.variant_id]:
            if listing.integration_id == line.integration_id and (
                line.variant_external_id is None or line.variant_external_id == listing.variant_external_id
            ):
                return listing
        return None

    # Orders

    def place(
        self,
        line: Line,
        claim: Claim,
        *,
        updated_at: datetime,
        cancelled_at: datetime | None,
        settled: int = 0,
    ) -> None:
        """Set what `line` holds of the stock, from its figures and its order's; moves nothing yet."""
        claim = claim_of_line(claim, line.taken)
        quantity = line.quantity if claim is not Claim.KEPT else (line.taken or 0) + max(line.returned, 0)
        figures = (quantity, line.fulfilled, line.refunded, line.returned)
        line.target = target_of(claim, *figures, settled)
        line.opening = 0
        listing = self.listing_of(line)
        if listing is None or listing.linked_at is None or line.placed_at > listing.linked_at:
            return
        line.opening = opening_of(
            claim,
            target_of(claim, *figures) if settled else line.target,
            line.quantity,
            taken=line.taken,
            returned=line.returned,
            placed_at=line.placed_at,
            updated_at=updated_at,
            cancelled_at=cancelled_at,
            linked=Linked(listing.linked_at, self.levels[listing.variant_id].base_listing_id == listing.id),
        )

    def move_line(
        self, old: Line | None, new: Line, *, at: datetime, caused_at: datetime | None, at_store: bool = True
    ) -> bool:
        """Bring the stock from a line's old state to its new one; False when they are the same to it.

        `at`: the store's time of the change. `caused_at`: when we heard of it. `at_store`: the store's own stock moved
        too; not so when it is only us who see the line differently.
        """
        if old is not None and old.variant_id == new.variant_id:
            if old.target == new.target and old.opening == new.opening:
                return False
            was_effect, was, opening = old.effect, old.target, old.opening
        else:
            if old is not None and old.variant_id is not None:
                # The line belongs to another variant than we thought: take all of it from that one.
                new.moves = old.moves
                self._shift(new, old.variant_id, -old.effect, -old.target.reserved, at, caused_at)
            was_effect, was, opening = 0, NOTHING, 0
        if new.variant_id is None:
            return True
        self._shift(new, new.variant_id, new.effect - was_effect, new.target.reserved - was.reserved, at, caused_at)
        if at_store:
            self._sold(new, new.target.taken - was.taken, new.opening - opening, at, known=old is not None)
        return True

    def _shift(
        self, line: Line, variant_id: UUID, effect: int, reserved: int, at: datetime, caused_at: datetime | None
    ) -> None:
        level = self.levels[variant_id]
        level.reserved += reserved
        if effect:
            line.moves += 1
            source = f"{line.id}:{line.moves}"
            reason = "order: shipped" if effect < 0 else "order: back in stock"
            self._enter(
                level, MovementKind.ORDER, source, effect, reason, at, uuid5(line.order_id, f"movement:{source}")
            )
        if effect or reserved:
            self.touched.add(variant_id)
            if caused_at is not None:
                known = self.caused.get(variant_id)
                self.caused[variant_id] = caused_at if known is None else min(known, caused_at)

    def _sold(self, line: Line, taken: int, opening: int, at: datetime, *, known: bool) -> None:
        """The store's own order changed its own stock, unless what we believe was taken from a report (or from a push
        that compared nothing) of after it.

        Where pushes compare, no clock is asked: a push that went through has found what we believed when it was asked
        for, so what an order that was not in that has taken, it has taken after the push.
        """
        listing = self.listing_of(line)
        if listing is None or listing.believed is None:
            return
        # Where the ledger began, what changes our view of the beginning is not the store's doing.
        is_base = self.levels[listing.variant_id].base_listing_id == listing.id
        pieces = taken - opening if is_base else taken
        if pieces == 0:
            return
        since = listing.settled_until
        if since is not None and (at <= since or (not known and line.placed_at <= since)):
            return
        listing.believed -= pieces
        listing.sold += pieces
        listing.changed = True
        self.touched.add(listing.variant_id)
        recheck(listing)

    # Decisions and reports

    def adjust(self, variant_id: UUID, delta: int, *, id: UUID, source: str, reason: str, at: datetime) -> Movement:
        """Somebody says that on-hand differs by `delta` (0 too: it is counted from now on)."""
        level = self.levels[variant_id]
        level.decided_at = at if level.decided_at is None else min(at, level.decided_at)
        return self._enter(level, MovementKind.ADJUSTMENT, source, delta, reason, at, id)

    def restore(self, variant_id: UUID, delta: int, *, kind: MovementKind, id: UUID, reason: str, at: datetime) -> None:
        """Enter a decision that was made in an earlier life of the database."""
        level = self.levels[variant_id]
        if kind is MovementKind.ADJUSTMENT:
            level.decided_at = at if level.decided_at is None else min(at, level.decided_at)
        self._enter(level, kind, "restored", delta, reason, at, id)

    def link(self, listing: StoreListing, first: Stated, *, sold_since: int, added: int = 0) -> set[UUID]:
        """Take in what a store says of a variant for the first time (or anew, when an earlier report turns up).

        The report observed first is what the ledger begins with. Answers the listings whose orders have to be looked
        at again, since when (or whether) they were linked has changed. `sold_since`: pieces that the store's orders
        took after the report. `added`: what of it is at locations that we had not heard of.
        """
        level = self.levels[listing.variant_id]
        again: set[UUID] = set()
        if listing.believed is None:
            listing.believed = first.quantity - sold_since
        elif listing.linked_at is not None:
            listing.believed += added
        if (listing.linked_at, listing.linked_observed_at) != (first.as_of, first.observed_at):
            again.add(listing.id)
        listing.linked_at, listing.linked_observed_at = first.as_of, first.observed_at
        listing.changed = True
        self.touched.add(listing.variant_id)
        if not self._becomes_base(level, listing, first):
            return again
        delta = first.quantity - level.base_quantity
        again.add(listing.id)
        if level.base_listing_id is not None and level.base_listing_id != listing.id:
            again.add(level.base_listing_id)
        level.base_listing_id, level.base_quantity = listing.id, first.quantity
        level.base_observed_at = first.observed_at
        source = f"{listing.id}@{first.observed_at.isoformat()}={first.quantity}"
        self._enter(level, MovementKind.INITIAL, source, delta, "first report of the store", first.as_of)
        return again

    @staticmethod
    def _becomes_base(level: Level, listing: StoreListing, first: Stated) -> bool:
        if level.base_listing_id == listing.id:
            return first.quantity != level.base_quantity
        if level.decided_at is not None and first.observed_at >= level.decided_at:
            return False
        if level.base_observed_at is None or level.base_listing_id is None:
            return True
        return (first.observed_at, listing.id) < (level.base_observed_at, level.base_listing_id)

    def settle(
        self, listing: StoreListing, stated: Stated, difference: int, at: datetime, entered: Collection[UUID] = ()
    ) -> Movement | None:
        """A difference has outlived its window: the store has it. Shared stock takes it in, else nothing moves.

        The movement's id follows from the report: replayed, it is the same decision. `entered`: ids of movements that
        the ledger has.
        """
        agree(listing)
        listing.believed = (listing.believed or 0) + difference
        self.touched.add(listing.variant_id)
        if listing.mode is not Mode.SHARED or difference == 0:
            return None
        id = report_movement(listing, stated)
        if id in entered:
            return None
        level = self.levels[listing.variant_id]
        return self._enter(level, MovementKind.REPORT, str(listing.id), difference, STORE_REPORT, at, id)

    def confirm(self, listing: StoreListing, quantity: int, sold_since: int, at: datetime) -> None:
        """The store has `quantity` at its location as of `at`, by the clock, less its own orders since."""
        listing.believed = quantity + listing.elsewhere - sold_since
        listing.confirmed_at = at if listing.confirmed_at is None else max(at, listing.confirmed_at)
        listing.anchored_at = listing.confirmed_at
        self._has_landed(listing)

    def land(self, listing: StoreListing, quantity: int, sold: int, at: datetime) -> None:
        """A push of `quantity` went through that compared first: the store had what we believed when it was asked for.

        `sold`: `Push.sold`. What the store's orders have taken off our belief since then, they have taken after the
        push. By that order it is true whatever the clocks say, and whenever the orders are heard of.
        """
        listing.believed = quantity + listing.elsewhere - (listing.sold - sold)
        listing.confirmed_at = at if listing.confirmed_at is None else max(at, listing.confirmed_at)
        self._has_landed(listing)

    def _has_landed(self, listing: StoreListing) -> None:
        listing.changed = True
        self.touched.add(listing.variant_id)
        if listing.refuted is not None:
            # An earlier push was refused; this one is newer, whatever the clocks say.
            agree(listing)
        recheck(listing)

    def contradict(self, listing: StoreListing, quantity: int, at: datetime, now: datetime, sold: int | None) -> None:
        """The store had something else than we expected, and so did not take a push: `quantity`, as of `at`.

        A sale that we have not heard of may be in that difference. So the store is not told again before what we
        believe of it has changed, by the order or by the end of the settle window: it would refuse once more. `sold`:
        `Push.sold`, None where it is not known. The refusal is newer than the last push that went through.
        """
        listing.reported = quantity + listing.elsewhere
        listing.reported_as_of = at if listing.confirmed_at is None else max(at, listing.confirmed_at)
        listing.differs_since = now
        listing.refuted = None
        # It compared just then: nobody need ask.
        listing.fetched, listing.asked_at = True, None
        if listing.believed is not None:
            listing.refuted = listing.believed + (0 if sold is None else listing.sold - sold)
        listing.changed = True
        self.touched.add(listing.variant_id)
        recheck(listing)

    def ask(self, listing: StoreListing, now: datetime) -> None:
        """The store is asked what it has; its answer is a report."""
        listing.asked_at = now
        listing.changed = True
        self.touched.add(listing.variant_id)

    # What follows

    def pushes(self, now: datetime) -> list[Push]:
        """What the stores have to be told now, one push per listing at most; notes that they are being told.

        What may wait (rules.may_wait) is noted as waiting, and goes out with what comes after it.

        Sequences count up from the time (in milliseconds), so that they go on above the old ones also after our
        tables were dropped and rebuilt: a connector does not carry out what is older than what it knows.
        """
        found: list[Push] = []
        for variant_id in sorted(self.touched):
            level = self.levels[variant_id]
            for listing in self.listings[variant_id]:
                quantity = push_of(listing, level)
                if quantity is None and listing.waiting_since is not None:
                    listing.waiting_since, listing.changed = None, True
                if quantity is None or listing.id in self.held or listing.waits:
                    continue
                cause = self.caused.get(variant_id)
                if may_wait(listing, quantity, now):
                    self.postponed = True
                    if listing.waiting_since is None:
                        listing.waiting_since, listing.changed = cause or now, True
                    continue
                if listing.waiting_since is not None:
                    cause = listing.waiting_since if cause is None else min(cause, listing.waiting_since)
                    listing.waiting_since = None
                listing.sequence = max(listing.sequence + 1, milliseconds(now))
                listing.pushed_quantity = quantity
                listing.changed = True
                expected = None if listing.believed is None else listing.believed - listing.elsewhere
                at_location = max(0, quantity - listing.elsewhere)
                sold = None if expected is None else listing.sold
                found.append(Push(listing, level.sku, at_location, expected, listing.sequence, cause, sold))
        return found

    def _enter(
        self,
        level: Level,
        kind: MovementKind,
        source: str,
        delta: int,
        reason: str,
        at: datetime,
        id: UUID | None = None,
    ) -> Movement:
        if id is None:
            id = uuid5(level.variant_id, f"{kind.value}:{source}")
        movement = Movement(id, level.org_id, level.variant_id, LOCATION, kind, source, delta, reason, at)
        if delta or kind is not MovementKind.ORDER:
            self.movements.append(movement)
        level.on_hand += delta
        self.touched.add(level.variant_id)
        return movement


def report_movement(listing: StoreListing, stated: Stated) -> UUID:
    """Id of the movement that takes in what a store reported."""
    return uuid5(listing.id, f"report:{stated.as_of.isoformat()}={stated.quantity}")
