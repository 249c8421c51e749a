"""Domain values as datatypes: HD, CX, EI, CWE, XPN, XCN, XON, XAD, XTN, DTM (chapter 2A).

Each function gives components, which the composer joins and escapes. Versions before 2.5 get CE for CWE.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.people import Address, ContactPoint, Organization, PersonName, Practitioner
from mappers.domain.times import Moment, Period
from mappers.hl7v2.ack import date_time
from mappers.hl7v2.outbound import codes
from mappers.hl7v2.outbound.composer import Component, Repetition

_OID: Final = "urn:oid:"
_UUID: Final = "urn:uuid:"
#: Places of code, display, system and version in the triplets of a CWE.
_TRIPLETS: Final = ((1, 2, 3, 7), (4, 5, 6, 8), (10, 11, 12, 13))
_CE: Final = 6
_BLANK: Final = re.compile(r"\s+")


def at(places: dict[int, Component | None]) -> Repetition:
    """Components by their numbers."""
    last = max((n for n, value in places.items() if value), default=0)
    return tuple(places.get(n) or "" for n in range(1, last + 1))


def dtm(moment: Moment | None) -> str:
    """A point in time, as precise as it is known."""
    return date_time(moment) if moment else ""


def start_of(moment: Moment | Period | None) -> str:
    """The beginning of a period, or the moment."""
    return dtm(moment.start if isinstance(moment, Period) else moment)


def end_of(moment: Moment | Period | None) -> str:
    """The end of a period."""
    return dtm(moment.end) if isinstance(moment, Period) else ""


def hd(system: str | None, name: str | None) -> tuple[str, ...]:
    """A hierarchic designator: local name, universal id and its type (table 0301)."""
    if system is None:
        return (name or "",)
    if system.startswith(_OID):
        return (name or "", system.removeprefix(_OID), "ISO")
    if system.startswith(_UUID):
        return (name or "", system.removeprefix(_UUID), "UUID")
    return (name or "", system, "URI")


def cx(identifier: Identifier) -> Repetition:
    """An identifier with its assigner, type and validity."""
    period = identifier.period
    return at(
        {
            1: identifier.value,
            4: hd(identifier.system, identifier.assigner),
            5: _type(identifier),
            7: dtm(period.start)[:8] if period else "",
            8: dtm(period.end)[:8] if period else "",
        }
    )


def ei(identifier: Identifier | None) -> Repetition:
    """An entity identifier; EI.2 to EI.4 are its assigner."""
    if identifier is None:
        return ""
    return (identifier.value, *hd(identifier.system, identifier.assigner))


def _type(identifier: Identifier) -> str:
    """Table 0203."""
    kinds = identifier.type.codings if identifier.type else ()
    return next((coding.code for coding in kinds if coding.code), "")


def has_type(identifier: Identifier, kind: str) -> bool:
    """Whether an identifier is of this type of table 0203."""
    return _type(identifier) == kind


def cwe(concept: Concept | None, *, extended: bool) -> Repetition:
    """A coded element.

    Args:
        concept: codings beyond what the datatype holds are left out (`lost` says so).
        extended: CWE with three triplets, versions and the original text; else CE.
    """
    if concept is None:
        return ""
    places: dict[int, Component | None] = {}
    triplets = _TRIPLETS if extended else _TRIPLETS[:2]
    for coding, (code, display, system, version) in zip(_coded(concept), triplets, strict=False):
        places |= {code: coding.code, display: coding.display, system: codes.coding_system(coding)}
        if extended:
            places[version] = coding.version
    text = concept.text
    if text and extended and concept.codings:
        places[9] = text
    elif text and not places.get(2):
        places[2] = text
    return at(places)


def lost(concept: Concept, *, extended: bool) -> bool:
    """Whether `cwe` cannot say all of it."""
    written, room = _coded(concept), 3 if extended else 2
    if len(written) > room:
        return True
    if extended or not concept.text:
        return False
    return bool(written and written[0].display and written[0].display != concept.text)


def _coded(concept: Concept) -> tuple[Coding, ...]:
    """Codings with codes first: words alone are an alternative of theirs."""
    return tuple(sorted(concept.codings, key=lambda coding: not coding.code))


def xpn(name: PersonName, *, later: bool) -> Repetition:
    """A person's name.

    Args:
        name: who.
        later: v2.7 and after, where XPN.14 holds what XPN.6 held.
    """
    parts = _name(name)
    use = codes.NAME_USE.get(name.use or "", "")
    return at({1: parts[0], 2: parts[1], 3: parts[2], 4: parts[3], 5: parts[4],
               14 if later else 6: parts[5], 7: use})  # fmt: skip


def xcn(person: Practitioner, *, later: bool) -> Repetition:
    """A person with their identifier; `later` as for `xpn`."""
    name = next(iter(person.names), PersonName())
    identifier = next(iter(person.identifiers), None)
    parts = _name(name)
    return at(
        {
            1: identifier.value if identifier else "",
            2: parts[0], 3: parts[1], 4: parts[2], 5: parts[3], 6: parts[4],
            21 if later else 7: parts[5],
            9: hd(identifier.system, identifier.assigner) if identifier else "",
            10: codes.NAME_USE.get(name.use or "", ""),
            13: _type(identifier) if identifier else "",
        }
    )  # fmt: skip


def ndl(person: Practitioner) -> Repetition:
    """A person as NDL.1 has them: the components of a CNN as subcomponents."""
    name = next(iter(person.names), PersonName())
    identifier = next(iter(person.identifiers), None)
    family, first, further, suffix, prefix, degree = _name(name)
    authority = hd(identifier.system, identifier.assigner) if identifier else ()
    parts = (identifier.value if identifier else "", family, first, further, suffix, prefix, degree, "")
    return ((*parts, *authority),)


def _name(name: PersonName) -> tuple[str, str, str, str, str, str]:
    """Family name, first, further names, suffix, prefix, degree; further ones of a kind share a place."""
    family = name.family or ("" if name.given else name.text or "")
    first = next(iter(name.given), "")
    further = " ".join(islice(name.given, 1, None))
    suffix = next(iter(name.suffix), "")
    return family, first, further, suffix, " ".join(name.prefix), " ".join(islice(name.suffix, 1, None))


def xon(organization: Organization, *, later: bool) -> Repetition:
    """An organization; XON.10 is its identifier from v2.5 on, XON.3 (a number) before."""
    identifier = next(iter(organization.identifiers), None)
    places: dict[int, Component | None] = {1: organization.name}
    if identifier is not None:
        places |= {
            10 if later else 3: identifier.value,
            6: hd(identifier.system, identifier.assigner),
            7: _type(identifier),
        }
    return at(places)


def xad(address: Address) -> Repetition:
    """A postal address; what is beyond its first line shares XAD.2."""
    use = codes.ADDRESS_USE.get(address.use or "", "")
    return at(
        {
            1: next(iter(address.lines), ""),
            2: ", ".join(islice(address.lines, 1, None)),
            3: address.city,
            4: address.state,
            5: address.postal_code,
            6: address.country,
            7: use or ("M" if address.type == "postal" else ""),
            9: address.district,
        }
    )


def xtn(point: ContactPoint, *, later: bool) -> Repetition:
    """A telephone number or mail address; XTN.12 holds the number from v2.7 on, XTN.1 before."""
    system = codes.TELECOM_SYSTEM.get(point.system or "", "")
    # A use in XTN.2 implies a telephone; the field itself says home or work.
    use = codes.TELECOM_USE.get(point.use or "", "") if point.system else ""
    if point.use == "mobile":
        system = "CP"
    if point.system == "email":
        return at({2: use or "NET", 3: "Internet", 4: point.value})
    return at({12 if later else 1: point.value, 2: use, 3: system})


def words(text: str) -> str:
    """One line, for places that hold no lines."""
    return _BLANK.sub(" ", text).strip()


def lines(text: str) -> list[Repetition]:
    """Running text as TX has it: a repetition for each line (chapter 2A, TX)."""
    return list(text.split("\n"))
