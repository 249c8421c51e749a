"""Puts prepared arrivals into the database: a batch of rows, payloads and audit records, a few statements.

This is the path of every message, so it counts in microseconds: one look at what came before for the whole
batch, rows as tuples, and the audit details written in their canonical order instead of being sorted into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import NamedTuple

from sqlalchemy import Connection

from integration.states import MessageState
from integration.store import acknowledgements, audit
from integration.store.admission import Decision, Earlier, as_the_door_says, decide
from integration.store.canonical import canonical, quoted
from integration.store.ids import utc_text
from integration.store.preparation import COLUMNS, Prepared
from integration.store.records import Arrival, Owed, Receipt
from integration.store.sequences import Links
from integration.store.statements import insert, places, run
from mappers.domain.acknowledgement import Verdict
from mappers.domain.attribution import AuditOutcome

_MESSAGE = ("seq", "state", "verdict", "issues", "reason", "parent_id", *COLUMNS)
_PAYLOAD = ("seq", "sealed")
_EARLIER = "id, resend_digest, verdict, issues, reason"
_RECEIVED = MessageState.RECEIVED.value
_SUCCESS = AuditOutcome.SUCCESS.value
_MINOR = AuditOutcome.MINOR_FAILURE.value
_SERIOUS = AuditOutcome.SERIOUS_FAILURE.value
#: `Verdict.value` costs as much as the row's tuple.
_CODES = {verdict: verdict.value for verdict in Verdict}

Fresh = dict[tuple[str | None, str], list[Earlier]]


def register(
    connection: Connection,
    batch: Sequence[Prepared],
    *,
    window: timedelta,
    keep: Callable[[Arrival], str],
) -> list[Receipt]:
    """Store a batch in the caller's transaction, oldest first; resends store only their audit record.

    Args:
        connection: of a work of `Database.write_together`.
        batch: all that waits.
        window: how long before an arrival another one counts as earlier.
        keep: makes the blob of a large payload that was prepared without.
    """
    since = utc_text(batch[0].arrival.received_at - window)
    earlier = _heads(connection, [prepared.door_key for prepared in batch], since)
    fresh: Fresh | None = {} if len({prepared.door_key for prepared in batch}) < len(batch) else None
    link = audit.head(connection)
    seq = link.seq
    receipts: list[Receipt] = []
    facts: list[audit.Fact] = []
    links = Links(connection)
    new = _New([], [], [])
    for prepared in map(links.before, batch):
        seq += 1
        heads = earlier.get(prepared.door_key)
        if heads is None:
            decision = as_the_door_says(prepared.arrival, prepared.id, None)
        else:
            look_up = partial(_children, connection, heads, prepared.resend_digest, fresh)
            decision = decide(prepared.arrival, prepared.id, prepared.resend_digest, heads, look_up)
        decision = links.after(prepared, decision)
        receipts.append(decision.receipt)
        facts.append(_fact(prepared, decision))
        if decision.again:
            continue
        new.add(seq, prepared, decision, keep)
        if fresh is not None:
            _remember(prepared, decision, earlier, fresh)
    new.insert(connection)
    links.save()
    audit.extend(connection, facts, link)
    return receipts


class _New(NamedTuple):
    """What a batch adds beside its audit records."""

    rows: list[tuple[object, ...]]
    payloads: list[tuple[int, bytes]]
    owed: list[tuple[str, Owed]]

    def add(self, seq: int, prepared: Prepared, decision: Decision, keep: Callable[[Arrival], str]) -> None:
        self.rows.append(_row(seq, prepared, decision, keep))
        if prepared.sealed is not None:
            self.payloads.append((seq, prepared.sealed))
        if prepared.arrival.owed is not None and decision.state == _RECEIVED:
            self.owed.append((prepared.id, prepared.arrival.owed))

    def insert(self, connection: Connection) -> None:
        if self.rows:
            insert(connection, "message", _MESSAGE, self.rows)
        if self.payloads:
            insert(connection, "payload", _PAYLOAD, self.payloads)
        if self.owed:
            acknowledgements.owe(connection, self.owed)


def is_resend(connection: Connection, door_key: str, resend_digest: str, since: str) -> bool:
    """Whether an accepted message of this door key and content is stored."""
    heads = _heads(connection, [door_key], since).get(door_key, [])
    same = [head for head in heads if head.resend_digest == resend_digest]
    same += _children(connection, heads, resend_digest, None)
    return any(found.verdict == Verdict.ACCEPTED.value for found in same)


def _heads(connection: Connection, door_keys: list[str], since: str) -> dict[str, list[Earlier]]:
    """Earlier messages by door key, oldest first, without those linked to another."""
    # A power of two of places, so that few statements serve all batches and stay compiled.
    count = 1 << (len(door_keys) - 1).bit_length()
    door_keys += door_keys[-1:] * (count - len(door_keys))
    rows = run(
        connection, _heads_statement(places(count, connection), places(1, connection)), (*door_keys, since)
    )
    found: dict[str, list[Earlier]] = {}
    for door_key, _, *earlier in sorted(rows.fetchall(), key=_by_seq):
        found.setdefault(door_key, []).append(Earlier(*earlier))
    return found


@cache
def _heads_statement(door_keys: str, since: str) -> str:
    return (
        f"SELECT door_key, seq, {_EARLIER} FROM message WHERE door_key IN ({door_keys})"  # noqa: S608
        f" AND parent_id IS NULL AND received_at >= {since}"
    )


def _by_seq(row: tuple[object, ...]) -> int:
    return row[1]  # type: ignore[return-value]


def _children(
    connection: Connection, heads: list[Earlier], resend_digest: str, fresh: Fresh | None
) -> list[Earlier]:
    """Messages linked to one of `heads` with this content, oldest first, those of this batch too."""
    if not heads:
        return []
    ids = [head.id for head in heads]
    place = places(1, connection)
    rows = run(
        connection,
        f"SELECT {_EARLIER} FROM message WHERE parent_id IN ({places(len(ids), connection)})"  # noqa: S608
        f" AND resend_digest = {place} ORDER BY seq",
        (*ids, resend_digest),
    )
    found = [Earlier(*row) for row in rows]
    for head_id in ids:
        found += (fresh or {}).get((head_id, resend_digest), [])
    return found


def _remember(
    prepared: Prepared, decision: Decision, earlier: dict[str, list[Earlier]], fresh: Fresh
) -> None:
    """Let the rest of the batch see this one, which is not in the database yet."""
    verdict = decision.receipt.verdict.value
    this = Earlier(prepared.id, prepared.resend_digest, verdict, decision.issues, decision.reason)
    if decision.parent_id is None:
        earlier.setdefault(prepared.door_key, []).append(this)
    else:
        fresh.setdefault((decision.parent_id, prepared.resend_digest), []).append(this)


def _row(
    seq: int, prepared: Prepared, decision: Decision, keep: Callable[[Arrival], str]
) -> tuple[object, ...]:
    columns = prepared.columns
    if prepared.sealed is None and prepared.blob is None:
        columns = (*columns[:-1], keep(prepared.arrival))
    verdict = _CODES[decision.receipt.verdict]
    return (seq, decision.state, verdict, decision.issues, decision.reason, decision.parent_id, *columns)


def _fact(prepared: Prepared, decision: Decision) -> audit.Fact:
    """The audit record of one arrival: what it was and what became of it."""
    receipt = decision.receipt
    kind, outcome = "message.received", _SUCCESS
    if decision.again:
        kind = "message.resent"
    elif decision.alarm:
        kind, outcome = "message.conflict", _SERIOUS
    elif receipt.verdict is not Verdict.ACCEPTED:
        kind, outcome = "message.refused", _MINOR
    columns = prepared.columns
    channel, actor, size = columns[4], columns[5], columns[12]
    if receipt.issues or decision.parent_id:
        details = canonical(
            {
                "channel": channel,
                "digest": prepared.digest,
                "issues": [issue.code.value for issue in receipt.issues],
                "parent_id": decision.parent_id,
                "size": size,
                "verdict": receipt.verdict.value,
            }
        )
    else:
        details = (
            f'{{"channel":{quoted(channel)},"digest":{quoted(prepared.digest)},"size":{size},'  # type: ignore[arg-type]
            f'"verdict":"{_CODES[receipt.verdict]}"}}'
        )
    return audit.Fact(prepared.at, kind, actor, outcome, receipt.message_id, None, details)  # type: ignore[arg-type]
