"""The kit's tables: sync runs."""

from longshore.platforms import migrations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrations.upgrade_0003("connector_shopify")


def downgrade() -> None:
    migrations.downgrade_0003("connector_shopify")
