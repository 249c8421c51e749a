"""What a recording is by its first bytes, and who decodes it. Pure; labels are not looked at.

| first bytes | is | decoded by |
|---|---|---|
| RIFF or RF64 … WAVE, FORM … AIFF, caff, .snd | wav, aiff, caf, au | libsndfile |
| fLaC, OggS, ID3 or an MPEG frame | flac, ogg or opus, mp3 | libsndfile |
| DICM at 128 | a waveform or an encapsulated document | pydicom, libsndfile |
| … ftyp | m4a, mp4 | ffmpeg |
| 1A 45 DF A3 | webm, matroska | ffmpeg |
| #!AMR | amr | ffmpeg |
| an ADTS frame | aac | ffmpeg |
| 30 26 B2 75 | wma, asf | ffmpeg |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: How many bytes are looked at.
HEAD: Final = 132


class Decoder(StrEnum):
    """Who decodes a kind of recording."""

    LIBSNDFILE = "libsndfile"
    DICOM = "dicom"
    FFMPEG = "ffmpeg"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of recording.

    Attributes:
        demuxer: the only one that ffmpeg may use: left to itself it follows playlists to other files.
    """

    media_type: str
    decoder: Decoder
    demuxer: str = ""


_SNDFILE: Final = (
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b".snd", "audio/basic"),
    (b"caff", "audio/x-caf"),
)
_FFMPEG: Final = (
    (0, b"\x1a\x45\xdf\xa3", "audio/webm", "matroska"),
    (4, b"ftyp", "audio/mp4", "mov"),
    (0, b"#!AMR", "audio/amr", "amr"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio/x-ms-wma", "asf"),
)


def kind(head: bytes) -> Kind | None:
    """What the first `HEAD` bytes are the beginning of; None for no recording that can be told."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return Kind("audio/wav", Decoder.LIBSNDFILE)
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return Kind("audio/aiff", Decoder.LIBSNDFILE)
    for signature, media_type in _SNDFILE:
        if head.startswith(signature):
            return Kind(media_type, Decoder.LIBSNDFILE)
    for at, signature, media_type, demuxer in _FFMPEG:
        if head.startswith(signature, at):
            return Kind(media_type, Decoder.FFMPEG, demuxer)
    if head[128:132] == b"DICM":
        return Kind("application/dicom", Decoder.DICOM)
    return _frames(head)


def _frames(head: bytes) -> Kind | None:
    """Streams without a container begin with a frame: eleven set bits, then the layer."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004
        return None
    layer = head[1] >> 1 & 3
    if head[1] & 0xF0 == 0xF0 and layer == 0:  # noqa: PLR2004
        return Kind("audio/aac", Decoder.FFMPEG, "aac")
    return Kind("audio/mpeg", Decoder.LIBSNDFILE) if layer else None
