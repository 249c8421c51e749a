"""Bytes that are kept no longer: what is left of an Attachment or Binary, and how it is told. Pure.

`data` goes; in its place stands data-absent-reason `masked`. Media type, title, size and SHA-1 stay, or are
written where they were not: they tell what it was, and whether a copy elsewhere is the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from mappers.fhir.datatypes import DATA_ABSENT, absent

Node = dict[str, Any]
#: Whether bytes are to go, by what they are and the media type that they are said to have.
Choice = Callable[[bytes, str], bool]

_REASON: Final = "masked"


def erase(resource: Node, goes: Choice) -> tuple[Node, tuple[bytes, ...]]:
    """The resource without the chosen bytes, wherever they stand in it, and what went."""
    gone: list[bytes] = []
    left: Node = _walk(resource, goes, gone)
    return left, tuple(gone)


def is_erased(node: Mapping[str, Any]) -> bool:
    """Whether an Attachment or Binary held bytes that were erased."""
    said = node.get("_data")
    extensions = said.get("extension", ()) if isinstance(said, Mapping) else ()
    return "data" not in node and any(
        each.get("url") == DATA_ABSENT and each.get("valueCode") == _REASON for each in extensions
    )


def _walk(node: Any, goes: Choice, gone: list[bytes]) -> Any:
    if isinstance(node, list):
        return [_walk(item, goes, gone) for item in node]
    if not isinstance(node, dict):
        return node
    content = _content(node)
    if content and goes(content, str(node["contentType"])):
        gone.append(content)
        return _left(node, content)
    return {name: _walk(value, goes, gone) for name, value in node.items()}


def _content(node: Node) -> bytes:
    """The bytes of an Attachment or Binary. Both have a media type, which tells them from SampledData."""
    data = node.get("data")
    if not isinstance(data, str) or not isinstance(node.get("contentType"), str):
        return b""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _left(node: Node, content: bytes) -> Node:
    said = node.get("_data") or {}
    why = {**said, "extension": [*said.get("extension", ()), *absent(_REASON)]}
    left: Node = {}
    for name, value in node.items():
        if name == "data":
            left["_data"] = why
        elif name != "_data":
            left[name] = value
    if node.get("resourceType") == "Binary":
        return left  # it has no element for either
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return {"size": len(content), "hash": base64.b64encode(digest).decode("ascii"), **left}
