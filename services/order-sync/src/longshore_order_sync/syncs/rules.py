"""Which run answers a request, and which are begun when webhooks were put right. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid5

from longshore.contracts import SyncMode, SyncResource, SyncRun, WebhooksRepaired
from longshore.problems import Problem

# What topics begin with, on every platform, and what tells of the same when it is polled.
_RESOURCES: dict[str, tuple[SyncResource, ...]] = {
    "order": ("orders",),
    "refund": ("orders",),
    "fulfillment": ("orders",),
    "product": ("products",),
    "inventory": ("inventory",),
    "customer": ("customers",),
}


def serving(open_runs: Iterable[SyncRun], resource: SyncResource, mode: SyncMode) -> SyncRun | None:
    """The run under way that reads what is asked for: the same resource, and whole if all of it is wanted."""
    for run in open_runs:
        if (
            run.items_of is None
            and run.resource == resource
            and (run.mode is SyncMode.FULL or mode is SyncMode.INCREMENTAL)
        ):
            return run
    return None


def retried(run: SyncRun, under_way: Iterable[SyncRun]) -> SyncRun | None:
    """The run under way that reads what `run` could not, if one does. Raises Problem if there is nothing to read."""
    if run.finished_at is None:
        raise Problem(
            409, "The run is not over yet: it asks for such items once more at its end.", type="run-under-way"
        )
    if not run.failed_items:
        raise Problem(409, "There is nothing that this run could not read.", type="nothing-failed")
    return next((each for each in under_way if each.items_of == run.id), None)


def concerned(event: WebhooksRepaired) -> list[SyncResource]:
    """What may have changed without a word while these webhooks were out of order; stock before orders, as runs of a
    store follow each other."""
    topics = [each.topic.lower() for each in event.webhooks]
    found = {
        resource
        for begins, resources in _RESOURCES.items()
        if any(topic.startswith(begins) for topic in topics)
        for resource in resources
    }
    order: tuple[SyncResource, ...] = ("products", "inventory", "orders", "customers")
    return [each for each in order if each in found]


def repair_run_id(event: WebhooksRepaired, resource: SyncResource) -> UUID:
    """The same whenever the event is read."""
    return uuid5(event.integration_id, f"repair/{event.at.isoformat()}/{resource}")
