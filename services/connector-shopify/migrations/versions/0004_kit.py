"""The kit's tables: what was heard of each store."""

from longshore.platforms import migrations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrations.upgrade_0004("connector_shopify")


def downgrade() -> None:
    migrations.downgrade_0004("connector_shopify")
