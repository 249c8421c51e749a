"""Documents that came with a message: their bytes, what they are, and their hash."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes of one media type.

    Attributes:
        media_type: MIME type, decided by content, not by label.
        sha256: hex digest of `content`.
        origin: segment label or resource reference that carried it.
    """

    content: bytes
    media_type: str
    sha256: str
    title: str | None = None
    origin: str = ""
