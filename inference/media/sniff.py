"""What bytes are, by their content. Labels are not looked at. Pure."""

from __future__ import annotations

import re

#: (offset, signature, media type), in the order in which they are tried.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftypM4A", "audio/mp4"),
    (128, b"DICM", "application/dicom"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
#: ISO 32000-1 annex H.3.4.1: the header may stand anywhere within the first 1024 bytes.
_PDF = re.compile(rb"%PDF-\d")
_PDF_WITHIN = 1024
#: C0 controls that no text of a report has.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(rb"\s*<(!doctype html|html|\?xml|clinicaldocument)", re.IGNORECASE)

UNKNOWN = "application/octet-stream"
PDF = "application/pdf"


def media_type(content: bytes) -> str:
    """The MIME type of `content`; `application/octet-stream` when nothing is certain."""
    for offset, signature, kind in _SIGNATURES:
        if content.startswith(signature, offset):
            return kind
    if _PDF.search(content[: _PDF_WITHIN + len(b"%PDF-")]):
        return PDF
    return _text(content)


def _text(content: bytes) -> str:
    if not content or _BINARY.search(content):
        return UNKNOWN
    markup = _MARKUP.match(content)
    if markup:
        return "text/html" if b"html" in markup[1].lower() else "application/xml"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return UNKNOWN
    return "text/plain"
