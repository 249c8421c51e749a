"""Attachment: the bytes of a document, their size and SHA-1 (R4 §2.24.0.9), or where they lie."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from mappers.domain.documents import Document, DocumentLink
from mappers.fhir.datatypes import absent, pruned, text
from mappers.fhir.primitives import without_unwritable

Node = dict[str, Any]

_TEXT = "text/plain; charset=utf-8"
_CHARSET = frozenset({"text/plain"})


def write(value: Document | DocumentLink) -> Node:
    """The Attachment of a document."""
    if isinstance(value, DocumentLink):
        return pruned({"contentType": value.media_type, "url": value.url, "title": text(value.title)})
    kind = _TEXT if value.media_type in _CHARSET else value.media_type
    return pruned({"contentType": kind, **_bytes(value.content), "title": text(value.title)})


def plain_text(words: str | None) -> Node:
    """Words as an Attachment."""
    return {"contentType": _TEXT, **_bytes(without_unwritable(words or "").encode())}


def none() -> Node:
    """An Attachment of which nothing is known: a document that a message speaks of without sending it."""
    return {"extension": absent()}


def _bytes(content: bytes) -> Node:
    # FHIR asks for SHA-1 here: a check of the transfer, no signature.
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return {
        "data": base64.b64encode(content).decode("ascii"),
        "size": len(content),
        "hash": base64.b64encode(digest).decode("ascii"),
    }
