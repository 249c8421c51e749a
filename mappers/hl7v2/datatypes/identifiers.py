"""HD, EI, EIP, CX: who assigned an identifier, and the identifier.

Standards: v2-to-FHIR 1.0.0 HD[uri], EI[Identifier-Extension], CX[Identifier]; table 0301 (universal id type).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.times import Period
from mappers.hl7v2.datatypes import codes, times
from mappers.hl7v2.elements import Element

_OID: Final = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URI: Final = re.compile(r"(https?|urn):\S+")


@dataclass(frozen=True, slots=True)
class Authority:
    """A name space of identifiers: its URI where it has one, and its local name."""

    system: str | None = None
    name: str | None = None

    @property
    def scope(self) -> str:
        """What makes its identifiers unique; empty when nobody is named."""
        return self.system or self.name or ""


def hd(element: Element, first: int = 1) -> Authority:
    """A hierarchic designator in the components from `first` on (EI.2 to EI.4 are one).

    An OID, UUID or URI becomes the system; else the channel's `assigners` know the name space. A universal id
    that is none of these stays in the name, so that name spaces which differ by it stay apart.
    """
    found = authority(element, first)
    element.take(first, first + 1)
    if found.system:
        element.take(first + 2)
    return found


def authority(element: Element, first: int = 1) -> Authority:
    """As `hd`, and takes nothing."""
    name, universal_id, id_type = (element.peek(first + n) for n in range(3))
    if not universal_id:
        return Authority(element.context.channel.assigners.get(name) if name else None, name)
    system = _uri(universal_id, id_type)
    if system:
        return Authority(system, name)
    return Authority(None, f"{name} {universal_id}" if name else universal_id)


def ei(element: Element, *, kind: str | None = None) -> Identifier | None:
    """An entity identifier; `kind` is its type in table 0203."""
    value = element.text(1)
    if value is None:
        return None
    authority = hd(element, 2)
    return Identifier(value, authority.system, authority.name, codes.of_table(kind, "0203") if kind else None)


def eip(element: Element, *, placer: str, filler: str) -> tuple[Identifier | None, Identifier | None]:
    """The placer's and the filler's identifier of one thing, each with its type in table 0203."""
    return ei(element.part(1), kind=placer), ei(element.part(2), kind=filler)


def cx(element: Element, *, kind: str | None = None) -> Identifier | None:
    """An extended composite id; `kind` is its type in table 0203 where CX.5 names none."""
    value = element.text(1)
    if value is None:
        return None
    authority = hd(element.part(4))
    return Identifier(
        value, authority.system, authority.name, _type(element, 5, kind), _validity(element, 7, 8)
    )


def _type(element: Element, component: int, kind: str | None) -> Concept | None:
    code = element.text(component) or kind
    return codes.of_table(code, "0203") if code else None


def _validity(element: Element, start: int, end: int) -> Period | None:
    if element.count < start:
        return None
    first, last = times.dtm(element.part(start)), times.dtm(element.part(end))
    return Period(first, last) if first or last else None


def _uri(universal_id: str, id_type: str | None) -> str | None:
    kind = (id_type or "").upper()
    if kind in {"ISO", ""} and _OID.fullmatch(universal_id):
        return f"urn:oid:{universal_id}"
    if kind in {"UUID", "GUID", ""} and _UUID.fullmatch(universal_id):
        return f"urn:uuid:{universal_id.lower()}"
    return universal_id if _URI.fullmatch(universal_id) else None
