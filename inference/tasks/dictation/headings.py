"""The sections of a dictated note: what speakers call them, and their LOINC codes. One table, pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mappers.domain.coding import LOINC, Coding, Concept


@dataclass(frozen=True, slots=True)
class Heading:
    """A section.

    Attributes:
        key: as `mappers.domain.findings.Section` has it.
        title: for people.
        loinc: code of the section; "" where LOINC has none that fits every kind of note.
        names: what speakers call it, in lower case.
    """

    key: str
    title: str
    loinc: str
    names: tuple[str, ...]

    @property
    def code(self) -> Concept | None:
        """As a concept."""
        return Concept((Coding(self.loinc, LOINC),)) if self.loinc else None


#: What has no section: it was said, and nobody said where it belongs.
DICTATED: Final = Heading("dictated", "As dictated", "", ())
HEADINGS: Final = (
    Heading("findings", "Findings", "59776-5", ("findings", "finding")),
    Heading("impression", "Impression", "19005-8", ("impression", "impressions", "conclusion", "opinion")),
    Heading("recommendation", "Recommendation", "18783-1", ("recommendation", "recommendations")),
    Heading(
        "indication",
        "Indication",
        "18785-6",
        ("indication", "indications", "reason for exam", "reason for study"),
    ),
    Heading("technique", "Technique", "55111-9", ("technique", "procedure", "exam", "examination")),
    Heading("comparison", "Comparison", "18834-2", ("comparison", "comparisons")),
    Heading("history", "History", "11329-0", ("history", "clinical history", "clinical information")),
    Heading("complaint", "Chief complaint", "10154-3", ("chief complaint",)),
    Heading("illness", "History of present illness", "10164-2", ("history of present illness", "hpi")),
    Heading("past", "Past medical history", "11348-0", ("past medical history",)),
    Heading("medication", "Medications", "10160-0", ("medications", "medication", "current medications")),
    Heading("allergies", "Allergies", "48765-2", ("allergies", "allergy")),
    Heading("physical", "Physical examination", "29545-1", ("physical exam", "physical examination")),
    Heading("assessment", "Assessment", "51848-0", ("assessment",)),
    Heading("plan", "Plan", "18776-5", ("plan", "treatment plan")),
)
_BY_NAME: Final = {name: heading for heading in HEADINGS for name in heading.names}
_BY_KEY: Final = {heading.key: heading for heading in (*HEADINGS, DICTATED)}
#: The most words that a name has.
LONGEST: Final = max(len(name.split()) for name in _BY_NAME)


def named(words: str) -> Heading | None:
    """The section of that name; None when it is none."""
    return _BY_NAME.get(" ".join(words.casefold().split()))


def of(key: str) -> Heading:
    """The section of that key."""
    return _BY_KEY[key]
