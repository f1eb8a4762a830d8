"""The migrations of every connector's tables of the kit: its 0001 calls `upgrade`, its 0002 `upgrade_0002`, and so on.

Written out, not made from tables.py: this is what the revisions were, whatever the tables become.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def upgrade(schema: str) -> None:
    """Create the kit's tables as of revision 0001."""
    op.create_table(
        "stock_targets",
        sa.Column("listing_id", sa.Uuid, primary_key=True),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("done_sequence", sa.BigInteger, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        schema=schema,
    )
    op.create_index(
        "stock_targets_open",
        "stock_targets",
        ["integration_id", "due_at"],
        schema=schema,
        postgresql_where=sa.text("done_sequence < sequence"),
    )
    op.create_table(
        "done_commands",
        sa.Column("command_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        schema=schema,
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("org_id", sa.Uuid, comment="the organisation of the message, from its headers"),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", postgresql.JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=schema,
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.0", "autovacuum_vacuum_threshold": "5000"},
    )


def downgrade(schema: str) -> None:
    """Drop them."""
    for name in ("outbox", "done_commands", "stock_targets"):
        op.drop_table(name, schema=schema)


def upgrade_0002(schema: str) -> None:
    """Tries of pushes are noted before they are made; what is done is found by its age, to be pruned."""
    op.add_column(
        "stock_targets",
        sa.Column("tried", postgresql.ARRAY(sa.BigInteger), nullable=False, server_default="{}"),
        schema=schema,
    )
    op.create_index("done_commands_by_age", "done_commands", ["done_at"], schema=schema)


def downgrade_0002(schema: str) -> None:
    """Back to revision 0001."""
    op.drop_index("done_commands_by_age", "done_commands", schema=schema)
    op.drop_column("stock_targets", "tried", schema=schema)


def upgrade_0003(schema: str) -> None:
    """Sync runs with their checkpoints, what they could not read, and where the next ones begin."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sync_runs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reply_to", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("since", moment),
        sa.Column("asked_at", moment),
        sa.Column("mark", sa.Text),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("busy_s", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("error", postgresql.JSONB),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("progressed_at", moment, nullable=False),
        sa.Column("started_at", moment),
        sa.Column("finished_at", moment),
        schema=schema,
    )
    op.create_index("sync_runs_of_store", "sync_runs", ["integration_id", "resource", "created_at"], schema=schema)
    op.create_index("sync_runs_by_age", "sync_runs", ["finished_at"], schema=schema)
    op.create_table(
        "sync_items",
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("resource", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("noted_at", moment, nullable=False),
        schema=schema,
    )
    op.create_table(
        "sync_marks",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("resource", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("since", moment),
        sa.Column("mark", sa.Text),
        sa.Column("read_at", moment, nullable=False),
        schema=schema,
    )


def downgrade_0003(schema: str) -> None:
    """Back to revision 0002."""
    for name in ("sync_marks", "sync_items", "sync_runs"):
        op.drop_table(name, schema=schema)


def upgrade_0004(schema: str) -> None:
    """When each store was last heard, and how many deliveries were missed since."""
    op.create_table(
        "heard",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("resource", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True)),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True)),
        schema=schema,
    )


def downgrade_0004(schema: str) -> None:
    """Back to revision 0003."""
    op.drop_table("heard", schema=schema)


def upgrade_0005(schema: str) -> None:
    """Runs that read what another one could not; what is left of each store's rate limit."""
    op.add_column("sync_runs", sa.Column("items_of", sa.Uuid), schema=schema)
    op.create_table(
        "limits",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("rate", sa.Float, nullable=False),
        sa.Column("capacity", sa.Float, nullable=False),
        sa.Column("level", sa.Float, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted", sa.Float, nullable=False),
        schema=schema,
    )


def downgrade_0005(schema: str) -> None:
    """Back to revision 0004."""
    op.drop_table("limits", schema=schema)
    op.drop_column("sync_runs", "items_of", schema=schema)
