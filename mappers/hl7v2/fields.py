"""Segments, fields, repetitions, components: split late, unescaped after splitting, once.

Text is kept as it came. A value read is what was meant: escapes resolved, control characters (which FHIR
cannot carry) left out, HL7 null (`""`) as an empty text that `null` tells from an absent one. Large
segments (a document of tens of megabytes in OBX-5) are walked by offsets and never copied whole. Knows
nothing of meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mappers.domain.issues import Location
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.escapes import unescape

NULL: Final = '""'
#: Characters above which a text with few pieces is walked by offsets instead of being split and kept.
LARGE: Final = 1 << 16
_FEW: Final = 256
#: Segments whose first field is the separator itself.
HEADERS: Final = frozenset({"MSH", "FHS", "BHS"})
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Syntax:
    """What all segments of one message share: its delimiters and its Python codec."""

    delimiters: Delimiters
    codec: str = "ascii"

    def meant(self, text: str) -> str:
        """The value of a split-off text: null and control characters gone, escapes resolved."""
        if text == NULL:
            return ""
        if not text.isprintable():
            text = CONTROL.sub("", text)
        return unescape(text, self.delimiters, codec=self.codec)


def _span(source: str, start: int, end: int, separator: str, n: int) -> tuple[int, int]:
    """Offsets of the n-th piece (from 1) of source[start:end]; an empty span when there is none."""
    if not separator:
        return (start, end) if n == 1 else (end, end)
    for _ in range(n - 1):
        found = source.find(separator, start, end)
        if found < 0:
            return end, end
        start = found + len(separator)
    found = source.find(separator, start, end)
    return start, end if found < 0 else found


def _spans(source: str, start: int, end: int, separator: str) -> Iterator[tuple[int, int]]:
    """Offsets of all pieces of source[start:end]."""
    while separator:
        found = source.find(separator, start, end)
        if found < 0:
            break
        yield start, found
        start = found + len(separator)
    yield start, end


class Repetition:
    """One repetition of a field, or one component seen as a composite of its own (an HD in CX.4).

    Attributes:
        location: where it stands; `at` adds a component to it.
    """

    __slots__ = ("_end", "_pieces", "_separators", "_source", "_start", "_syntax", "location")

    def __init__(
        self,
        source: str,
        span: tuple[int, int],
        *,
        separators: tuple[str, ...],
        syntax: Syntax,
        location: Location,
    ) -> None:
        self._source = source
        self._start, self._end = span
        self._separators = separators
        self._syntax = syntax
        self._pieces: list[str] | None = None
        self.location = location

    @property
    def text(self) -> str:
        """As it came, escapes and all."""
        return self._source[self._start : self._end]

    @property
    def valued(self) -> bool:
        """Whether it holds anything but separators."""
        return bool(self.text.strip("".join(self._separators)))

    @property
    def null(self) -> bool:
        """Whether the sender says "delete this value"."""
        return self._end - self._start == len(NULL) and self.text == NULL

    @property
    def count(self) -> int:
        """How many components there are, empty ones and all; 0 when there is no text."""
        if self._start == self._end:
            return 0
        separator = self._separators[0] if self._separators else ""
        return 1 + (self._source.count(separator, self._start, self._end) if separator else 0)

    def raw(self, component: int) -> str:
        """The text of a component as it came; empty when absent."""
        separator = self._separators[0] if self._separators else ""
        if self._pieces is None:
            if not separator or (self._end - self._start > LARGE and self.count <= _FEW):
                start, end = _span(self._source, self._start, self._end, separator, component)
                return self._source[start:end]
            self._pieces = self.text.split(separator)
        return self._pieces[component - 1] if component <= len(self._pieces) else ""

    def get(self, component: int | None = None, subcomponent: int | None = None) -> str:
        """The value, unescaped: of the whole, a component, or a subcomponent; empty when absent or null.

        Without a subcomponent the whole component is read, `&` and all: senders forget to escape it in
        plain text.
        """
        if component is None:
            return self._syntax.meant(self.text)
        text = self.raw(component)
        if subcomponent is not None and text:
            separator = self._separators[1] if len(self._separators) > 1 else ""
            start, end = _span(text, 0, len(text), separator, subcomponent)
            text = text[start:end]
        return self._syntax.meant(text) if text else ""

    def part(self, component: int) -> Repetition:
        """A component as a composite: its subcomponents are the components of what is returned."""
        text = self.raw(component)
        return Repetition(
            text,
            (0, len(text)),
            separators=self._separators[1:],
            syntax=self._syntax,
            location=self._deeper(component),
        )

    def at(self, component: int | None = None, subcomponent: int | None = None) -> str:
        """The place as an issue names it, `PID[1]-3(2).4`."""
        place = self.location if component is None else self._deeper(component)
        if subcomponent is not None:
            place = _with(place, place.component, subcomponent)
        return str(place)

    def _deeper(self, component: int) -> Location:
        if self.location.component is None:
            return _with(self.location, component, None)
        return _with(self.location, self.location.component, component)


def _with(place: Location, component: int | None, subcomponent: int | None) -> Location:
    return Location(place.segment, place.ordinal, place.field, place.repetition, component, subcomponent)


class Field:
    """One field of a segment; `repetitions` is empty when nothing was sent."""

    __slots__ = ("_end", "_location", "_source", "_start", "_syntax")

    def __init__(self, source: str, span: tuple[int, int], *, syntax: Syntax, location: Location) -> None:
        self._source = source
        self._start, self._end = span
        self._syntax = syntax
        self._location = location

    @property
    def text(self) -> str:
        """As it came."""
        return self._source[self._start : self._end]

    @property
    def valued(self) -> bool:
        """Whether it holds anything but separators; a null counts, for it says something."""
        if self._end - self._start > LARGE:
            return True
        delimiters = self._syntax.delimiters
        return bool(self.text.strip(delimiters.repetition + delimiters.component + delimiters.subcomponent))

    @property
    def null(self) -> bool:
        """Whether the sender says "delete this value"."""
        return self._end - self._start == len(NULL) and self.text == NULL

    @property
    def repetitions(self) -> tuple[Repetition, ...]:
        """The repetitions in order, empty ones between others too (their position may matter)."""
        if self._start == self._end:
            return ()
        spans = _spans(self._source, self._start, self._end, self._syntax.delimiters.repetition)
        return tuple(self._repetition(span, n) for n, span in enumerate(spans, start=1))

    def repetition(self, n: int) -> Repetition:
        """The n-th repetition from 1; an empty one when absent."""
        return self._repetition(
            _span(self._source, self._start, self._end, self._syntax.delimiters.repetition, n), n
        )

    def _repetition(self, span: tuple[int, int], n: int) -> Repetition:
        delimiters = self._syntax.delimiters
        place = self._location
        return Repetition(
            self._source,
            span,
            separators=(delimiters.component, delimiters.subcomponent),
            syntax=self._syntax,
            location=Location(place.segment, place.ordinal, place.field, n),
        )


class Segment:
    """One segment.

    Attributes:
        name: upper case; the text keeps what the sender wrote.
        index: its position in the message, from 1.
        ordinal: it is the n-th of its name, from 1.
        text: verbatim, without its terminator.
    """

    __slots__ = ("_offsets", "_pieces", "_syntax", "index", "name", "ordinal", "text")

    def __init__(self, text: str, *, name: str, index: int, ordinal: int, syntax: Syntax) -> None:
        self.text = text
        self.name = name
        self.index = index
        self.ordinal = ordinal
        self._syntax = syntax
        self._pieces: list[str] | None = None
        self._offsets: tuple[tuple[int, int], ...] | None = None

    @property
    def label(self) -> str:
        """Its name in issues and in the ledger: `OBX[2]`."""
        return f"{self.name}[{self.ordinal}]"

    @property
    def count(self) -> int:
        """The number of its last field."""
        separators = self.text.count(self._syntax.delimiters.field)
        return separators + 1 if self.name in HEADERS else separators

    def field(self, n: int) -> Field:
        """Field n, numbered as the standard does (MSH-1 is the separator); an empty one when absent."""
        location = Location(self.name, self.ordinal, n)
        delimiters = self._syntax.delimiters
        if self.name in HEADERS:
            if n <= 2:  # noqa: PLR2004 - MSH-1 and MSH-2 are not structured by the delimiters that they name
                text = delimiters.field if n == 1 else self._piece(1)
                plain = Syntax(Delimiters(delimiters.field, "", "", "", ""))
                return Field(text, (0, len(text)), syntax=plain, location=location)
            n -= 1
        if len(self.text) > LARGE:
            return Field(self.text, self._span(n), syntax=self._syntax, location=location)
        text = self._piece(n)
        return Field(text, (0, len(text)), syntax=self._syntax, location=location)

    def raw(self, n: int) -> str:
        """The text of field n as it came; empty when absent."""
        return self.field(n).text

    def get(
        self, n: int, *, repetition: int = 1, component: int | None = None, subcomponent: int | None = None
    ) -> str:
        """The unescaped value at a place; empty when absent or null (see `Repetition.get`)."""
        return self.field(n).repetition(repetition).get(component, subcomponent)

    def valued(self) -> tuple[int, ...]:
        """Numbers of the fields that hold anything, MSH-1 and MSH-2 left out."""
        first = 3 if self.name in HEADERS else 1
        return tuple(n for n in range(first, self.count + 1) if self.field(n).valued)

    def at(
        self,
        n: int,
        *,
        repetition: int | None = None,
        component: int | None = None,
        subcomponent: int | None = None,
    ) -> str:
        """The place as an issue names it, `OBX[2]-5.1`."""
        return str(Location(self.name, self.ordinal, n, repetition, component, subcomponent))

    def _span(self, n: int) -> tuple[int, int]:
        """Offsets of the n-th piece in a large text."""
        if self._offsets is None:
            self._offsets = tuple(_spans(self.text, 0, len(self.text), self._syntax.delimiters.field))
        return self._offsets[n] if n < len(self._offsets) else (len(self.text), len(self.text))

    def _piece(self, n: int) -> str:
        if self._pieces is None:
            self._pieces = self.text.split(self._syntax.delimiters.field)
        return self._pieces[n] if n < len(self._pieces) else ""
