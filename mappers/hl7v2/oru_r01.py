"""ORU^R01 (chapter 7.3.1) to the domain, and the account of what became of its segments.

One message may report on several patients: each gets a `LabReport` of its own, all share one ledger. What is
missing never stops the rest: a message is refused only when it is no ORU or has nothing to read. ORU^R30,
R31, R32 and R40 have the same segments in a narrower or equal grammar and are read alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Mapped, Refused, Severity
from mappers.domain.ledger import Ledger
from mappers.domain.results import LabReport
from mappers.hl7v2 import identities
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.grammar import arrange
from mappers.hl7v2.lab_reports import Builder
from mappers.hl7v2.plan import Planner
from mappers.hl7v2.segments import msh
from mappers.hl7v2.tokens import Message

#: Trigger events with this grammar (table 0003).
_EVENTS: Final = frozenset({"R01", "R30", "R31", "R32", "R40"})
_UNSUPPORTED_TYPE: Final = "200"  # table 0357
_UNSUPPORTED_EVENT: Final = "201"
_SEQUENCE: Final = "100"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an ORU says.

    Attributes:
        lab_reports: one per patient; nearly always one.
        ledger: of all segments of the message.
    """

    lab_reports: tuple[LabReport, ...]
    ledger: Ledger


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a result message.

    Args:
        message: the segments.
        channel: what was agreed about the feed.
        source: from `msh.source`; the segments that were kept are added to it.

    Raises:
        Refused: no ORU, or neither patient nor order nor result in it; located, with a table 0357 code.
    """
    _accept(message)
    tree = arrange(message)
    if not tree.patients:
        text = "no PID, OBR or OBX: the message holds nothing to read"
        raise Refused(Issue(Severity.FATAL, IssueCode.REQUIRED, "PID[1]", text, _SEQUENCE))
    context = msh.context_of(message, channel)
    context.issues += tree.issues
    account = Account(message, context)
    header = account.reader(tree.header)
    sent_at = msh.read(header).sent_at
    scopes = identities.sender(header)
    planner = Planner(account, scopes)
    subjects = [planner.subject(each, number) for number, each in enumerate(tree.patients, 1)]
    builder = Builder(account, scopes, subjects, sent_at)
    reports = tuple(builder.lab_report(each, source) for each in subjects)
    ledger, kept = account.close()
    reports = tuple(replace(each, source=replace(source, kept=kept)) for each in reports)
    return Mapped(Reading(reports, ledger), _in_order(context.issues, message))


def _in_order(issues: list[Issue], message: Message) -> tuple[Issue, ...]:
    """Issues in the order of the segments that they are about."""
    order = {segment.label: segment.index for segment in message.segments}
    return tuple(sorted(issues, key=lambda issue: order.get(issue.location.partition("-")[0], 0)))


def _accept(message: Message) -> None:
    """MSH-9; its third component is not needed where the first two are there.

    Raises:
        Refused: another message type or event.
    """
    code, event, structure = (message.header.get(9, component=n).upper() for n in (1, 2, 3))
    if not code:
        code, _, event = structure.partition("_")
    if code == "ORU" and (event in _EVENTS or not event):
        return
    location = message.header.at(9)
    if code == "ORU":
        text = "this ORU event is not read here"
        raise Refused(Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, location, text, _UNSUPPORTED_EVENT))
    text = "no ORU: this message type is not read here" if code else "no message type"
    raise Refused(Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, location, text, _UNSUPPORTED_TYPE))
