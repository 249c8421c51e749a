"""TXA: what a document is, who made it, and how far it is.

Standard: v2-to-FHIR 1.0.0 TXA[DocumentReference]; tables 0270 to 0273. Where the guide is silent:

| | document-reference-status | composition-status |
|---|---|---|
| TXA-19 AV, UN, empty | current | |
| TXA-19 OB | superseded | |
| TXA-19 CA, event T11 | entered-in-error | entered-in-error |
| TXA-17 LA, AU | | final |
| TXA-17 DI, DO, IN, IP, PA | | preliminary |
| event T05, T06 addendum · T07, T08 edit, once final | | amended |

| event | relation to TXA-13 |
|---|---|
| T05, T06 | appends |
| T09, T10 | replaces; the parent is superseded |
| any other | none; the number stays in the ledger |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.people import Practitioner
from mappers.domain.times import Moment
from mappers.hl7v2 import tables
from mappers.hl7v2.datatypes import codes, identifiers, people, times
from mappers.hl7v2.elements import SegmentReader

_AVAILABILITY: Final[Mapping[str, str]] = MappingProxyType(
    {"AV": "current", "UN": "current", "OB": "superseded", "CA": "entered-in-error"}
)
_COMPLETION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LA": "final", "AU": "final", "DI": "preliminary", "DO": "preliminary", "IN": "preliminary",
        "IP": "preliminary", "PA": "preliminary",
    }
)  # fmt: skip
_ADDENDA: Final = frozenset({"T05", "T06"})
_EDITS: Final = frozenset({"T07", "T08"})
_REPLACEMENTS: Final = frozenset({"T09", "T10"})
_CANCELLATION: Final = "T11"
_WITHDRAWN: Final = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Notice:
    """What TXA says.

    Attributes:
        status: FHIR document-reference-status.
        doc_status: FHIR composition-status or None.
        relation: FHIR document-relationship-type to `parent`, or None.
        orders: numbers of the orders that it belongs to (TXA-14, TXA-15).
    """

    status: str
    doc_status: str | None
    relation: str | None
    number: Identifier | None
    parent: Identifier | None
    identifiers: tuple[Identifier, ...]
    type: Concept | None
    performed: Moment | None
    date: Moment | None
    authors: tuple[Practitioner, ...]
    authenticator: Practitioner | None
    security: tuple[Concept, ...]
    title: str | None
    orders: tuple[Identifier, ...]


def number(txa: SegmentReader) -> Identifier | None:
    """TXA-12; takes what it reads."""
    return identifiers.ei(txa.first(12)) if txa.valued(12) else None


def read(txa: SegmentReader, *, event: str) -> Notice:
    """What TXA says in a message of this trigger event."""
    status, doc_status = _status(txa, event)
    relation = "appends" if event in _ADDENDA else "replaces" if event in _REPLACEMENTS else None
    parent = identifiers.ei(txa.first(13)) if relation and txa.valued(13) else None
    file_name = txa.text(16)
    confidentiality = txa.text(18, 1)
    return Notice(
        status=status,
        doc_status=doc_status,
        relation=relation if parent else None,
        number=number(txa),
        parent=parent,
        identifiers=(Identifier(file_name),) if file_name else (),
        type=codes.cwe(txa.first(2), _document_type),
        performed=times.dtm(txa.first(4)),
        date=times.dtm(txa.first(6)),
        authors=tuple(
            dict.fromkeys(found for each in (*txa.all(9), *txa.all(5)) if (found := people.xcn(each)))
        ),
        authenticator=_authenticator(txa),
        security=(codes.of_table(confidentiality, "0272"),) if confidentiality else (),
        title=txa.text(25),
        orders=(
            *(order for each in txa.all(14) if (order := identifiers.ei(each, kind="PLAC"))),
            *(order for each in txa.all(15) if (order := identifiers.ei(each, kind="FILL"))),
        ),
    )


def _status(txa: SegmentReader, event: str) -> tuple[str, str | None]:
    status = _looked_up(txa, 19, _AVAILABILITY) or "current"
    doc_status = _looked_up(txa, 17, _COMPLETION)
    if event == _CANCELLATION or status == _WITHDRAWN:
        return _WITHDRAWN, _WITHDRAWN
    if event in _ADDENDA | _EDITS and doc_status == "final":
        doc_status = "amended"
    return status, doc_status


def _looked_up(txa: SegmentReader, n: int, table: Mapping[str, str]) -> str | None:
    code = txa.first(n).peek(1)
    if code is None:
        return None
    found = table.get(code.upper())
    if found is None:
        txa.first(n).warn(IssueCode.CODE_INVALID, "no status of its table; it was left out")
    else:
        txa.first(n).take(1)
    return found


def _authenticator(txa: SegmentReader) -> Practitioner | None:
    """Who signed it (TXA-22), else who is to (TXA-10)."""
    for n in (22, 10):
        for each in txa.all(n):
            found = people.xcn(each)
            if found:
                return found
    return None


def _document_type(code: str) -> Coding | None:
    return tables.coding("0270", code)
