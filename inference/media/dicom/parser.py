"""DICOM objects in the parsing process: header, checks before anything is unpacked, frames. Knows pydicom.

Refuses before it decodes: sizes that the header states are compared with the limits, and with the sizes that
the compressed stream states of itself, so that no decoder unpacks more than was allowed.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder, iter_pixels
from pydicom.uid import JPEGExtended12Bit

from inference.errors import InputRefused, Refusal
from inference.media.dicom import codestream, rendering
from inference.media.dicom.header import facts

Node = dict[str, Any]

#: Errors of pydicom, numpy and the decoders over damaged or unforeseen content.
_DAMAGED = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    struct.error,
    TypeError,
    UnicodeError,
    ValueError,
    ZeroDivisionError,
    zlib.error,
)
_MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})
_COLOUR = frozenset(
    {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"}
)
_PALETTE = "PALETTE COLOR"
_BITS = frozenset({8, 16, 32})
_BYTE = 8


def parse(content: bytes, *, lengths: Sequence[int], **arguments: Any) -> list[Node]:
    """Every object of `content`, which has them one after the other, each with its frames or its refusal.

    Args:
        content: the objects.
        lengths: of the objects in bytes.
        arguments: as `_object` takes them.
    """
    warnings.simplefilter("ignore")  # pydicom warns of values, which name patients
    view = memoryview(content)
    found, start = [], 0
    for length in lengths:
        found.append(_judged(bytes(view[start : start + length]), arguments))
        start += length
    return found


def _judged(content: bytes, arguments: Node) -> Node:
    try:
        return _object(content, **arguments)
    except InputRefused as refusal:
        return {"refused": refusal.reason.value, "text": str(refusal)}
    except MemoryError:
        return {"refused": Refusal.TOO_COSTLY.value, "text": "reading needs more memory than its limit"}
    except RecursionError:
        return {"refused": Refusal.CORRUPT.value, "text": "the structure is nested without end"}


def _object(  # noqa: PLR0913  (limits, each under its name)
    content: bytes, *, rendering: str, pixels: int, frames: int, taken: int, total_pixels: int, ratio: int
) -> Node:
    dataset = _dataset(content)
    header = _guarded(lambda: facts(dataset), "its header cannot be read")
    if not pixels:
        return {"header": header}
    _bound(dataset, header, pixels=pixels, frames=frames)
    numbers = _spread(
        header["frames"], min(taken, max(1, total_pixels // (header["rows"] * header["columns"])))
    )
    _plausible(dataset, header, content, ratio)
    drawn = _guarded(lambda: list(_frames(dataset, header, numbers, rendering)), "its pixels are damaged")
    return {"header": header, "frames": drawn}


def _dataset(content: bytes) -> Dataset:
    try:
        dataset = pydicom.dcmread(io.BytesIO(content))
    except InvalidDicomError:
        raise InputRefused(Refusal.UNSUPPORTED, "this is no DICOM file") from None
    except _DAMAGED:
        raise InputRefused(Refusal.CORRUPT, "the DICOM file is damaged or cut off") from None
    if not getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", ""):
        raise InputRefused(Refusal.UNSUPPORTED, "the DICOM file does not name its transfer syntax")
    return dataset


def _guarded(do: Callable[[], Any], told: str) -> Any:
    try:
        return do()
    except _DAMAGED:
        raise InputRefused(Refusal.CORRUPT, told) from None


def _bound(dataset: Dataset, header: Node, *, pixels: int, frames: int) -> None:
    """Refuse what is no image, or a larger one than allowed, by what the header says."""
    if "PixelData" not in dataset:
        if "EncryptedAttributesSequence" in dataset:
            raise InputRefused(Refusal.ENCRYPTED, "the object is encrypted")
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise InputRefused(Refusal.UNSUPPORTED, "images of floating point numbers are not read")
        raise InputRefused(Refusal.UNSUPPORTED, "the object has no pixels")
    rows, columns = header["rows"], header["columns"]
    if rows < 1 or columns < 1 or header["frames"] < 1:
        raise InputRefused(Refusal.CORRUPT, "the header does not say how large the image is")
    if rows * columns > pixels:
        raise InputRefused(Refusal.TOO_LARGE, f"a frame of {columns} x {rows} pixels is over the limit")
    if header["frames"] > frames:
        raise InputRefused(Refusal.TOO_LARGE, f"{header['frames']} frames are over the limit of {frames}")
    photometric = header["photometric"]
    samples = dataset.get("SamplesPerPixel")
    plausible = samples == (3 if photometric in _COLOUR else 1)
    if photometric not in _MONOCHROME | _COLOUR | {_PALETTE} or dataset.get("BitsAllocated") not in _BITS:
        raise InputRefused(
            Refusal.UNSUPPORTED, "images of this photometric interpretation or depth are not read"
        )
    if not plausible:
        raise InputRefused(Refusal.CORRUPT, "samples per pixel and photometric interpretation contradict")


def _plausible(dataset: Dataset, header: Node, content: bytes, ratio: int) -> None:
    """Refuse a syntax that nobody decodes, and a stream that unpacks to more than its header says."""
    syntax = dataset.file_meta.TransferSyntaxUID
    size = header["rows"] * header["columns"] * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
    if size * header["frames"] > ratio * len(content):
        raise InputRefused(Refusal.TOO_LARGE, f"its pixels unpack to more than {ratio} times its size")
    if not syntax.is_transfer_syntax or syntax.is_private:
        raise InputRefused(Refusal.UNSUPPORTED, "its transfer syntax is not known")
    if not syntax.is_encapsulated:
        # Uncompressed YBR_FULL_422 has half the chroma (PS3.3 C.7.6.3.1.2).
        stored = size * 2 // 3 if header["photometric"] == "YBR_FULL_422" else size
        if stored * header["frames"] > len(dataset.PixelData):
            raise InputRefused(Refusal.CORRUPT, "it is cut off: there are fewer pixels than its header says")
        return
    if not _decodable(dataset):
        raise InputRefused(Refusal.UNSUPPORTED, "no decoder for its transfer syntax and depth is installed")
    for stream in _guarded(lambda: list(_streams(dataset, header)), "its pixels are damaged"):
        stated = codestream.size(stream)
        if stated is not None and stated != (header["columns"], header["rows"]):
            raise InputRefused(
                Refusal.CORRUPT, "its compressed pixels are of another size than its header says"
            )


def _decodable(dataset: Dataset) -> bool:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == JPEGExtended12Bit and int(dataset.BitsStored) > _BYTE:
        return False  # only a decoder under the GPL reads 12 bits of lossy JPEG
    try:
        return bool(get_decoder(syntax).is_available)
    except RuntimeError:
        return False


def _streams(dataset: Dataset, header: Node) -> Iterator[bytes]:
    yield from generate_frames(dataset.PixelData, number_of_frames=header["frames"])


def _spread(total: int, most: int) -> list[int]:
    """Indices of the frames that are taken, from 0, spread over all of them; for one, the middle one."""
    if total <= most:
        return list(range(total))
    return [int((index + 0.5) * total / most) for index in range(most)]


def _frames(dataset: Dataset, header: Node, numbers: list[int], kind: str) -> Iterator[Node]:
    """The frames as PNG; one at a time in memory."""
    decoded = iter_pixels(dataset, indices=numbers, raw=False)
    for number, values in zip(numbers, decoded, strict=True):
        if header["photometric"] in _MONOCHROME:
            pixels, told = rendering.grey(values, dataset, kind)
        elif header["photometric"] == _PALETTE:
            pixels, told = rendering.palette(values, dataset)
        else:
            pixels, told = rendering.colour(np.asarray(values), int(dataset.BitsStored))
        yield {
            "number": number + 1,
            "png": rendering.png(pixels),
            "width": header["columns"],
            "height": header["rows"],
            "rendering": told,
        }
