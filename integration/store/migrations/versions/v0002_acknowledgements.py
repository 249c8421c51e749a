"""Application acknowledgements that are owed, and where numbered links stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the two tables."""
    _application_ack()
    op.create_table(
        "sequence_link",
        sa.Column("link", _TEXT, nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("link"),
    )


def _application_ack() -> None:
    op.create_table(
        "application_ack",
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("route", _TEXT, nullable=False),
        sa.Column("condition", _TEXT, nullable=False),
        sa.Column("header", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("verdict", _TEXT, nullable=True),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("issues", _TEXT, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("decided_seq", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", _TEXT, nullable=True),
        sa.Column("sent_at", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index(
        "ix_application_ack_decided",
        "application_ack",
        ["decided_seq"],
        sqlite_where=sa.text("decided_seq IS NOT NULL"),
        postgresql_where=sa.text("decided_seq IS NOT NULL"),
    )
    op.create_index(
        "ix_application_ack_due",
        "application_ack",
        ["decided_seq"],
        sqlite_where=sa.text("state = 'due' AND route <> 'return'"),
        postgresql_where=sa.text("state = 'due' AND route <> 'return'"),
    )


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
