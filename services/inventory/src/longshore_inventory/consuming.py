"""What subscribers share: parse each record by its type, set aside what cannot be read, hand on the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from longshore.broker import Record, Rejected, describe
from longshore.contracts import Contract


def parse(
    records: Sequence[Record], types: Mapping[str, type[Contract]]
) -> tuple[list[tuple[Record, Contract]], list[Rejected]]:
    """(record, contract) of those whose `ce_type` is among `types`, in order; and those that are not what they say.

    Other types are passed over: a topic may carry what we have no use for.
    """
    read: list[tuple[Record, Contract]] = []
    rejected: list[Rejected] = []
    for record in records:
        model = types.get(record.headers.get("ce_type", ""))
        if model is None:
            continue
        try:
            read.append((record, model.from_json(record.value)))
        except ValidationError as error:
            rejected.append(Rejected(record, describe(error), error))
    return read, rejected
