"""What a connector's jobs are told to do: the payload of a job in the queue."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from longshore.contracts import Command, Contract, SyncResource
from longshore.platforms.protocols import Resource


class FetchWork(Contract):
    """Read an entity into the raw log."""

    kind: Literal["fetch"] = "fetch"
    resource: Resource
    external_id: str


class CommandWork(Contract):
    """Carry out a command (other than stock, which has its targets). `traceparent`: the trace in which it was asked."""

    kind: Literal["command"] = "command"
    command: Command
    traceparent: str | None = None


class StockWork(Contract):
    """Push all open stock targets of the store."""

    kind: Literal["stock"] = "stock"


class ConnectWork(Contract):
    """Check the connection, register webhooks, import the catalogue."""

    kind: Literal["connect"] = "connect"


class ProbeWork(Contract):
    """See whether a store that has shut us out lets us in again."""

    kind: Literal["probe"] = "probe"


class CheckWork(Contract):
    """See what the store lets us do now: it has told of a change."""

    kind: Literal["check"] = "check"


class RereadWork(Contract):
    """Read a resource whole: the record at this place of the raw log says that much of it has changed."""

    kind: Literal["reread"] = "reread"
    resource: SyncResource
    place: str


class WatchWork(Contract):
    """Look at the store's webhooks and put them right; for as long as it is connected."""

    kind: Literal["watch"] = "watch"


class DisconnectWork(Contract):
    """Remove the webhooks at the store, then forget the credentials."""

    kind: Literal["disconnect"] = "disconnect"


class PollWork(Contract):
    """Begin the incremental runs that are due; then come again."""

    kind: Literal["poll"] = "poll"


class SyncWork(Contract):
    """Go on with a sync run."""

    kind: Literal["sync"] = "sync"
    run_id: UUID


Work = (
    FetchWork
    | CommandWork
    | StockWork
    | ConnectWork
    | ProbeWork
    | CheckWork
    | RereadWork
    | WatchWork
    | DisconnectWork
    | SyncWork
    | PollWork
)

_work: TypeAdapter[Work] = TypeAdapter(Annotated[Work, Field(discriminator="kind")])


def read_work(payload: bytes) -> Work:
    """Parse a job's payload. Raises pydantic.ValidationError."""
    return _work.validate_json(payload)
