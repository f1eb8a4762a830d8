"""What subscribers share: read each record by its type, and set aside what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import ValidationError

from longshore.broker.errors import describe
from longshore.broker.policy import Rejected
from longshore.broker.records import Record
from longshore.contracts import Contract

C = TypeVar("C", bound=Contract)


def read_contracts(
    records: Iterable[Record], types: Mapping[str, type[C]], rejected: list[Rejected], *, nothing_else: bool = False
) -> Iterator[tuple[Record, C]]:
    """(record, contract) of those whose `ce_type` is among `types`, in order; what cannot be read, into `rejected`.

    Other types are passed over, for a topic may carry what a subscriber has no use for; with `nothing_else` they are
    rejected. One at a time: who needs little of each need not keep them all.
    """
    for record in records:
        model = types.get(record.headers.get("ce_type", ""))
        if model is None:
            if nothing_else:
                rejected.append(Rejected(record, "no type that is known on this topic"))
            continue
        try:
            contract = model.from_json(record.value)
        except ValidationError as error:
            rejected.append(Rejected(record, describe(error), error))
        else:
            yield record, contract
