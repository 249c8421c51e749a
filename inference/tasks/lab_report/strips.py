"""Text with the place of every character: lines and cells of a page, cut without losing where they stand.

Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from inference.media.pages import Box, Word, around

#: Widths of a letter between two cells of a line; a blank is half a letter, in typewriter faces a whole one.
CELL_GAP: Final = 1.5
_SAME_LINE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Strip:
    """A run of characters.

    Attributes:
        text: with one blank between words.
        boxes: of each character, None for blanks.
        certainty: the lowest of its words'.
    """

    text: str
    boxes: tuple[Box | None, ...]
    certainty: float = 100.0

    @classmethod
    def of(cls, words: Iterable[Word]) -> Strip:
        """The words in their order, blanks between them."""
        text: list[str] = []
        boxes: list[Box | None] = []
        certainty = 100.0
        for word in words:
            if text:
                text.append(" ")
                boxes.append(None)
            _, top, _, bottom = word.box
            for letter, x0, x1 in _letters(word):
                text.append(letter)
                boxes.append((x0, top, x1, bottom))
            certainty = min(certainty, word.certainty)
        return cls("".join(text), tuple(boxes), certainty)

    def cut(self, start: int, end: int | None = None) -> Strip:
        """The characters from `start` to `end`, without blanks around them."""
        end = len(self.text) if end is None else end
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        return Strip(self.text[start:end], self.boxes[start:end], self.certainty)

    @property
    def box(self) -> Box:
        """Around all characters; an empty strip has none and must not be asked."""
        return around([box for box in self.boxes if box is not None])

    def __bool__(self) -> bool:
        return bool(self.text)


EMPTY: Final = Strip("", ())


def joined(strips: Sequence[Strip]) -> Strip:
    """Strips one after the other, blanks between them."""
    parts = [strip for strip in strips if strip]
    text = " ".join(part.text for part in parts)
    boxes: list[Box | None] = []
    for index, part in enumerate(parts):
        boxes += [None] * bool(index) + list(part.boxes)
    return Strip(text, tuple(boxes), min((part.certainty for part in parts), default=100.0))


def _letters(word: Word) -> Iterable[tuple[str, float, float]]:
    # A ligature is one glyph with several characters: there its parts share the word's width evenly.
    if len(word.edges) == len(word.text) + 1:
        edges = word.edges
    else:
        step = (word.box[2] - word.box[0]) / len(word.text)
        edges = tuple(word.box[0] + step * index for index in range(len(word.text) + 1))
    for index, letter in enumerate(word.text):
        yield letter, min(edges[index], edges[index + 1]), max(edges[index], edges[index + 1])


def lines(words: Iterable[Word]) -> list[list[Word]]:
    """Words by visual line from top to bottom, each from left to right."""
    found: list[tuple[float, float, list[Word]]] = []
    for word in sorted(words, key=lambda word: ((word.box[1] + word.box[3]) / 2, word.box[0])):
        top, bottom = word.box[1], word.box[3]
        for index in range(len(found) - 1, max(-1, len(found) - 4), -1):
            line_top, line_bottom, members = found[index]
            shared = min(bottom, line_bottom) - max(top, line_top)
            if shared > _SAME_LINE * min(bottom - top, line_bottom - line_top):
                members.append(word)
                break
        else:
            found.append((top, bottom, [word]))
    ordered = sorted(found, key=lambda line: line[0])
    return [sorted(members, key=lambda word: word.box[0]) for _, _, members in ordered]


def letter_width(words: Sequence[Word]) -> float:
    """Width of a usual letter of these words."""
    return median((word.box[2] - word.box[0]) / max(1, len(word.text)) for word in words)


def cells(line: Sequence[Word], *, gap: float = CELL_GAP) -> list[list[Word]]:
    """The words of one line by cell: a cell ends where the gap is wide.

    Args:
        line: words from left to right.
        gap: in widths of a letter.
    """
    if not line:
        return []
    least = gap * letter_width(line)
    groups = [[line[0]]]
    for before, word in itertools.pairwise(line):
        if word.box[0] - before.box[2] > least:
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def inside(words: Iterable[Word], box: Box) -> list[Word]:
    """The words whose middle lies in a box."""
    x0, top, x1, bottom = box
    return [
        word
        for word in words
        if x0 <= (word.box[0] + word.box[2]) / 2 <= x1 and top <= (word.box[1] + word.box[3]) / 2 <= bottom
    ]
