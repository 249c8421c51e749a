"""Reading a segment for its meaning: what is taken is remembered, so that the ledger can name what was not.

A component counts as taken only when its text was handed out by `text`, `verbatim` or `take`; `peek` looks
without taking, for values that reach the domain only when a table knows them. Text is split when it is asked
for; what is absent costs nothing. Knows no segment and no datatype.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Location, Severity
from mappers.domain.times import Moment
from mappers.hl7v2.delimiters import DEFAULT
from mappers.hl7v2.fields import HEADERS, LARGE
from mappers.hl7v2.tokens import NULL, Segment, Syntax

_WHOLE: Final = 1  # the bit of an element that was taken as a whole; bit n is component n
_FIELD_LEVEL: Final = 3  # length of the path of a repetition: segment, field, repetition


@dataclass(slots=True)
class Context:
    """What the reading of one message shares.

    Attributes:
        channel: what was agreed about the feed.
        syntax: delimiters and codec of the message.
        offset: of MSH-7, `+01:00`; the default for times without one (chapter 2, DTM).
        issues: grows while the message is read.
        moments: texts of times already read without an issue.
        zoneless: whether it was said that times were cut to their dates for want of a zone.
        separators: what a text without a value consists of.
        usual: whether components and subcomponents are separated as in most messages.
    """

    channel: Channel
    syntax: Syntax
    offset: str | None = None
    issues: list[Issue] = field(default_factory=list)
    moments: dict[str, Moment] = field(default_factory=dict)
    zoneless: bool = False
    separators: str = field(init=False)
    usual: bool = field(init=False)

    def __post_init__(self) -> None:
        marks = self.syntax.delimiters
        usual = (DEFAULT.component, DEFAULT.subcomponent)
        self.usual = (marks.component, marks.subcomponent) == usual
        self.separators = f" {marks.repetition}{marks.component}{marks.subcomponent}"

    def holds(self, raw: str) -> bool:
        """Whether a text as it came holds a value: more than separators, and not the HL7 null."""
        return bool(raw) and raw != NULL and bool(raw.strip(self.separators))

    def said(self, raw: str) -> str:
        """What a text means, unescaped; separators within it in their usual spelling.

        A composite shown as text must not depend on the delimiters that its message happens to use.
        """
        syntax = self.syntax
        if self.usual or raw == NULL:
            return syntax.meant(raw)
        marks = syntax.delimiters
        components = raw.split(marks.component) if marks.component else [raw]
        return DEFAULT.component.join(
            DEFAULT.subcomponent.join(
                syntax.meant(text)
                for text in (component.split(marks.subcomponent) if marks.subcomponent else [component])
            )
            for component in components
        )


class Element:
    """One repetition of a field, or a component of it read as a composite.

    Attributes:
        raw: as it came, escapes and all.
    """

    __slots__ = ("_parts", "_path", "_pieces", "_taken", "context", "raw")

    def __init__(self, raw: str, context: Context, path: tuple[Segment, *tuple[int, ...]]) -> None:
        self.raw = raw
        self.context = context
        self._path = path  # segment, field, repetition, and component where it is one
        self._pieces: list[str] | None = None
        self._parts: dict[int, Element] | None = None
        self._taken = 0

    @property
    def valued(self) -> bool:
        """Whether it holds a value: more than separators, and not the HL7 null."""
        return self.context.holds(self.raw)

    @property
    def count(self) -> int:
        """How many components there are, empty ones and all; 0 when there is no text."""
        return len(self._split()) if self.raw else 0

    def text(self, component: int | None = None) -> str | None:
        """The value of a component, or of the whole, without outer blanks; taken. None when empty or null."""
        value = self.peek(component)
        if value is not None:
            self._taken |= 1 << (component or 0)
        return value

    def verbatim(self) -> str:
        """The value of the whole with its leading blanks, which mean indentation in TX and FT; taken."""
        self.take()
        return self.context.said(self.raw).rstrip()

    def peek(self, component: int | None = None) -> str | None:
        """As `text`, not taken."""
        raw = self.raw if component is None else self._piece(component)
        return (self.context.said(raw).strip() or None) if raw else None

    def take(self, *components: int) -> None:
        """Count valued components as read; the whole when none is named."""
        if not components and self.valued:
            self._taken |= _WHOLE
        for component in components:
            if self.context.holds(self._piece(component)):
                self._taken |= 1 << component

    def part(self, component: int) -> Element:
        """A component as a composite of its own, e.g. the HD in CX.4."""
        if self._parts is None:
            self._parts = {}
        part = self._parts.get(component)
        if part is None:
            part = Element(self._piece(component), self.context, (*self._path, component))
            self._parts[component] = part
        return part

    @property
    def touched(self) -> bool:
        """Whether any value of it was taken."""
        return bool(self._taken) or (
            self._parts is not None and any(part.touched for part in self._parts.values())
        )

    def unread(self) -> Iterator[str]:
        """What is valued and was never taken: `` for all of it, else `.3`, `.4.2`."""
        if self._taken & _WHOLE or not self.valued:
            return
        if not self.touched:
            yield ""
            return
        parts = self._parts or {}
        for n, piece in enumerate(self._split(), 1):
            if not self._taken >> n & 1 and self.context.holds(piece):
                part = parts.get(n)
                for rest in part.unread() if part else ("",):
                    yield f".{n}{rest}"

    def at(self) -> str:
        """The place as an issue names it."""
        segment, *place = self._path
        return str(Location(segment.name, segment.ordinal, *place))

    def error(self, code: IssueCode, text: str) -> None:
        """Part of the meaning is lost here."""
        self.context.issues.append(Issue(Severity.ERROR, code, self.at(), text))

    def warn(self, code: IssueCode, text: str) -> None:
        """Something was forgiven here."""
        self.context.issues.append(Issue(Severity.WARNING, code, self.at(), text))

    def inform(self, code: IssueCode, text: str) -> None:
        """Something is worth knowing here, and nothing is lost."""
        self.context.issues.append(Issue(Severity.INFORMATION, code, self.at(), text))

    def _split(self) -> list[str]:
        if self._pieces is None:
            delimiters = self.context.syntax.delimiters
            field_level = len(self._path) == _FIELD_LEVEL
            separator = delimiters.component if field_level else delimiters.subcomponent
            self._pieces = self.raw.split(separator) if separator else [self.raw]
        return self._pieces

    def _piece(self, n: int) -> str:
        if not self.raw:
            return ""
        pieces = self._split()
        return pieces[n - 1] if n <= len(pieces) else ""


class SegmentReader:
    """A segment being read."""

    __slots__ = ("_fields", "_pieces", "_taken", "context", "segment")

    def __init__(self, segment: Segment, context: Context) -> None:
        self.segment = segment
        self.context = context
        self._pieces = _pieces(segment, context)
        self._fields: dict[int, tuple[Element, ...]] = {}
        self._taken: set[int] = set()

    @property
    def label(self) -> str:
        """Its name in issues and in the ledger, `OBX[2]`."""
        return self.segment.label

    def raw(self, n: int) -> str:
        """Field n as it came, all its repetitions; takes nothing."""
        if self._pieces is None:
            return self.segment.raw(n)
        return self._pieces[n] if n < len(self._pieces) else ""

    def first(self, n: int) -> Element:
        """The first repetition of field n; an empty element when absent."""
        return self.repetitions(n)[0]

    def repetitions(self, n: int) -> tuple[Element, ...]:
        """The repetitions of field n in order, empty ones too; at least one."""
        elements = self._fields.get(n)
        if elements is None:
            raw, separator = self.raw(n), self.context.syntax.delimiters.repetition
            if separator and separator in raw:
                texts = enumerate(raw.split(separator), 1)
                elements = tuple(Element(text, self.context, (self.segment, n, k)) for k, text in texts)
            else:
                elements = (Element(raw, self.context, (self.segment, n, 1)),)
            self._fields[n] = elements
        return elements

    def all(self, n: int) -> tuple[Element, ...]:
        """The valued repetitions of field n."""
        if not self.raw(n):
            return ()
        return tuple(element for element in self.repetitions(n) if element.valued)

    def text(self, n: int, component: int | None = None) -> str | None:
        """The value of the first repetition of field n, or of a component of it; taken."""
        return self.first(n).text(component) if self.raw(n) else None

    def valued(self, n: int) -> bool:
        """Whether field n holds a value other than null; takes nothing."""
        return self.context.holds(self.raw(n))

    def null(self, *fields: int) -> bool:
        """Whether any of these fields says "delete this value" (`""`, chapter 2.5.3); taken."""
        found = [n for n in fields if self.raw(n) == NULL]
        self._taken.update(found)
        return bool(found)

    def emptied(self, read: object, fields: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """Attributes of what was read that have no value any more: a null in a field of theirs, and no value.

        Args:
            read: what the segment says.
            fields: attribute -> the fields that it is read from.
        """
        nulls = [name for name, numbers in fields.items() if self.null(*numbers)]
        return tuple(name for name in nulls if getattr(read, name) in {None, ()})

    def agrees(self, n: int, other: SegmentReader, m: int) -> bool:
        """Take field n where field m of another segment says the same, to the letter, and was taken."""
        same = self.valued(n) and self.raw(n) == other.raw(m) and other.reached(m)
        if same:
            self._taken.add(n)
        return same

    def reached(self, n: int) -> bool:
        """Whether a value of field n was taken."""
        return any(element.touched for element in self._fields.get(n, ()))

    @property
    def touched(self) -> bool:
        """Whether any value of it was taken."""
        return bool(self._taken) or any(self.reached(n) for n in self._fields)

    def unmapped(self) -> tuple[str, ...]:
        """Its valued fields, or parts of fields, that were never taken: `OBX-13`, `PID-3.2`, `PID-8(2)`."""
        name = self.segment.name
        left: list[str] = []
        for n in range(3 if name in HEADERS else 1, self.segment.count + 1):
            raw = self.raw(n)
            if not raw or n in self._taken or not (raw == NULL or self.context.holds(raw)):
                continue
            if not self.reached(n):
                left.append(f"{name}-{n}")
                continue
            for repetition, element in enumerate(self._fields[n], 1):
                which = f"({repetition})" if repetition > 1 else ""
                left.extend(f"{name}-{n}{which}{rest}" for rest in element.unread())
        return tuple(left)


def _pieces(segment: Segment, context: Context) -> list[str] | None:
    """The fields of a segment by their number; None for one too large to be held twice."""
    if len(segment.text) > LARGE:
        return None
    pieces = segment.text.split(context.syntax.delimiters.field)
    if segment.name in HEADERS:
        # MSH-1 is the separator itself, so that MSH-2 follows the name.
        pieces.insert(1, context.syntax.delimiters.field)
    return pieces
