"""The tables of the connector kit, as every connector makes them."""

from longshore.platforms import migrations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrations.upgrade("connector_toy")


def downgrade() -> None:
    migrations.downgrade("connector_toy")
