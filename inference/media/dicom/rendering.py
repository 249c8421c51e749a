"""Stored values to 8 bits as MedGemma was trained: the whole range of a radiograph, three windows of a CT.

Sources: the image handling of Google's container (radiographs: modality LUT, full dynamic range, MONOCHROME1
inverted, no window since February 2026) and the CT notebook with the windows of the technical report. Values
that a LUT or a rescale makes are never cast back to the stored type, which would wrap them.
"""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut

from inference.errors import InputRefused, Refusal

Values = Any  # numpy.ndarray

_BYTE: Final = 8
_TABLE: Final = 16  # bits up to which a table of all values is smaller than an image
_FULL: Final = 65535
_INVERTED: Final = "MONOCHROME1"
#: Lowest and highest Hounsfield unit of red, green and blue.
CT_WINDOWS: Final = ((-1024, 1024), (-135, 215), (0, 80))


def grey(values: Values, dataset: Dataset, kind: str) -> tuple[Values, str]:
    """One frame of one sample a pixel, and what was done to it.

    Raises:
        InputRefused: all values are one, or a CT does not say what its values mean.
    """
    lowest, highest = int(values.min()), int(values.max())
    if lowest == highest:
        raise InputRefused(Refusal.UNSUPPORTED, "the image is blank: every pixel has the same value")
    if highest - lowest >= 2**_TABLE:
        stored, places = values, None
    else:
        # One entry for each value instead of one for each pixel.
        stored = np.arange(lowest, highest + 1, dtype=values.dtype)
        places = (
            values.astype(np.int64) - lowest
            if values.dtype.kind == "i"
            else values - values.dtype.type(lowest)
        )
    table, told = _windows(stored, dataset) if kind == "ct" else _whole_range(stored, values, dataset, places)
    return (table if places is None else table[places]), told


def _whole_range(
    stored: Values, values: Values, dataset: Dataset, places: Values | None
) -> tuple[Values, str]:
    meant, told = _modality(stored, dataset)
    if values.dtype == np.uint8 and not told:
        scaled, done = meant.astype(np.float64), ["8 bits as stored"]
        full = 255
    else:
        present = meant if places is None else meant[np.bincount(places.ravel(), minlength=len(meant)) > 0]
        low, high = present.min(), present.max()
        if low == high:
            raise InputRefused(Refusal.UNSUPPORTED, "the image is blank: its LUT makes every pixel the same")
        full = _FULL
        scaled = np.floor((np.clip(meant, low, high) - low) / (high - low) * full)
        done = [*told, f"{low:g}..{high:g} to 0..255"]
    if dataset.PhotometricInterpretation == _INVERTED:
        scaled = full - scaled
        done.append("inverted")
    return np.rint(scaled * (255 / full)).astype(np.uint8), "; ".join(done)


def _modality(stored: Values, dataset: Dataset) -> tuple[Values, list[str]]:
    """The meaning of stored values: ModalityLUTSequence, or RescaleSlope and RescaleIntercept."""
    if dataset.get("ModalityLUTSequence"):
        return apply_modality_lut(stored, dataset).astype(np.float64), ["modality LUT"]
    if dataset.get("RescaleSlope") is None and dataset.get("RescaleIntercept") is None:
        return stored, []
    slope, intercept = _rescale(dataset)
    if (slope, intercept) == (1.0, 0.0):
        return stored, []
    return np.rint(stored.astype(np.float64) * slope + intercept), ["rescaled"]


def _rescale(dataset: Dataset) -> tuple[float, float]:
    if dataset.get("RescaleSlope") is None or dataset.get("RescaleIntercept") is None:
        raise InputRefused(
            Refusal.CORRUPT, "RescaleSlope or RescaleIntercept is missing: the values mean nothing"
        )
    slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
    if not (np.isfinite(slope) and np.isfinite(intercept)) or slope == 0:
        raise InputRefused(Refusal.CORRUPT, "RescaleSlope or RescaleIntercept is no usable number")
    return slope, intercept


def _windows(stored: Values, dataset: Dataset) -> tuple[Values, str]:
    """Hounsfield units in three windows, as red, green and blue."""
    slope, intercept = _rescale(dataset)
    units = stored.astype(np.float64) * slope + intercept
    channels = [np.rint((np.clip(units, low, high) - low) / (high - low) * 255) for low, high in CT_WINDOWS]
    told = ", ".join(f"{low}..{high}" for low, high in CT_WINDOWS)
    return np.stack(channels, axis=-1).astype(np.uint8), f"Hounsfield units {told} as red, green, blue"


def palette(values: Values, dataset: Dataset) -> tuple[Values, str]:
    """One frame of indices into a palette."""
    _little_endian(dataset)
    coloured = apply_color_lut(values, dataset)
    return _eight(coloured[..., :3], 8 * coloured.dtype.itemsize), "palette"


def _little_endian(dataset: Dataset) -> None:
    """Tables of 16 bits in big endian order are read by pydicom as if they were little endian."""
    if dataset.file_meta.TransferSyntaxUID.is_little_endian:
        return
    for name in ("Red", "Green", "Blue"):
        keyword = f"{name}PaletteColorLookupTableData"
        if dataset.get(keyword):
            setattr(dataset, keyword, np.frombuffer(dataset[keyword].value, ">u2").astype("<u2").tobytes())


def colour(values: Values, bits: int) -> tuple[Values, str]:
    """One frame of red, green and blue."""
    return _eight(values, bits), "RGB"


def _eight(values: Values, bits: int) -> Values:
    return values.astype(np.uint8) if bits <= _BYTE else (values >> (bits - _BYTE)).astype(np.uint8)


def png(pixels: Values) -> str:
    """As base64; lossless."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=1)
    return base64.b64encode(stream.getvalue()).decode("ascii")
