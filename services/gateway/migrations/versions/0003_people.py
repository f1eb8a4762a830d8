"""People, their sessions, and how often somebody has tried to be one of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0020"
branch_labels = None
depends_on = None

SCHEMA = "gateway"
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("disabled_at", Moment),
        sa.Column("last_login_at", Moment),
        schema=SCHEMA,
    )
    op.create_index("users_list", "users", ["org_id", "created_at", "id"], schema=SCHEMA)
    op.create_table(
        "invitations",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey(f"{SCHEMA}.users.id"), nullable=False, unique=True),
        sa.Column("expires_at", Moment, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey(f"{SCHEMA}.users.id"), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
        schema=SCHEMA,
    )
    op.create_index("sessions_of_user", "sessions", ["user_id"], schema=SCHEMA)
    op.create_index("sessions_past", "sessions", ["expires_at"], schema=SCHEMA)
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column(
            "session_id",
            sa.Uuid,
            sa.ForeignKey(f"{SCHEMA}.sessions.id", ondelete="CASCADE"),
            nullable=False,
            index=False,
        ),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("used_at", Moment),
        schema=SCHEMA,
    )
    op.create_index("refresh_tokens_of_session", "refresh_tokens", ["session_id"], schema=SCHEMA)
    op.create_table(
        "login_attempts",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", Moment, nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for name in ("login_attempts", "refresh_tokens", "sessions", "invitations", "users"):
        op.drop_table(name, schema=SCHEMA)
