"""Application acknowledgements of enhanced mode: after a message was processed, in a message of their own.

| the message was     | MSA-1 | ERR                                              |
|---------------------|-------|--------------------------------------------------|
| processed           | AA    |                                                  |
| parked: unreadable  | AE    | where and why, as in its ledger                  |
| parked: else        | AE    | 207: it is kept, and a person decides about it   |
| discarded           | AE    | 207: the same                                    |

The text of an acknowledgement follows from its row alone: asked for again, it is the same to the byte. Owns
what is said and what is remembered; must not know how it travels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from integration.flows.replies import answer_id
from integration.store import acknowledgements, messages
from integration.store.acknowledgements import Decided
from integration.store.database import Database, Transaction
from integration.store.delivery_records import Parcel
from integration.store.ids import utc_text
from integration.store.outbox import Outbox, Prepared
from integration.store.records import Act
from mappers.domain.acknowledgement import Ack, Level, Verdict
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.times import Moment
from mappers.hl7v2 import ack, tokens

#: `Parcel.form` of an acknowledgement.
FORM = "ACK"
#: Seconds between two looks for those that go to a destination.
_LOOK_SECONDS = 0.25
#: Messages that one statement asks for.
_TOGETHER = 500
_NOT_PROCESSED = Issue(
    Severity.ERROR,
    IssueCode.PROCESSING,
    "",
    "the message is kept and was not processed: a person decides about it; do not send it again unchanged",
    hl7_error="207",
)


def write(decided: Decided) -> bytes:
    """The acknowledgement as its sender gets it; never raises."""
    peek = tokens.peek(decided.header.encode("latin-1"))
    issues: tuple[Issue, ...] = ()
    if decided.verdict is not Verdict.ACCEPTED:
        issues = decided.issues or (_NOT_PROCESSED,)
    answer = Ack(decided.verdict, answer_id(decided.message_id, Level.APPLICATION), issues, Level.APPLICATION)
    return ack.write(peek, answer, now=Moment(decided.at))


@dataclass(frozen=True, slots=True)
class News:
    """What was decided since the last look.

    Attributes:
        decided: in any order, some perhaps told before.
        unknown: of the fresh ones, those that nothing will be decided about.
        seq: to be given to the next look.
    """

    decided: tuple[Decided, ...]
    unknown: frozenset[str]
    seq: int


@dataclass(frozen=True, slots=True)
class ApplicationAcks:
    """Reads and marks them, for whoever carries them.

    Attributes:
        clock: aware now.
        actor: the role that carries them.
    """

    database: Database
    clock: Callable[[], datetime]
    actor: str

    def news(self, fresh: Sequence[str], *, since: int | None) -> News:
        """What is decided of `fresh`, and all that was decided since an earlier look.

        In one snapshot: what is decided later than both is after `News.seq`.

        Args:
            fresh: messages that were not asked for before.
            since: of an earlier look; None passes over all that was decided before this one.

        Raises:
            StoreUnavailable: it does not answer.
        """
        with self.database.read() as connection:
            known, found = _of(connection, fresh)
            unknown = frozenset(fresh) - known
            if since is None:
                return News(tuple(found), unknown, acknowledgements.last_decision(connection))
            later = acknowledgements.decided_since(connection, since)
        return News((*found, *later), unknown, later[-1].seq if later else since)

    def mark_sent(self, sent: Sequence[Decided]) -> Future[None]:
        """Remember that these were handed to their transport, with an audit record each."""
        act = Act(utc_text(self.clock()), self.actor)
        return self.database.write(lambda connection: acknowledgements.mark_sent(connection, sent, act))


def _of(connection: Transaction, message_ids: Sequence[str]) -> tuple[set[str], list[Decided]]:
    """Those of the messages that an acknowledgement is owed for, and those that are decided."""
    known: set[str] = set()
    decided: list[Decided] = []
    for start in range(0, len(message_ids), _TOGETHER):
        some = message_ids[start : start + _TOGETHER]
        decided += acknowledgements.decided_of(connection, some)
        known |= acknowledgements.known(connection, some)
    return known, decided


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Hands the acknowledgements that go to a destination to its outbox, once each.

    Attributes:
        acks: what was decided.
        outbox: of the same store.
    """

    acks: ApplicationAcks
    outbox: Outbox

    def tick(self) -> float:
        """Hand over what is due; return the seconds until the next look.

        Raises:
            StoreUnavailable: nothing is lost, they stay due.
        """
        database = self.acks.database
        with database.read() as connection:
            found = acknowledgements.due(connection, limit=_TOGETHER)
            about = [messages.find(connection, each.message_id) for each in found]
        if not found:
            return _LOOK_SECONDS
        parcels = [
            self.outbox.prepare(message, Parcel(destination=each.route, form=FORM, pieces=(write(each),)))
            for each, message in zip(found, about, strict=True)
        ]
        prepared = list(zip(found, parcels, strict=True))
        database.write(lambda connection: self._hand_over(connection, prepared)).result()
        return 0.0

    def _hand_over(self, connection: Transaction, prepared: Sequence[tuple[Decided, Prepared]]) -> None:
        # Another worker may have been here since.
        due = {each.message_id for each in acknowledgements.due(connection, limit=_TOGETHER)}
        mine = [(each, parcel) for each, parcel in prepared if each.message_id in due]
        now = self.acks.clock()
        self.outbox.add(connection, [parcel for _, parcel in mine], now)
        act = Act(utc_text(now), self.acks.actor)
        acknowledgements.mark_sent(connection, [each for each, _ in mine], act)
