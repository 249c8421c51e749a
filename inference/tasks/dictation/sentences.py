"""A transcript as sentences, each with the seconds and the heading that it was spoken under."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.ports import SpokenWord, Transcript
from inference.tasks.dictation import tokens
from inference.tasks.dictation.headings import Heading
from inference.tasks.dictation.tokens import Element, Role
from mappers.domain.issues import Issue, IssueCode, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A sentence as it was spoken.

    Attributes:
        number: from 1, in the order of speech.
        text: formatted.
        raw: as the recogniser wrote it.
        start, end: seconds.
        heading: under which it was spoken; None where no heading was.
    """

    number: int
    text: str
    raw: str
    start: float
    end: float
    heading: Heading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictated:
    """A formatted transcript.

    Attributes:
        text: with marks, paragraphs and headings.
        unknown: tokens that stand in it verbatim.
    """

    text: str
    utterances: tuple[Utterance, ...]
    unknown: tuple[str, ...]

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What a reader should know of the formatting."""
        if not self.unknown:
            return ()
        text = f"{len(self.unknown)} formatting tokens are not known and stand in the text as they are"
        return (Issue(Severity.INFORMATION, IssueCode.INFORMATIONAL, "transcript", text),)


def dictated(transcript: Transcript) -> Dictated:
    """Format a transcript."""
    words = transcript.words or tuple(_words(transcript))
    parts = tokens.elements(words)
    unknown = tuple(part.text for part in parts if part.role is Role.UNKNOWN)
    return Dictated(text=tokens.written(parts), utterances=tuple(_utterances(parts, words)), unknown=unknown)


def _words(transcript: Transcript) -> Iterator[SpokenWord]:
    """The words of segments, each with the time of its whole segment: no time is made up."""
    for segment in transcript.segments:
        for word in segment.text.split():
            yield SpokenWord(text=word, start=segment.start, end=segment.end)


def _utterances(parts: Sequence[Element], words: Sequence[SpokenWord]) -> Iterator[Utterance]:
    heading: Heading | None = None
    group: list[Element] = []
    number = 0
    for part in (*parts, None):
        if part is not None and part.role not in {Role.BREAK, Role.HEADING}:
            group.append(part)
            if not tokens.ends(part):
                continue
        if any(each.role in {Role.WORD, Role.UNKNOWN} for each in group):
            number += 1
            yield _utterance(number, group, words, heading)
        group = []
        if part is not None and part.role is Role.HEADING:
            heading = part.heading


def _utterance(
    number: int, group: Sequence[Element], words: Sequence[SpokenWord], heading: Heading | None
) -> Utterance:
    spoken = words[group[0].first : group[-1].last + 1]
    return Utterance(
        number=number,
        text=tokens.written(group),
        raw=" ".join(word.text for word in spoken),
        start=min(word.start for word in spoken),
        end=max(word.end for word in spoken),
        heading=heading,
    )
