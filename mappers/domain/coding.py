"""Codes, as sent: a system is a URI that somebody defined or nothing at all, never a guess."""

from __future__ import annotations

from dataclasses import dataclass, field

LOINC = "http://loinc.org"
SNOMED_CT = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of one system. `system` is None for a local code whose channel names no URI for it."""

    code: str | None = None
    system: str | None = None
    display: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if not (self.code or self.display):
            raise ValueError("a coding needs a code or a display")


@dataclass(frozen=True, slots=True)
class Concept:
    """A CodeableConcept: alternative codings of one meaning, and its words."""

    codings: tuple[Coding, ...] = field(default=())
    text: str | None = None

    def __post_init__(self) -> None:
        if not self.codings and not self.text:
            raise ValueError("a concept needs a coding or a text")

    def code_in(self, system: str) -> str | None:
        """The code of the first coding in `system`."""
        return next((coding.code for coding in self.codings if coding.system == system), None)
