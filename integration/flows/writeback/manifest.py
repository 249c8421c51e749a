"""What one message leads to at a FHIR server: versions of stored resources, which never change.

The bytes of a delivery name them and hold no patient data. Knows no server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from integration.errors import BlobCorrupt
from integration.store.canonical import canonical
from integration.store.result_records import WriteOutcome
from mappers.domain.issues import Refused
from mappers.fhir import departure, r4

FORM: Final = "FHIR"
#: Devices and Provenances go with what they are about, whenever that goes.
_CARRIED: Final = frozenset(departure.ORDER) - departure.ONCE
#: What alone is no result.
_ATTENDANTS: Final = frozenset({"Task"})
_VERSION = re.compile(r"([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})/_history/([1-9][0-9]{0,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What goes.

    Attributes:
        versions: (reference, version) of each.
        draft: ours, and nobody signed it.
    """

    versions: tuple[tuple[str, int], ...]
    draft: bool = False

    def encode(self) -> bytes:
        """As the bytes of a delivery."""
        lines = [f"{reference}/_history/{version}" for reference, version in self.versions]
        return canonical({"draft": self.draft, "resources": tuple(lines)}).encode()


def of(outcomes: Sequence[WriteOutcome], *, draft: bool = False) -> Manifest | None:
    """What of these outcomes goes; None when none of it is a result."""
    going = [each for each in outcomes if each.type in _CARRIED]
    if all(each.type in _ATTENDANTS for each in going):
        return None
    ordered = sorted(going, key=lambda each: departure.ORDER.index(each.type))
    found = tuple((each.reference, each.version) for each in ordered)
    return Manifest(versions=tuple(dict.fromkeys(found)), draft=draft)


def decode(content: bytes) -> Manifest:
    """Read what `Manifest.encode` wrote.

    Raises:
        BlobCorrupt: it is something else.
    """
    try:
        node: dict[str, Any] = r4.decode(content)
        matches = [_VERSION.fullmatch(line) for line in node["resources"]]
        versions = tuple((match[1], int(match[2])) for match in matches if match)
    except (Refused, KeyError, TypeError):
        raise BlobCorrupt("these bytes are no manifest of a delivery") from None
    if not versions or len(versions) != len(matches):
        raise BlobCorrupt("these bytes are no manifest of a delivery")
    return Manifest(versions=versions, draft=node.get("draft") is True)
