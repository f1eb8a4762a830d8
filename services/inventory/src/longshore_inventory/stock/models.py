"""Tables of the ledger: levels, movements, what stores report and are believed to have, alerts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_inventory.database import metadata

# One row per variant and location; whoever moves a variant locks its row first, in the order of variant ids.
levels = Table(
    "levels",
    metadata,
    Column("variant_id", Uuid, primary_key=True),
    Column("location", Text, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("sku", Text, nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    # The listing whose store's first report the ledger began with.
    Column("base_listing_id", Uuid),
    Column("base_observed_at", DateTime(timezone=True)),
    Column("base_quantity", BigInteger, nullable=False),
    # When stock was first adjusted by hand.
    Column("decided_at", DateTime(timezone=True)),
    # Levels change with every order: leave room beside them, so that indexes need not change with them.
    postgresql_with={"fillfactor": "50"},
)

movements = Table(
    "movements",
    metadata,
    # Follows from the cause, so that the same cause moves stock once (see book.py); random for what people ask for.
    Column("id", Uuid, primary_key=True),
    # In the order of entry.
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("org_id", Uuid, nullable=False),
    Column("variant_id", Uuid, nullable=False),
    Column("location", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    # What was asked for, of an adjustment: a repeated request is recognised by its id and compared by this.
    Column("request", JSONB),
    Index("movements_of_variant", "variant_id", "number"),
    Index("movements_listed", "org_id", "number"),
)

# What each store says it has, per inventory item and location ("" where it has none), whether or not it is listed yet.
reports = Table(
    "reports",
    metadata,
    Column("integration_id", Uuid, primary_key=True),
    Column("inventory_external_id", Text, primary_key=True),
    Column("location", Text, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("first_quantity", BigInteger, nullable=False),
    Column("first_as_of", DateTime(timezone=True), nullable=False),
    Column("first_observed_at", DateTime(timezone=True), nullable=False),
    # Where in the raw log the first is; NULL of those that were kept before these columns were.
    Column("first_partition", Integer),
    Column("first_offset", BigInteger),
    Column("quantity", BigInteger, nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("raw_offset", BigInteger, nullable=False),
    # Whether the item is (still) stocked there, as last told.
    Column("stocked", Boolean, nullable=False, server_default=text("true")),
    # Whether the newest was read from the store, not delivered by it.
    Column("fetched", Boolean, nullable=False, server_default=text("false")),
    postgresql_with={"fillfactor": "70"},
)

# What we believe each store has of a listing, and what it was told: see rules.StoreListing.
store_levels = Table(
    "store_levels",
    metadata,
    Column("listing_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("linked_at", DateTime(timezone=True)),
    Column("linked_observed_at", DateTime(timezone=True)),
    Column("believed", BigInteger),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("pushed_at", DateTime(timezone=True)),
    Column("pushed_quantity", BigInteger),
    Column("sequence", BigInteger, nullable=False),
    Column("acked", BigInteger, nullable=False),
    Column("location", Text),
    Column("elsewhere", BigInteger, nullable=False),
    # What the store said last, and since when that differs from what we believe.
    Column("reported", BigInteger),
    Column("reported_as_of", DateTime(timezone=True)),
    Column("differs_since", DateTime(timezone=True)),
    Column("failed", Boolean, nullable=False),
    Column("sold", BigInteger, nullable=False, server_default=text("0")),
    Column("anchored_at", DateTime(timezone=True)),
    Column("refuted", BigInteger),
    Column("fetched", Boolean, nullable=False, server_default=text("false")),
    Column("asked_at", DateTime(timezone=True)),
    Column("waiting_since", DateTime(timezone=True)),
    Index("store_levels_differing", "differs_since", postgresql_where=text("differs_since IS NOT NULL")),
    Index("store_levels_waiting", "waiting_since", postgresql_where=text("waiting_since IS NOT NULL")),
    postgresql_with={"fillfactor": "50"},
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    # What it is about: one alert of a kind for each.
    Column("subject", Text, nullable=False),
    Column("sku", Text),
    Column("variant_id", Uuid),
    Column("order_id", Uuid),
    Column("integration_id", Uuid),
    Column("quantity", Integer),
    Column("detail", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("alerts_once", "org_id", "kind", "subject", unique=True),
    Index("alerts_listed", "org_id", "created_at", "id"),
)
