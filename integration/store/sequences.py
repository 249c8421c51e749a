"""The sequence number protocol (HL7 v2 chapter 2, MSH-13 and MSA-4): where each link stands, durably.

Off unless the channel says so. A link is a channel and a sender; its number is that of the last message that
was accepted, and is stored in the commit that stores the message:

| MSH-13        | last accepted | the message                                     | last after | MSA-4      |
|---------------|---------------|-------------------------------------------------|------------|------------|
| 0, link start | n; none       | kept, not processed: it only asks               | the same   | n + 1; -1  |
| -1, resync    | any           | kept, not processed                             | none       | -1         |
| m             | none          | as the door says                                | m          | m          |
| m = n + 1     | n             | as the door says                                | m          | m          |
| m <= n        | n             | was here before: its answer again; else AR, 207 | n          | n + 1      |
| m > n + 1     | n             | AR, 207: those between are missing              | n          | n + 1      |

A message that is not accepted leaves the link where it was, and MSA-4 says what is expected.
"""

from __future__ import annotations

from sqlalchemy import Connection

from integration.states import MessageState
from integration.store.admission import Decision
from integration.store.preparation import SEPARATOR, Prepared
from integration.store.statements import places, run
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

#: MSH-13 and MSA-4 that are no number of a message.
START, RESYNCHRONIZE = 0, -1
#: Why a message that only speaks of the link is not processed.
LINK = "sequence-link"

_GAP = Issue(
    Severity.ERROR,
    IssueCode.CONFLICT,
    "MSH[1]-13",
    "messages before this sequence number are missing; MSA-4 is the number to go on with",
    hl7_error="207",
)
_OLD = Issue(
    Severity.ERROR,
    IssueCode.CONFLICT,
    "MSH[1]-13",
    "this sequence number was used for another message; MSA-4 is the number to go on with",
    hl7_error="207",
)


class Links:
    """The links of one batch, in its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._accepted: dict[str, int | None] = {}
        self._changed: set[str] = set()

    def before(self, prepared: Prepared) -> Prepared:
        """The message with what the link says against it, before the table of admission is asked."""
        number = prepared.arrival.sequence_number
        if number is None:
            return prepared
        last = self._last(prepared)
        if number <= START or last is None or prepared.arrival.verdict is not Verdict.ACCEPTED:
            return prepared
        if number == last + 1:
            return prepared
        issues = (*prepared.arrival.issues, _GAP if number > last else _OLD)
        return prepared._replace(arrival=prepared.arrival._replace(verdict=Verdict.REJECTED, issues=issues))

    def after(self, prepared: Prepared, decision: Decision) -> Decision:
        """The decision with MSA-4; the link moves on with what was accepted."""
        number = prepared.arrival.sequence_number
        if number is None:
            return decision
        accepted = decision.receipt.verdict is Verdict.ACCEPTED
        new = accepted and not decision.again
        if new and number > START:
            self._move(prepared, number)
        elif new:
            decision = decision._replace(state=MessageState.PROCESSED.value, reason=LINK)
        if accepted and number == RESYNCHRONIZE:
            self._move(prepared, None)
        expected = number if new and number > START else self._expected(prepared)
        return decision._replace(receipt=decision.receipt._replace(expected_sequence_number=expected))

    def save(self) -> None:
        """Write what has moved."""
        place = places(1, self._connection)
        for link in sorted(self._changed):
            run(self._connection, f"DELETE FROM sequence_link WHERE link = {place}", (link,))  # noqa: S608
            run(
                self._connection,
                f"INSERT INTO sequence_link (link, accepted) VALUES ({place}, {place})",  # noqa: S608
                (link, self._accepted[link]),
            )

    def _last(self, prepared: Prepared) -> int | None:
        link = _link(prepared)
        if link not in self._accepted:
            place = places(1, self._connection)
            sql = f"SELECT accepted FROM sequence_link WHERE link = {place}"  # noqa: S608
            row = run(self._connection, sql, (link,)).fetchone()
            self._accepted[link] = row[0] if row else None
        return self._accepted[link]

    def _move(self, prepared: Prepared, accepted: int | None) -> None:
        link = _link(prepared)
        self._accepted[link] = accepted
        self._changed.add(link)

    def _expected(self, prepared: Prepared) -> int:
        last = self._last(prepared)
        return RESYNCHRONIZE if last is None else last + 1


def _link(prepared: Prepared) -> str:
    """Channel and sender, as the row has them: in a form that every database takes."""
    channel, _, sender = prepared.columns[4:7]
    return f"{channel}{SEPARATOR}{sender}"
