"""Fields to segments to bytes: escaping, the recipient's version, the recipient's character set.

Owns the syntax of what is written; must not know what a field means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from mappers.domain.issues import Issue, IssueCode, Location, Refused, Severity
from mappers.hl7v2 import charsets, er7
from mappers.hl7v2.escapes import escape
from mappers.hl7v2.fields import NULL
from mappers.hl7v2.outbound.recipient import Outgoing, Recipient

#: Subcomponents of a component, or its text.
Component = str | tuple[str, ...]
#: Components of a repetition, or its text.
Repetition = str | tuple[Component, ...]
#: Repetitions of a field, or its only one.
Field = Repetition | Sequence[Repetition]

_CONTROL_ID: Final = 10


class Composer:
    """Collects the segments of one message."""

    def __init__(self, recipient: Recipient) -> None:
        self.recipient = recipient
        self.issues: list[Issue] = []
        self._marks = recipient.delimiters
        self._lines: list[str] = []
        self._labels: list[tuple[str, int]] = []
        self._counts: Counter[str] = Counter()

    def add(self, name: str, fields: Mapping[int, Field]) -> None:
        """Add a segment; fields that the recipient's version does not define are left out, and said.

        Args:
            name: e.g. "OBX".
            fields: number -> value; empty values are as good as none.
        """
        self._counts[name] += 1
        ordinal = self._counts[name]
        known = er7.field_count(name, self.recipient.version)
        if known is None:
            self._leave_out(Location(name, ordinal), "this segment is not in the recipient's version")
            return
        rendered: dict[int, str] = {}
        for n, value in fields.items():
            text = self._field(value)
            if text and n > known:
                self._leave_out(Location(name, ordinal, n), "this field is not in the recipient's version")
            elif text:
                rendered[n] = text
        first = 3 if name == "MSH" else 1
        pieces = [rendered.get(n, "") for n in range(first, max(rendered, default=0) + 1)]
        head = [name, self._marks.encoding_characters] if name == "MSH" else [name]
        self._lines.append(self._marks.field.join((*head, *pieces)))
        self._labels.append((name, ordinal))

    def warn(self, name: str, field: int | None, text: str) -> None:
        """Say that a fact of the segment that is about to be added has no place in what is written."""
        location = Location(name, self._counts[name] + 1, field)
        self.issues.append(Issue(Severity.WARNING, IssueCode.INCOMPLETE, str(location), text))

    def refusal(self, name: str, field: int, text: str) -> Refused:
        """What to raise where the segment that is about to be added cannot be written truthfully."""
        location = str(Location(name, self._counts[name] + 1, field))
        return Refused(Issue(Severity.FATAL, IssueCode.CODE_INVALID, location, text, "101"))

    def finish(self) -> Outgoing:
        """The message, with a gap for MSH-10.

        Raises:
            Refused: a character that the recipient's character set does not have; located.
        """
        character_set = charsets.named(self.recipient.character_set)
        assert character_set is not None  # settings refuse others
        lines = [self._encode(n, character_set.codec) for n in range(len(self._lines))]
        # The text before MSH-10 is found in the text, not in the bytes: a two-byte character may hold a bar.
        header = self._lines[0].split(self._marks.field)
        before = self._bytes(self._marks.field.join((*header[: _CONTROL_ID - 1], "")), 0, character_set.codec)
        lines[0] = self._bytes(self._marks.field.join(("", *header[_CONTROL_ID:])), 0, character_set.codec)
        return Outgoing(before, b"\r".join((*lines, b"")), tuple(self.issues))

    def _field(self, value: Field) -> str:
        if isinstance(value, str | tuple):
            return self._repetition(value)
        return self._marks.repetition.join(self._repetition(each) for each in value)

    def _repetition(self, value: Repetition) -> str:
        if isinstance(value, str):
            return self._text(value)
        components = [self._component(each) for each in value]
        return _joined(components, self._marks.component)

    def _component(self, value: Component) -> str:
        if isinstance(value, str):
            return self._text(value)
        return _joined([self._text(each) for each in value], self._marks.subcomponent)

    def _text(self, text: str) -> str:
        if text == NULL:  # two quotation marks alone would delete the recipient's value
            return f"{self._marks.escape}X2222{self._marks.escape}"
        return escape(text, self._marks)

    def _encode(self, line: int, codec: str) -> bytes:
        return self._bytes(self._lines[line], line, codec)

    def _bytes(self, text: str, line: int, codec: str) -> bytes:
        try:
            return text.encode(codec)
        except UnicodeEncodeError as error:
            if not self.recipient.escape_unencodable:
                raise Refused(self._unencodable(text, line, error.start)) from None
        return "".join(self._or_hexadecimal(each, codec) for each in text).encode(codec)

    def _or_hexadecimal(self, character: str, codec: str) -> str:
        try:
            character.encode(codec)
        except UnicodeEncodeError:
            return f"{self._marks.escape}X{character.encode().hex().upper()}{self._marks.escape}"
        return character

    def _unencodable(self, text: str, line: int, at: int) -> Issue:
        name, ordinal = self._labels[line]
        field = text.count(self._marks.field, 0, at) + (name == "MSH")
        location = str(Location(name, ordinal, field))
        reason = "a character of this field is not in the recipient's character set"
        return Issue(Severity.FATAL, IssueCode.VALUE, location, reason, "102")

    def _leave_out(self, location: Location, text: str) -> None:
        self.issues.append(
            Issue(Severity.INFORMATION, IssueCode.NOT_SUPPORTED, str(location), f"{text}; it was left out")
        )


def _joined(parts: list[str], separator: str) -> str:
    while parts and not parts[-1]:
        parts.pop()
    return separator.join(parts)
