"""Synthetic DICOM files: phantoms of any size and depth, with the header that a test needs."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CR_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
STUDY = "1.2.826.0.1.3680043.10.1.1"
SERIES = f"{STUDY}.1"
SOP = f"{SERIES}.1"


def dataset(pixels: Any = None, **header: Any) -> FileDataset:
    """An image of these stored values; keywords of elements outrank what is usual, None leaves one out."""
    values = ramp() if pixels is None else pixels
    colour = values.ndim == 3 and values.shape[-1] == 3
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = header.pop("syntax", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = header.get("SOPClassUID", CR_STORAGE)
    meta.MediaStorageSOPInstanceUID = header.get("SOPInstanceUID", SOP)
    made = FileDataset(None, Dataset(), file_meta=meta, preamble=bytes(128))
    rows, columns = values.shape[-2 - colour : values.ndim - colour]
    usual = {
        "SOPClassUID": CR_STORAGE,
        "SOPInstanceUID": SOP,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "PatientID": "MRN-1",
        "PatientName": "Phantom^Test",
        "PatientBirthDate": "19700101",
        "PatientSex": "O",
        "AccessionNumber": "ACC-1",
        "Modality": "CR",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "StudyDate": "20261122",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Rows": rows,
        "Columns": columns,
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": 8 * values.dtype.itemsize,
        "BitsStored": 8 * values.dtype.itemsize,
        "HighBit": 8 * values.dtype.itemsize - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
        "PlanarConfiguration": 0 if colour else None,
        "PixelData": values.tobytes(),
    }
    for keyword, value in {**usual, **header}.items():
        if value is not None:
            setattr(made, keyword, value)
    if made.get("PixelData"):
        made["PixelData"].VR = "OB" if values.dtype.itemsize == 1 else "OW"
    return made


def encode(made: FileDataset) -> bytes:
    """As a file."""
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def image(pixels: Any = None, **header: Any) -> bytes:
    """A DICOM file; see `dataset`."""
    return encode(dataset(pixels, **header))


def ramp(rows: int = 40, columns: int = 64, *, top: int = 4095, kind: Any = np.uint16) -> Any:
    """Values from 0 to `top` over the whole image, every one of its rows different."""
    return np.linspace(0, top, rows * columns).reshape(rows, columns).round().astype(kind)


def phantom(rows: int, columns: int, box: tuple[int, int, int, int], *, top: int = 4095) -> Any:
    """A dark field with a bright box x0, y0, x1, y1 in it."""
    values = np.full((rows, columns), top // 8, np.uint16)
    values[0, 0] = 0
    x0, y0, x1, y1 = box
    values[y0:y1, x0:x1] = top
    return values
