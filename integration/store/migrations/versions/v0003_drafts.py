"""Documents to be read, answers of models, drafts of documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the three tables."""
    _extraction()
    op.create_table(
        "document_draft",
        sa.Column("document", _TEXT, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("message_id", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("document", "type", "id"),
    )
    op.create_table(
        "model_run",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("task", _TEXT, nullable=False),
        sa.Column("model", _TEXT, nullable=False),
        sa.Column("at", _TEXT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _extraction() -> None:
    op.create_table(
        "extraction",
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("order_key", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("dispatched_at", _TEXT, nullable=True),
        sa.Column("finished_at", _TEXT, nullable=True),
        sa.Column("reason", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("message_id"),
    )
    waiting = sa.text("dispatched_at IS NULL AND state = 'received'")
    op.create_index(
        "ix_extraction_waiting", "extraction", ["seq"], sqlite_where=waiting, postgresql_where=waiting
    )
    is_open = sa.text("state = 'received'")
    op.create_index(
        "ix_extraction_open", "extraction", ["message_id"], sqlite_where=is_open, postgresql_where=is_open
    )


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
