"""A question that was spoken about images or texts: heard, then asked as a written one is.

The words that were recognised are the question, and stand in the draft with the recording that they came
from: whoever signs sees what was asked, and can hear it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference.tasks import question
from inference.tasks.dictation import conversation, hearing, sentences
from inference.tasks.dictation.task import NOTHING, Heard, Staff, Told, source_of, transcription_of
from inference.tasks.evidence import Still
from inference.tasks.question import Text
from inference.tasks.reading import Aids
from mappers.domain.findings import JudgedReport, Source

#: A conversation holds no one question.
SEVERAL = "not read: several people speak in the question"


def ask(  # noqa: PLR0913 - who asks, who answers, about what
    recording: Heard,
    staff: Staff,
    aids: Aids,
    *,
    stills: Sequence[Still] = (),
    texts: Sequence[Text] = (),
    told: Told | None = None,
) -> JudgedReport:
    """The answer to a spoken question, as a draft.

    Args:
        recording: the question.
        staff: who hears.
        aids: the model that answers, and context.
        stills: images that it is about.
        texts: texts that it is about.
        told: what is known of the recording beside its sound.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused, OutputInvalid: as the models raise them.
    """
    known = told or Told()
    spoken = replace(source_of(recording, known), role="question")
    if not recording.has_voice:
        return _unread(question.read("", aids, stills=stills, texts=texts), NOTHING, recording, spoken)
    run, transcript = hearing.hear(recording, staff.transcriber, memo=staff.memo, now=staff.now)
    dictated = sentences.dictated(transcript)
    signs = conversation.reasons(
        transcript.text, declared=known.conversation, separate_channels=recording.separate_channels
    )
    said = transcription_of(transcript, dictated, run, conversation=bool(signs))
    if signs or not dictated.text:
        blank = question.read("", aids, stills=stills, texts=texts)
        unread = _unread(blank, SEVERAL if signs else NOTHING, recording, spoken)
        return replace(unread, transcription=said if dictated.text else None, reasons=signs)
    report = question.read(dictated.text, aids, stills=stills, texts=texts)
    return replace(
        report,
        sources=(*report.sources, spoken),
        transcription=said,
        issues=(*recording.issues, *transcript.issues, *report.issues),
        effective=report.effective or known.effective,
    )


def _unread(report: JudgedReport, reason: str, recording: Heard, spoken: Source) -> JudgedReport:
    return replace(
        report, not_read=reason, sources=(*report.sources, spoken), issues=(*recording.issues, *report.issues)
    )
