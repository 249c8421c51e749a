"""Word error rate of a recogniser, and apart from it the errors that change what a report says.

Texts are compared as the publisher of MedASR compares them: lower case, without `</s>`, letters, digits
and apostrophes only. A word error rate hides what matters: a lost "no" is one word of a hundred. Errors that
touch a negation, a side or a number are counted by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference.errors import ReaderMissing
from inference.evaluation.bootstrap import Interval, ratio

_END: Final = "</s>"
_DROPPED: Final = re.compile(r"[^a-z0-9' ]+")
_NEGATION: Final = re.compile(
    r"no|not|non|none|nor|neither|never|without|absent|absence|denies|denied|negative|free|cannot|\w+n't|\w+nt"
)
_SIDE: Final = re.compile(r"left|right|bilateral|bilaterally|both|unilateral")
_NUMBER: Final = re.compile(
    r".*\d.*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|thousand"
    r"|half|point"
)
#: Words that end in "nt" or "ty" and are neither negated nor a number.
_ORDINARY: Final = frozenset(["present", "patient", "extent", "cavity", "density", "opacity", "quality"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScore:
    """One recording.

    Attributes:
        name: of the case.
        words: of the reference.
        substituted, deleted, inserted: words.
        negations, sides, numbers: errors that touch one.
        reference, hypothesis: normalised.
        failed: why it was not transcribed; "" when it was. Its words count as deleted.
    """

    name: str
    words: int
    substituted: int
    deleted: int
    inserted: int
    negations: int
    sides: int
    numbers: int
    reference: str
    hypothesis: str
    seconds: float = 0.0
    failed: str = ""

    @property
    def errors(self) -> int:
        """All of them."""
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float:
        """Errors for each word; of a reference without words, of each that was invented."""
        return self.errors / max(1, self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """All recordings.

    Attributes:
        wer: word error rate with its interval; None where no reference has a word.
    """

    cases: tuple[CaseScore, ...]
    wer: Interval | None

    def total(self, name: str) -> int:
        """The sum of a count of the cases."""
        return sum(int(getattr(case, name)) for case in self.cases)

    def worst(self, count: int) -> tuple[CaseScore, ...]:
        """Those that changed a negation, a side or a number first, then by their error rate."""

        def badness(case: CaseScore) -> tuple[int, float]:
            return (case.negations + case.sides + case.numbers, case.rate)

        return tuple(sorted((case for case in self.cases if case.errors), key=badness, reverse=True)[:count])


def normalised(text: str) -> str:
    """A text as it is compared."""
    return " ".join(_DROPPED.sub(" ", text.lower().replace(_END, " ")).split())


def score(name: str, reference: str, hypothesis: str, *, seconds: float = 0.0, failed: str = "") -> CaseScore:
    """Compare what was said with what was recognised.

    Raises:
        ReaderMissing: jiwer is not installed.
    """
    expected, got = normalised(reference), normalised(hypothesis)
    pairs = tuple(_differences(expected.split(), got.split()))
    return CaseScore(
        name=name,
        words=len(expected.split()),
        substituted=sum(1 for old, new in pairs if old and new),
        deleted=sum(1 for old, new in pairs if not new),
        inserted=sum(1 for old, new in pairs if not old),
        negations=_touching(pairs, _NEGATION),
        sides=_touching(pairs, _SIDE),
        numbers=_touching(pairs, _NUMBER),
        reference=expected,
        hypothesis=got,
        seconds=seconds,
        failed=failed,
    )


def scores(cases: Sequence[CaseScore]) -> Scores:
    """Put cases together."""
    wer = ratio([case.errors for case in cases], [case.words for case in cases])
    return Scores(cases=tuple(cases), wer=wer)


def _touching(pairs: Sequence[tuple[str, str]], pattern: re.Pattern[str]) -> int:
    def is_one(word: str) -> bool:
        return word not in _ORDINARY and pattern.fullmatch(word) is not None

    return sum(1 for old, new in pairs if is_one(old) or is_one(new))


def _differences(expected: Sequence[str], got: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(word that was said, word that was recognised), one of them "" where it was lost or made up."""
    if not expected or not got:
        yield from ((word, "") for word in expected)
        yield from (("", word) for word in got)
        return
    try:
        import jiwer  # noqa: PLC0415
    except ImportError:
        raise ReaderMissing("evaluation needs jiwer: pip install 'wardwire[evaluation]'") from None
    aligned: Any = jiwer.process_words(" ".join(expected), " ".join(got)).alignments[0]
    for chunk in aligned:
        if chunk.type == "equal":
            continue
        old = expected[chunk.ref_start_idx : chunk.ref_end_idx]
        new = got[chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "substitute":
            yield from zip(old, new, strict=True)
        else:
            yield from ((word, "") for word in old)
            yield from (("", word) for word in new)
