"""Recordings to raw samples by libsndfile, those inside DICOM by pydicom first. Runs in the parsing process.

It yields the facts of the file, then its samples as they are: 32-bit floats, channels interleaved.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import soundfile

from inference.errors import InputRefused, Refusal

_SECONDS_A_BLOCK = 1
_RIFF_OPEN = frozenset({0, 0xFFFFFFFF})
#: WaveformSampleInterpretation (5400,1006) -> what libsndfile calls it. PS3.3 C.10.9.1.
_INTERPRETATIONS = {"SS": "PCM_16", "SB": "PCM_S8", "UB": "PCM_U8", "MB": "ULAW", "AB": "ALAW"}
_UNREADABLE = "the recording is damaged or of an unknown kind"


def parse(file: BinaryIO, *, dicom: bool = False) -> Iterator[dict[str, Any] | bytes]:
    """The facts and then the samples of a recording.

    Args:
        file: seekable.
        dicom: whether it is a DICOM file that holds the recording.

    Raises:
        InputRefused: no recording, or damaged.
    """
    try:
        with _opened(file, dicom=dicom) as sound:
            yield {
                "rate": sound.samplerate,
                "channels": sound.channels,
                "frames": sound.frames if sound.seekable() else None,
                "coding": sound.subtype,
                "truncated": not dicom and _truncated(file),
            }
            for block in sound.blocks(_SECONDS_A_BLOCK * sound.samplerate, dtype="float32", always_2d=True):
                yield block.tobytes()
    except (soundfile.SoundFileError, OSError, ValueError, EOFError, OverflowError):
        raise InputRefused(Refusal.CORRUPT, _UNREADABLE) from None


def _opened(file: BinaryIO, *, dicom: bool) -> soundfile.SoundFile:
    if not dicom:
        return soundfile.SoundFile(file)
    import pydicom  # noqa: PLC0415

    try:
        dataset = pydicom.dcmread(file)
        if "EncapsulatedDocument" in dataset:
            # A stranger inside a stranger: whatever it says it is, it has to open as a recording.
            return soundfile.SoundFile(io.BytesIO(dataset.EncapsulatedDocument))
        waveform = dataset.WaveformSequence[0]
        coding = _INTERPRETATIONS[waveform.WaveformSampleInterpretation]
        content = io.BytesIO(waveform.WaveformData)
        shape = (round(float(waveform.SamplingFrequency)), int(waveform.NumberOfWaveformChannels))
        little = dataset.original_encoding[1] is not False
    except (pydicom.errors.InvalidDicomError, AttributeError, KeyError, IndexError, TypeError):
        text = "the DICOM file holds no recording that can be read"
        raise InputRefused(Refusal.UNSUPPORTED, text) from None
    return soundfile.SoundFile(
        content,
        format="RAW",
        subtype=coding,
        samplerate=shape[0],
        channels=shape[1],
        endian="LITTLE" if little else "BIG",
    )


def _truncated(file: BinaryIO) -> bool:
    """Whether a RIFF file ends before its header says; libsndfile reads what is there and is silent."""
    position = file.tell()
    file.seek(0)
    head = file.read(8)
    there = file.seek(0, os.SEEK_END)
    file.seek(position)
    declared = int.from_bytes(head[4:8], "little")
    return head[:4] == b"RIFF" and declared not in _RIFF_OPEN and declared + 8 > there + 1
