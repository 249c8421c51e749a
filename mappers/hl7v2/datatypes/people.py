"""XPN, XCN, CNN, NDL, XON, XAD, XTN: names, persons, organizations, addresses, telephones.

Standards: v2-to-FHIR 1.0.0 XPN[HumanName], XCN[Practitioner], CNN[Practitioner], NDL[PractitionerRole],
XON[Organization], XAD[Address], XTN[ContactPoint]; tables 0190, 0200, 0201, 0202.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.people import Address, ContactPoint, Organization, PersonName, Practitioner
from mappers.domain.times import Period
from mappers.hl7v2 import tables
from mappers.hl7v2.datatypes import codes, identifiers, times
from mappers.hl7v2.elements import Element

_DIGITS: Final = re.compile(r"[\d+-]{4,}", re.ASCII)
#: TN, the form of XTN.1 before v2.7: `+1 (999)999-9999 X999`; digits and what people write between them.
_TELEPHONE: Final = re.compile(r"\+?[\d ()./-]{5,}(?: ?[xX] ?\d+)?", re.ASCII)


def xpn(element: Element) -> PersonName | None:
    """A person's name; None when it names nobody (`^^^^^^S`)."""
    return _name(element, first=1, use=7, validity=(10, 12, 13), professional_suffix=14)


def xcn(element: Element) -> Practitioner | None:
    """A person with their identifier."""
    name = _name(element, first=2, use=10, validity=(17, 19, 20), professional_suffix=21)
    value = element.text(1)
    if value is None:
        return Practitioner((name,)) if name else None
    authority = identifiers.hd(element.part(9))
    kind = element.text(13)
    identifier = Identifier(
        value, authority.system, authority.name, codes.of_table(kind, "0203") if kind else None
    )
    return Practitioner((name,) if name else (), (identifier,))


def cnn(element: Element) -> Practitioner | None:
    """A person, as the subcomponents of NDL.1 say it: XCN with another tail."""
    name = _name(element, first=2)
    value = element.text(1)
    if value is None:
        return Practitioner((name,)) if name else None
    authority = identifiers.hd(element, 9)
    return Practitioner((name,) if name else (), (Identifier(value, authority.system, authority.name),))


def ndl(element: Element) -> Practitioner | None:
    """A person with a place and a time, of which the person is read.

    Senders write an XCN here: NDL.2 would be a time, so letters in it give that away.
    """
    second = element.peek(2)
    if second and not _DIGITS.match(second):
        element.inform(IssueCode.STRUCTURE, "an XCN stands where an NDL belongs; it was read as an XCN")
        return xcn(element)
    return cnn(element.part(1))


def xon(element: Element) -> Organization | None:
    """An organization."""
    name = element.text(1)
    value = element.text(10) or element.text(3)
    if value is None:
        return Organization(name) if name else None
    authority = identifiers.hd(element.part(6))
    kind = element.text(7)
    concept = codes.of_table(kind, "0203") if kind else None
    return Organization(name, (Identifier(value, authority.system, authority.name, concept),))


def xad(element: Element) -> Address | None:
    """A postal address; None when there is only its kind."""
    street = element.part(1)
    lines = tuple(
        line
        for line in (*(street.text(n) for n in (1, 2, 3)), element.text(2), element.text(19))
        if line is not None
    )
    city, state, postal_code, country = (element.text(n) for n in range(3, 7))
    county = element.part(9)
    district = county.text(2) or county.text(1)
    if not (lines or city or state or postal_code or country or district):
        return None
    return Address(
        lines=lines,
        city=city,
        district=district,
        state=state,
        postal_code=postal_code,
        country=country,
        use=_mapped(element, 7, tables.address_use),
        type=_mapped(element, 7, tables.address_type),
        period=_validity(element, 12, 13, 14),
    )


def xtn(element: Element, *, use: str | None = None) -> tuple[ContactPoint, ...]:
    """A telephone number, a mail address, or both, which one repetition may hold.

    The number is XTN.12, else XTN.5 to XTN.8, else XTN.1: a telephone number where it looks like one and
    XTN.2 and XTN.3 do not say what else it is.

    Args:
        element: the field's repetition.
        use: contact-point-use of the field where XTN.2 is empty.
    """
    code, equipment = element.peek(2) or "", element.peek(3) or ""
    system, own_use = tables.telecom(code, equipment)
    number = element.text(12) or _number(element) or element.text(1)
    mail = element.text(4)
    if number is None and mail is None:
        return ()
    if system or own_use:
        element.take(*(n for n, text in ((2, code), (3, equipment)) if text))
    use = own_use or (None if code else use)
    points = []
    if number is not None:
        if system is None and not equipment and _TELEPHONE.fullmatch(number):
            system = "phone"
        points.append(ContactPoint(number, "email" if "@" in number else system, use))
    if mail is not None:
        points.append(ContactPoint(mail, "email", use))
    return tuple(points)


def _number(element: Element) -> str | None:
    """XTN.5 to XTN.8 as one telephone number, `+1 555 5550147 X12`."""
    country, area, local, extension = (element.peek(n) for n in range(5, 9))
    if local is None:
        return None
    element.take(5, 6, 7, 8)
    parts = (f"+{country.removeprefix('+')}" if country else None, area, local, extension and f"X{extension}")
    return " ".join(part for part in parts if part)


def _name(
    element: Element,
    *,
    first: int,
    use: int | None = None,
    validity: tuple[int, int, int] | None = None,
    professional_suffix: int | None = None,
) -> PersonName | None:
    """The name that starts with its family name in component `first`."""
    family = _family(element, first)
    given = _texts(element, first + 1, first + 2)
    suffixes = (first + 3, first + 5, *([professional_suffix] if professional_suffix else []))
    prefix, suffix = _texts(element, first + 4), _texts(element, *suffixes)
    if not (family or given or prefix or suffix):
        return None
    period = _validity(element, *validity) if validity else None
    use_code = _mapped(element, use, tables.name_use) if use else None
    return PersonName(family, given, prefix, suffix, use=use_code, period=period)


def _family(element: Element, n: int) -> str | None:
    """FN.1, or what FN.2 to FN.5 say of it when it is empty."""
    family = element.part(n)
    whole = family.text(1)
    return whole or " ".join(_texts(family, 2, 3, 4, 5)) or None


def _texts(element: Element, *components: int) -> tuple[str, ...]:
    return tuple(text for n in components if (text := element.text(n)) is not None)


def _mapped(element: Element, component: int, lookup: Callable[[str], str | None]) -> str | None:
    """A code that reaches the domain only where its table has a meaning for it."""
    code = element.peek(component)
    meaning = lookup(code) if code else None
    if meaning:
        element.take(component)
    return meaning


def _validity(element: Element, whole: int, start: int, end: int) -> Period | None:
    """The period of a range and of two times, of which later versions use the times."""
    if element.count < whole:
        return None
    first, last = times.dtm(element.part(start)), times.dtm(element.part(end))
    if first or last:
        return Period(first, last)
    return times.dr(element.part(whole))
