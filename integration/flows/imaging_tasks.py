"""Which task reads some pictures, and its answer: routes of the settings first, then the table of inference.

| a route | then |
|---|---|
| covers the pictures and names a task | that task, or none where it says `none` |
| covers them and names none | the task that the table selects; prompt and model as the route says |
| none covers them | the task that the table selects |
| and the table selects none | not read, with its coded reason |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from inference.errors import BackendUnavailable
from inference.selection import COMPARISON, Evidence, Reason, Selected, select
from inference.tasks.context import PatientContext
from inference.tasks.evidence import Still
from integration.flows.imaging_ports import Asking, ImageJudge
from integration.flows.imaging_reports import unread
from integration.flows.routing import NOT_READ, Arrived, ReadingRule, rule_for
from mappers.domain.coding import Concept
from mappers.domain.findings import JudgedReport
from mappers.domain.imaging import ImageHeader

_DICOM = "application/dicom"
#: Reasons that a modality alone is enough for, before an image was fetched.
_CERTAIN = frozenset({Reason.NO_IMAGE, Reason.UNSUPPORTED_MODALITY})
_BY_ROUTE = "a route says that nothing reads it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What some pictures are said to be.

    Attributes:
        arrived: what routes look at.
        view: DICOM ViewPosition, "" when not said.
        laterality: DICOM ImageLaterality, "" when not said.
        sop_class: "" when not said, or for what is no DICOM object.
        frames: of one object.
    """

    arrived: Arrived
    view: str = ""
    laterality: str = ""
    sop_class: str = ""
    frames: int = 1

    @classmethod
    def of(
        cls,
        *,
        channel: str,
        message_type: str,
        modality: str,
        header: ImageHeader | None = None,
        procedures: Iterable[Concept] = (),
    ) -> Claim:
        """Of a DICOM study or object; the header of its first image where one was fetched."""
        codes = [(each.system or "", each.code or "") for concept in procedures for each in concept.codings]
        if header:
            codes += [("", code) for code, _ in header.codes]
        arrived = Arrived(
            channel=channel,
            message_type=message_type,
            modality=modality,
            body_part=header.body_part if header else "",
            procedures=tuple(dict.fromkeys(codes)),
            content_type=_DICOM,
        )
        return cls(
            arrived=arrived,
            view=header.view if header else "",
            laterality=header.laterality if header else "",
            sop_class=header.sop_class if header else "",
            frames=header.frames if header else 1,
        )

    def evidence(self, *, prior: bool = False) -> Evidence:
        """As the table of tasks looks at it."""
        return Evidence(
            media_type=self.arrived.content_type,
            modality=self.arrived.modality,
            body_part=self.arrived.body_part,
            codes=tuple(code for _, code in self.arrived.procedures if code),
            view=self.view,
            sop_class=self.sop_class,
            frames=self.frames,
            prior=prior,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """A report, and the pictures that it is about."""

    report: JudgedReport
    stills: tuple[Still, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Reader:
    """Selects and reads.

    Attributes:
        rules: of the settings, first match wins.
    """

    judge: ImageJudge
    rules: tuple[ReadingRule, ...] = ()

    def refuses(self, claim: Claim) -> str:
        """Why nothing will read these pictures, where that is certain before they are fetched; else ""."""
        rule = rule_for(claim.arrived, self.rules)
        if rule.task is not None:
            return _BY_ROUTE if rule.task == NOT_READ else ""
        if not claim.arrived.modality:
            return Reason.NO_IMAGE.value
        reason = select(claim.evidence()).reason
        return reason.value if reason in _CERTAIN else ""

    def knows(self, claim: Claim) -> bool:
        """Whether somebody says what the pictures show: their modality, or a route that names a task."""
        return bool(claim.arrived.modality) or rule_for(claim.arrived, self.rules).task is not None

    def compares(self, claim: Claim) -> bool:
        """Whether a prior is of use."""
        rule = rule_for(claim.arrived, self.rules)
        return rule.task in {None, COMPARISON} and select(claim.evidence(prior=True)).task == COMPARISON

    def read(  # noqa: PLR0913  (each decides what is read)
        self,
        claim: Claim,
        stills: Sequence[Still],
        *,
        prior: Sequence[Still] = (),
        context: PatientContext,
        total: int,
        words: str = "",
        last: bool,
    ) -> Seen:
        """The report about some pictures.

        Args:
            claim: what they are said to be.
            stills: the pictures.
            prior: earlier ones to compare with.
            context: what order and chart say.
            total: how many pictures there are.
            words: what is asked or looked for, where the task needs it.
            last: whether a model that is not there now is done without.

        Raises:
            BackendUnavailable: the model does not run now, and this is not the last attempt.
            InferenceError: see `inference.errors`.
        """
        rule = rule_for(claim.arrived, self.rules)
        chosen = _chosen(rule, claim, prior=bool(prior))
        if chosen.task is None:
            told = f" ({claim.arrived.modality})" if claim.arrived.modality else ""
            reason = chosen.reason.value if chosen.reason else _BY_ROUTE
            return Seen(unread(f"not read: {reason}{told}"))
        asking = Asking(
            prior=tuple(prior) if chosen.task == COMPARISON else (),
            context=context,
            laterality=claim.laterality,
            words=words,
            total=total,
            prompt=rule.prompt,
            model=rule.model,
        )
        try:
            report = self.judge.read(chosen.task, stills, asking)
        except BackendUnavailable:
            if not last:
                raise
            return Seen(unread("not read: the model did not answer"))
        return Seen(report, (*stills, *asking.prior))


def _chosen(rule: ReadingRule, claim: Claim, *, prior: bool) -> Selected:
    if rule.task == NOT_READ:
        return Selected(None)
    return Selected(rule.task) if rule.task else select(claim.evidence(prior=prior))
