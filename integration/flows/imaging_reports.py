"""From what was judged of pictures to what is filed: the draft with its rendering, or the question."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from inference.media import drawing
from inference.tasks import judging
from inference.tasks.evidence import Still
from integration.store.ids import utc_text
from integration.store.records import StoredMessage
from mappers.domain.attribution import MessageSource, Software
from mappers.domain.coding import Concept
from mappers.domain.findings import ImageRegion, JudgedReport
from mappers.domain.issues import Issue
from mappers.domain.people import Organization
from mappers.domain.sheet import Marked, Picture
from mappers.domain.times import Moment
from mappers.fhir import judged_bundle
from mappers.fhir.authorship import Reading
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.whose import Whose

#: Of questions about pictures that no task has read.
TASK: Final = judging.Task(
    id="imaging",
    version="1",
    title="Imaging, not read",
    code=Concept((judging.IMAGING,), "Imaging, not read"),
    category=judging.RADIOLOGY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Writes drafts and questions about pictures.

    Attributes:
        clock: aware now.
    """

    software: Software
    clock: Callable[[], datetime]
    responsible: Organization | None = None

    def reading(
        self, message: StoredMessage, *, reference: str, source: MessageSource | None, task: str
    ) -> Reading:
        """How a resource was read.

        Args:
            message: that carried it.
            reference: of the resource in our store.
            source: the message as Provenance names it.
            task: that read it.
        """
        assert message.raw is not None
        return Reading(
            software=self.software,
            task=task,
            document=reference,
            sha256=hashlib.sha256(message.raw).hexdigest(),
            received=Moment(utc_text(datetime.fromisoformat(message.received_at))),
            recorded=Moment(utc_text(self.clock())),
            source=source,
            responsible=self.responsible,
        )

    def draft(self, report: JudgedReport, *, reading: Reading, whose: Whose) -> WrittenBundle:
        """A report as resources."""
        return judged_bundle.write(report, reading=replace(reading, task=report.task), whose=whose)


def pictures_of(report: JudgedReport, stills: Sequence[Still]) -> dict[str, Picture]:
    """What goes with a report on paper: its pictures, smaller, with the boxes of its findings."""
    shown: dict[str, Picture] = {}
    for still in stills:
        marks = tuple(
            Marked(place.box, finding.name)
            for finding in report.findings
            for place in finding.places
            if isinstance(place, ImageRegion) and _is_in(place, still)
        )
        name = f"{still.source.sop_instance_uid or still.source.sha256} frame {still.frame}"
        shown[name] = Picture(
            content=drawing.smaller(still.png),
            media_type="image/png",
            columns=still.columns,
            rows=still.rows,
            caption=" ".join(filter(None, (still.source.role, "image", still.body_part, still.view))),
            marks=marks,
        )
    return shown


def _is_in(region: ImageRegion, still: Still) -> bool:
    return (region.sha256, region.frame) == (still.source.sha256, still.frame)


def unread(
    reason: str, *, issues: Sequence[Issue] = (), coverage: str = "", told: Sequence[str] = ()
) -> JudgedReport:
    """A report that says why nothing was read.

    Args:
        reason: for people, beginning with "not read:".
        issues: what contradicts what.
        coverage: how much there is.
        told: what else to say.
    """
    report = judging.unread(judging.blank(TASK, (), coverage), reason)
    return replace(report, issues=tuple(issues), reasons=tuple(told))
