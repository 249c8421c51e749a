"""The search index holds keyed marks; what it held in clear goes, and is made anew by who has the keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Empty the index, and say that it has to be made again (`store.reindexing`)."""
    op.create_table(
        "index_rebuild",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("after_seq", _SEQUENCE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        # What is deleted is overwritten, or it could still be read in the file.
        connection.execute(sa.text("PRAGMA secure_delete = ON"))
    connection.execute(sa.text("DELETE FROM resource_index"))
    connection.execute(
        sa.text(
            "INSERT INTO index_rebuild (id, after_seq)"
            " SELECT 1, 0 WHERE EXISTS (SELECT 1 FROM resource_version)"
        )
    )


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
