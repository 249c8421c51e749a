"""Who a message is written for, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mappers.domain.issues import Issue
from mappers.hl7v2.delimiters import DEFAULT, Delimiters

#: Versions that are written; before 2.3 there is neither ED nor MSH-18.
VERSIONS: Final = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What was agreed with the one who gets the messages.

    Attributes:
        version: MSH-12, one of `VERSIONS`.
        character_set: MSH-18, a code of table 0211.
        delimiters: MSH-1 and MSH-2; all but the truncation character are needed.
        sending_application: MSH-3, components joined by `^`.
        sending_facility: MSH-4; None passes on the facility that the results came from.
        receiving_application: MSH-5.
        receiving_facility: MSH-6.
        escape_unencodable: write a character that the character set lacks as the hexadecimal bytes of its
            UTF-8 form, where the recipient agreed to that; else such a message is refused.
    """

    version: str = "2.5.1"
    character_set: str = "UNICODE UTF-8"
    delimiters: Delimiters = DEFAULT
    sending_application: str = "WARDWIRE"
    sending_facility: str | None = None
    receiving_application: str = ""
    receiving_facility: str = ""
    escape_unencodable: bool = False

    def __post_init__(self) -> None:
        marks = (self.delimiters.field, *self.delimiters.encoding_characters)
        least = 5  # field, component, repetition, escape, subcomponent
        if len(marks) < least or len(set(marks)) != len(marks):
            raise ValueError("a recipient has five or six different delimiters")
        if self.version not in VERSIONS:
            raise ValueError("messages are written in HL7 versions 2.3 to 2.8.2")

    def since(self, version: str) -> bool:
        """Whether the recipient's version is this one or a later one."""
        return _numbers(self.version) >= _numbers(version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A written message, complete but for MSH-10, which names a delivery and not a content.

    Attributes:
        before: the bytes before MSH-10.
        after: the bytes behind it.
        issues: facts that the recipient's version has no place for; without values.
    """

    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    issues: tuple[Issue, ...] = ()

    @property
    def content(self) -> bytes:
        """What is said, whoever carries it: the same facts for the same recipient are the same bytes."""
        return self.before + self.after

    def named(self, control_id: str) -> bytes:
        """The message as it is sent.

        Args:
            control_id: MSH-10; up to 20 letters and digits, as all versions take.
        """
        return b"".join((self.before, control_id.encode("ascii"), self.after))
