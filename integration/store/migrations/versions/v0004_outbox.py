"""The outbox: what messages lead to at destinations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = "state <> 'delivered'"
_WAITING = "dispatched_at IS NULL AND state = 'pending'"


def upgrade() -> None:
    """Make the tables of the outbox."""
    op.create_table(
        "delivery",
        sa.Column("seq", _SEQ, autoincrement=False, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("destination", _TEXT, nullable=False),
        sa.Column("form", _TEXT, nullable=False),
        sa.Column("control_id", _TEXT, nullable=False),
        sa.Column("order_key", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("response", _TEXT, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejections", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rounds", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("queued_at", _TEXT, nullable=False),
        sa.Column("next_attempt_at", _TEXT, nullable=True),
        sa.Column("dispatched_at", _TEXT, nullable=True),
        sa.Column("finished_at", _TEXT, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("blob", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "parcel",
        sa.Column("seq", _SEQ, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("uq_delivery_id", "delivery", ["id"], unique=True)
    op.create_index("ix_delivery_message", "delivery", ["message_id"])
    _partial("ix_delivery_open", ["state", "id", "destination"], _OPEN)
    _partial("ix_delivery_waiting", ["destination", "seq"], _WAITING)


def _partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "delivery", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
