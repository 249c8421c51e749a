"""The story of an ImagingStudy: its images from the server, whose they are, who reads them, and the draft.

| the study | becomes |
|---|---|
| registered, not available yet | nothing: a later version will say so |
| cancelled, or entered in error | its drafts are taken back |
| available, but its images still arrive | looked at again, until their number stands and is what it says |
| whose images do not become complete in time | a Task that says so |
| of a patient who is not on file, or whose images name another patient, study or order | a Task that says \
so, loudly; nothing of it is read |
| without an image that a task reads (modality, body part, kind of object) | a Task with the coded reason |
| whose images cannot be fetched or decoded | a Task that says why; tried again first, where that may help |
| without a configured model | a Task: not read: no model |
| read | a draft with sections, findings and their boxes, compared with the prior where there is one |

Orders of the same accession number or study, and the same patient, are joined, whichever came first: one that
comes later asks for the study to be read again (`flows.pairing`), with what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inference.errors import BackendUnavailable, InferenceError
from integration import telemetry
from integration.errors import NotFound, RemoteError, RemoteUnavailable, StudyUnsettled
from integration.flows import imaging_chart, imaging_evidence, imaging_prior
from integration.flows.door import Terms
from integration.flows.fhir_documents import source_of
from integration.flows.filing_drafts import FiledSource
from integration.flows.imaging_chart import Chart
from integration.flows.imaging_evidence import Gathered, Listed
from integration.flows.imaging_ports import ImageServer, ImageServers, Looks, Settle
from integration.flows.imaging_reports import TASK, Desk, pictures_of, unread
from integration.flows.imaging_servers import server_of
from integration.flows.imaging_tasks import Claim, Reader, Seen
from integration.flows.local_copies import LocalCopies
from integration.flows.ports import FhirSource
from integration.store.database import Database
from integration.store.records import StoredMessage
from mappers.domain.findings import JudgedReport
from mappers.domain.imaging import ImageHeader, Study
from mappers.domain.times import Moment
from mappers.fhir import imaging_study, r4
from mappers.fhir.authorship import Reading

Node = dict[str, Any]

_LOG = telemetry.logger(__name__)
_GONE = frozenset({"entered-in-error", "cancelled"})
_ANOTHERS = "not read: the images name another patient, study or order than the study: nothing of it was read"
_NOBODY = "not read: the study's patient is not on file, so that whose the images are cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingStudyStory:
    """What the story needs (`flows.reading.Story`).

    Attributes:
        servers: of images, by channel.
        sources: FHIR servers by channel, for Endpoint resources.
        settling: by channel, how long a study is waited for.
        looks: remembers how many images there were.
        reader: selects the task and runs it.
        terms: by channel name.
    """

    copies: LocalCopies
    database: Database
    servers: Mapping[str, ImageServers]
    sources: Mapping[str, FhirSource]
    settling: Mapping[str, Settle]
    looks: Looks
    reader: Reader
    desk: Desk
    terms: Mapping[str, Terms]

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[FiledSource]:
        """Read the images of one study."""
        with self.database.read() as connection:
            try:
                stored = self.copies.of_message(connection, message)
            except NotFound:
                return ()
            resource = r4.decode(stored.content)
            study = imaging_study.read(resource, source=resource.get("meta", {}).get("source", ""))
            chart = imaging_chart.of_resource(
                resource, results=self.copies.results, connection=connection, study=study
            )
        if study.status == "registered":
            return ()
        case = _Case(self, message, resource, study, chart, last)
        return (case.filed(() if study.status in _GONE else case.judged()),)


@dataclass(frozen=True, slots=True)
class _Case:
    """One study being read.

    Attributes:
        resource: our copy of it.
        last: whether what is not there now is done without.
    """

    story: ImagingStudyStory
    message: StoredMessage
    resource: Node
    study: Study
    chart: Chart
    last: bool

    @property
    def reference(self) -> str:
        return f"ImagingStudy/{self.resource['id']}"

    @property
    def _reading(self) -> Reading:
        source = source_of(self.resource, self.message)
        return self.story.desk.reading(self.message, reference=self.reference, source=source, task=TASK.name)

    def filed(self, judged: Sequence[Seen]) -> FiledSource:
        """What the study became."""
        desk, whose = self.story.desk, self.chart.whose
        drafts = [desk.draft(each.report, reading=self._reading, whose=whose) for each in judged]
        return FiledSource(
            message_id=self.message.id,
            source=self.reference,
            version=self.study.source or None,
            drafts=tuple(drafts),
            whose=whose,
            reading=self._reading,
            pictures={
                name: each for one in judged for name, each in pictures_of(one.report, one.stills).items()
            },
        )

    def judged(self) -> tuple[Seen, ...]:
        """The draft, or the question.

        Raises:
            StudyUnsettled: its images still arrive.
            RemoteUnavailable, BackendUnavailable: what it needs is not there, and there will be a next try.
        """
        if self.chart.patient is None:
            return (Seen(unread(_NOBODY)),)
        try:
            return (self._seen(),)
        except (RemoteUnavailable, BackendUnavailable) as error:
            if not self.last:
                raise
            what = "image server" if isinstance(error, RemoteUnavailable) else "model"
            return (Seen(unread(f"not read: the {what} did not answer")),)
        except (RemoteError, InferenceError) as error:
            return (Seen(unread(f"not read: {error}")),)

    def _seen(self) -> Seen:
        server = server_of(
            self.message,
            servers=self.story.servers.get(self.message.channel),
            source=self.story.sources.get(self.message.channel),
        )
        if isinstance(server, str):
            return Seen(unread(f"not read: {server}"))
        waiting = self._settled(server)
        if waiting:
            return Seen(unread(waiting))
        listed = imaging_evidence.listed(server, self.study.uid)
        refused = self.story.reader.refuses(self._claim(listed.modality))
        if refused:
            return Seen(unread(f"not read: {refused}", told=listed.left_out))
        return self._read(server, listed)

    def _settled(self, server: ImageServer) -> str:
        """Why the study is not whole and will not be waited for; "" when it is whole.

        Raises:
            StudyUnsettled: it is to be looked at again.
        """
        settle = self.story.settling[self.message.channel]
        count = len(server.instances(self.study.uid))
        look = self.story.looks.look(self.message.id, count)
        told = self.study.instance_count or 0
        if count and count >= told and look.unchanged_s >= settle.seconds:
            return ""
        if look.waiting_s < settle.give_up_s:
            raise StudyUnsettled(again_s=max(1.0, settle.seconds - look.unchanged_s))
        return f"not read: the study did not become whole in time: {count} of {told or 'some'} images"

    def _read(self, server: ImageServer, listed: Listed) -> Seen:
        story = self.story
        issuers = story.terms[self.message.channel].channel.assigners
        on_file = self.chart.on_file(study=self.study.uid, accession=self.study.accession, issuers=issuers)
        settle = story.settling[self.message.channel]
        gathered = imaging_evidence.gather(
            server, self.study.uid, listed, on_file=on_file, most=settle.most_images
        )
        if gathered.mismatches:
            _LOG.error("imaging.mismatch", message_id=self.message.id, code="wrong-patient")
            return Seen(unread(_ANOTHERS, issues=gathered.mismatches))
        if not gathered.images:
            told = (*listed.left_out, *(issue.text for issue in gathered.issues))
            return Seen(unread("not read: no image that can be read", issues=gathered.issues, told=told))
        first = gathered.images[0].header
        prior = imaging_prior.Prior()
        claim = self._claim(listed.modality, first)
        if settle.prior and story.reader.compares(claim):
            prior = imaging_prior.find(server, first, on_file=on_file)
        context = self.chart.context(reasons=self.study.reasons, on=first.study_date)
        stills = imaging_evidence.stills(gathered.images, reference=self.reference)
        seen = story.reader.read(
            claim, stills, prior=prior.stills, context=context, total=gathered.total, last=self.last
        )
        return replace(seen, report=self._told(seen.report, gathered, prior))

    def _told(self, report: JudgedReport, gathered: Gathered, prior: imaging_prior.Prior) -> JudgedReport:
        """The report with what else a person has to know of its evidence."""
        left_out = [f"not looked at: {each}" for each in gathered.left_out]
        taken = gathered.images[0].header.study_date
        return replace(
            report,
            effective=report.effective or self.study.started or (Moment(taken) if taken else None),
            issues=(*report.issues, *gathered.issues),
            reasons=(*report.reasons, *prior.told, *left_out),
        )

    def _claim(self, modality: str, header: ImageHeader | None = None) -> Claim:
        return Claim.of(
            channel=self.message.channel,
            message_type="ImagingStudy",
            modality=modality,
            header=header,
            procedures=(*self.study.procedures, *self.chart.procedures),
        )
