"""What an order's state claims of the stock, and what a line holds of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.contracts import OrderStatus, Platform
from longshore_inventory.orders.rules import (
    NOTHING,
    Claim,
    Linked,
    Target,
    claim_of,
    is_deleted,
    opening_of,
    settled_pieces,
    target_of,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LINE = UUID(int=1)


class TestClaimOf:
    @pytest.mark.parametrize(
        ("word", "status", "claim"),
        [
            ("pending", OrderStatus.PENDING, Claim.NONE),
            ("failed", OrderStatus.PENDING, Claim.NONE),
            ("checkout-draft", OrderStatus.PENDING, Claim.NONE),
            ("on-hold", OrderStatus.PENDING, Claim.OPEN),
            ("processing", OrderStatus.PROCESSING, Claim.OPEN),
            ("wc-processing", OrderStatus.PROCESSING, Claim.OPEN),
            ("completed", OrderStatus.FULFILLED, Claim.GONE),
            ("refunded", OrderStatus.REFUNDED, Claim.GONE),
            ("cancelled", OrderStatus.CANCELLED, Claim.RELEASED),
            ("trash", OrderStatus.CANCELLED, Claim.RELEASED),
            ("picking", OrderStatus.PROCESSING, Claim.OPEN),
            ("awaiting-supplier", OrderStatus.PENDING, Claim.OPEN),
            ("shipped", OrderStatus.FULFILLED, Claim.GONE),
        ],
    )
    def test_woocommerce_by_its_word(self, word: str, status: OrderStatus, claim: Claim) -> None:
        assert claim_of(Platform.WOOCOMMERCE, word, status) is claim

    @pytest.mark.parametrize("status", list(OrderStatus))
    def test_shopify_counts_line_by_line_until_it_cancels(self, status: OrderStatus) -> None:
        claim = claim_of(Platform.SHOPIFY, "whatever", status)
        assert claim is (Claim.RELEASED if status is OrderStatus.CANCELLED else Claim.OPEN)

    def test_the_custom_channel_reserves_what_is_unpaid(self) -> None:
        assert claim_of(Platform.API, "new", OrderStatus.PENDING) is Claim.OPEN
        assert claim_of(Platform.API, "done", OrderStatus.DELIVERED) is Claim.GONE


class TestTargetOf:
    @pytest.mark.parametrize(
        ("claim", "quantity", "fulfilled", "refunded", "restocked", "settled", "expected"),
        [
            (Claim.OPEN, 3, 0, 0, 0, 0, Target(3, 0, 0)),
            (Claim.NONE, 3, 0, 0, 0, 0, NOTHING),
            (Claim.OPEN, 0, 0, 0, 0, 0, NOTHING),
            (Claim.OPEN, 3, 1, 0, 0, 0, Target(2, 1, 0)),
            (Claim.OPEN, 3, 3, 0, 0, 0, Target(0, 3, 0)),
            (Claim.GONE, 3, 0, 0, 0, 0, Target(0, 3, 0)),
            (Claim.RELEASED, 3, 0, 0, 0, 0, NOTHING),
            (Claim.RELEASED, 3, 1, 0, 0, 0, Target(0, 1, 0)),
            # Shipped through Longshore and told by the store as well: once.
            (Claim.OPEN, 3, 0, 0, 0, 2, Target(1, 2, 0)),
            (Claim.OPEN, 3, 2, 0, 0, 2, Target(1, 2, 0)),
            (Claim.GONE, 3, 3, 0, 0, 2, Target(0, 3, 0)),
            # Refunded with restock: shipped goods come back, unshipped ones are owed no more.
            (Claim.OPEN, 3, 3, 1, 1, 0, Target(0, 3, 1)),
            (Claim.OPEN, 3, 0, 1, 1, 0, Target(2, 0, 0)),
            (Claim.GONE, 3, 3, 3, 3, 0, Target(0, 3, 3)),
            # Refunded without restock: nothing comes back, and what was not shipped is written off.
            (Claim.OPEN, 3, 3, 1, 0, 0, Target(0, 3, 0)),
            (Claim.OPEN, 3, 0, 1, 0, 0, Target(2, 1, 0)),
            # A webhook tells what was restocked before a look at the refund tells what was refunded.
            (Claim.OPEN, 3, 0, 0, 1, 0, Target(2, 0, 0)),
            # Figures beyond what was ordered.
            (Claim.OPEN, 2, 5, 9, 9, 9, Target(0, 2, 2)),
        ],
    )
    def test_table(
        self,
        claim: Claim,
        quantity: int,
        fulfilled: int,
        refunded: int,
        restocked: int,
        settled: int,
        expected: Target,
    ) -> None:
        assert target_of(claim, quantity, fulfilled, refunded, restocked, settled) == expected

    @given(
        st.sampled_from(Claim),
        st.integers(-2, 20),
        st.integers(-2, 25),
        st.integers(-2, 25),
        st.integers(-2, 25),
        st.integers(-2, 25),
    )
    def test_a_line_never_holds_more_than_was_ordered(
        self, claim: Claim, quantity: int, fulfilled: int, refunded: int, restocked: int, settled: int
    ) -> None:
        target = target_of(claim, quantity, fulfilled, refunded, restocked, settled)
        assert min(target) >= 0
        assert target.restocked <= target.shipped
        assert target.reserved + target.shipped <= max(0, quantity)
        if claim in (Claim.OPEN, Claim.GONE):
            # Sold pieces are gone from what can be sold, but for those that came back.
            assert target.taken == max(0, quantity) - min(max(0, quantity), max(0, restocked))


class TestOpeningOf:
    def opening(
        self, claim: Claim, target: Target, *, placed: int, updated: int, base: bool, cancelled: int = -1
    ) -> int:
        return opening_of(
            claim,
            target,
            5,
            placed_at=NOON + timedelta(seconds=placed),
            updated_at=NOON + timedelta(seconds=updated),
            cancelled_at=None if cancelled < 0 else NOON + timedelta(seconds=cancelled),
            linked=Linked(NOON + timedelta(seconds=100), base),
        )

    def test_an_order_after_the_report_has_none(self) -> None:
        assert self.opening(Claim.OPEN, Target(5, 0, 0), placed=101, updated=101, base=True) == 0

    def test_without_report_there_is_none(self) -> None:
        opening = opening_of(
            Claim.OPEN, Target(5, 0, 0), 5, placed_at=NOON, updated_at=NOON, cancelled_at=None, linked=None
        )
        assert opening == 0

    def test_the_first_store_had_taken_its_open_orders_already(self) -> None:
        assert self.opening(Claim.OPEN, Target(3, 2, 0), placed=50, updated=60, base=True) == 5

    def test_another_stores_open_orders_are_owed_still(self) -> None:
        assert self.opening(Claim.OPEN, Target(3, 2, 0), placed=50, updated=60, base=False) == 2

    def test_changed_since_counts_as_whole_at_the_first_store(self) -> None:
        assert self.opening(Claim.GONE, Target(0, 5, 0), placed=50, updated=200, base=True) == 5
        assert self.opening(Claim.RELEASED, NOTHING, placed=50, updated=200, base=True) == 5

    @pytest.mark.parametrize(
        ("claim", "taken", "returned", "updated", "expected"),
        [
            (Claim.OPEN, 5, 0, 60, 5),
            (Claim.OPEN, 0, 0, 60, 0),  # the store has not taken it
            (Claim.OPEN, 3, 0, 200, 3),
            (Claim.OPEN, 3, 2, 200, 5),  # restocked since
            (Claim.RELEASED, 0, 0, 200, 0),  # never taken
            (Claim.KEPT, 5, 0, 200, 5),
            (Claim.GONE, 9, 9, 200, 5),  # no more than was ordered
        ],
    )
    def test_the_first_store_says_what_it_had_taken(
        self, claim: Claim, taken: int, returned: int, updated: int, expected: int
    ) -> None:
        opening = opening_of(
            claim,
            Target(5, 0, 0),
            5,
            placed_at=NOON,
            updated_at=NOON + timedelta(seconds=updated),
            cancelled_at=None,
            linked=Linked(NOON + timedelta(seconds=100), is_base=True),
            taken=taken,
            returned=returned,
        )
        assert opening == expected

    def test_cancelled_before_the_report_took_nothing(self) -> None:
        assert self.opening(Claim.RELEASED, NOTHING, placed=50, updated=200, base=True, cancelled=60) == 0

    def test_shipped_since_is_shipped_from_our_stock(self) -> None:
        assert self.opening(Claim.GONE, Target(0, 5, 0), placed=50, updated=200, base=False) == 0


class TestIsDeleted:
    def test_holds_against_what_was_observed_before(self) -> None:
        assert is_deleted(NOON, NOON)
        assert is_deleted(None, NOON)
        assert not is_deleted(NOON + timedelta(seconds=1), NOON)
        assert not is_deleted(NOON, None)


class TestSettledPieces:
    def test_sums_but_for_those_called_off(self) -> None:
        found = settled_pieces([("1", {LINE: 1}), ("2", {LINE: 2}), (None, {LINE: 4})], frozenset({"2"}))
        assert found == {LINE: 5}
