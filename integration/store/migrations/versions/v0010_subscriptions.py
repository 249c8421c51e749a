"""Our Subscriptions at the channels' servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "subscription",
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("style", _TEXT, nullable=False),
        sa.Column("server_id", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("ends", _TEXT, nullable=True),
        sa.Column("heartbeat_seconds", sa.Integer(), nullable=True),
        sa.Column("registered_at", _TEXT, nullable=False),
        sa.Column("checked_at", _TEXT, nullable=False),
        sa.Column("heard_at", _TEXT, nullable=True),
        sa.Column("events", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "subject"),
    )


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
