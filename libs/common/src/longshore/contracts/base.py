"""What all contracts share: the Pydantic base, platforms, where a snapshot comes from and how new it is."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Self, cast
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


def _to_utc(value: datetime) -> datetime:
    try:
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    except OverflowError:
        # The first or the last hours of all time, elsewhere.
        raise ValueError("in UTC it is beyond the years 1 to 9999") from None


# Written as RFC 3339 with a Z, microseconds where there are any: what Pydantic itself makes of UTC.
UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]


class Contract(BaseModel):
    """Base of every contract. Unknown fields are ignored: a newer producer may say more than we know."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, ser_json_inf_nan="null")

    # CloudEvents type, of those contracts that travel as an event of their own.
    event_type: ClassVar[str] = ""

    def to_json(self) -> bytes:
        """The bytes that go onto a topic."""
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Parse what came from a topic. Raises pydantic.ValidationError (without the input in its text)."""
        return cast("Self", cls.__pydantic_validator__.validate_json(data))


class Platform(StrEnum):
    """The kinds of store that Longshore talks to; `api` is the custom channel."""

    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    API = "api"


class Origin(StrEnum):
    """How a raw record reached us."""

    WEBHOOK = "webhook"
    FETCH = "fetch"
    API = "api"


class RawRef(Contract):
    """The raw record that a snapshot was made of: its place in the raw log."""

    topic: str
    partition: int
    offset: int
    origin: Origin = Origin.WEBHOOK


class Version(Contract):
    """How new a snapshot is: compared in the order of its fields (ARCHITECTURE, the stream, rule 3).

    `updated_at` is the store's own word (1 s resolution on both platforms), `observed_at` the time of delivery
    or of the fetch, `offset` the place in its partition of the raw log (all records of an entity share one).
    """

    updated_at: UtcDatetime
    observed_at: UtcDatetime
    offset: int

    def key(self) -> tuple[datetime, datetime, int]:
        """To compare by."""
        return (self.updated_at, self.observed_at, self.offset)

    def __lt__(self, other: Version) -> bool:
        return self.key() < other.key()


class Snapshot(Contract):
    """What every normalized snapshot carries: whose it is, how new, from which raw record, and its digest.

    `digest` covers the content alone (not version, raw, updated-at or ids of ours): same digest, same content.
    It is `X`, or `X+Y` where one way of reading the entity tells more than another (a fetched WooCommerce order its
    refunds' lines): X covers what all ways know, Y the rest. So X and X+Y say the same as far as both know: they do not
    contradict each other, and whoever has X+Y learns nothing from a newer X but its version, and keeps the detail;
    whoever has X takes the content of X+Y, even one observed earlier. See contracts/digest.py.
    `problems` names fields of the store's record that could not be read; the rest of the snapshot is good.
    """

    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    version: Version
    raw: RawRef
    digest: str = ""
    problems: list[str] = []
