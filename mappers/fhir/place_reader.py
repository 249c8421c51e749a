"""The `extracted-from` extension read again: where a fact stands (`places` writes it)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mappers.fhir.places import EXTRACTED_FROM

Node = dict[str, Any]
_EDGES = ("x0", "top", "x1", "bottom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place on a page, in a picture, in a text or in a recording.

    Attributes:
        page: of a document or frame of a picture, from 1; None in a text or a recording.
        box: in `unit`, from the upper left corner; None where there is none.
        unit: "pt" or "px".
        begins, ends: characters of a text, or seconds of a recording.
        quote: what stands there.
        is_value: the fact itself stands there, not what belongs to it.
        instance: SOP Instance UID of a DICOM picture.
    """

    page: int | None = None
    box: tuple[float, float, float, float] | None = None
    unit: str = "pt"
    begins: float | None = None
    ends: float | None = None
    spoken: bool = False
    quote: str = ""
    is_value: bool = True
    instance: str = ""

    @property
    def words(self) -> str:
        """The place in words."""
        if self.spoken:
            return f"from {self.begins:g} s to {self.ends:g} s"
        if self.begins is not None:
            return f"characters {self.begins:g} to {self.ends:g}"
        return f"page {self.page}" if self.unit == "pt" else f"picture {self.page}"


def read(extensions: Iterable[Node]) -> tuple[Spot, ...]:
    """The places among these extensions, in their order."""
    return tuple(_spot(each) for each in extensions if each.get("url") == EXTRACTED_FROM)


def _spot(extension: Node) -> Spot:
    parts = {
        part["url"]: value
        for part in extension["extension"]
        for name, value in part.items()
        if name.startswith("value")
    }
    box = tuple(float(parts[edge]) for edge in _EDGES) if all(edge in parts for edge in _EDGES) else None
    begins = parts.get("from", parts.get("start"))
    ends = parts.get("to", parts.get("end"))
    return Spot(
        page=parts.get("page", parts.get("frame")),
        box=box,  # type: ignore[arg-type]  # four edges
        unit=parts.get("unit", "pt"),
        begins=None if begins is None else float(begins),
        ends=None if ends is None else float(ends),
        spoken="from" in parts,
        quote=parts.get("quote", ""),
        is_value=parts.get("holds") != "beside",
        instance=str(parts.get("instance", "")).removeprefix("urn:oid:"),
    )
