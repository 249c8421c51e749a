"""Who is who across messages: every rule of identity in one place.

| of | first of these that the message has | else |
|---|---|---|
| order number's scope | its own assigner (EI.2 to EI.4); the channel's `order_assigner`; MSH-4 with MSH-3 | |
| work (what a filler did) | scope + filler number (OBR-3, ORC-3); scope + placer number (OBR-2, ORC-2); \
patient + OBR-4 + OBR-7 (a loose OBX: patient + OBX-14) | digest of the group, with a warning |
| Observation | work + OBX-3 (code and system, text without code) + OBX-4 + OBX-21 | |
| DiagnosticReport | work + OBR-4 | |
| ServiceRequest | scope + placer number + OBR-4; scope + filler number + OBR-4 | work + OBR-4 |
| Specimen | SPM-2 with its own assigner (placer's, filler's); work + SPM-2; work + SPM-1 + SPM-4 | work |
| Patient | PID-3 of the channel's `patient_assigners`, best first; the first MR of PID-3; the first of \
PID-3; PID-2, PID-4 with a warning | none |
| Encounter | PV1-19 | none |
| an order's background (OBX below an order; OBX-29 QST, SCI) | as Observation, \
the placer number before the filler's | |
| DocumentReference | of an OBX: as Observation; of TXA: scope + TXA-12 | digest |

Never MSH-10, never a position in the message. A patient's or visit's number without assigner is scoped by the
sending facility (MSH-4, else MSH-3). A number of another kind carries a marker that no ER7 text can hold, so
that a placer's 17 is never taken for a filler's 17. Where one message speaks twice of one identity with
different content, the two are told apart by their patients (`apart`), then by OBR-4, then OBX-14 (OBR-7 for a
report), then by their order among equals (`distinguish`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mappers.domain.identifiers import DOCUMENT, FILLER, PLACER, Identifier, Identity
from mappers.domain.issues import IssueCode
from mappers.hl7v2 import tables
from mappers.hl7v2.datatypes import codes, identifiers
from mappers.hl7v2.elements import Element, SegmentReader
from mappers.hl7v2.fields import Repetition
from mappers.hl7v2.tokens import Segment

#: Kinds of key; SO (0x0E) cannot occur in a value of an ER7 message (`fields.CONTROL`).
_PLACER: Final = PLACER
_FILLER: Final = FILLER
_PATIENT: Final = "\x0epatient"
_DIGEST: Final = "\x0edigest"
_DOCUMENT: Final = DOCUMENT

#: The first parts of the identity of all that one order group says.
Work = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sender:
    """Scopes that serve where a number names no assigner of its own.

    Attributes:
        orders: of order numbers.
        people: of patients' and visits' numbers.
    """

    orders: str
    people: str


def sender(header: SegmentReader) -> Sender:
    """The scopes of the sender of a message."""
    application, facility = (_designation(header.first(n)) for n in (3, 4))
    channel = header.context.channel
    return Sender(channel.order_assigner or f"{facility}^{application}".strip("^"), facility or application)


@dataclass(frozen=True, slots=True)
class OrderNumbers:
    """The numbers of an order group (ORC-2, ORC-3, OBR-2, OBR-3), each with its scope."""

    placer: Identifier | None
    filler: Identifier | None

    def work(self, scopes: Sender) -> Work | None:
        """The filler's number, else the placer's."""
        if self.filler:
            return (self.filler.scope or scopes.orders, self.filler.value)
        return (self.placer.scope or scopes.orders, _PLACER, self.placer.value) if self.placer else None

    def order(self, scopes: Sender) -> Work | None:
        """The placer's number, else the filler's."""
        if self.placer:
            return (self.placer.scope or scopes.orders, self.placer.value)
        return (self.filler.scope or scopes.orders, _FILLER, self.filler.value) if self.filler else None

    def background(self, scopes: Sender) -> Work | None:
        """As `work`, the placer's number first: what supports an order is known to its placer."""
        return OrderNumbers(self.placer, None if self.placer else self.filler).work(scopes)


def work(
    numbers: OrderNumbers,
    scopes: Sender,
    *,
    patient: Identity | None,
    test: SegmentReader,
    group: Sequence[Segment],
) -> Work:
    """What the results of one order group belong to.

    Args:
        numbers: of the group.
        scopes: of the sender.
        patient: whose results these are.
        test: OBR; or OBX where there is none.
        group: the segments of the group, the last resort.
    """
    numbered = numbers.work(scopes)
    if numbered:
        return numbered
    what, when = (4, 7) if test.segment.name == "OBR" else (3, 14)
    code, time = code_key(test.first(what)), test.first(when).peek(1)
    if patient and time and code:
        return (_PATIENT, *patient.parts, code if what == 4 else "", time)  # noqa: PLR2004 - OBR-4
    test.first(when).warn(
        IssueCode.INCOMPLETE,
        "no order number, and no patient, test and time together:"
        " a later version of this cannot be recognised",
    )
    return digest(group)


def digest(group: Iterable[Segment]) -> Work:
    """A key from the content itself, however it is spelled: a resend is recognised, a correction is not."""
    text = "\r".join(_meaning(segment) for segment in group)
    return (_DIGEST, hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest())


def _meaning(segment: Segment) -> str:
    """A segment in the usual delimiters, unescaped."""
    fields = (segment.field(n).repetitions for n in range(1, segment.count + 1))
    return "|".join([segment.name, *("~".join(map(_components, each)) for each in fields)])


def _components(repetition: Repetition) -> str:
    parts = (repetition.part(n) for n in range(1, repetition.count + 1))
    return "^".join("&".join(part.get(n) for n in range(1, part.count + 1)) for part in parts)


def observation(of: Work, obx: SegmentReader) -> Identity:
    """Of a measurement."""
    sub_id, instance = obx.first(4).peek() or "", obx.first(21).peek() or ""
    return Identity("Observation", (*of, code_key(obx.first(3)), sub_id, instance))


def report(of: Work, obr: SegmentReader) -> Identity:
    """Of a report."""
    return Identity("DiagnosticReport", (*of, code_key(obr.first(4))))


def service_request(numbers: OrderNumbers, scopes: Sender, of: Work, test: SegmentReader) -> Identity:
    """Of an order: one placer number may cover several tests (OBR-4), each an order of its own.

    The test is always part of it, never only where one message holds two: else the next message, with one
    of them, would speak of another order.
    """
    return Identity("ServiceRequest", (*(numbers.order(scopes) or of), code_key(test.first(4))))


def number(numbers: OrderNumbers, scopes: Sender) -> Identity | None:
    """Of an order's number alone: no order has it, for every order's holds its test."""
    parts = numbers.order(scopes)
    return Identity("ServiceRequest", parts) if parts else None


def aliases(numbers: OrderNumbers, scopes: Sender, test: SegmentReader) -> tuple[Identity, ...]:
    """What the order is to messages that know only its other number."""
    if not (numbers.placer and numbers.filler):
        return ()
    other = OrderNumbers(None, numbers.filler).order(scopes)
    return (Identity("ServiceRequest", (*(other or ()), code_key(test.first(4)))),)


def document(number: Identifier | None, scopes: Sender, group: Sequence[Segment]) -> Identity:
    """Of a document by its number (TXA-12, TXA-13), else by its content."""
    if number is None:
        return Identity("DocumentReference", digest(group))
    return Identity("DocumentReference", (number.scope or scopes.orders, _DOCUMENT, number.value))


def attachment(of: Work, obx: SegmentReader) -> Identity:
    """Of a document that an OBX holds."""
    return Identity("DocumentReference", observation(of, obx).parts)


def specimen(of: Work, spm: SegmentReader) -> Identity:
    """Of a specimen (SPM).

    A specimen number without an assigner is often a mere count, so it names nothing outside its order.
    """
    pair = spm.first(2)
    for n, kind in ((1, _PLACER), (2, _FILLER)):
        element = pair.part(n)
        value, scope = element.peek(1), identifiers.authority(element, 2).scope
        if value and scope:
            return Identity("Specimen", (scope, kind, value))
        if value:
            return Identity("Specimen", (*of, kind, value))
    return Identity("Specimen", (*of, spm.first(1).peek() or "", code_key(spm.first(4))))


def specimen_of_order(of: Work) -> Identity:
    """Of the one specimen that an OBR describes (OBR-15)."""
    return Identity("Specimen", of)


def patient(
    pid: SegmentReader, scopes: Sender, found: Sequence[Identifier], *, at: int = 3
) -> Identity | None:
    """Of a patient.

    Args:
        pid: PID, or MRG.
        scopes: of the sender.
        found: the identifiers of PID-3, in order.
        at: the number of that field.
    """
    preferred = pid.context.channel.patient_assigners
    chosen = next(
        (each for assigner in preferred for each in found if assigner in (each.system, each.assigner)), None
    )
    if preferred and found and chosen is None:
        pid.first(at).warn(
            IssueCode.INCOMPLETE, "no identifier of an assigner that the channel names for patients"
        )
    chosen = chosen or next((each for each in found if _is_medical_record(each)), None)
    chosen = chosen or next(iter(found), None)
    if chosen is None:
        return None
    if not chosen.scope:
        pid.first(at).inform(
            IssueCode.INCOMPLETE,
            "the patient's number names no assigner; it counts within the sending facility",
        )
    return Identity("Patient", (chosen.scope or scopes.people, chosen.value))


def patient_aliases(
    pid: SegmentReader, scopes: Sender, found: Sequence[Identifier], own: Identity | None
) -> tuple[Identity, ...]:
    """The same patient by the other numbers of assigners that the channel names for patients, and no more."""
    preferred = pid.context.channel.patient_assigners
    trusted = (each for each in found if preferred and {each.system, each.assigner} & set(preferred))
    named = (Identity("Patient", (each.scope or scopes.people, each.value)) for each in trusted)
    return tuple(dict.fromkeys(each for each in named if each != own))


def encounter(visit_number: Identifier | None, scopes: Sender) -> Identity | None:
    """Of a visit."""
    if visit_number is None:
        return None
    return Identity("Encounter", (visit_number.scope or scopes.people, visit_number.value))


def apart(identities: Sequence[Identity], owners: Sequence[str]) -> list[Identity]:
    """Identities with their owner, where one message has an identity under several owners (patients)."""
    held: dict[Identity, set[str]] = {}
    for each, owner in zip(identities, owners, strict=True):
        held.setdefault(each, set()).add(owner)
    return [
        Identity(each.kind, (*each.parts, owner)) if len(held[each]) > 1 else each
        for each, owner in zip(identities, owners, strict=True)
    ]


def distinguish(identities: Sequence[Identity], *finer: Sequence[str]) -> list[Identity]:
    """Identities made distinct: equal ones get further parts until each is named once.

    All of the equal ones get the part, so that the order of segments decides as late as possible.

    Args:
        identities: as the rules above give them.
        finer: per identity a further part, sequences from coarse to fine; the last resort is a count.
    """
    distinct = list(identities)
    for parts in finer:
        counts = Counter(distinct)
        distinct = [
            Identity(each.kind, (*each.parts, part)) if counts[each] > 1 else each
            for each, part in zip(distinct, parts, strict=True)
        ]
    counts, seen = Counter(distinct), Counter[Identity]()
    numbered = []
    for each in distinct:
        seen[each] += 1
        numbered.append(Identity(each.kind, (*each.parts, str(seen[each]))) if counts[each] > 1 else each)
    return numbered


def code_key(element: Element) -> str:
    """A coded element as a key: code and system of its first coding, else its words.

    The system as the published table knows it, or its name as sent: never as the channel translates it, so
    that settings may change without orphaning what was written.
    """
    for code, _, name, *_ in codes.TRIPLETS[:2]:
        value = element.peek(code)
        if value:
            system = element.peek(name) or ""
            return f"{value}|{tables.coding_system_uri(system) or system}"
    words = element.peek(2) or element.peek(9) or element.peek()
    return f"|{words}" if words else ""


def _designation(element: Element) -> str:
    return element.peek(1) or element.peek(2) or ""


def _is_medical_record(identifier: Identifier) -> bool:
    return identifier.type is not None and any(coding.code == "MR" for coding in identifier.type.codings)
