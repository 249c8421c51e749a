"""What our resources are at FHIR destinations, what destinations said, and what trials there showed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "counterpart",
        sa.Column("destination", _TEXT, nullable=False),
        sa.Column("reference", _TEXT, nullable=False),
        sa.Column("remote_id", _TEXT, nullable=False),
        sa.Column("remote_version", _TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("written_at", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("destination", "reference"),
    )
    op.create_table(
        "refusal",
        sa.Column("delivery_id", _TEXT, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    op.create_table(
        "destination_proof",
        sa.Column("destination", _TEXT, nullable=False),
        sa.Column("base", _TEXT, nullable=False),
        sa.Column("tried_at", _TEXT, nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("report", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("destination"),
    )


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
