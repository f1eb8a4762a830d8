"""Table of the stock pushes that this service has sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_inventory.database import metadata

commands = Table(
    "commands",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("listing_id", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    # Where the oversell window begins and ends: when the sale reached us, and when this or a newer push landed.
    Column("caused_at", DateTime(timezone=True)),
    Column("landed_at", DateTime(timezone=True)),
    # Was sent to the store, and its answer was lost: it may have taken effect.
    Column("answer_lost", Boolean, nullable=False, server_default=text("false")),
    # What the store's own orders had taken off our belief when it was asked for; NULL: it compared nothing.
    Column("sold", BigInteger),
    Index("commands_listed", "org_id", "created_at", "id"),
    # To prune by: rows lie in the order in which they were made, so it costs a write next to nothing.
    Index("commands_by_age", "created_at", postgresql_using="brin"),
    Index("commands_in_the_air", "listing_id", "sequence", postgresql_where=text("landed_at IS NULL")),
)
