"""IPC and ZDS: which images an order leads to (chapter 4.5.6; IHE Radiology, RAD-4 for ZDS)."""

from __future__ import annotations

import re
from typing import Final

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.hl7v2.datatypes import codes, identifiers
from mappers.hl7v2.elements import Element, SegmentReader

#: DICOM PS3.5 §9.1.
_UID: Final = re.compile(r"(?=.{1,64}\Z)[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_UID_SYSTEM: Final = "urn:dicom:uid"


def accession(ipc: SegmentReader) -> Identifier | None:
    """IPC-1."""
    return identifiers.ei(ipc.first(1), kind="ACSN") if ipc.valued(1) else None


def numbers(ipc: SegmentReader) -> tuple[Identifier, ...]:
    """Requested procedure (IPC-2) and scheduled procedure step (IPC-4)."""
    return tuple(found for n in (2, 4) if ipc.valued(n) and (found := identifiers.ei(ipc.first(n))))


def study(reader: SegmentReader) -> Identifier | None:
    """The StudyInstanceUID of IPC-3 or ZDS-1."""
    return study_uid(reader.first(1 if reader.segment.name == "ZDS" else 3))


def study_uid(element: Element) -> Identifier | None:
    """A StudyInstanceUID in the first component; None, said, when it is none."""
    text = element.peek(1)
    if text is None:
        return None
    if not _UID.fullmatch(text):
        element.error(IssueCode.VALUE, "not a DICOM UID; the study instance UID was left out")
        return None
    element.take(1)
    return Identifier(f"urn:oid:{text}", _UID_SYSTEM)


def details(ipc: SegmentReader) -> tuple[Concept, ...]:
    """Modality (IPC-5) and protocol (IPC-6)."""
    return tuple(found for n in (5, 6) for each in ipc.all(n) if (found := codes.cwe(each)))
