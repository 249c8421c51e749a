"""Recordings made here: a sound that rises and falls as a voice does, and the same in every coat."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="needs ffmpeg: apt-get install ffmpeg"
)
needs_voice = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="needs a voice: apt-get install espeak-ng"
)


def voice(seconds: float = 3.0, *, rate: int = 16_000, level: float = 0.5) -> np.ndarray:
    """Harmonics below 3 kHz under syllables and pauses."""
    time = np.arange(int(seconds * rate)) / rate
    pitch = 110 + 20 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    tone = sum(np.sin(number * phase) / number for number in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1) * (np.sin(2 * np.pi * 0.4 * time) > -0.6)
    sound = tone * syllables
    return (level * sound / np.abs(sound).max()).astype(np.float32)


def noise(seconds: float = 3.0, *, rate: int = 16_000, level: float = 0.3) -> np.ndarray:
    return (level * np.random.default_rng(1).uniform(-1, 1, int(seconds * rate))).astype(np.float32)


def spoken(text: str, folder: Path, *, voice: str = "en-us", speed: int = 160) -> Path:
    """A text read aloud by a machine."""
    file = folder / f"{abs(hash((text, voice, speed)))}.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(file), text], check=True)
    return file


def encoded(
    samples: np.ndarray, *, rate: int = 16_000, form: str = "WAV", coding: str | None = "PCM_16"
) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=coding)
    return stream.getvalue()


def by_ffmpeg(wav: bytes, folder: Path, *options: str, ending: str) -> bytes:
    """The recording in a coat that only ffmpeg can sew."""
    made = folder / f"made.{ending}"
    command = ["ffmpeg", "-v", "error", "-y", "-i", "pipe:0", *options, str(made)]
    subprocess.run(command, input=wav, check=True)
    return made.read_bytes()


def lying_header(seconds: float) -> bytes:
    """A WAV whose header announces more than there is."""
    content = bytearray(encoded(voice(1.0)))
    announced = int(seconds * 16_000 * 2)
    content[4:8] = struct.pack("<I", announced + 36)
    content[40:44] = struct.pack("<I", announced)
    return bytes(content)


def _instance(sop_class: str) -> Any:
    """An instance of this class without its content."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    return dataset


def in_dicom(samples: np.ndarray, *, rate: int = 8_000, interpretation: str = "SS") -> bytes:
    """A DICOM voice recording (Basic Voice Audio)."""
    from pydicom.dataset import Dataset

    dataset = _instance("1.2.840.10008.5.1.4.1.1.9.4.1")
    dataset.Modality = "AU"
    waveform = Dataset()
    waveform.NumberOfWaveformChannels = 1
    waveform.NumberOfWaveformSamples = len(samples)
    waveform.SamplingFrequency = str(rate)
    waveform.WaveformSampleInterpretation = interpretation
    coding = {"SS": "PCM_16", "MB": "ULAW", "AB": "ALAW", "UB": "PCM_U8"}[interpretation]
    waveform.WaveformBitsAllocated = 16 if interpretation == "SS" else 8
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="RAW", subtype=coding, endian="LITTLE")
    waveform.WaveformData = stream.getvalue()
    dataset.WaveformSequence = [waveform]
    return _file(dataset)


def encapsulated(content: bytes) -> bytes:
    """A recording as an encapsulated document of DICOM."""
    dataset = _instance("1.2.840.10008.5.1.4.1.1.104.1")
    dataset.MIMETypeOfEncapsulatedDocument = "audio/wav"
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    dataset.EncapsulatedDocumentLength = len(content)
    return _file(dataset)


def _file(dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
