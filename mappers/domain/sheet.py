"""A report as people read it on paper: what stands on it, not how it is drawn or encoded.

A sheet says of itself what it is: a draft, signed, amended or withdrawn; whether a model had a part in it;
whether it is a demonstration. Whoever draws it repeats that where no page can be taken out without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """How far a report is."""

    DRAFT = "draft"
    SIGNED = "signed"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"


#: What every page says of a stage.
WORDS = {
    Stage.DRAFT: "DRAFT - not reviewed, not signed",
    Stage.SIGNED: "Signed",
    Stage.AMENDED: "Amended and signed",
    Stage.WITHDRAWN: "WITHDRAWN - entered in error",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the head: "Patient", "ROSSI, Maria"."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A result.

    Attributes:
        result: as it is to be read, unit included; "absent" of a finding that is not there.
        reference: the range it is compared with.
        flag: what it means ("H").
        detail: what else belongs to it: method, site, specimen.
        by_model: a model said it.
        by_person: a person changed it.
    """

    name: str
    result: str
    reference: str = ""
    flag: str = ""
    detail: str = ""
    by_model: bool = False
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """Words under a heading."""

    title: str
    paragraphs: tuple[str, ...]
    by_model: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """A table of results under a heading."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """A box in a picture: x0, y0, x1, y1 in its pixels, and what it is."""

    box: tuple[float, float, float, float]
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that goes with a report.

    Attributes:
        content: PNG or JPEG.
        media_type: "image/png" or "image/jpeg".
        columns, rows: the size that the boxes are measured in, that of the source.
    """

    content: bytes
    media_type: str
    columns: int
    rows: int
    caption: str = ""
    marks: tuple[Marked, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1:
            raise ValueError("a picture has a size")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature as it has to be shown: who, when, and what it means (21 CFR 11.50)."""

    name: str
    when: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A report.

    Attributes:
        facts: the head: whose it is, and of what.
        warnings: what every page says beside its stage: that a model spoke, that it is a demonstration.
        notes: what stands at the end: coverage, software, models.
    """

    title: str
    stage: Stage
    facts: tuple[Fact, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())
    blocks: tuple[Passage | Results, ...] = field(default=())
    pictures: tuple[Picture, ...] = field(default=())
    signatures: tuple[Signed, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
