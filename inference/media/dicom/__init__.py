"""DICOM objects to plain PNG frames as the model was trained on them, and what their headers say.

Decoding happens in the parsing process (`parser`, the only importer of pydicom). This side knows limits and
hands out facts; it must not know servers, patients or tasks.

| the image | becomes |
|---|---|
| one sample a pixel, more than 8 bits | modality LUT, then its whole range of values to 0..255: no window |
| one sample a pixel, 8 bits | as it is, after a modality LUT where it has one |
| MONOCHROME1 | inverted after that |
| PALETTE COLOR, RGB, YBR | RGB, 8 bits a sample |
| overlays, VOI LUTs, windows, presentation LUTs | not applied |
| CT | three windows of Hounsfield units as red, green and blue (`Rendering.CT`) |
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from inference.errors import InputRefused, Refusal
from inference.media import sandbox
from inference.media.sandbox import Limits
from mappers.domain.imaging import ImageHeader

__all__ = ["DEFAULT", "DicomFrame", "DicomImage", "DicomLimits", "Rendering", "headers", "read", "read_all"]


class Rendering(StrEnum):
    """How values become grey or colour.

    PLAIN: as the table of this module says. CT: the windows that MedGemma was trained on.
    """

    PLAIN = "plain"
    CT = "ct"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomLimits:
    """How much of an object is read.

    Attributes:
        content_bytes: of one object as it came.
        pixels: of one frame.
        frames: that an object may have.
        taken: most frames of one object that are decoded: spread over all of them.
        total_pixels: over the frames that are decoded.
        ratio: most bytes of pixels that one byte of the object may become.
        process: what the parsing process may use.
    """

    content_bytes: int = 512 * 2**20
    pixels: int = 64_000_000
    frames: int = 4096
    taken: int = 1
    total_pixels: int = 256_000_000
    ratio: int = 4000
    process: Limits = field(default=Limits(seconds=120))


DEFAULT = DicomLimits()


@dataclass(frozen=True, slots=True)
class DicomFrame:
    """One frame as the model gets it.

    Attributes:
        number: from 1, as DICOM counts.
        width: its pixels across, the object's Columns.
        height: its Rows.
        rendering: what was done to the values, for Provenance: "modality LUT; 0..32767 to 0..255; inverted".
    """

    number: int
    png: bytes = field(repr=False)
    width: int
    height: int
    rendering: str


@dataclass(frozen=True, slots=True)
class DicomImage:
    """One object: its header, the frames that were taken, and the digest of its bytes.

    Attributes:
        size: of the bytes.
    """

    header: ImageHeader
    frames: tuple[DicomFrame, ...]
    sha256: str
    size: int

    @property
    def coverage(self) -> str:
        """For people, where not all was taken: "frame 1 of 120"."""
        taken, total = len(self.frames), self.header.frames
        return "" if taken == total else f"{taken} of {total} frames"


def read(
    content: bytes, *, rendering: Rendering = Rendering.PLAIN, limits: DicomLimits = DEFAULT
) -> DicomImage:
    """One object with its frames.

    Raises:
        InputRefused: no DICOM image, damaged, of a kind that cannot be decoded, or over a limit.
        ReaderMissing: pydicom is not installed.
    """
    (only,) = read_all((content,), rendering=rendering, limits=limits)
    if isinstance(only, InputRefused):
        raise only
    return only


def read_all(
    contents: Sequence[bytes], *, rendering: Rendering = Rendering.PLAIN, limits: DicomLimits = DEFAULT
) -> tuple[DicomImage | InputRefused, ...]:
    """Several objects in one parsing process; what is refused stands in its place and costs no other.

    Raises:
        InputRefused: the process as a whole reached a limit.
        ReaderMissing: pydicom is not installed.
    """
    answers = _call(contents, limits, pixels=limits.pixels, rendering=rendering.value)
    return tuple(
        answer
        if isinstance(answer, InputRefused)
        else DicomImage(
            _header(answer["header"]),
            tuple(map(_frame, answer["frames"])),
            hashlib.sha256(content).hexdigest(),
            len(content),
        )
        for answer, content in zip(answers, contents, strict=True)
    )


def headers(
    contents: Sequence[bytes], *, limits: DicomLimits = DEFAULT
) -> tuple[ImageHeader | InputRefused, ...]:
    """The headers of several objects, image or not; no pixel is touched.

    Raises:
        InputRefused: the process as a whole reached a limit.
        ReaderMissing: pydicom is not installed.
    """
    answers = _call(contents, limits, pixels=0, rendering=Rendering.PLAIN.value)
    return tuple(
        answer if isinstance(answer, InputRefused) else _header(answer["header"]) for answer in answers
    )


def _call(
    contents: Sequence[bytes], limits: DicomLimits, *, pixels: int, rendering: str
) -> Iterable[Mapping[str, Any] | InputRefused]:
    over = [len(content) > limits.content_bytes for content in contents]
    taken = [b"" if large else content for content, large in zip(contents, over, strict=True)]
    arguments = {
        "lengths": [len(content) for content in taken],
        "rendering": rendering,
        "pixels": pixels,
        "frames": limits.frames,
        "taken": limits.taken,
        "total_pixels": limits.total_pixels,
        "ratio": limits.ratio,
    }
    answers = sandbox.call("dicom", b"".join(taken), arguments=arguments, limits=limits.process)
    for answer, large in zip(answers, over, strict=True):
        if large:
            yield InputRefused(Refusal.TOO_LARGE, "the object has more bytes than the limit")
        elif "refused" in answer:
            yield InputRefused(Refusal(answer["refused"]), answer["text"])
        else:
            yield answer


def _frame(answer: Mapping[str, Any]) -> DicomFrame:
    return DicomFrame(
        answer["number"],
        base64.b64decode(answer["png"]),
        answer["width"],
        answer["height"],
        answer["rendering"],
    )


def _header(answer: Mapping[str, Any]) -> ImageHeader:
    told: dict[str, Any] = {
        name: _tuples(value) if isinstance(value, list) else value for name, value in answer.items()
    }
    return ImageHeader(**told)


def _tuples(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
