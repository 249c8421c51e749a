"""A question about images and texts of one patient: the answer as a draft, or that the evidence has none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.ports import Completion, Picture, Prompt
from inference.tasks import answers, evidence, form, judging, prompting, reading
from inference.tasks.evidence import Still
from inference.tasks.judging import Judged, Task
from inference.tasks.reading import Aids
from mappers.domain.coding import Concept
from mappers.domain.findings import JudgedReport, Source, SourceKind

__all__ = ["MOST_IMAGES", "TASK", "Text", "read"]

TASK: Final = Task(
    id="question",
    version="1",
    title="Answer to a question, draft",
    code=Concept(text="Answer to a question, draft"),
    category=judging.OTHER,
)
SCHEMA: Final = form.closed(
    {"answerable": {"type": "boolean"}, "answer": {"type": "string", "minLength": 1, "maxLength": 1200}}
)
MOST_IMAGES: Final = 8
LONGEST_QUESTION: Final = 1000
_LONGEST_TEXT: Final = 12_000
_MAX_NEW_TOKENS: Final = 800


@dataclass(frozen=True, slots=True)
class Text:
    """A text to be asked about: what it is, its words, and the resource that it came from."""

    title: str
    words: str
    reference: str = ""

    @property
    def source(self) -> Source:
        """For Provenance."""
        sha256 = hashlib.sha256(self.words.encode()).hexdigest()
        return Source(kind=SourceKind.TEXT, sha256=sha256, media_type="text/plain", reference=self.reference)


def read(
    question: str, aids: Aids, *, stills: Sequence[Still] = (), texts: Sequence[Text] = ()
) -> JudgedReport:
    """The answer to a question.

    Args:
        question: as it was asked; it is fenced, so that it asks and does not instruct.
        aids: model and context.
        stills: images, at most MOST_IMAGES of which are used.
        texts: reports, letters, results.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    taken = tuple(stills[:MOST_IMAGES])
    sources = (*evidence.sources(taken), *(text.source for text in texts), *aids.context.sources)
    report = judging.blank(TASK, sources, _coverage(taken, stills, texts))
    if not question.strip() or len(question) > LONGEST_QUESTION:
        return judging.unread(report, f"not read: a question has 1 to {LONGEST_QUESTION} characters")
    if not taken and not texts and not aids.context.text:
        return judging.unread(report, "not read: nothing to answer from")
    if any(len(text.words) > _LONGEST_TEXT for text in texts):
        return judging.unread(report, f"not read: a text has more than {_LONGEST_TEXT} characters")
    if aids.help_ is None:
        return judging.unread(report, judging.NO_MODEL)
    asked = judging.ask(TASK, _prompt(question, taken, texts, aids), aids.help_, _said)
    report = judging.answered(report, asked, lambda said: Judged(
        sections=(
            judging.section("question", "Question", question),
            judging.section("answer", "Answer", said[1]),
        )
    ))  # fmt: skip
    if asked.value is not None and not asked.value[0]:
        return judging.unread(report, "not read: the evidence does not answer the question, says the model")
    if report.not_read is not None:
        return report
    return reading.checked(report, aids.context.text, question, *(text.words for text in texts))


def _prompt(question: str, stills: Sequence[Still], texts: Sequence[Text], aids: Aids) -> Prompt:
    parts: list[str | Picture] = list(evidence.pictures(stills))
    parts += [f"{text.title}\n{prompting.material(text.words)}" for text in texts]
    parts += prompting.background(aids.context.text)
    return (aids.prompt or prompting.shipped(__name__)).prompt(
        parts,
        values={"question": prompting.material(question)},
        schema=SCHEMA,
        max_new_tokens=_MAX_NEW_TOKENS,
    )


def _said(completion: Completion) -> tuple[bool, str]:
    answer = answers.structured(completion, SCHEMA)
    return answer["answerable"], answer["answer"].strip()


def _coverage(taken: Sequence[Still], stills: Sequence[Still], texts: Sequence[Text]) -> str:
    parts = [evidence.coverage(len(taken), len(stills))] if stills else []
    if texts:
        parts.append(evidence.coverage(len(texts), len(texts), what="text"))
    return ", ".join(parts) or "the chart"
