from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from longshore.contracts import (
    Platform,
    SyncMode,
    SyncRun,
    SyncStatus,
    SyncTrigger,
    WebhookRepair,
    WebhooksRepaired,
    WebhookStatus,
)
from longshore.problems import Problem
from longshore_order_sync.syncs.rules import concerned, repair_run_id, retried, serving


def run(resource: str, mode: str, **more: object) -> SyncRun:
    return SyncRun.model_validate(
        {
            "id": uuid4(),
            "integration_id": uuid4(),
            "resource": resource,
            "mode": mode,
            "trigger": SyncTrigger.REQUEST,
            "status": SyncStatus.RUNNING,
            "created_at": datetime(2026, 11, 28, tzinfo=UTC),
        }
        | more
    )


@pytest.mark.parametrize(
    ("under_way", "asked", "served"),
    [
        ("full", "full", True),
        ("full", "incremental", True),
        ("incremental", "incremental", True),
        # What has changed is not all.
        ("incremental", "full", False),
    ],
)
def test_a_run_serves_who_asks_for_no_more_than_it_reads(under_way: str, asked: str, served: bool) -> None:
    found = serving([run("orders", under_way)], "orders", SyncMode(asked))
    assert (found is not None) is served


def test_another_resource_does_not_serve() -> None:
    assert serving([run("products", "full")], "orders", SyncMode.FULL) is None


def repaired(*topics: str) -> WebhooksRepaired:
    return WebhooksRepaired(
        integration_id=UUID(int=1),
        org_id=UUID(int=2),
        platform=Platform.WOOCOMMERCE,
        webhooks=[WebhookRepair(topic=each, was=WebhookStatus.DISABLED) for each in topics],
        at=datetime(2026, 11, 28, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("topics", "read"),
    [
        (["order.created", "order.updated"], ["orders"]),
        (["customer.updated", "product.updated"], ["products", "customers"]),
        (["refunds/create"], ["orders"]),
        (["INVENTORY_LEVELS_UPDATE", "orders/create"], ["inventory", "orders"]),
        (["app/uninstalled"], []),
    ],
)
def test_what_may_have_changed_without_a_word(topics: list[str], read: list[str]) -> None:
    assert concerned(repaired(*topics)) == read


def test_an_event_that_comes_again_names_the_same_runs() -> None:
    event = repaired("order.created")
    assert repair_run_id(event, "orders") == repair_run_id(event.model_copy(), "orders")
    assert repair_run_id(event, "orders") != repair_run_id(event, "products")


def test_a_run_of_failed_items_serves_nothing_else() -> None:
    assert serving([run("orders", "incremental", items_of=uuid4())], "orders", SyncMode.INCREMENTAL) is None


class TestRetried:
    FAILED: ClassVar = [{"resource": "order", "external_id": "7", "code": "broken", "detail": "It is broken."}]
    OVER = datetime(2026, 11, 28, 1, tzinfo=UTC)

    def test_the_one_under_way_is_enough(self) -> None:
        over = run("orders", "full", failed_items=self.FAILED, finished_at=self.OVER)
        again, other = (run("orders", "incremental", items_of=id) for id in (over.id, uuid4()))
        assert retried(over, [other]) is None
        assert retried(over, [other, again]) is again

    @pytest.mark.parametrize(
        ("more", "type"),
        [({"failed_items": FAILED}, "run-under-way"), ({"finished_at": OVER}, "nothing-failed")],
    )
    def test_there_must_be_something_to_read(self, more: dict[str, object], type: str) -> None:
        with pytest.raises(Problem) as problem:
            retried(run("orders", "full", **more), [])
        assert (problem.value.status, problem.value.type) == (409, f"/problems/{type}")
