"""Any order, repetition and batching of what happens gives one and the same stock, and stores end with what is left."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore import ids
from longshore.contracts import OrderDeleted, OrderStatus, Platform, RawRef, Version
from longshore_devkit.forms import examples
from longshore_inventory.orders.changes import Affected, OrderRow, Told, completed, merge, move_order, planned, row_of
from longshore_inventory.orders.facts import LineFacts, OrderFacts
from longshore_inventory.orders.rules import Claim, target_of
from longshore_inventory.stock.book import Book, Line, Movement
from longshore_inventory.stock.rules import ONE_AT_A_TIME_S, Level, Stated, StoreListing, may_wait, push_of

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORG = UUID(int=7)
SKUS = ("HAT", "SCARF")
STORES = (UUID(int=101), UUID(int=102), UUID(int=103))
PLATFORMS = {STORES[0]: Platform.SHOPIFY, STORES[1]: Platform.WOOCOMMERCE, STORES[2]: Platform.SHOPIFY}
FIRST = 1000


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def variant(sku: str) -> UUID:
    return ids.variant_id(ids.OrgId(ORG), sku)


def listed() -> StoreListing:
    """A hat in a store that has said nothing yet."""
    return StoreListing(uuid4(), ORG, STORES[0], Platform.SHOPIFY, variant("HAT"), "p", None, "v", "i", True)


@dataclass
class MemoryHub:
    """The service with dictionaries for tables: the same rules, no database."""

    levels: dict[UUID, Level] = field(default_factory=dict)
    listings: dict[UUID, list[StoreListing]] = field(default_factory=dict)
    orders: dict[UUID, OrderRow] = field(default_factory=dict)
    lines: dict[UUID, dict[UUID, Line]] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    adjusted: set[UUID] = field(default_factory=set)
    stores: dict[UUID, int] = field(default_factory=dict)  # what each listing's store was told last
    closed: int = 0

    @classmethod
    def stocked(cls) -> MemoryHub:
        hub = cls()
        for sku in SKUS:
            hub.levels[variant(sku)] = Level(ORG, variant(sku), sku)
            hub.listings[variant(sku)] = [
                StoreListing(
                    uuid5(store, sku), ORG, store, PLATFORMS[store], variant(sku), "p", None, f"v-{sku}", "i", True
                )
                for store in STORES
            ]
        book = hub.book()
        for listings in book.listings.values():
            for number, listing in enumerate(listings):
                book.link(listing, Stated(FIRST, at(10 + number), at(10 + number)), sold_since=0)
        hub.close(book)
        return hub

    def book(self) -> Book:
        return Book.of(self.levels.values(), [each for listings in self.listings.values() for each in listings])

    def close(self, book: Book) -> None:
        self.closed += 1
        for push in book.pushes(at(self.closed * ONE_AT_A_TIME_S)):
            # The store takes it at once.
            push.listing.acked = push.sequence
            book.confirm(push.listing, push.quantity, 0, at(0))
            self.stores[push.listing.id] = push.quantity
        self.movements += book.movements

    def apply(self, batch: Sequence[object]) -> None:
        book = self.book()
        told: dict[UUID, Told] = {}
        for each in batch:
            if isinstance(each, OrderFacts):
                told.setdefault(order_of(each), Told()).add(each)
            elif isinstance(each, OrderDeleted):
                told.setdefault(order_of(each), Told()).delete(each)
            elif isinstance(each, Adjusted) and each.id not in self.adjusted:
                self.adjusted.add(each.id)
                book.adjust(variant(each.sku), each.delta, id=each.id, source="test", reason="counted", at=each.at)
        for id in sorted(told):
            self._apply_order(book, id, told[id])
        self.close(book)

    def _apply_order(self, book: Book, id: UUID, told: Told) -> None:
        each: Affected | None
        if id in self.orders:
            each = merge(self.orders[id], told)
            if each is None or (each.facts is None and each.caused_at is None) or each.order.rank is None:
                return
        else:
            row = self.orders[id] = row_of(id, told)
            if told.newest is None:
                return
            rank, facts = told.newest
            each = Affected(row, completed(row, facts), True, rank.updated_at, rank.observed_at)
        known = self.lines.setdefault(id, {})
        lines = None if each.facts is None else [line_of(row_lines, each) for row_lines in each.facts.lines]
        for line in move_order(book, each, known, planned(lines, known), {}):
            known[line.id] = line

    def state(self) -> Mapping[str, object]:
        lines = [line for order in self.lines.values() for line in order.values()]
        return {
            "levels": {level.sku: (level.on_hand, level.reserved) for level in self.levels.values()},
            "lines": {line.id: line.target for line in lines if any(line.target)},
        }

    def check(self) -> None:
        """What has to hold after each transaction."""
        lines = [line for order in self.lines.values() for line in order.values()]
        for id, level in self.levels.items():
            assert level.on_hand == sum(each.delta for each in self.movements if each.variant_id == id)
            assert level.reserved == sum(line.target.reserved for line in lines if line.variant_id == id)
            for listing in self.listings[id]:
                assert push_of(listing, level) is None
                assert listing.believed == max(0, level.available)
        names = [each.id for each in self.movements]
        assert len(names) == len(set(names))


@dataclass(frozen=True)
class Adjusted:
    id: UUID
    sku: str
    delta: int
    at: datetime


def order_of(each: OrderFacts | OrderDeleted) -> UUID:
    return ids.order_id(ids.IntegrationId(each.integration_id), each.external_id)


def line_of(facts: LineFacts, each: Affected) -> Line:
    assert each.facts is not None
    assert facts.sku is not None
    figures = (facts.quantity, facts.fulfilled_quantity, facts.refunded_quantity, facts.restocked_quantity)
    return Line(
        facts.id,
        each.order.id,
        ORG,
        each.order.integration_id,
        variant(facts.sku),
        f"v-{facts.sku}",
        facts.sku,
        each.facts.placed_at,
        *figures,
    )


@st.composite
def the_same(draw: st.DrawFn, snapshot: OrderFacts) -> OrderFacts:
    """The same content once more at some time, perhaps in detail: with what was paid back of each line."""
    updated = draw(st.integers(0, 70))
    observed = updated + draw(st.integers(0, 5))
    detail = draw(st.sampled_from([0, 0, 1, 2]))
    return snapshot.model_copy(
        update={
            "version": Version(updated_at=at(updated), observed_at=at(observed), offset=draw(st.integers(5, 8))),
            "digest": f"{snapshot.digest}+{detail}" if detail else snapshot.digest,
            "lines": [
                each.model_copy(update={"refunded_quantity": each.refunded_quantity + detail})
                for each in snapshot.lines
            ],
        }
    )


@st.composite
def snapshots(draw: st.DrawFn, store: UUID, number: str) -> list[object]:
    """Deliveries of one order: its states over time, with edits, and perhaps its deletion."""
    placed = draw(st.integers(0, 40))
    found: list[object] = []
    order = ids.order_id(ids.IntegrationId(store), number)
    skus = draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=3))
    for version in range(draw(st.integers(1, 4))):
        updated = placed + draw(st.integers(0, 30))
        lines = [
            LineFacts(
                id=ids.line_id(order, str(index)),
                sku=sku,
                variant_external_id=f"v-{sku}",
                quantity=draw(st.integers(0, 4)),
                fulfilled_quantity=draw(st.integers(0, 4)),
                refunded_quantity=draw(st.integers(0, 2)),
                restocked_quantity=draw(st.integers(0, 2)),
            )
            for index, sku in enumerate(skus)
            if version == 0 or draw(st.booleans())
        ]
        status = draw(st.sampled_from(["pending", "processing", "completed", "cancelled", "refunded"]))
        found.append(
            OrderFacts(
                org_id=ORG,
                integration_id=store,
                platform=PLATFORMS[store],
                external_id=number,
                version=Version(
                    updated_at=at(updated), observed_at=at(updated + draw(st.integers(0, 5))), offset=version
                ),
                digest=draw(st.sampled_from(["", f"{number}-{version}"])),
                status=OrderStatus.CANCELLED if status == "cancelled" else OrderStatus.PROCESSING,
                platform_status=status,
                lines=lines,
                placed_at=at(placed),
            )
        )
    for each in [each for each in found if isinstance(each, OrderFacts) and each.digest]:
        found += draw(st.lists(the_same(each), max_size=3))
    if draw(st.booleans()):
        found.append(
            OrderDeleted(
                org_id=ORG,
                integration_id=store,
                platform=PLATFORMS[store],
                external_id=number,
                observed_at=at(placed + draw(st.integers(0, 40))),
                raw=RawRef(topic="raw.test", partition=0, offset=9),
            )
        )
    return found


@st.composite
def stories(draw: st.DrawFn) -> list[object]:
    events: list[object] = []
    for number in range(draw(st.integers(1, 4))):
        events += draw(snapshots(draw(st.sampled_from(STORES)), str(number)))
    for _ in range(draw(st.integers(0, 3))):
        events.append(Adjusted(uuid4(), draw(st.sampled_from(SKUS)), draw(st.integers(-20, 20)), at(5000)))
    return events


def batches(events: Sequence[object], chance: random.Random) -> list[list[object]]:
    """The events shuffled, some repeated, cut into batches anywhere."""
    told = [*events, *chance.choices(events, k=chance.randint(0, len(events)))]
    chance.shuffle(told)
    found: list[list[object]] = [[]]
    for each in told:
        if chance.random() < 0.4:
            found.append([])
        found[-1].append(each)
    return found


class TestBook:
    @settings(max_examples=examples(150))
    @given(stories(), st.randoms(use_true_random=False), st.randoms(use_true_random=False))
    def test_the_way_there_does_not_matter(
        self, events: list[object], chance: random.Random, other: random.Random
    ) -> None:
        one, two = MemoryHub.stocked(), MemoryHub.stocked()
        for batch in batches(events, chance):
            one.apply(batch)
            one.check()
        for batch in batches(events, other):
            two.apply(batch)
            two.check()
        assert one.state() == two.state()

    def test_a_stores_own_order_is_not_told_to_it(self) -> None:
        hub = MemoryHub.stocked()
        book = hub.book()
        line = Line(
            uuid4(), uuid4(), ORG, STORES[0], variant("HAT"), "v-HAT", "HAT", at(100), 2, 0, 0, 0
        )  # fmt: skip
        sold = replace(line, target=target_of(claim=Claim.OPEN, quantity=2, fulfilled=0, refunded=0, restocked=0))
        assert book.move_line(None, sold, at=at(100), caused_at=at(101))
        told = book.pushes(T0)
        assert {push.listing.integration_id for push in told} == {STORES[1], STORES[2]}
        assert {(push.quantity, push.expected, push.caused_at) for push in told} == {(FIRST - 2, FIRST, at(101))}

    def test_an_order_that_our_push_overwrote_is_told_to_its_store_too(self) -> None:
        hub = MemoryHub.stocked()
        book = hub.book()
        for listing in book.listings[variant("HAT")]:
            book.confirm(listing, FIRST, 0, at(100.3))
        line = Line(uuid4(), uuid4(), ORG, STORES[0], variant("HAT"), "v-HAT", "HAT", at(100), 1, 0, 0, 0)
        sold = replace(line, target=target_of(claim=Claim.OPEN, quantity=1, fulfilled=0, refunded=0, restocked=0))
        book.move_line(None, sold, at=at(100), caused_at=at(101))
        assert len(book.pushes(T0)) == 3

    def test_the_report_observed_first_begins_the_ledger(self) -> None:
        hub = MemoryHub.stocked()
        book = hub.book()
        level, listings = hub.levels[variant("HAT")], hub.listings[variant("HAT")]
        assert (level.base_listing_id, level.on_hand) == (listings[0].id, FIRST)
        # One that was observed before turns up: it is what the ledger should have begun with.
        again = book.link(listings[1], Stated(400, at(2), at(2)), sold_since=0)
        assert again == {listings[0].id, listings[1].id}
        assert (level.base_listing_id, level.on_hand) == (listings[1].id, 400)

    def test_a_report_after_an_adjustment_begins_nothing(self) -> None:
        level = Level(ORG, variant("HAT"), "HAT")
        listing = listed()
        book = Book.of([level], [listing])
        book.adjust(variant("HAT"), 3, id=uuid4(), source="test", reason="counted", at=at(50))
        book.link(listing, Stated(40, at(60), at(60)), sold_since=0)
        assert level.on_hand == 3
        assert [(push.quantity, push.expected) for push in book.pushes(T0)] == [(3, 40)]

    def test_one_push_at_a_time_and_what_came_meanwhile_as_one(self) -> None:
        level = Level(ORG, variant("HAT"), "HAT", on_hand=50)
        listing = listed()
        level.decided_at, listing.believed = T0, 60
        told = []
        for sold, caused, now in ((0, 10, 100.0), (1, 20, 100.1), (2, 21, 100.9)):
            book = Book.of([level], [listing])
            level.reserved = sold
            book.touched.add(level.variant_id)
            book.caused[level.variant_id] = at(caused)
            told += [(push.quantity, push.caused_at) for push in book.pushes(at(now))]
        assert told == [(50, at(10))]
        # The store answers.
        listing.acked, listing.believed = listing.sequence, 50
        book = Book.of([level], [listing])
        book.touched.add(level.variant_id)
        assert [(push.quantity, push.caused_at) for push in book.pushes(at(101))] == [(48, at(20))]
        assert listing.waiting_since is None

    @pytest.mark.parametrize(
        ("pending", "has", "quantity", "after_s", "waits"),
        [
            (True, 50, 40, 0.0, True),
            (True, 50, 40, 1.9, True),
            (True, 50, 40, ONE_AT_A_TIME_S, False),  # it takes too long to answer
            (True, 50, 0, 0.0, False),  # nothing is left
            (False, 50, 49, 0.4, False),  # one of fifty
            (False, 1000, 991, 0.4, True),
            (False, 1000, 990, 0.4, False),
            (False, 1000, 991, 0.5, False),  # the next second
            (False, 991, 1000, 0.4, True),
            (False, None, 5, 0.4, False),
        ],
    )
    def test_when_a_push_may_wait(
        self, pending: bool, has: int | None, quantity: int, after_s: float, waits: bool
    ) -> None:
        listing = listed()
        listing.sequence = int(at(0.5).timestamp() * 1000)
        listing.acked = 0 if pending else listing.sequence
        listing.believed = has
        assert may_wait(listing, quantity, at(0.5 + after_s)) is waits

    def test_what_is_no_change_any_more_does_not_wait(self) -> None:
        level = Level(ORG, variant("HAT"), "HAT", on_hand=50)
        listing = listed()
        level.decided_at, listing.believed, listing.waiting_since = T0, 50, at(1)
        book = Book.of([level], [listing])
        book.touched.add(level.variant_id)
        assert book.pushes(at(2)) == []
        assert (listing.waiting_since, listing.changed) == (None, True)

    def test_sequences_go_on_above_the_old_ones_after_a_rebuild(self) -> None:
        def push(after: float) -> int:
            level = Level(ORG, variant("HAT"), "HAT")
            listing = listed()
            book = Book.of([level], [listing])
            for number in range(3):
                book.adjust(variant("HAT"), 3, id=uuid4(), source=str(number), reason="counted", at=at(50))
                (told,) = book.pushes(at(after + number * ONE_AT_A_TIME_S))
            return told.sequence

        # The tables were dropped in between: the listing begins anew.
        assert push(60) < push(60 + 3 * ONE_AT_A_TIME_S)
