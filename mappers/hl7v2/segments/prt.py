"""PRT: who or what took part (v2.7 and later)."""

from __future__ import annotations

from mappers.domain.identifiers import Identifier
from mappers.domain.people import Organization, Practitioner
from mappers.hl7v2.datatypes import identifiers, people
from mappers.hl7v2.elements import SegmentReader

#: Table 0912: who performs or answers for a result.
_PERFORMERS = frozenset(
    {"AP", "DP", "EQUIP", "LAB", "MDIR", "OBS", "PB", "PH", "PI", "PO", "RO", "SB", "SC", "TN", "TR"}
)
_ORDERING = "OP"


def role(prt: SegmentReader) -> str:
    """The code of PRT-4; takes nothing."""
    return prt.first(4).peek(1) or ""


def persons(prt: SegmentReader) -> tuple[Practitioner, ...]:
    """PRT-5."""
    return tuple(found for each in prt.all(5) if (found := people.xcn(each)))


def performers(prt: SegmentReader) -> tuple[Practitioner | Organization, ...]:
    """Persons (PRT-5) and organizations (PRT-8) in a role that performs; of others nothing is taken."""
    if role(prt) not in _PERFORMERS:
        return ()
    prt.first(4).take(1)
    return (*persons(prt), *(found for each in prt.all(8) if (found := people.xon(each))))


def orderer(prt: SegmentReader) -> tuple[Practitioner, ...]:
    """Ordering provider; of other roles nothing is taken."""
    if role(prt) != _ORDERING:
        return ()
    prt.first(4).take(1)
    return persons(prt)


def device(prt: SegmentReader) -> Identifier | None:
    """The equipment of PRT-10."""
    if role(prt) != "EQUIP" or not prt.valued(10):
        return None
    return identifiers.ei(prt.first(10))
