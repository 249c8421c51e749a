"""ED and RP: documents within a message, and where others lie. What bytes are is decided by the bytes.

Standard: chapter 2A, ED and RP; tables 0191 (type of data), 0291 (subtype), 0299 (encoding).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from mappers.domain import media_types
from mappers.domain.documents import Document, DocumentLink
from mappers.domain.issues import IssueCode
from mappers.hl7v2.elements import Element

_DATA: Final = 5
#: Table 0191 and its spellings seen in feeds -> top-level media type.
_TOP: Final = {
    "AP": "application", "APPLICATION": "application", "SD": "application", "AU": "audio", "AUDIO": "audio",
    "FT": "text", "TX": "text", "TEXT": "text", "IM": "image", "IMAGE": "image", "NS": "image", "SI": "image",
    "MULTIPART": "multipart", "VIDEO": "video",
}  # fmt: skip
_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*", re.ASCII)
_OID: Final = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:\S+")


def ed(element: Element, *, title: str | None, origin: str) -> Document | None:
    """The document of an ED; None, said, when there is none or it does not decode. Its bytes are as sent."""
    content = _content(element)
    if not content:
        return None
    label = _label(element, 2, 3)
    found = media_types.sniff(content)
    if label and found and found != label and {found, label} != {media_types.TEXT, "application/text"}:
        element.inform(
            IssueCode.CONFLICT, "the content is of another type than its label says; the content counts"
        )
    kind = found or label or media_types.UNKNOWN
    if kind == label:
        element.take(2, 3)
    return Document(content, kind, hashlib.sha256(content).hexdigest(), title, origin)


def rp(element: Element, *, title: str | None, origin: str) -> DocumentLink | None:
    """Where a document lies; None, said, when RP.1 is neither a URL nor an OID."""
    pointer = element.peek(1)
    if pointer is None:
        return None
    url = f"urn:oid:{pointer}" if _OID.fullmatch(pointer) else pointer
    if not _URL.fullmatch(url):
        element.warn(IssueCode.VALUE, "a pointer that is no URL leads nowhere from here; kept")
        return None
    element.take(1)
    label = _label(element, 3, 4)
    if label:
        element.take(3, 4)
    return DocumentLink(url, label, title, origin)


def _label(element: Element, top: int, sub: int) -> str | None:
    """The media type that two components name; None when they name none."""
    first, second = (element.peek(top) or ""), (element.peek(sub) or "").lower()
    for whole in (second, first.lower(), f"{_TOP.get(first.upper(), first.lower())}/{second}"):
        if _TYPE.fullmatch(whole):
            return media_types.TEXT if whole == "application/text" else whole
    return None


def _content(element: Element) -> bytes | None:
    encoding = (element.peek(4) or "").upper()
    at = _DATA
    data = element.peek(at)
    if data is None and element.count == 1:
        # The data alone, without the four components before it.
        data, at = element.peek(1), 1
    if data is None:
        element.warn(IssueCode.REQUIRED, "a document without data; kept")
        return None
    content = _decoded(element, encoding, data)
    if content is not None:
        element.take(at)
        element.take(4)
    return content


def _decoded(element: Element, encoding: str, data: str) -> bytes | None:
    if encoding == "A":
        return data.encode(errors="surrogateescape")
    compact = "".join(data.split())
    if encoding == "HEX":
        try:
            return bytes.fromhex(compact)
        except ValueError:
            element.error(IssueCode.VALUE, "the data is not what Hex says; kept")
            return None
    try:
        content = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except binascii.Error:
        element.error(IssueCode.VALUE, "the data is not base64; kept")
        return None
    if encoding != "BASE64":
        if media_types.sniff(content) is None:
            element.error(
                IssueCode.REQUIRED,
                "no encoding is named, and nothing that is known results from base64; kept",
            )
            return None
        element.warn(IssueCode.REQUIRED, "no encoding is named; the data is base64 by its content")
    elif len(compact) % 4:
        element.warn(IssueCode.VALUE, "base64 without its padding; it was decoded all the same")
    return content
