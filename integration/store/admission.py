"""What becomes of a message at the door, given what was received before it. Decides; touches no database.

The door key is control id, channel and sender (the resend digest stands in for an empty control id); only
messages within the window count as earlier:

| earlier with this door key | now                            | what it becomes                             |
|----------------------------|--------------------------------|---------------------------------------------|
| same content, accepted     | anything                       | resend: the earlier answer, nothing new     |
| same content, refused      | refused, by the door or below  | resend: the earlier answer, nothing new     |
| other content, accepted    | accepted, channel says REFUSE  | kept, refused: AE with 207; linked; alarm   |
| other content, accepted    | accepted, channel says PROCESS | accepted, linked; alarm                     |
| only refused ones          | accepted                       | accepted: sender or settings were mended    |
| any                        | refused by the door            | kept, refused, linked                       |
| none                       | anything                       | what the door says                          |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from json import dumps, loads
from typing import NamedTuple

from integration.states import MessageState
from integration.store.records import Arrival, Receipt, SameId
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

#: Code of why a message was refused or accepted with an alarm.
SAME_ID = "same-id-other-content"
_RECEIVED, _REFUSED = MessageState.RECEIVED.value, MessageState.REFUSED.value
_REFUSED_AT_DOOR = "refused-at-door"

_SAME_ID_ISSUE = Issue(
    Severity.ERROR,
    IssueCode.DUPLICATE,
    "MSH[1]-10",
    "this control id came before with other content; kept but not processed: send it under a new id",
    # Table 0357; its older code for this, 205, is for receivers before 2.7 only.
    hl7_error="207",
)


class Earlier(NamedTuple):
    """A message that was received before under the same door key."""

    id: str
    resend_digest: str
    verdict: str
    issues: str
    reason: str | None


class Decision(NamedTuple):
    """What becomes of an arrival.

    Attributes:
        again: the earlier message that this one repeats; nothing new is stored then.
        alarm: an accepted message has the same id and other content.
        issues: canonical text for the row.
    """

    receipt: Receipt
    again: bool
    state: str
    parent_id: str | None
    reason: str | None
    issues: str
    alarm: bool


def decide(
    arrival: Arrival,
    message_id: str,
    resend_digest: str,
    heads: list[Earlier],
    children: Callable[[], Iterable[Earlier]],
) -> Decision:
    """Apply the table above.

    Args:
        arrival: with what the door says.
        message_id: for the new message, if it becomes one.
        resend_digest: of the arrival.
        heads: earlier messages of the door key that are not linked to another, oldest first; at least one.
        children: looks up those that are linked to `heads` and have this very digest; asked only in need.
    """
    same = [head for head in heads if head.resend_digest == resend_digest]
    if not any(_accepted(head) for head in same):
        same += children()
    for earlier in same:
        if _accepted(earlier):
            return _again(earlier)
    first = next((head for head in heads if _accepted(head)), None)
    conflicts = first is not None and arrival.verdict is Verdict.ACCEPTED
    refused_now = arrival.verdict is not Verdict.ACCEPTED or (conflicts and arrival.same_id is SameId.REFUSE)
    if same and refused_now:
        return _again(same[-1])
    if first is None:
        accepted = arrival.verdict is Verdict.ACCEPTED
        return as_the_door_says(arrival, message_id, None if accepted else heads[0].id)
    if not conflicts:
        return as_the_door_says(arrival, message_id, first.id)
    return _same_id(arrival, message_id, first.id)


def as_the_door_says(arrival: Arrival, message_id: str, parent_id: str | None) -> Decision:
    """What becomes of an arrival that nothing earlier contradicts; linked to `parent_id` if there is one."""
    receipt = Receipt(message_id, arrival.verdict, arrival.issues)
    issues = encode_issues(arrival.issues)
    if arrival.verdict is Verdict.ACCEPTED:
        return Decision(receipt, False, _RECEIVED, parent_id, None, issues, False)
    return Decision(receipt, False, _REFUSED, parent_id, _REFUSED_AT_DOOR, issues, False)


def encode_issues(issues: tuple[Issue, ...]) -> str:
    """Issues as text for a column."""
    if not issues:
        return "[]"
    return dumps(
        [[i.severity.value, i.code.value, i.location, i.text, i.hl7_error] for i in issues],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def decode_issues(text: str) -> tuple[Issue, ...]:
    """Read what `encode_issues` wrote."""
    if text == "[]":
        return ()
    return tuple(Issue(Severity(row[0]), IssueCode(row[1]), *row[2:]) for row in loads(text))


def _accepted(earlier: Earlier) -> bool:
    return earlier.verdict == "AA"


def _again(earlier: Earlier) -> Decision:
    receipt = Receipt(earlier.id, Verdict(earlier.verdict), decode_issues(earlier.issues), duplicate=True)
    return Decision(receipt, True, _RECEIVED, None, None, earlier.issues, False)


def _same_id(arrival: Arrival, message_id: str, first_id: str) -> Decision:
    if arrival.same_id is SameId.PROCESS:
        receipt = Receipt(message_id, Verdict.ACCEPTED, arrival.issues)
        issues = encode_issues(arrival.issues)
        return Decision(receipt, False, _RECEIVED, first_id, SAME_ID, issues, True)
    told = (*arrival.issues, _SAME_ID_ISSUE)
    receipt = Receipt(message_id, Verdict.ERROR, told)
    return Decision(receipt, False, _REFUSED, first_id, SAME_ID, encode_issues(told), True)
