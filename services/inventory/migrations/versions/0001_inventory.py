"""Catalogue, order lines, ledger, store levels, pushes, alerts and the outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("org_id", sa.Uuid, comment="the organisation of the message, from its headers"),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", postgresql.JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.0", "autovacuum_vacuum_threshold": "5000"},
    )
    op.create_table(
        "channels",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("buffer", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("parent_external_id", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("platform_status", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
        sa.Column("observed_at", sa.DateTime(timezone=True)),
        sa.Column("raw_offset", sa.BigInteger),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True)),
        sa.Column("deleted", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("products_listed", "products", ["org_id", "id"], schema=SCHEMA)
    op.create_table(
        "variants",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("variants_by_sku", "variants", ["org_id", "sku"], schema=SCHEMA, unique=True)
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("product_id", sa.Uuid, nullable=False),
        sa.Column("product_external_id", sa.Text, nullable=False),
        sa.Column("parent_external_id", sa.Text),
        sa.Column("variant_external_id", sa.Text, nullable=False),
        sa.Column("inventory_external_id", sa.Text, nullable=False),
        sa.Column("variant_id", sa.Uuid),
        sa.Column("sku", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("barcode", sa.Text),
        sa.Column("price", postgresql.JSONB),
        sa.Column("tracked", sa.Boolean, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("listings_by_inventory", "listings", ["integration_id", "inventory_external_id"], schema=SCHEMA)
    op.create_index("listings_listed", "listings", ["org_id", "id"], schema=SCHEMA)
    op.create_index("listings_of_product", "listings", ["product_id"], schema=SCHEMA)
    op.create_index(
        "listings_of_variant",
        "listings",
        ["variant_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("variant_id IS NOT NULL"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
        sa.Column("observed_at", sa.DateTime(timezone=True)),
        sa.Column("raw_offset", sa.BigInteger),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True)),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True)),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("void_fulfillments", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("details", postgresql.JSONB),
        schema=SCHEMA,
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("variant_id", sa.Uuid),
        sa.Column("variant_external_id", sa.Text),
        sa.Column("sku", sa.Text),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("fulfilled", sa.Integer, nullable=False),
        sa.Column("refunded", sa.Integer, nullable=False),
        sa.Column("returned", sa.Integer, nullable=False),
        sa.Column("reserved", sa.Integer, nullable=False),
        sa.Column("shipped", sa.Integer, nullable=False),
        sa.Column("restocked", sa.Integer, nullable=False),
        sa.Column("opening", sa.Integer, nullable=False),
        sa.Column("moves", sa.Integer, nullable=False),
        sa.Column("oversold", sa.Integer, nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        "order_lines_open",
        "order_lines",
        ["variant_id", "placed_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("reserved > 0 OR oversold > 0"),
    )
    op.create_index("order_lines_sold", "order_lines", ["variant_id", "integration_id", "placed_at"], schema=SCHEMA)
    op.create_index(
        "order_lines_without_sku",
        "order_lines",
        ["integration_id", "variant_external_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("sku IS NULL"),
    )
    op.create_table(
        "fulfillments",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("lines", postgresql.JSONB),
        sa.Column("succeeded", sa.Boolean),
        sa.Column("external_id", sa.Text),
        schema=SCHEMA,
    )
    op.create_index("fulfillments_of_order", "fulfillments", ["order_id"], schema=SCHEMA)
    op.create_table(
        "commands",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("listing_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", postgresql.JSONB),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("caused_at", sa.DateTime(timezone=True)),
        sa.Column("landed_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )
    op.create_index(
        "commands_in_the_air",
        "commands",
        ["listing_id", "sequence"],
        schema=SCHEMA,
        postgresql_where=sa.text("landed_at IS NULL"),
    )
    op.create_index("commands_listed", "commands", ["org_id", "created_at", "id"], schema=SCHEMA)
    op.create_table(
        "levels",
        sa.Column("variant_id", sa.Uuid, primary_key=True),
        sa.Column("location", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("base_listing_id", sa.Uuid),
        sa.Column("base_observed_at", sa.DateTime(timezone=True)),
        sa.Column("base_quantity", sa.BigInteger, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "movements",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("variant_id", sa.Uuid, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", postgresql.JSONB),
        schema=SCHEMA,
    )
    op.create_index("movements_listed", "movements", ["org_id", "number"], schema=SCHEMA)
    op.create_index("movements_of_variant", "movements", ["variant_id", "number"], schema=SCHEMA)
    op.create_table(
        "reports",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("inventory_external_id", sa.Text, primary_key=True),
        sa.Column("location", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("first_quantity", sa.BigInteger, nullable=False),
        sa.Column("first_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw_offset", sa.BigInteger, nullable=False),
        schema=SCHEMA,
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "store_levels",
        sa.Column("listing_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True)),
        sa.Column("linked_observed_at", sa.DateTime(timezone=True)),
        sa.Column("believed", sa.BigInteger),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("pushed_at", sa.DateTime(timezone=True)),
        sa.Column("pushed_quantity", sa.BigInteger),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("acked", sa.BigInteger, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("elsewhere", sa.BigInteger, nullable=False),
        sa.Column("reported", sa.BigInteger),
        sa.Column("reported_as_of", sa.DateTime(timezone=True)),
        sa.Column("differs_since", sa.DateTime(timezone=True)),
        sa.Column("failed", sa.Boolean, nullable=False),
        schema=SCHEMA,
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "store_levels_differing",
        "store_levels",
        ["differs_since"],
        schema=SCHEMA,
        postgresql_where=sa.text("differs_since IS NOT NULL"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sku", sa.Text),
        sa.Column("variant_id", sa.Uuid),
        sa.Column("order_id", sa.Uuid),
        sa.Column("integration_id", sa.Uuid),
        sa.Column("quantity", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_index("alerts_listed", "alerts", ["org_id", "created_at", "id"], schema=SCHEMA)
    op.create_index("alerts_once", "alerts", ["org_id", "kind", "subject"], schema=SCHEMA, unique=True)


def downgrade() -> None:
    op.drop_table("alerts", schema=SCHEMA)
    op.drop_table("store_levels", schema=SCHEMA)
    op.drop_table("reports", schema=SCHEMA)
    op.drop_table("movements", schema=SCHEMA)
    op.drop_table("levels", schema=SCHEMA)
    op.drop_table("commands", schema=SCHEMA)
    op.drop_table("fulfillments", schema=SCHEMA)
    op.drop_table("order_lines", schema=SCHEMA)
    op.drop_table("orders", schema=SCHEMA)
    op.drop_table("listings", schema=SCHEMA)
    op.drop_table("variants", schema=SCHEMA)
    op.drop_table("products", schema=SCHEMA)
    op.drop_table("channels", schema=SCHEMA)
    op.drop_table("outbox", schema=SCHEMA)
