"""What of a product's snapshots counts: the newest, with the newest detail, whatever batch they come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from longshore.contracts import Platform, ProductSnapshot, ProductStatus, ProductVariant, RawRef, Version
from longshore.money import money
from longshore_inventory.listings.rules import content_of, digest_of

_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def snapshot(at: int, digest: str, price: str | None, *, tracked: bool = True) -> ProductSnapshot:
    moment = _BEGIN + timedelta(seconds=at)
    return ProductSnapshot(
        org_id=UUID(int=1),
        integration_id=UUID(int=2),
        platform=Platform.SHOPIFY,
        external_id="7",
        version=Version(updated_at=moment, observed_at=moment, offset=at),
        raw=RawRef(topic="raw.shopify", partition=0, offset=at),
        digest=digest,
        title=digest,
        status=ProductStatus.ACTIVE,
        platform_status="active",
        variants=[
            ProductVariant(
                external_id="v",
                inventory_external_id="i",
                title="One size",
                price=None if price is None else money(price, "EUR"),
                tracked=tracked,
            )
        ],
        updated_at=moment,
    )


FETCHED = snapshot(1, "a+5", "5.00", tracked=False)
RENAMED = snapshot(2, "b", None)
AGAIN = snapshot(3, "b", None)
FETCHED_ANEW = snapshot(4, "b+6", "6.00", tracked=False)


class Shelf:
    """A product as it is kept: rank, digest, and what its one variant says."""

    def __init__(self) -> None:
        self.state: tuple[object, str, str, object, bool] = (None, "", "", None, True)

    def take(self, *batch: ProductSnapshot) -> None:
        rank, digest, _, price, tracked = self.state
        newest = max(batch, key=lambda each: each.version.key())
        detailed = max(
            (each for each in batch if "+" in each.digest), key=lambda each: each.version.key(), default=None
        )
        content = content_of(rank, digest, newest, detailed)
        if content is None:
            return
        ((variant, keeps),) = content.variants()
        kept = (price, tracked) if keeps and rank is not None else (variant.price, variant.tracked)
        self.state = (content.newest.version.key(), digest_of(digest, content), content.newest.title, *kept)


def applied(*batches: tuple[ProductSnapshot, ...]) -> Shelf:
    shelf = Shelf()
    for batch in batches:
        shelf.take(*batch)
    return shelf


ALL = (FETCHED, RENAMED, AGAIN, FETCHED_ANEW)


@pytest.mark.parametrize("until", range(1, 5))
def test_any_batching_of_what_comes_in_order_gives_the_same(until: int) -> None:
    given = ALL[:until]
    one_by_one = applied(*[(each,) for each in given]).state
    for cuts in range(1 << (until - 1)):
        edges = [0, *[n + 1 for n in range(until - 1) if cuts >> n & 1], until]
        batches = [given[start:end] for start, end in pairwise(edges)]
        assert applied(*batches).state == one_by_one, batches


def test_a_webhook_without_prices_leaves_those_that_are_known() -> None:
    _, digest, title, price, tracked = applied((FETCHED,), (RENAMED,)).state
    assert (digest, title) == ("b+5", "b")
    assert (price, tracked) == (FETCHED.variants[0].price, False)


def test_a_look_that_comes_late_fills_in_what_is_missing() -> None:
    late = snapshot(1, "b+6", "6.00", tracked=False)
    _, digest, _, price, _ = applied((AGAIN,), (late,)).state
    assert digest == "b+6"
    assert price == late.variants[0].price


def test_what_is_older_and_known_changes_nothing() -> None:
    before = applied((FETCHED,), (RENAMED,), (FETCHED_ANEW,))
    state = before.state
    before.take(FETCHED)
    before.take(RENAMED)
    assert before.state == state
