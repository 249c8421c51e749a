"""The story of a Media, and of a picture inside a message: a single image, who reads it, and the draft.

| the picture | becomes |
|---|---|
| of a Media in error | its drafts are taken back |
| a DICOM object whose header names another patient | a Task that says so, loudly; nothing of it is read |
| of a kind that the table of tasks or a route names a task for | a draft, or a Task that says why not |
| of which nobody says what it shows | a Task with the coded reason; a route can name its task |
| elsewhere (a URL), at a host that the settings list | fetched, then the same |
| of more frames than one | the first of a file; of a DICOM object as its task allows |

A Media that holds sound is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference.errors import BackendUnavailable, InferenceError
from inference.media import dicom, image
from inference.tasks.evidence import Still
from integration import telemetry
from integration.errors import DocumentRefused, DocumentUnreachable, NotFound
from integration.flows import imaging_chart, imaging_evidence
from integration.flows.door import Terms
from integration.flows.fhir_documents import source_of
from integration.flows.filing_drafts import FiledSource
from integration.flows.imaging_chart import Chart
from integration.flows.imaging_reports import TASK, Desk, pictures_of, unread
from integration.flows.imaging_tasks import Claim, Reader, Seen
from integration.flows.local_copies import LocalCopies
from integration.flows.readers import DocumentFetcher
from integration.flows.reading import Story
from integration.flows.routing import Arrived
from integration.store.database import Database
from integration.store.records import StoredMessage
from mappers.domain.coding import Concept
from mappers.domain.documents import Document, DocumentLink
from mappers.domain.findings import Source, SourceKind
from mappers.domain.imaging import Photograph
from mappers.fhir import media, r4

Node = dict[str, Any]

DICOM: Final = "application/dicom"
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/tiff", "image/bmp", "image/gif", "image/webp"})
ANOTHERS: Final = "not read: the image names another patient than the record: nothing of it was read"
_LOG = telemetry.logger(__name__)
_GONE = frozenset({"entered-in-error", "not-done"})
_NOT_YET = frozenset({"preparation", "in-progress", "on-hold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """One picture as evidence, or why it is none.

    Attributes:
        claim: what it is said to be.
        total: of its frames.
        unread: a report that says why not, instead.
    """

    claim: Claim | None = None
    stills: tuple[Still, ...] = ()
    total: int = 1
    unread: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """How a picture came, and whose it is.

    Attributes:
        message_type: MSH-9, or the type of the FHIR resource.
        issuers: what local issuers of patient numbers stand for.
    """

    chart: Chart
    channel: str
    message_type: str
    issuers: Mapping[str, str]

    def procedures(self, said: Photograph) -> tuple[Concept, ...]:
        """What was ordered, and what the picture is said to be."""
        return (*self.chart.procedures, *((said.type,) if said.type else ()))


def frames_of(document: Document, *, said: Photograph, came: Came) -> Frames:
    """The picture in some bytes.

    Args:
        document: the bytes, their media type by content.
        said: what is said of the picture.
        came: how it came.

    Raises:
        InferenceError: it cannot be decoded.
    """
    return _object(document, said, came) if document.media_type == DICOM else _picture(document, said, came)


def _object(document: Document, said: Photograph, came: Came) -> Frames:
    read = dicom.read(document.content)
    on_file = came.chart.on_file(study="", accession=None, issuers=came.issuers)
    gathered = imaging_evidence.examined((read,), on_file=on_file, total=1)
    if gathered.mismatches:
        return Frames(unread=Seen(unread(ANOTHERS, issues=gathered.mismatches)))
    claim = Claim.of(
        channel=came.channel,
        message_type=came.message_type,
        modality=read.header.modality,
        header=read.header,
        procedures=came.procedures(said),
    )
    return Frames(claim=claim, stills=imaging_evidence.stills((read,), reference=said.reference))


def _picture(document: Document, said: Photograph, came: Came) -> Frames:
    found = image.read(document.content, pages=1)
    first = found.frames[0]
    codings = [coding for concept in came.procedures(said) for coding in concept.codings]
    arrived = Arrived(
        channel=came.channel,
        message_type=came.message_type,
        modality=said.modality,
        body_part=said.body_part,
        procedures=tuple(dict.fromkeys((each.system or "", each.code or "") for each in codings)),
        content_type=document.media_type,
    )
    source = Source(
        kind=SourceKind.IMAGE,
        sha256=document.sha256,
        media_type=document.media_type,
        reference=said.reference,
        rendering="upright, 8 bits",
    )
    still = Still(
        png=first.png,
        source=source,
        columns=first.width,
        rows=first.height,
        view=said.view_position,
        body_part=said.body_part,
    )
    return Frames(claim=Claim(arrived=arrived, view=said.view_position), stills=(still,), total=found.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStory:
    """What the story needs (`flows.reading.Story`).

    Attributes:
        fetcher: of pictures that lie elsewhere.
        otherwise: the story of a Media that holds no picture.
    """

    copies: LocalCopies
    database: Database
    reader: Reader
    desk: Desk
    fetcher: DocumentFetcher
    terms: Mapping[str, Terms]
    otherwise: Story | None = None

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[Any]:
        """Read the picture of one Media."""
        with self.database.read() as connection:
            try:
                stored = self.copies.of_message(connection, message)
            except NotFound:
                return ()
            resource = r4.decode(stored.content)
            chart = imaging_chart.of_resource(
                resource, results=self.copies.results, connection=connection, study=None
            )
        reference = f"Media/{resource['id']}"
        said = media.read(resource, reference=reference)
        if not media.is_image(resource, said):
            return self.otherwise.read(message, last=last) if self.otherwise else ()
        if said.status in _NOT_YET:
            return ()
        seen = () if said.status in _GONE else (self._seen(message, said, chart, last=last),)
        source = source_of(resource, message)
        reading = self.desk.reading(message, reference=reference, source=source, task=TASK.name)
        drafts = [self.desk.draft(each.report, reading=reading, whose=chart.whose) for each in seen]
        filed = FiledSource(
            message_id=message.id,
            source=reference,
            version=resource.get("meta", {}).get("source"),
            drafts=tuple(drafts),
            whose=chart.whose,
            reading=reading,
            pictures={
                name: each for one in seen for name, each in pictures_of(one.report, one.stills).items()
            },
        )
        return (filed,)

    def _seen(self, message: StoredMessage, said: Photograph, chart: Chart, *, last: bool) -> Seen:
        if chart.patient is None:
            return Seen(unread("not read: the picture's patient is not on file"))
        try:
            document = self._content(said, message.channel)
            issuers = self.terms[message.channel].channel.assigners
            came = Came(chart=chart, channel=message.channel, message_type="Media", issuers=issuers)
            frames = frames_of(document, said=said, came=came)
            return seen_of(frames, self.reader, chart=chart, said=said, message_id=message.id, last=last)
        except DocumentRefused as error:
            return Seen(unread(f"not fetched: {error}"))
        except DocumentUnreachable:
            if not last:
                raise
            return Seen(unread("not fetched: its server did not answer"))
        except BackendUnavailable:
            raise
        except InferenceError as error:
            return Seen(unread(f"not read: {error}"))

    def _content(self, said: Photograph, channel: str) -> Document:
        if isinstance(said.content, Document):
            return said.content
        if isinstance(said.content, DocumentLink):
            return self.fetcher.fetch(said.content, channel=channel)
        raise DocumentRefused("the Media has no content")


def seen_of(  # noqa: PLR0913  (each says something of the picture)
    frames: Frames, reader: Reader, *, chart: Chart, said: Photograph, message_id: str, last: bool
) -> Seen:
    """The report about one picture; raises as `Reader.read`."""
    if frames.claim is None:
        _LOG.error("imaging.mismatch", message_id=message_id, code="wrong-patient")
        assert frames.unread is not None
        return frames.unread
    context = chart.context(reasons=said.reasons, on=said.created.date if said.created else "")
    return reader.read(frames.claim, frames.stills, context=context, total=frames.total, last=last)
