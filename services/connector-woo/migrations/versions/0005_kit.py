"""The kit's tables: runs that read what another one could not, and shared rate limits."""

from longshore.platforms import migrations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrations.upgrade_0005("connector_woo")


def downgrade() -> None:
    migrations.downgrade_0005("connector_woo")
