"""The size that a compressed frame states of itself: JPEG, JPEG-LS, JPEG 2000. Pure; nothing is decoded."""

from __future__ import annotations

import struct
from typing import Final

_JPEG: Final = b"\xff\xd8\xff"
_J2K: Final = b"\xff\x4f\xff\x51"  # SOC, SIZ: ISO/IEC 15444-1 A.4
_JP2: Final = b"\x00\x00\x00\x0cjP  "
_SOF: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})  # ITU-T T.81 B.2.2; T.87 C.2.2
_SOS: Final = 0xDA
_NO_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})


def size(stream: bytes) -> tuple[int, int] | None:
    """Width and height; None where the stream is of no such kind or does not say."""
    if stream.startswith(_JPEG):
        return _jpeg(stream)
    if stream.startswith(_JP2):
        stream = stream[max(stream.find(_J2K), 0) :]
    if stream.startswith(_J2K) and len(stream) >= 24:  # noqa: PLR2004  # SIZ up to YOsiz
        width, height, left, top = struct.unpack(">4I", stream[8:24])
        return width - left, height - top
    return None


def _jpeg(stream: bytes) -> tuple[int, int] | None:
    """From the start of frame, by way of the marker segments before it."""
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:  # noqa: PLR2004  # a marker begins with it
        marker = stream[at + 1]
        if marker == 0xFF:  # noqa: PLR2004  # fill bytes may stand before a marker (T.81 B.1.1.2)
            at += 1
            continue
        if marker in _NO_LENGTH:
            at += 2
            continue
        if marker in _SOF and at + 9 <= len(stream):
            height, width = struct.unpack(">HH", stream[at + 5 : at + 9])
            return width, height
        if marker == _SOS:
            return None
        at += 2 + struct.unpack(">H", stream[at + 2 : at + 4])[0]
    return None
