"""What was wrong or odd, where, and how much it matters. An issue never carries a value of the message.

Codes are FHIR IssueType (http://hl7.org/fhir/issue-type); `hl7_error` is HL7 table 0357 for an ERR segment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Severity(StrEnum):
    """FHIR issue-severity, worst first."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class IssueCode(StrEnum):
    """The members of FHIR IssueType that Wardwire raises."""

    INVALID = "invalid"
    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    INVARIANT = "invariant"
    SECURITY = "security"
    PROCESSING = "processing"
    NOT_SUPPORTED = "not-supported"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not-found"
    TOO_LONG = "too-long"
    CODE_INVALID = "code-invalid"
    EXTENSION = "extension"
    TOO_COSTLY = "too-costly"
    BUSINESS_RULE = "business-rule"
    CONFLICT = "conflict"
    INCOMPLETE = "incomplete"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a message: `OBX[2]-5.1`, or with a repetition `PID[1]-3(2).4`. All counts start at 1."""

    segment: str
    ordinal: int = 1
    field: int | None = None
    repetition: int | None = None
    component: int | None = None
    subcomponent: int | None = None

    def __str__(self) -> str:
        text = f"{self.segment}[{self.ordinal}]"
        if self.field is None:
            return text
        text += f"-{self.field}"
        if self.repetition is not None and self.repetition > 1:
            text += f"({self.repetition})"
        if self.component is not None:
            text += f".{self.component}"
            if self.subcomponent is not None:
                text += f".{self.subcomponent}"
        return text


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding about an input.

    Attributes:
        severity: `fatal` refuses the message, `error` loses part of its meaning, `warning` was forgiven.
        code: FHIR IssueType.
        location: `OBX[2]-5.1` in HL7 v2, a FHIRPath in FHIR; empty when it is about the whole.
        text: what is wrong and what to do; never a value of the message.
        hl7_error: table 0357 code for ERR-3, where the answer is a NACK.
    """

    severity: Severity
    code: IssueCode
    location: str
    text: str
    hl7_error: str | None = None


@dataclass(frozen=True, slots=True)
class Mapped(Generic[T]):
    """A value and what had to be said about its making."""

    value: T
    issues: tuple[Issue, ...] = field(default=())

    @property
    def refused(self) -> bool:
        """Whether any issue is fatal."""
        return any(issue.severity is Severity.FATAL for issue in self.issues)


class Refused(Exception):
    """The input cannot be read at all; `issue` says where and why."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(f"{issue.location or 'message'}: {issue.text}")
        self.issue = issue
