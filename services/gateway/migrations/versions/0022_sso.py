"""Single sign-on: logins that have begun, and who somebody is at the provider."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SCHEMA = "gateway"
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "oidc_flows",
        sa.Column("state", sa.Text, primary_key=True),
        sa.Column("browser", sa.Text, nullable=False),
        sa.Column("return_to", sa.Text),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("used_at", Moment),
        schema=SCHEMA,
    )
    op.create_index("oidc_flows_past", "oidc_flows", ["expires_at"], schema=SCHEMA)
    op.create_table(
        "oidc_identities",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey(f"{SCHEMA}.users.id"), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("oidc_identities_of_user", "oidc_identities", ["user_id", "issuer"], unique=True, schema=SCHEMA)


def downgrade() -> None:
    for name in ("oidc_identities", "oidc_flows"):
        op.drop_table(name, schema=SCHEMA)
