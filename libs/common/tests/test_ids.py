"""Ids are the same whenever they are computed, and never the same for two different things."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid4
from uuid import uuid5 as standard_uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore import ids
from longshore.ids import IntegrationId, OrderId, OrgId, uuid5, uuid7

NAMES = st.text(min_size=1, max_size=30)
ORG = OrgId(UUID(int=1))
STORE = IntegrationId(UUID(int=2))
ORDER = OrderId(UUID(int=3))

# Each kind of id, from one name.
KINDS: dict[str, Callable[[str], UUID]] = {
    "org": ids.org_id,
    "shopify store": lambda name: ids.integration_id(ORG, "shopify", name),
    "woocommerce store": lambda name: ids.integration_id(ORG, "woocommerce", name),
    "store of another": lambda name: ids.integration_id(OrgId(UUID(int=9)), "shopify", name),
    "variant": lambda name: ids.variant_id(ORG, name),
    "order": lambda name: ids.order_id(STORE, name),
    "order of another": lambda name: ids.order_id(IntegrationId(UUID(int=9)), name),
    "listing": lambda name: ids.listing_id(STORE, name),
    "product": lambda name: ids.entity_id(STORE, "product", name),
    "customer": lambda name: ids.entity_id(STORE, "customer", name),
    "line": lambda name: ids.line_id(ORDER, name),
    "line of another": lambda name: ids.line_id(OrderId(UUID(int=9)), name),
    "fulfillment": lambda name: ids.part_id(ORDER, "fulfillment", name),
    "refund": lambda name: ids.part_id(ORDER, "refund", name),
}


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_deterministic_and_no_two_alike(names: list[str]) -> None:
    made = {(kind, name): make(name) for kind, make in KINDS.items() for name in names}
    assert made == {(kind, name): make(name) for kind, make in KINDS.items() for name in names}
    assert len(set(made.values())) == len(made)
    assert {each.version for each in made.values()} == {5}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (ids.org_id("0" * 64), "4ea95132-0584-53d4-967d-56ce73725f6d"),
        (ids.integration_id(ORG, "shopify", "a.myshopify.com"), "2637e7af-9109-5bbc-9eda-4f5c8414d9a4"),
        (ids.order_id(STORE, "29"), "9f469834-1ef1-5adf-ad00-1514b8126563"),
        (ids.line_id(ORDER, "1"), "b65d3c89-84c3-5b51-bd46-fb0c18b1d755"),
        (ids.variant_id(ORG, "MUG"), "e85c9e4e-66eb-5e60-a9c7-558251eaa5e6"),
    ],
)
def test_they_stay_what_they_are(made: UUID, expected: str) -> None:
    """Changing them changes every id of every installation."""
    assert str(made) == expected


class TestUuid7:
    def test_rfc_9562(self) -> None:
        before = time.time_ns() // 1_000_000
        made = [uuid7() for _ in range(200)]
        after = time.time_ns() // 1_000_000
        for each in made:
            assert each.version == 7
            assert each.variant == uuid4().variant
            assert before <= each.int >> 80 <= after

    def test_unique_and_sorted_by_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1_790_000_000_000_000_000
        made = []
        for step in range(500):
            monkeypatch.setattr(time, "time_ns", lambda step=step: now + step * 1_000_000)
            made.append(uuid7())
        assert made == sorted(made)
        assert [str(each) for each in made] == sorted(str(each) for each in made)
        monkeypatch.undo()
        assert len({uuid7() for _ in range(5000)}) == 5000


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_uuid5_is_that_of_the_standard_library(namespace: UUID, name: str) -> None:
    assert uuid5(namespace, name) == standard_uuid5(namespace, name)
