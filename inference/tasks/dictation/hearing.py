"""A recording heard once: the transcript is remembered by recording, model and decoding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from inference.ports import Sound, SpokenWord, Transcriber, Transcript, TranscriptSegment
from inference.runs import RunMemo
from mappers.domain.attribution import ModelRun, run_key
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.times import Moment

TASK: Final = "transcription"
VERSION: Final = "1"


def hear(
    sound: Sound, transcriber: Transcriber, *, memo: RunMemo, now: Callable[[], Moment]
) -> tuple[ModelRun, Transcript]:
    """Transcribe a recording, or remember how it was transcribed.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused, OutputInvalid: as `Transcriber.transcribe`.
    """
    told = json.dumps({"recording": sound.sha256, "decoding": dict(transcriber.decoding)}, sort_keys=True)
    asked = hashlib.sha256(told.encode()).hexdigest()
    key = run_key(f"{TASK}@{VERSION}", card=transcriber.card, input_digest=asked)
    known = memo.find(key)
    if known is not None:
        made, answer = known
        return made, _decoded(answer)
    started = now()
    transcript = transcriber.transcribe(sound)
    answer = _encoded(transcript)
    made = ModelRun(
        task=TASK,
        task_version=VERSION,
        card=transcriber.card,
        prompt_digest="",
        input_digest=asked,
        output_digest=hashlib.sha256(transcript.text.encode()).hexdigest(),
        started=started,
        ended=now(),
        parameters=transcript.parameters,
    )
    memo.keep(key, made, answer)
    return made, transcript


def _encoded(transcript: Transcript) -> str:
    return json.dumps({**asdict(transcript), "parameters": dict(transcript.parameters)}, ensure_ascii=False)


def _decoded(answer: str) -> Transcript:
    told: dict[str, Any] = json.loads(answer)
    return Transcript(
        text=told["text"],
        segments=tuple(TranscriptSegment(**each) for each in told["segments"]),
        duration=told["duration"],
        words=tuple(SpokenWord(**each) for each in told["words"]),
        language=told["language"],
        issues=tuple(
            Issue(Severity(each["severity"]), IssueCode(each["code"]), each["location"], each["text"])
            for each in told["issues"]
        ),
        parameters=told["parameters"],
    )
