"""The first migration of every connector: its tables of the kit. A connector's 0001 calls `upgrade(schema)`."""

from __future__ import annotations

from alembic import op

from longshore.platforms.tables import connector_metadata


def upgrade(schema: str) -> None:
    """Create the kit's tables as of revision 0001."""
    connector_metadata(schema).create_all(op.get_bind())


def downgrade(schema: str) -> None:
    """Drop them."""
    connector_metadata(schema).drop_all(op.get_bind())
