"""What a model judged of images, texts and recordings, each with the place that it was judged from.

A `Measurement` was sent, an `Extracted` was read off a page, a `Finding` was judged by a model: three types,
so that none can stand where another belongs. Sides are the patient's, boxes are in pixels of the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mappers.domain.attribution import ModelRun
from mappers.domain.coding import Concept
from mappers.domain.extraction import Span
from mappers.domain.issues import Issue
from mappers.domain.times import Moment, Period


class Presence(StrEnum):
    """Whether a finding is there: "no pneumothorax" is the finding pneumothorax, ABSENT."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


class Side(StrEnum):
    """The side of the patient, never of the picture."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


class Change(StrEnum):
    """What became of a finding since the prior."""

    NEW = "new"
    WORSE = "worse"
    STABLE = "stable"
    BETTER = "better"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRegion:
    """A box in a picture.

    Attributes:
        sha256: hex digest of the bytes that hold the picture.
        box: x0, y0, x1, y1 in pixels of the source; 0, 0 is the upper left corner of its first pixel.
        columns, rows: size of the source in pixels.
        frame: counted from 1.
        sop_instance_uid: of the DICOM instance, where it is one.
        said: the box as the model wrote it, in the coordinates that it was asked for.
    """

    sha256: str
    box: tuple[float, float, float, float]
    columns: int
    rows: int
    frame: int = 1
    sop_instance_uid: str | None = None
    said: str = ""

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if not (0 <= x0 < x1 <= self.columns and 0 <= y0 < y1 <= self.rows) or self.frame < 1:
            raise ValueError("a region is a box inside its picture")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuote:
    """Words of a text, verbatim: `text[start:end] == quote`.

    Attributes:
        sha256: hex digest of the text in UTF-8.
    """

    sha256: str
    start: int
    end: int
    quote: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end or len(self.quote) != self.end - self.start:
            raise ValueError("a quote is as long as its range")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInterval:
    """Words of a recording.

    Attributes:
        sha256: hex digest of the recording's bytes.
        start, end: seconds from its beginning.
        quote: what was recognised there.
    """

    sha256: str
    start: float
    end: float
    quote: str

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError("an interval begins before it ends")


#: Where a fact comes from.
Place = Span | ImageRegion | TextQuote | AudioInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a model says of its evidence.

    Attributes:
        name: in the words of Wardwire's table where it knows it, else in the model's.
        presence: whether it is there.
        key: in Wardwire's closed table of findings; None when the table does not know it.
        code: its concept, codings from that table only: a model assigns none.
        side: of the patient.
        site: where, in words or from the closed table.
        change: since the prior.
        words: the sentence that says it.
        places: where it was judged from; none where the model named none.
    """

    name: str
    presence: Presence
    code: Concept
    key: str | None = None
    side: Side | None = None
    site: Concept | None = None
    change: Change | None = None
    words: str = ""
    places: tuple[Place, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of a draft and the places that it comes from."""

    text: str
    places: tuple[Place, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a draft.

    Attributes:
        key: "findings", "impression", "recommendation", "comparison", "technique", "indication", …
        title: for people.
        code: LOINC of the section (59776-5 findings, 19005-8 impression, 18783-1 recommendation).
    """

    key: str
    title: str
    sentences: tuple[Sentence, ...]
    code: Concept | None = None

    @property
    def text(self) -> str:
        """Its sentences in order."""
        return " ".join(sentence.text for sentence in self.sentences)


class SourceKind(StrEnum):
    """What a source is."""

    IMAGE = "image"
    TEXT = "text"
    DOCUMENT = "document"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One piece of evidence that was really used.

    Attributes:
        sha256: hex digest of the bytes used.
        reference: of the resource in our store that it belongs to, "ImagingStudy/…"; "" for a bare file.
        role: "current" or "prior" image, "context", …
        study_uid, series_uid, sop_instance_uid: of a DICOM instance.
        frames: numbers of the frames used, from 1; empty for all.
        rendering: how it was made into what the model saw: "modality LUT, full range, 8 bit".
    """

    kind: SourceKind
    sha256: str
    media_type: str
    reference: str = ""
    role: str = "current"
    study_uid: str | None = None
    series_uid: str | None = None
    sop_instance_uid: str | None = None
    frames: tuple[int, ...] = field(default=())
    rendering: str = ""


class GuardOutcome(StrEnum):
    """What a guard came to: RECORDED only measures, because nobody set a threshold for it."""

    PASSED = "passed"
    FAILED = "failed"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What one guard says of an input or an answer.

    Attributes:
        guard: its name, "image-matches-claim".
        reason: for people; no value of a patient.
        scores: what it measured, as decimal text: {"chest radiograph": "0.83"}.
        run: of the model that it asked, where it asked one.
    """

    guard: str
    outcome: GuardOutcome
    reason: str
    scores: Mapping[str, str] = field(default_factory=dict)
    run: ModelRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenWord:
    """A word of a transcript.

    Attributes:
        start, end: seconds.
        posterior: mean posterior of its frames, 0 to 1: no calibrated confidence; None where not given.
    """

    text: str
    start: float
    end: float
    posterior: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """What was recognised in a recording.

    Attributes:
        raw: as the model wrote it, formatting tokens included.
        text: with known tokens as punctuation and paragraphs; nothing else differs.
        duration: of the recording in seconds.
        conversation: several people speak, or it was declared so: never structured unasked.
        run: of the model that listened.
    """

    raw: str
    text: str
    duration: float
    run: ModelRun
    words: tuple[SpokenWord, ...] = field(default=())
    conversation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedReport:
    """All that models said of one piece of evidence: a draft, whatever it says.

    Attributes:
        task: id and version, "radiograph@1".
        title: for people.
        code: of the report (LOINC 18748-4 for imaging).
        category: of the report (LOINC LP29684-5 and table 0074 for radiology).
        sources: the evidence used, the current one first.
        coverage: for people: "1 of 2 images", "85 of 2,000 slices", "125 patches".
        runs: of the models that judged, in order; the transcriber's is in `transcription`.
        verdicts: of all guards, those that passed too.
        effective: when the image was taken or the words were spoken.
        transcription: of a dictation.
        not_read: why nothing was judged, for people; None when something was.
        reasons: why a person has to look, beyond that a model spoke.
    """

    task: str
    title: str
    code: Concept
    category: tuple[Concept, ...]
    sources: tuple[Source, ...]
    coverage: str
    sections: tuple[Section, ...] = field(default=())
    findings: tuple[Finding, ...] = field(default=())
    runs: tuple[ModelRun, ...] = field(default=())
    verdicts: tuple[GuardVerdict, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())
    effective: Moment | Period | None = None
    transcription: Transcription | None = None
    not_read: str | None = None
    reasons: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.not_read is not None and (self.sections or self.findings):
            raise ValueError("what was not read says nothing")
        if self.findings and not self.runs:
            raise ValueError("a finding was judged by a model")

    @property
    def demonstration(self) -> bool:
        """Whether a demonstration model had any part in it."""
        spoken = self.transcription.run if self.transcription else None
        return any(run.card.demonstration for run in (*self.runs, *((spoken,) if spoken else ())))

    def section(self, key: str) -> Section | None:
        """The section of that key."""
        return next((each for each in self.sections if each.key == key), None)
