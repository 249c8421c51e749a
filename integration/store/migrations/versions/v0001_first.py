"""The tables of the first release: messages, audit, workers, results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables of the first release."""
    _message()
    _payload()
    _audit()
    _checkpoint()
    _message_ledger()
    _worker_heartbeat()
    _resource_version()
    _resource_index()
    _guard_audit()


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("seq", _SEQ, autoincrement=False, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("door_key", _TEXT, nullable=False),
        sa.Column("parent_id", _TEXT, nullable=True),
        sa.Column("resend_digest", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("peer", _TEXT, nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("control_id", _TEXT, nullable=False),
        sa.Column("trigger", _TEXT, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("processing_id", _TEXT, nullable=False),
        sa.Column("received_at", _TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("order_key", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("verdict", _TEXT, nullable=False),
        sa.Column("issues", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("replays", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dispatched_at", _TEXT, nullable=True),
        sa.Column("finished_at", _TEXT, nullable=True),
        sa.Column("blob", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "ix_message_child",
        "message",
        ["parent_id", "resend_digest"],
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_message_head",
        "message",
        ["door_key"],
        sqlite_where=sa.text("parent_id IS NULL"),
        postgresql_where=sa.text("parent_id IS NULL"),
    )
    op.create_index(
        "ix_message_open",
        "message",
        ["state", "id"],
        sqlite_where=sa.text("state <> 'received' AND state <> 'processed'"),
        postgresql_where=sa.text("state <> 'received' AND state <> 'processed'"),
    )
    op.create_index(
        "ix_message_received",
        "message",
        ["state", "dispatched_at", "seq"],
        sqlite_where=sa.text("state = 'received'"),
        postgresql_where=sa.text("state = 'received'"),
    )
    op.create_index("uq_message_id", "message", ["id"], unique=True)


def _payload() -> None:
    op.create_table(
        "payload",
        sa.Column("seq", _SEQ, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", _SEQ, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("message_id", _TEXT, nullable=True),
        sa.Column("resource", _TEXT, nullable=True),
        sa.Column("details", _TEXT, nullable=False),
        sa.Column("prev", _TEXT, nullable=False),
        sa.Column("hash", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "ix_audit_message",
        "audit",
        ["message_id"],
        sqlite_where=sa.text("kind <> 'message.received'"),
        postgresql_where=sa.text("kind <> 'message.received'"),
    )
    op.create_index(
        "ix_audit_resource",
        "audit",
        ["resource"],
        sqlite_where=sa.text("resource IS NOT NULL"),
        postgresql_where=sa.text("resource IS NOT NULL"),
    )


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("last_seq", _SEQ, autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("at", _TEXT, nullable=False),
        sa.Column("last_hash", _TEXT, nullable=False),
        sa.Column("key_id", _TEXT, nullable=False),
        sa.Column("signature", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("last_seq"),
    )


def _message_ledger() -> None:
    op.create_table(
        "message_ledger",
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )


def _worker_heartbeat() -> None:
    op.create_table(
        "worker_heartbeat",
        sa.Column("executor_id", _TEXT, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("host", _TEXT, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", _TEXT, nullable=False),
        sa.Column("seen_at", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("executor_id"),
    )


def _resource_version() -> None:
    op.create_table(
        "resource_version",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_updated", _TEXT, nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("standing", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", "type", "version", name="uq_resource_version"),
    )
    op.create_index("ix_resource_version_message", "resource_version", ["message_id"])
    op.create_index(
        "ix_resource_version_recent",
        "resource_version",
        ["type", "last_updated", "seq"],
        sqlite_where=sa.text("current = 1"),
        postgresql_where=sa.text("current = true"),
    )


def _resource_index() -> None:
    op.create_table(
        "resource_index",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("version_seq", _SEQ, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("parameter", _TEXT, nullable=False),
        sa.Column("system", _TEXT, nullable=True),
        sa.Column("value", _TEXT, nullable=True),
        sa.Column("low", _TEXT, nullable=True),
        sa.Column("high", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(["version_seq"], ["resource_version.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "ix_resource_index_high",
        "resource_index",
        ["type", "parameter", "high", "low", "version_seq"],
        sqlite_where=sa.text("high IS NOT NULL"),
        postgresql_where=sa.text("high IS NOT NULL"),
    )
    op.create_index(
        "ix_resource_index_low",
        "resource_index",
        ["type", "parameter", "low", "high", "version_seq"],
        sqlite_where=sa.text("low IS NOT NULL"),
        postgresql_where=sa.text("low IS NOT NULL"),
    )
    op.create_index(
        "ix_resource_index_value",
        "resource_index",
        ["type", "parameter", "value", "system", "version_seq"],
        sqlite_where=sa.text("value IS NOT NULL"),
        postgresql_where=sa.text("value IS NOT NULL"),
    )
    op.create_index("ix_resource_index_version", "resource_index", ["version_seq", "parameter"])


def _guard_audit() -> None:
    """Let no statement change or remove an audit record. Who owns the file can still: checkpoints show it."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit"
                " BEGIN SELECT RAISE(ABORT, 'audit records are never changed or removed'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_final() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'audit records are never changed or removed'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_final()"
    )


def downgrade() -> None:
    """Schemas only go forward: a backup is the way back."""
    raise CommandError("restore a backup instead")
