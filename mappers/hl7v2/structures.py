"""One way to read them all: a message structure is its events and its grammar, the rest is shared.

One message may speak of several patients: each gets a `LabReport` of its own, all share one ledger. What is
missing never stops the rest: a message is refused only when it is of another kind or has nothing to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Mapped, Refused, Severity
from mappers.domain.ledger import Ledger
from mappers.domain.results import LabReport
from mappers.hl7v2 import identities
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.grammar import RESULTS, Rules, arrange
from mappers.hl7v2.lab_reports import Builder
from mappers.hl7v2.plan import Planner
from mappers.hl7v2.segments import msh
from mappers.hl7v2.tokens import Message

_UNSUPPORTED_TYPE: Final = "200"  # table 0357
_UNSUPPORTED_EVENT: Final = "201"
_SEQUENCE: Final = "100"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says.

    Attributes:
        lab_reports: one per patient; nearly always one.
        ledger: of all segments of the message.
    """

    lab_reports: tuple[LabReport, ...]
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Structure:
    """A kind of message.

    Attributes:
        code: MSH-9.1.
        events: trigger events (table 0003) with this grammar.
        default: the event meant where MSH-9.2 is empty, as in version 2.1; None where none is.
        needs: what a message without any of it has nothing to read of, in words.
    """

    code: str
    events: frozenset[str]
    default: str | None = None
    rules: Rules = field(default=RESULTS)
    needs: str = "no PID, OBR or OBX"


def kind_of(message: Message) -> tuple[str, str]:
    """Message code and trigger event; from MSH-9.3 where MSH-9.1 is empty."""
    code, event, structure = (message.header.get(9, component=n).upper() for n in (1, 2, 3))
    if not code:
        code, _, event = structure.partition("_")
    return code, event


def read(
    message: Message, *, channel: Channel, source: MessageSource, structure: Structure
) -> Mapped[Reading]:
    """Read a message of a structure.

    Args:
        message: the segments.
        channel: what was agreed about the feed.
        source: from `msh.source`; the segments that were kept are added to it.
        structure: what it has to be.

    Raises:
        Refused: another type or event, or nothing to read; located, with a table 0357 code.
    """
    event = _accept(message, structure)
    tree = arrange(message, structure.rules)
    if not tree.patients:
        text = f"{structure.needs}: the message holds nothing to read"
        raise Refused(Issue(Severity.FATAL, IssueCode.REQUIRED, "PID[1]", text, _SEQUENCE))
    context = msh.context_of(message, channel)
    context.issues += tree.issues
    account = Account(message, context)
    header = account.reader(tree.header)
    sent_at = msh.read(header).sent_at
    scopes = identities.sender(header)
    planner = Planner(account, scopes, structure.rules)
    subjects = [planner.subject(each, number) for number, each in enumerate(tree.patients, 1)]
    builder = Builder(account, scopes, subjects, sent_at=sent_at, event=event)
    reports = tuple(builder.lab_report(each, source) for each in subjects)
    ledger, kept = account.close()
    reports = tuple(replace(each, source=replace(source, kept=kept)) for each in reports)
    return Mapped(Reading(reports, ledger), _in_order(context.issues, message))


def _in_order(issues: list[Issue], message: Message) -> tuple[Issue, ...]:
    """Issues in the order of the segments that they are about."""
    order = {segment.label: segment.index for segment in message.segments}
    return tuple(sorted(issues, key=lambda issue: order.get(issue.location.partition("-")[0], 0)))


def _accept(message: Message, structure: Structure) -> str:
    """The trigger event; the third component of MSH-9 is not needed where the first two are there.

    Raises:
        Refused: another message type or event.
    """
    code, event = kind_of(message)
    event = event or structure.default or ""
    if code != structure.code:
        raise unsupported(message, code)
    if event not in structure.events:
        text = f"this {structure.code} event is not read here"
        place = message.header.at(9)
        raise Refused(Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, place, text, _UNSUPPORTED_EVENT))
    return event


def unsupported(message: Message, code: str) -> Refused:
    """The refusal of a message type that nothing reads here."""
    text = "this message type is not read here" if code else "no message type"
    place = message.header.at(9)
    return Refused(Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, place, text, _UNSUPPORTED_TYPE))
