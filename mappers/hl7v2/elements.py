"""Reading a segment for its meaning: what is taken is remembered, so that the ledger can name what was not.

A component counts as taken only when its text was handed out by `text`, `verbatim` or `take`; `peek` looks
without taking, for values that reach the domain only when a table knows them. Knows no segment and no datatype.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.times import Moment
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.fields import NULL, Repetition, Segment


@dataclass(slots=True)
class Context:
    """What the reading of one message shares.

    Attributes:
        channel: what was agreed about the feed.
        delimiters: of the message.
        offset: of MSH-7, `+01:00`; the default for times without one (chapter 2, DTM).
        issues: grows while the message is read.
        moments: texts of times already read without an issue.
    """

    channel: Channel
    delimiters: Delimiters
    offset: str | None = None
    issues: list[Issue] = field(default_factory=list)
    moments: dict[str, Moment] = field(default_factory=dict)

    def holds(self, raw: str) -> bool:
        """Whether a text as it came holds a value: more than separators, and not the HL7 null."""
        marks = self.delimiters
        return raw != NULL and bool(raw.strip(f" {marks.repetition}{marks.component}{marks.subcomponent}"))


class Element:
    """One repetition of a field, or a component of it read as a composite."""

    __slots__ = ("_parts", "_repetition", "_taken", "context")

    def __init__(self, repetition: Repetition, context: Context) -> None:
        self._repetition = repetition
        self._parts: dict[int, Element] = {}
        self._taken = 0  # bit n: component n; bit 0: all of it
        self.context = context

    @property
    def raw(self) -> str:
        """As it came, escapes and all; takes nothing."""
        return self._repetition.text

    @property
    def valued(self) -> bool:
        """Whether it holds a value: more than separators, and not the HL7 null."""
        return self.context.holds(self._repetition.text)

    @property
    def null(self) -> bool:
        """Whether the sender says "delete this value"."""
        return self._repetition.null

    @property
    def count(self) -> int:
        """How many components there are."""
        return self._repetition.count

    def text(self, component: int | None = None) -> str | None:
        """The value of a component, or of the whole, without outer blanks; taken. None when empty or null."""
        self._taken |= 1 << (component or 0)
        return self._repetition.get(component).strip() or None

    def verbatim(self) -> str:
        """The value of the whole with its leading blanks, which mean indentation in TX and FT; taken."""
        self._taken |= 1
        return self._repetition.get().rstrip()

    def peek(self, component: int | None = None) -> str | None:
        """As `text`, not taken."""
        return self._repetition.get(component).strip() or None

    def take(self, *components: int) -> None:
        """Count components as read; the whole when none is named."""
        for component in components or (0,):
            self._taken |= 1 << component

    def part(self, component: int) -> Element:
        """A component as a composite of its own, e.g. the HD in CX.4."""
        part = self._parts.get(component)
        if part is None:
            part = self._parts[component] = Element(self._repetition.part(component), self.context)
        return part

    @property
    def touched(self) -> bool:
        """Whether any text of it was taken."""
        if self._taken & 1:
            return self.valued
        taken = self._taken
        return any(
            taken >> n & 1 and self.context.holds(self._repetition.raw(n))
            for n in range(1, taken.bit_length())
        ) or any(part.touched for part in self._parts.values())

    def unread(self) -> Iterator[str]:
        """What is valued and was never taken: `` for all of it, else `.3`, `.4.2`."""
        if self._taken & 1 or not self.valued:
            return
        if not self.touched:
            yield ""
            return
        for n in range(1, self.count + 1):
            if self._taken >> n & 1 or not self.context.holds(self._repetition.raw(n)):
                continue
            part = self._parts.get(n)
            for rest in part.unread() if part else ("",):
                yield f".{n}{rest}"

    def at(self) -> str:
        """The place as an issue names it."""
        return self._repetition.at()

    def error(self, code: IssueCode, text: str) -> None:
        """Part of the meaning is lost here."""
        self.context.issues.append(Issue(Severity.ERROR, code, self.at(), text))

    def warn(self, code: IssueCode, text: str) -> None:
        """Something was forgiven here."""
        self.context.issues.append(Issue(Severity.WARNING, code, self.at(), text))

    def inform(self, code: IssueCode, text: str) -> None:
        """Something is worth knowing here, and nothing is lost."""
        self.context.issues.append(Issue(Severity.INFORMATION, code, self.at(), text))


class SegmentReader:
    """A segment being read."""

    __slots__ = ("_fields", "_taken", "context", "segment")

    def __init__(self, segment: Segment, context: Context) -> None:
        self.segment = segment
        self.context = context
        self._fields: dict[int, tuple[Element, ...]] = {}
        self._taken: set[int] = set()

    @property
    def label(self) -> str:
        """Its name in issues and in the ledger, `OBX[2]`."""
        return self.segment.label

    def first(self, n: int) -> Element:
        """The first repetition of field n; an empty element when absent."""
        return self._elements(n)[0]

    def all(self, n: int) -> tuple[Element, ...]:
        """The valued repetitions of field n."""
        return tuple(element for element in self._elements(n) if element.valued)

    def text(self, n: int, component: int | None = None) -> str | None:
        """The value of the first repetition of field n, or of a component of it; taken."""
        return self.first(n).text(component)

    def valued(self, n: int) -> bool:
        """Whether field n holds a value other than null; takes nothing."""
        return self.context.holds(self.segment.raw(n))

    def agrees(self, n: int, other: SegmentReader, m: int) -> bool:
        """Take field n where it says the same, to the letter, as field m of another segment."""
        same = self.segment.raw(n) == other.segment.raw(m)
        if same:
            self._taken.add(n)
        return same

    @property
    def touched(self) -> bool:
        """Whether any value of it was taken."""
        return any(self.valued(n) for n in self._taken) or any(
            element.touched for elements in self._fields.values() for element in elements
        )

    def unmapped(self) -> tuple[str, ...]:
        """Its valued fields, or parts of fields, that were never taken: `OBX-13`, `PID-3.2`, `PID-8(2)`."""
        name = self.segment.name
        left: list[str] = []
        for n in self.segment.valued():
            if n in self._taken or not self.valued(n):
                continue
            elements = self._fields.get(n)
            if elements is None or not any(element.touched for element in elements):
                left.append(f"{name}-{n}")
                continue
            for repetition, element in enumerate(elements, 1):
                which = f"({repetition})" if repetition > 1 else ""
                left.extend(f"{name}-{n}{which}{rest}" for rest in element.unread())
        return tuple(left)

    def _elements(self, n: int) -> tuple[Element, ...]:
        elements = self._fields.get(n)
        if elements is None:
            field_n = self.segment.field(n)
            repetitions = field_n.repetitions or (field_n.repetition(1),)
            elements = self._fields[n] = tuple(Element(each, self.context) for each in repetitions)
        return elements
