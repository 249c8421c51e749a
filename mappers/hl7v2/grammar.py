"""The grammar of ORU_R01 (chapter 7): which segment belongs to which patient, order, observation, specimen.

Tolerant: groups may lack their head, come in odd order or repeat; a segment without a place in the grammar is
handed back as one of the `others`. Every segment of the message is in the tree once. Knows names, and of
fields only the order numbers, which tell whose OBR a late one is.

```
MSH { PID [PD1] {NTE} [PV1 [PV2]] {OBX}
      { [ORC {NTE} {TQ1}] OBR {NTE} {TQ1} {OBX {NTE}} {SPM {NTE} {OBX {NTE}}} } }
```
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.hl7v2.tokens import Message, Segment


@dataclass(slots=True, eq=False)
class SpecimenGroup:
    """SPM and the comments after it."""

    spm: Segment
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ObservationGroup:
    """OBX and the comments after it; `specimen` when it follows an SPM."""

    obx: Segment
    notes: list[Segment] = field(default_factory=list)
    specimen: SpecimenGroup | None = None


@dataclass(slots=True, eq=False)
class OrderGroup:
    """ORC and OBR, either of which may be missing, and what hangs below.

    Attributes:
        order_notes: comments after ORC, which are about the order.
        notes: comments after OBR, which are about the report.
    """

    orc: Segment | None = None
    obr: Segment | None = None
    timings: list[Segment] = field(default_factory=list)
    order_notes: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    observations: list[ObservationGroup] = field(default_factory=list)
    specimens: list[SpecimenGroup] = field(default_factory=list)

    def takes(self, obr: Segment) -> bool:
        """Whether an OBR that comes now belongs here; after results, only if it is about the order of ORC."""
        if self.obr is not None or not self.observations:
            return self.obr is None
        numbers = [(obr.raw(n), self.orc.raw(n) if self.orc else "") for n in (2, 3)]
        return all(not own or own == ordered for own, ordered in numbers)


@dataclass(slots=True, eq=False)
class PatientGroup:
    """PID and the results below it. `observations` precede the first order."""

    pid: Segment | None = None
    pv1: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    observations: list[ObservationGroup] = field(default_factory=list)
    orders: list[OrderGroup] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing hangs below it."""
        return not (self.orders or self.observations)


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


def arrange(message: Message) -> Tree:
    """Put every segment of an ORU in its place."""
    builder = _Builder(single=len(message.named("PID")) == 1)
    for segment in message.segments[1:]:
        builder.place(segment)
    builder.finish()
    patients = tuple(patient for patient in builder.patients if patient.pid or not patient.empty)
    return Tree(message.header, patients, tuple(builder.others), tuple(builder.issues))


class _Builder:
    """Where the next segment goes."""

    def __init__(self, *, single: bool) -> None:
        self.patients: list[PatientGroup] = []
        self.others: list[Segment] = []
        self.issues: list[Issue] = []
        self._single = single
        self._order: OrderGroup | None = None
        self._specimen: SpecimenGroup | None = None
        self._waiting: list[SpecimenGroup] = []
        self._notes: list[Segment] = self.others
        self._places = {
            "PID": self._pid, "PV1": self._pv1, "ORC": self._orc, "OBR": self._obr, "TQ1": self._tq1,
            "OBX": self._obx, "SPM": self._spm, "NTE": self._nte, "DSC": self._dsc,
        }  # fmt: skip

    def place(self, segment: Segment) -> None:
        """Put one segment in its place."""
        self._places.get(segment.name, self.others.append)(segment)

    def finish(self) -> None:
        """What no patient's results claimed has no place."""
        for specimen in self._waiting:
            self.others += [specimen.spm, *specimen.notes]
        for patient in self.patients:
            if patient.pid is None and patient.empty:
                self.others += [*([patient.pv1] if patient.pv1 else []), *patient.notes]

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
            patient = PatientGroup(pid=segment)
            self.patients.append(patient)
            self._order = self._specimen = None
        self._notes = patient.notes

    def _pv1(self, segment: Segment) -> None:
        patient = self._patient()
        if patient.pv1 is None:
            patient.pv1 = segment
            self._notes = patient.notes
        else:
            self._warn(segment, "a second visit for the same patient was kept, not read")
            self.others.append(segment)

    def _orc(self, segment: Segment) -> None:
        self._open(OrderGroup(orc=segment))
        self._notes = self._patient().orders[-1].order_notes

    def _obr(self, segment: Segment) -> None:
        order = self._order
        if order is None or not order.takes(segment):
            order = self._open(OrderGroup())
        order.obr = segment
        self._notes = order.notes

    def _open(self, order: OrderGroup) -> OrderGroup:
        order.specimens += self._waiting
        self._waiting = []
        self._patient().orders.append(order)
        self._order, self._specimen = order, None
        return order

    def _tq1(self, segment: Segment) -> None:
        if self._order is None:
            self.others.append(segment)
            return
        self._order.timings.append(segment)
        self._notes = self._order.order_notes

    def _obx(self, segment: Segment) -> None:
        observation = ObservationGroup(segment, specimen=self._specimen)
        self._notes = observation.notes
        home = self._order or self._patient()
        home.observations.append(observation)

    def _spm(self, segment: Segment) -> None:
        specimen = self._specimen = SpecimenGroup(segment)
        self._notes = specimen.notes
        home = self._waiting if self._order is None else self._order.specimens
        home.append(specimen)

    def _nte(self, segment: Segment) -> None:
        self._notes.append(segment)

    def _dsc(self, segment: Segment) -> None:
        self._warn(segment, "the message says that another one continues it; they are read apart")
        self.others.append(segment)

    def _warn(self, segment: Segment, text: str) -> None:
        self.issues.append(Issue(Severity.WARNING, IssueCode.STRUCTURE, segment.label, text))
