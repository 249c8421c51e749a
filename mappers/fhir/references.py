"""References (R4 §2.3.0): their syntax and the types they may point to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

_ID = r"[A-Za-z0-9\-.]{1,64}"
_RELATIVE = re.compile(rf"([A-Z][A-Za-z]+)/{_ID}(/_history/{_ID})?")
_ABSOLUTE = re.compile(rf"https?://\S+/([A-Z][A-Za-z]+)/{_ID}(/_history/{_ID})?(#\S+)?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+")
_URN = re.compile(r"urn:(uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|oid:[0-2](\.(0|[1-9]\d*))+)")
_FRAGMENT = re.compile(rf"#({_ID})?")
_OTHER_URL = re.compile(r"https?://\S+")


class Link(NamedTuple):
    """One Reference element.

    Attributes:
        path: where it stands.
        reference: its literal reference, if any.
        type: its stated type, if any.
        targets: types that R4 allows there; None means any.
    """

    path: str
    reference: Any
    type: Any
    targets: frozenset[str] | None


@lru_cache(maxsize=4096)
def _target(reference: str) -> tuple[bool, str | None]:
    """Whether the syntax is right, and the resource type that the literal names."""
    for pattern in (_RELATIVE, _ABSOLUTE, _CONDITIONAL):
        match = pattern.fullmatch(reference)
        if match:
            return True, match[1]
    for pattern in (_URN, _FRAGMENT, _OTHER_URL):
        if pattern.fullmatch(reference):
            return True, None
    return False, None


def link_fault(link: Link) -> str | None:
    """What is wrong with one reference by itself, or None."""
    named: str | None = None
    if link.reference is not None:
        if not isinstance(link.reference, str):
            return "a reference is a string"
        valid, named = _target(link.reference)
        if not valid:
            return "this is no relative, absolute, urn or fragment reference"
    if link.type is not None and named is not None and link.type != named:
        return "the type stated is not the type referred to"
    target = named or link.type
    if link.targets is not None and isinstance(target, str) and target not in link.targets:
        return "R4 does not allow this resource type here"
    return None
