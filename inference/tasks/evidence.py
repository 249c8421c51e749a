"""What the imaging tasks read: pictures with the source that each was rendered from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.media.letterbox import Letterbox, square
from inference.ports import Picture
from mappers.domain.findings import Source

_PARTS = {
    "ABDOMEN": "the abdomen", "ANKLE": "an ankle", "CHEST": "the chest", "CLAVICLE": "a clavicle",
    "CSPINE": "the cervical spine", "ELBOW": "an elbow", "FEMUR": "a femur", "FINGER": "a finger",
    "FOOT": "a foot", "FOREARM": "a forearm", "HAND": "a hand", "HIP": "a hip", "HUMERUS": "a humerus",
    "KNEE": "a knee", "LSPINE": "the lumbar spine", "PELVIS": "the pelvis", "RIB": "the ribs",
    "SHOULDER": "a shoulder", "SKULL": "the skull", "SPINE": "the spine", "TIBIAFIBULA": "a lower leg",
    "TSPINE": "the thoracic spine", "WRIST": "a wrist",
}  # fmt: skip
#: DICOM ViewPosition (0018,5101) in words.
_VIEWS = {"PA": "frontal (PA)", "AP": "frontal (AP)", "LL": "lateral", "RL": "lateral", "LATERAL": "lateral"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One picture as evidence.

    Attributes:
        png: rendered for the model and not padded; one of ours, not foreign bytes.
        source: the bytes that it was rendered from.
        columns: of the source in pixels, rows likewise; boxes are in these, however small the PNG is.
        frame: of the source, from 1.
        view: DICOM ViewPosition, "" when not said.
        body_part: DICOM BodyPartExamined, "" when not said.
    """

    png: bytes = field(repr=False)
    source: Source
    columns: int
    rows: int
    frame: int = 1
    view: str = ""
    body_part: str = ""

    def squared(self) -> tuple[Picture, Letterbox]:
        """The picture as the model gets it, and the way back."""
        png, letterbox = square(self.png, columns=self.columns, rows=self.rows)
        return Picture(png), letterbox


def pictures(stills: Sequence[Still]) -> tuple[Picture, ...]:
    """The pictures as the model gets them, in their order."""
    return tuple(still.squared()[0] for still in stills)


def sources(stills: Sequence[Still]) -> tuple[Source, ...]:
    """What they were rendered from, each once, the current one before a prior."""
    known = dict.fromkeys(still.source for still in stills)
    return tuple(sorted(known, key=lambda source: source.role != "current"))


def described(stills: Sequence[Still]) -> str:
    """What the radiographs are, for the question: "a frontal (PA) radiograph of the chest"."""
    parts = {_PARTS.get(still.body_part.upper().replace(" ", ""), "") for still in stills}
    part = parts.pop() if len(parts) == 1 else ""
    views = [_VIEWS.get(still.view.upper(), "") for still in stills]
    of = f" of {part}" if part else ""
    if len(stills) == 1:
        return f"a {views[0]} radiograph{of}" if views[0] else f"a radiograph{of}"
    named = f" ({', '.join(view or 'view not said' for view in views)})" if any(views) else ""
    return f"a radiograph{of} in {len(stills)} images{named}"


def coverage(taken: int, total: int, *, what: str = "image") -> str:
    """For people: "2 of 3 images"."""
    return f"{taken} of {total} {what}{'' if total == 1 else 's'}"
