"""Attachments of copies: bytes instead of their address, with the size and hash that they really have."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from mappers.domain.issues import IssueCode
from mappers.domain.media_types import sniff

Node = dict[str, Any]
Tell = Callable[[IssueCode, str], None]


def at(resource: Node, path: str, where: str, change: Callable[[Node, str], Node]) -> Node:
    """The resource with each Attachment at a dotted path as `change` makes it, told where it stands."""
    changed: Node = _at(resource, path.split("."), where, change)
    return changed


def _at(node: Any, path: list[str], where: str, change: Callable[[Node, str], Node]) -> Any:
    if isinstance(node, list):
        return [_at(item, path, f"{where}[{number}]", change) for number, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if not path:
        return change(node, where)
    if path[0] not in node:
        return node
    return {**node, path[0]: _at(node[path[0]], path[1:], f"{where}.{path[0]}", change)}


def inlined(node: Node, content: bytes, media_type: str, tell: Tell) -> Node:
    """An Attachment with its bytes instead of their address."""
    rest = {name: value for name, value in node.items() if name != "url"}
    kind = rest.get("contentType") or media_type or sniff(content)
    data = base64.b64encode(content).decode("ascii")
    return with_size_and_hash(pruned({**rest, "contentType": kind, "data": data}), tell)


def with_size_and_hash(node: Node, tell: Tell) -> Node:
    """An Attachment with the size and SHA-1 of the bytes that it really holds (R4 §2.24.0.9)."""
    data = node.get("data")
    if not isinstance(data, str):
        return pruned(node)
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError:
        return node
    digest = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode("ascii")
    if node.get("hash") not in {None, digest}:
        tell(IssueCode.VALUE, "the hash is not the SHA-1 of the bytes: that of the bytes is written")
    if node.get("size") not in {None, len(content)}:
        tell(IssueCode.VALUE, "the size is not that of the bytes: theirs is written")
    return {**node, "size": len(content), "hash": digest}


def pruned(node: Node) -> Node:
    """The node without members that are null."""
    return {name: value for name, value in node.items() if value is not None}
