"""A dictation: heard, formatted, and arranged to sections whose every sentence names its seconds.

| the recording | becomes |
|---|---|
| silence, noise, or nothing that is recognised | not read: nothing was recognised |
| a conversation, unless the route says that it is to be arranged | its transcript alone, labelled |
| a dictation, its sentences under spoken headings | sections, by rule |
| sentences under no heading, with a model that arranges | sections as it says, in the spoken words |
| sentences under no heading, without one | one section, as dictated |

Nothing that was said is left out, and nothing is added: the sections together are the transcript.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from inference import runs
from inference.errors import OutputInvalid
from inference.ports import Sound, TextGenerator, Transcriber, Transcript
from inference.runs import RunMemo
from inference.tasks.dictation import arranging, conversation, headings, hearing, sentences
from inference.tasks.dictation.arranging import Arranged
from inference.tasks.dictation.headings import DICTATED
from inference.tasks.dictation.sentences import Dictated, Utterance
from inference.tasks.prompting import PromptFile
from mappers.domain.attribution import ModelRun
from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.findings import (
    AudioInterval,
    GuardOutcome,
    GuardVerdict,
    JudgedReport,
    Section,
    Sentence,
    Source,
    SourceKind,
    Transcription,
)
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.times import Moment

ID: Final = "dictation"
VERSION: Final = "1"
TASK: Final = f"{ID}@{VERSION}"
NOTE: Final = Concept((Coding("34109-9", LOINC, "Note"),))
NOTHING: Final = "nothing was recognised"
#: A word below it deserves a look; measured by nobody, so that it only counts.
_UNSURE: Final = 0.5


class Heard(Sound, Protocol):
    """What the task needs of a recording; `inference.media.audio.Recording` is one."""

    @property
    def media_type(self) -> str:
        """By content."""

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What a listener should know."""

    @property
    def has_voice(self) -> bool:
        """Whether anything in it can be a voice."""

    @property
    def separate_channels(self) -> bool:
        """Whether its channels carry different sounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who helps.

    Attributes:
        transcriber: hears.
        arranger: puts sentences without a heading into sections; None to leave them as dictated.
        memo: of finished runs.
        now: the clock.
        prompt: a site's prompt in the place of the shipped one.
    """

    transcriber: Transcriber
    memo: RunMemo
    now: Callable[[], Moment]
    arranger: TextGenerator | None = None
    prompt: PromptFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a recording beside its sound.

    Attributes:
        reference: of the resource in our store that it belongs to; "" for a bare file.
        code: what kind of note it is.
        conversation: somebody says that it is one.
        arrange_conversations: the route says that they are arranged as well.
        effective: when it was spoken.
    """

    reference: str = ""
    code: Concept = NOTE
    conversation: bool = False
    arrange_conversations: bool = False
    effective: Moment | None = None


def read(recording: Heard, staff: Staff, told: Told | None = None) -> JudgedReport:
    """The draft of a dictation.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the models raise them.
        OutputInvalid: a remote recogniser's answer is no transcript. What an arranger answers never stops
            the transcript: it is left as dictated.
    """
    known = told or Told()
    if not recording.has_voice:
        return _nothing(recording, known, ())
    run, transcript = hearing.hear(recording, staff.transcriber, memo=staff.memo, now=staff.now)
    if not transcript.text.strip():
        return _nothing(recording, known, transcript.issues)
    return _report(recording, staff, known, run, transcript)


def hear(recording: Heard, staff: Staff) -> Transcript | None:
    """What was recognised; None where there is no voice. Raises as `read`."""
    if not recording.has_voice:
        return None
    return hearing.hear(recording, staff.transcriber, memo=staff.memo, now=staff.now)[1]


def _nothing(recording: Heard, told: Told, issues: tuple[Issue, ...]) -> JudgedReport:
    return JudgedReport(
        task=TASK,
        title="Dictation",
        code=told.code,
        category=(),
        sources=(source_of(recording, told),),
        coverage=_coverage(recording),
        issues=(*recording.issues, *issues),
        effective=told.effective,
        not_read=NOTHING,
    )


def _report(
    recording: Heard, staff: Staff, told: Told, run: ModelRun, transcript: Transcript
) -> JudgedReport:
    dictated = sentences.dictated(transcript)
    signs = conversation.reasons(
        transcript.text, declared=told.conversation, separate_channels=recording.separate_channels
    )
    arrange = not signs or told.arrange_conversations
    loose = [each for each in dictated.utterances if each.heading is None]
    asked = _Asked(staff)
    arranged = asked.arrange(loose) if arrange and staff.arranger is not None else Arranged()
    return JudgedReport(
        task=TASK,
        title="Conversation" if signs else "Dictation",
        code=told.code,
        category=(),
        sources=(source_of(recording, told),),
        coverage=_coverage(recording),
        sections=_sections(dictated.utterances, arranged, recording.sha256) if arrange else (),
        # The words of the sections are the recogniser's, whoever arranged them.
        runs=(run, *asked.runs) if arrange else (),
        verdicts=tuple(_verdicts(asked, arranged)),
        issues=(
            *recording.issues,
            *transcript.issues,
            *dictated.issues,
            *_issues(transcript, arranged, asked),
        ),
        effective=told.effective,
        transcription=transcription_of(transcript, dictated, run, conversation=bool(signs)),
        reasons=signs,
    )


class _Asked:
    """Asks the arranger, group by group; an answer that is none leaves its group as dictated."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff
        self.runs: tuple[ModelRun, ...] = ()
        self.failed = 0

    def arrange(self, loose: Sequence[Utterance]) -> Arranged:
        """Where the sentences belong."""
        whole = Arranged()
        for group in arranging.groups(loose):
            whole += self._group(group)
        return whole

    def _group(self, group: tuple[Utterance, ...]) -> Arranged:
        staff = self._staff
        assert staff.arranger is not None
        question = arranging.prompt(group, file=staff.prompt)
        run, completion = runs.run(
            question, staff.arranger, task=ID, version=VERSION, memo=staff.memo, now=staff.now
        )
        self.runs = (*self.runs, run)
        try:
            return arranging.arranged(completion, group)
        except OutputInvalid:
            self.failed += 1
            return Arranged()


def _sections(utterances: Iterable[Utterance], arranged: Arranged, sha256: str) -> tuple[Section, ...]:
    """All that was spoken, by section in the order in which sections were first spoken of."""
    found: dict[str, list[Sentence]] = {}
    for each in utterances:
        key = each.heading.key if each.heading else arranged.sections.get(each.number, DICTATED.key)
        place = AudioInterval(sha256=sha256, start=each.start, end=each.end, quote=each.raw)
        text = arranged.texts.get(each.number, each.text)
        found.setdefault(key, []).append(Sentence(text=text, places=(place,)))
    return tuple(
        Section(key=key, title=heading.title, sentences=tuple(spoken), code=heading.code)
        for key, spoken in found.items()
        for heading in (headings.of(key),)
    )


def _verdicts(asked: _Asked, arranged: Arranged) -> Iterator[GuardVerdict]:
    """One for each thing that arranging must not change; none where nothing was arranged."""
    if not asked.runs:
        return
    for guard, changed in (
        ("negations-kept", arranged.changes.negation),
        ("sides-kept", arranged.changes.side),
        ("numbers-kept", arranged.changes.number),
        ("words-kept", arranged.changes.wording),
    ):
        outcome = GuardOutcome.FAILED if changed else GuardOutcome.PASSED
        reason = "the model changed some: the spoken words stand in the draft" if changed else "none changed"
        yield GuardVerdict(guard=guard, outcome=outcome, reason=reason)


def _issues(transcript: Transcript, arranged: Arranged, asked: _Asked) -> Iterator[Issue]:
    counted = (
        (arranged.changed, "sentences were changed by the model that arranged them: the spoken words stand"),
        (arranged.invented, "sentences of the model that arranged them were never spoken: dropped"),
        (arranged.doubled, "sentences were arranged twice: the first place counts"),
        (
            arranged.left_out,
            "sentences were left out by the model that arranged them: they stay as dictated",
        ),
        (
            asked.failed,
            "answers of the model that arranges could not be read: the words stay as dictated",
        ),
    )
    for count, text in counted:
        if count:
            yield Issue(Severity.WARNING, IssueCode.PROCESSING, "sections", f"{count} {text}")
    unsure = sum(1 for word in transcript.words if word.posterior is not None and word.posterior < _UNSURE)
    if unsure:
        text = f"{unsure} of {len(transcript.words)} words were recognised with a posterior below {_UNSURE}"
        yield Issue(Severity.INFORMATION, IssueCode.INFORMATIONAL, "transcript", text)


def transcription_of(
    transcript: Transcript, dictated: Dictated, run: ModelRun, *, conversation: bool
) -> Transcription:
    """What was recognised, with the words as they were and as they are shown."""
    return Transcription(
        raw=transcript.text,
        text=dictated.text,
        duration=transcript.duration,
        run=run,
        words=transcript.words,
        conversation=conversation,
    )


def source_of(recording: Heard, told: Told) -> Source:
    """The recording as evidence."""
    return Source(
        kind=SourceKind.RECORDING,
        sha256=recording.sha256,
        media_type=recording.media_type,
        reference=told.reference,
        rendering="16 kHz mono",
    )


def _coverage(recording: Sound) -> str:
    return f"{recording.seconds:.1f} seconds of sound"
