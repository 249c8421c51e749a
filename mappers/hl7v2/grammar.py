"""The groups that result, order and document messages (chapters 4, 7, 9) are made of: who belongs to whom.

Tolerant: groups may lack their head, come in odd order or repeat; a segment without a place in the grammar is
handed back as one of the `others`. Every segment of the message is in the tree once. Knows names, and of
fields only the order numbers, which tell whose OBR a late one is. The message structures differ in `Rules`.

```
MSH { PID [PD1] {NK1} {PRT} {NTE} [PV1 [PV2]] {OBX}
      { [ORC {NTE} {PRT} {TQ1}] OBR {NTE} {PRT} {TQ1} {DG1} {IPC} [ZDS] {OBX {PRT} {NTE}}
        {SPM {SAC} {NTE} {OBX {NTE}}} }
      { TXA {OBX {NTE}} } }
```
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.hl7v2.tokens import Message, Segment


@dataclass(frozen=True, slots=True)
class Rules:
    """How a message structure arranges the groups.

    Attributes:
        orders: ORC and OBR ask for something; what a second PID brings are prior results.
        specimen_first: SPM leads the orders made of it, until the next SPM (OML^O33, OUL^R22).
        orc_follows: ORC comes after its OBR (OUL).
        documents: TXA leads the document that the OBX after it hold (MDM).
        merges: of each PID only who it is counts, and whom it replaces (MRG).
    """

    orders: bool = False
    specimen_first: bool = False
    orc_follows: bool = False
    documents: bool = False
    merges: bool = False


RESULTS = Rules()
#: What orders other than of services have in the place of OBR (chapter 4): pharmacy, diet, supply.
_FOREIGN = frozenset({"RXO", "RXE", "RXD", "RXG", "RXA", "ODS", "ODT", "RQD", "RQ1"})


@dataclass(slots=True, eq=False)
class SpecimenGroup:
    """SPM, its containers, and the comments after it."""

    spm: Segment
    containers: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ObservationGroup:
    """OBX, who took part, and the comments after it; `specimen` when it follows an SPM."""

    obx: Segment
    notes: list[Segment] = field(default_factory=list)
    specimen: SpecimenGroup | None = None
    participants: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class OrderGroup:
    """ORC and OBR, either of which may be missing, and what hangs below.

    Attributes:
        order_notes: comments after ORC, which are about the order.
        notes: comments after OBR, which are about the report, or the order where there is none.
        details: other segments of the order by name: DG1, IPC, ZDS, PRT.
        foreign: a detail segment of another kind of order stands in the place of OBR.
    """

    orc: Segment | None = None
    obr: Segment | None = None
    timings: list[Segment] = field(default_factory=list)
    order_notes: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    observations: list[ObservationGroup] = field(default_factory=list)
    specimens: list[SpecimenGroup] = field(default_factory=list)
    details: dict[str, list[Segment]] = field(default_factory=dict)
    foreign: bool = False

    def takes(self, obr: Segment) -> bool:
        """Whether an OBR that comes now belongs here; after results, only if it is about the order of ORC."""
        if self.obr is not None or not self.observations:
            return self.obr is None
        numbers = [(obr.raw(n), self.orc.raw(n) if self.orc else "") for n in (2, 3)]
        if any(own and ordered and own != ordered for own, ordered in numbers):
            return False
        return any(own and own == ordered for own, ordered in numbers) or not any(own for own, _ in numbers)


@dataclass(slots=True, eq=False)
class DocumentGroup:
    """TXA, the OBX after it, and comments."""

    txa: Segment
    notes: list[Segment] = field(default_factory=list)
    observations: list[ObservationGroup] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class PatientGroup:
    """PID and what hangs below it. `observations` precede the first order.

    Attributes:
        specimens: those that lead no order.
        contacts: NK1.
        merged: MRG.
        prior: earlier results of the same patient, sent along with an order.
    """

    pid: Segment | None = None
    pd1: Segment | None = None
    pv1: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    observations: list[ObservationGroup] = field(default_factory=list)
    orders: list[OrderGroup] = field(default_factory=list)
    documents: list[DocumentGroup] = field(default_factory=list)
    specimens: list[SpecimenGroup] = field(default_factory=list)
    contacts: list[Segment] = field(default_factory=list)
    merged: list[Segment] = field(default_factory=list)
    prior: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing hangs below it."""
        return not (self.orders or self.observations or self.documents or self.specimens or self.merged)


@dataclass(frozen=True, slots=True)
class Tree:
    """A message by its grammar.

    Attributes:
        others: segments that have no place in it, in order.
        issues: what was odd about the order of segments.
    """

    header: Segment
    patients: tuple[PatientGroup, ...]
    others: tuple[Segment, ...]
    issues: tuple[Issue, ...]


def arrange(message: Message, rules: Rules = RESULTS) -> Tree:
    """Put every segment of a message in its place."""
    builder = _Builder(rules, single=len(message.named("PID")) == 1)
    for segment in message.segments[1:]:
        builder.place(segment)
    builder.finish()
    patients = tuple(patient for patient in builder.patients if patient.pid or not patient.empty)
    return Tree(message.header, patients, tuple(builder.others), tuple(builder.issues))


class _Builder:
    """Where the next segment goes."""

    def __init__(self, rules: Rules, *, single: bool) -> None:
        self.patients: list[PatientGroup] = []
        self.others: list[Segment] = []
        self.issues: list[Issue] = []
        self._rules = rules
        self._single = single
        self._order: OrderGroup | None = None
        self._document: DocumentGroup | None = None
        self._specimen: SpecimenGroup | None = None
        self._waiting: list[SpecimenGroup] = []
        self._leading: SpecimenGroup | None = None  # of the orders that follow, by `specimen_first`
        self._notes: list[Segment] = self.others
        self._participants: list[Segment] = self.others
        self._places = {
            "PID": self._pid, "PD1": self._pd1, "PV1": self._pv1, "ORC": self._orc, "OBR": self._obr,
            "TQ1": self._tq1, "OBX": self._obx, "SPM": self._spm, "NTE": self._nte, "DSC": self._dsc,
            "DG1": self._detail, "IPC": self._detail, "ZDS": self._detail, "PRT": self._prt, "TXA": self._txa,
            "NK1": self._nk1, "SAC": self._sac,
        }  # fmt: skip
        if rules.merges:
            self._places = {"PID": self._pid, "MRG": self._mrg}

    def place(self, segment: Segment) -> None:
        """Put one segment in its place."""
        place = self._places.get(segment.name)
        if place is None:
            self._participants = self.others
            self.others.append(segment)
            if self._order and segment.name in _FOREIGN:
                self._order.foreign = True
        else:
            place(segment)

    def finish(self) -> None:
        """What no order claimed is the patient's, or has no place."""
        known = next((each for each in reversed(self.patients) if each.pid or not each.empty), None)
        if known:
            known.specimens += self._waiting
        else:
            self.others += [each for one in self._waiting for each in (one.spm, *one.containers, *one.notes)]
        for patient in self.patients:
            if patient.pid is None and patient.empty:
                alone = [each for each in (patient.pd1, patient.pv1) if each]
                self.others += [*alone, *patient.contacts, *patient.notes]

    def _patient(self) -> PatientGroup:
        if not self.patients:
            self.patients.append(PatientGroup())
        return self.patients[-1]

    def _pid(self, segment: Segment) -> None:
        patient = self.patients[-1] if self.patients else None
        if patient is not None and patient.pid is None and (self._single or patient.empty):
            # The only PID of the message: all that came before it is about the same patient.
            if not patient.empty:
                self._warn(
                    segment, "PID follows results; as the only one in the message it was read as theirs"
                )
            patient.pid = segment
        else:
            prior = self._rules.orders and patient is not None and not patient.empty
            patient = PatientGroup(pid=segment, prior=prior)
            self.patients.append(patient)
            self._order = self._document = self._specimen = self._leading = None
        self._notes = patient.notes
        self._participants = self.others

    def _mrg(self, segment: Segment) -> None:
        self._patient().merged.append(segment)

    def _pd1(self, segment: Segment) -> None:
        patient = self._patient()
        if patient.pd1 is None:
            patient.pd1 = segment
        else:
            self.others.append(segment)
        self._participants = self.others

    def _nk1(self, segment: Segment) -> None:
        self._patient().contacts.append(segment)
        self._participants = self.others

    def _sac(self, segment: Segment) -> None:
        home = self.others if self._specimen is None else self._specimen.containers
        home.append(segment)
        self._participants = self.others

    def _pv1(self, segment: Segment) -> None:
        patient = self._patient()
        self._participants = self.others
        if patient.pv1 is None:
            patient.pv1 = segment
            self._notes = patient.notes
        else:
            self._warn(segment, "a second visit for the same patient was kept, not read")
            self.others.append(segment)

    def _orc(self, segment: Segment) -> None:
        order = self._order
        if self._rules.orc_follows and order and order.orc is None and not order.observations:
            order.orc = segment
        else:
            order = self._open(OrderGroup(orc=segment))
        self._notes = order.order_notes
        self._participants = order.details.setdefault("PRT", [])

    def _obr(self, segment: Segment) -> None:
        order = self._order
        if order is None or not order.takes(segment):
            order = self._open(OrderGroup())
        order.obr = segment
        self._notes = order.notes
        self._participants = order.details.setdefault("PRT", [])

    def _open(self, order: OrderGroup) -> OrderGroup:
        order.specimens += self._waiting
        self._waiting = []
        patient = self._patient()
        if self._leading:
            order.specimens.append(self._leading)
            patient.specimens = [each for each in patient.specimens if each is not self._leading]
        patient.orders.append(order)
        self._order, self._specimen, self._document = order, self._leading, None
        return order

    def _txa(self, segment: Segment) -> None:
        if not self._rules.documents:
            self.others.append(segment)
            return
        document = self._document = DocumentGroup(segment)
        self._patient().documents.append(document)
        self._specimen = None
        self._notes, self._participants = document.notes, self.others

    def _tq1(self, segment: Segment) -> None:
        if self._order is None:
            self.others.append(segment)
            return
        self._order.timings.append(segment)
        self._notes = self._order.order_notes

    def _detail(self, segment: Segment) -> None:
        if self._order is None:
            self.others.append(segment)
        else:
            self._order.details.setdefault(segment.name, []).append(segment)

    def _prt(self, segment: Segment) -> None:
        self._participants.append(segment)

    def _obx(self, segment: Segment) -> None:
        observation = ObservationGroup(segment, specimen=self._specimen)
        self._notes, self._participants = observation.notes, observation.participants
        home = self._document or self._order or self._patient()
        home.observations.append(observation)

    def _spm(self, segment: Segment) -> None:
        specimen = self._specimen = SpecimenGroup(segment)
        self._notes, self._participants = specimen.notes, self.others
        if self._rules.specimen_first:
            # It opens a group of its own: the orders before it are of another specimen.
            self._leading, self._order = specimen, None
            self._patient().specimens.append(specimen)
            return
        home = self._waiting if self._order is None else self._order.specimens
        home.append(specimen)

    def _nte(self, segment: Segment) -> None:
        self._notes.append(segment)

    def _dsc(self, segment: Segment) -> None:
        self._warn(segment, "the message says that another one continues it; they are read apart")
        self.others.append(segment)

    def _warn(self, segment: Segment, text: str) -> None:
        self.issues.append(Issue(Severity.WARNING, IssueCode.STRUCTURE, segment.label, text))
