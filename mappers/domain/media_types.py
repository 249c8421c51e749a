"""What bytes are, by what they hold: labels are often wrong. Pure; knows signatures and nothing else."""

from __future__ import annotations

import re
from typing import Final

PDF: Final = "application/pdf"
#: What the FHIR specification calls a CDA document.
CDA: Final = "application/hl7-v3+xml"
TEXT: Final = "text/plain"
UNKNOWN: Final = "application/octet-stream"

_SIGNATURES: Final = (
    # Before all others: the 128 bytes before it may be the head of a TIFF (PS3.10 7.1).
    (128, b"DICM", "application/dicom"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x00\x0cjP  ", "image/jp2"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (4, b"ftyp", "video/mp4"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
_OFFICE: Final = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_AUDIO_MP4: Final = b"M4A "
_HEAD: Final = 4096
#: Readers find the header of a PDF within the first 1024 bytes (ISO 32000-1, Annex H.3).
_PDF_HEAD: Final = 1024
_PDF_HEADER: Final = re.compile(rb"%PDF-\d")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def sniff(content: bytes) -> str | None:
    """The MIME type of bytes; None when nothing in them says so."""
    head = content[:_HEAD]
    if _PDF_HEADER.search(head[: _PDF_HEAD + 5]):
        return PDF
    if head[:4] == b"RIFF" and head[8:12] in {b"WAVE", b"WEBP"}:
        return "audio/wav" if head[8:12] == b"WAVE" else "image/webp"
    for at, signature, kind in _SIGNATURES:
        if head.startswith(signature, at):
            return _refined(kind, head)
    return _text(content, head)


def _refined(kind: str, head: bytes) -> str | None:
    if kind == "application/zip":
        return next((office for name, office in _OFFICE.items() if name in head), kind)
    if kind == "video/mp4" and head[8:12] == _AUDIO_MP4:
        return "audio/mp4"
    # Two letters start many a text.
    return None if kind == "image/bmp" and not _CONTROL.search(head) else kind


def _text(content: bytes, head: bytes) -> str | None:
    """Markup or plain text in UTF-8; anything with control characters is neither."""
    if not content or _CONTROL.search(content):
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024]
    lower = start.lower()
    if lower.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if b"<clinicaldocument" in lower:
        return CDA
    return "application/xml" if lower.startswith(b"<?xml") else TEXT
