"""Arguments as parts of a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from longshore.contracts import OrderStatus, Tracking
from longshore_client.requests import body_of, params_of, path_of

ID = UUID("6f1c0b9e-0000-4000-8000-000000000001")


def test_names_are_filled_in() -> None:
    assert path_of("/api/v1/orders/{order_id}/revisions", {"order_id": ID}) == f"/api/v1/orders/{ID}/revisions"


@pytest.mark.parametrize("given", ["a/b", "a?b=c", "a#b", "../system", "a%2fb", "ä"])
def test_a_name_cannot_lead_to_another_route(given: str) -> None:
    path = path_of("/api/v1/orders/{order_id}", {"order_id": given})
    assert path.count("/") == 4
    assert not set("?#") & set(path)


@pytest.mark.parametrize("given", ["", ".", ".."])
def test_what_is_no_name_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="order_id"):
        path_of("/api/v1/orders/{order_id}", {"order_id": given})


def test_query_parameters() -> None:
    at = datetime(2026, 11, 28, 12, tzinfo=timezone(timedelta(hours=1)))
    query = {"status": OrderStatus.PENDING, "id": ID, "limit": 3, "replayed": False, "after": at, "q": None}
    assert params_of(query) == {
        "status": "pending",
        "id": str(ID),
        "limit": "3",
        "replayed": "false",
        "after": "2026-11-28T12:00:00+01:00",
    }


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        params_of({"after": datetime(2026, 11, 28)})  # noqa: DTZ001  (that is the point)
    assert params_of({"after": datetime(2026, 11, 28, tzinfo=UTC)})


def test_a_body_leaves_out_what_was_not_given() -> None:
    body = {"lines": [{"line_id": ID}], "tracking": Tracking(number="1"), "notify_customer": None, "delta": 0}
    assert body_of(body) == {
        "lines": [{"line_id": str(ID)}],
        "tracking": {"number": "1", "carrier": None, "url": None},
        "delta": 0,
    }
    assert body_of(None) is None
