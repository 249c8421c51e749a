"""Pictures among the attachments of messages and documents: single images, read as a Media is.

| the attachment | becomes |
|---|---|
| of a laboratory | the laboratory's reader has it before this one is asked |
| a DICOM image | a draft, or a Task that says why not; of another patient: a Task, loudly |
| a DICOM object without pixels | nothing: a recording or a report in it is somebody else's |
| PNG, JPEG, … for which a route names the task | the same |
| any other picture | nothing: its DocumentReference; nobody says what it shows |
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference.media import dicom
from integration.flows.documents import Case
from integration.flows.imaging_chart import Chart
from integration.flows.imaging_reports import TASK, Desk
from integration.flows.imaging_tasks import Reader
from integration.flows.media import DICOM, PICTURES, Came, frames_of, seen_of
from mappers.domain.documents import Document
from mappers.domain.imaging import ImageHeader, Photograph
from mappers.domain.orders import Order
from mappers.fhir.result_bundle import WrittenBundle


@dataclass(frozen=True, slots=True)
class ImageAttachments:
    """Pictures among the documents of a message (`flows.documents.AttachmentReader`)."""

    reader: Reader
    desk: Desk

    @property
    def task(self) -> str:
        """Of questions about pictures that no task has read."""
        return TASK.name

    def reads(self, document: Document, *, section: str) -> bool:  # noqa: ARG002
        """Every picture; of DICOM objects those with rows of pixels."""
        if document.media_type != DICOM:
            return document.media_type in PICTURES
        (header,) = dicom.headers((document.content,))
        return isinstance(header, ImageHeader) and header.rows > 0

    def draft(self, document: Document, case: Case) -> WrittenBundle | None:
        """What the picture shows, or why nobody said so."""
        owner = case.owner
        said = Photograph(
            reference=case.document.identity.reference,
            content=document,
            created=case.document.performed or case.document.date,
        )
        came = Came(
            chart=Chart(patient=case.report.patient, orders=_orders(case)),
            channel=case.message.channel,
            message_type=case.report.source.trigger,
            issuers=case.story.terms[case.message.channel].channel.assigners,
        )
        frames = frames_of(document, said=said, came=came)
        if frames.claim is not None and not self.reader.knows(frames.claim):
            return None
        seen = seen_of(
            frames, self.reader, chart=came.chart, said=said, message_id=case.message.id, last=case.last
        )
        reading = case.reading(document.sha256, None, task=self.task)
        report = replace(seen.report, effective=seen.report.effective or said.created)
        return self.desk.draft(report, reading=reading, whose=owner)


def _orders(case: Case) -> tuple[tuple[str, Order], ...]:
    """The orders of the document, with their references."""
    named = set(case.owner.orders)
    orders = [*case.report.orders, *(each.order for each in case.report.reports if each.order)]
    known = {order.identity.reference: order for order in orders}
    return tuple((reference, order) for reference, order in known.items() if reference in named)
