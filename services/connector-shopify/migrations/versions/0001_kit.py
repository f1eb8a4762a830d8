"""The tables of the connector kit; pgqueuer installs its own beside them."""

from longshore.platforms import migrations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrations.upgrade("connector_shopify")


def downgrade() -> None:
    migrations.downgrade("connector_shopify")
