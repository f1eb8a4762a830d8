"""The kit's tables: tries of pushes, and done commands by age."""

from longshore.platforms import migrations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrations.upgrade_0002("connector_toy")


def downgrade() -> None:
    migrations.downgrade_0002("connector_toy")
