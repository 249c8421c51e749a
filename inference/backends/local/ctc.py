"""Frames to tokens to words: repeats collapse, blanks vanish, pieces join. Knows no model.

The posterior of a word is the mean of what its frames give to its own tokens. A recogniser that is wrong can
be sure of it: it is a number to compare words with, not the probability that a word is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from inference.backends.local.stitching import Frames
from inference.backends.local.windows import SECONDS_A_FRAME, seconds_at
from inference.ports import SpokenWord, TranscriptSegment

WORD: Final = "\u2581"
#: A pause that ends a segment, and how long one may become without any.
_PAUSE: Final = 0.7
_LONGEST: Final = 30.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A token that was emitted.

    Attributes:
        text: with the mark of a word's beginning.
        first: its first frame.
        last: its last frame.
        posterior: mean of its frames.
    """

    text: str
    first: int
    last: int
    posterior: float


class Decoder(Protocol):
    """Turns frames that come in order into pieces."""

    def add(self, frames: Frames) -> None:
        """Log posteriors, frames by vocabulary."""

    def finish(self) -> tuple[Piece, ...]:
        """All pieces."""


class Greedy:
    """The best token of every frame.

    Args:
        pieces: text of every token of the head; "" for those that are never written.
        blank: id of the token for nothing.
    """

    def __init__(self, pieces: Sequence[str], *, blank: int = 0) -> None:
        self._pieces = pieces
        self._blank = blank
        self._found: list[Piece] = []
        self._frame = 0
        self._token = blank
        self._first = 0
        self._sum = 0.0

    def add(self, frames: Frames) -> None:
        """Take the next frames."""
        best = frames.argmax(axis=1)
        sure = np.exp(frames.max(axis=1))
        for token, posterior in zip(best.tolist(), sure.tolist(), strict=True):
            if token != self._token:
                self._close()
                self._token, self._first, self._sum = token, self._frame, 0.0
            self._sum += posterior
            self._frame += 1

    def finish(self) -> tuple[Piece, ...]:
        """All pieces."""
        self._close()
        self._token, self._first = self._blank, self._frame
        return tuple(self._found)

    def _close(self) -> None:
        if self._token == self._blank or not self._pieces[self._token]:
            return
        last = self._frame - 1
        mean = min(1.0, self._sum / (self._frame - self._first))
        self._found.append(Piece(self._pieces[self._token], self._first, last, mean))


def words(pieces: Iterable[Piece]) -> tuple[SpokenWord, ...]:
    """Pieces joined to words; a formatting token with blanks in it is several."""
    found: list[list[Piece]] = []
    for piece in pieces:
        if piece.text.startswith(WORD) or not found:
            found.append([])
        found[-1].append(piece)
    made = (_word(group) for group in found)
    return tuple(word for word in made if word.text)


def _word(group: Sequence[Piece]) -> SpokenWord:
    frames = [piece.last - piece.first + 1 for piece in group]
    weighted = sum(piece.posterior * count for piece, count in zip(group, frames, strict=True))
    return SpokenWord(
        text="".join(piece.text for piece in group).replace(WORD, "").strip(),
        start=round(max(0.0, seconds_at(group[0].first) - SECONDS_A_FRAME / 2), 3),
        end=round(seconds_at(group[-1].last) + SECONDS_A_FRAME / 2, 3),
        posterior=round(weighted / sum(frames), 4),
    )


def within(spoken: Iterable[SpokenWord], duration: float) -> tuple[SpokenWord, ...]:
    """Words whose times lie in the recording: one shorter than a frame was padded."""
    return tuple(
        replace(word, start=min(word.start, duration), end=min(word.end, duration)) for word in spoken
    )


def segments(spoken: Sequence[SpokenWord]) -> Iterator[TranscriptSegment]:
    """Words between pauses."""
    group: list[SpokenWord] = []
    for word in spoken:
        if group and (word.start - group[-1].end > _PAUSE or word.end - group[0].start > _LONGEST):
            yield _segment(group)
            group = []
        group.append(word)
    if group:
        yield _segment(group)


def _segment(group: Sequence[SpokenWord]) -> TranscriptSegment:
    return TranscriptSegment(group[0].start, group[-1].end, " ".join(word.text for word in group))
