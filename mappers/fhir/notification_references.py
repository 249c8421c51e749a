"""References of notifications, taken apart: what is named, in which version, and what stands before it."""

from __future__ import annotations

import re
from typing import Any

from mappers.fhir.notification import Focus

_REFERENCE = re.compile(
    r"(?:(https?://[!-~]{1,400})/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/([A-Za-z0-9\-.]{1,64}))?"
)


def focus_of(reference: Any) -> Focus | None:
    """The resource that a literal reference names; None where it names none (a fragment, a urn, a query)."""
    match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    return Focus(match[2], match[3], match[4] or "", match[1] or "") if match else None


def text_in(node: dict[str, Any], name: str) -> str:
    """A string member; "" where it is absent or something else."""
    value = node.get(name)
    return value if isinstance(value, str) else ""
