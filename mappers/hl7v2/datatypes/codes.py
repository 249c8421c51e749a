"""CE, CWE, CNE, CF, IS, ID: codes as sent. A system is a URI that somebody defined, or nothing.

Standards: v2-to-FHIR 1.0.0 CWE[CodeableConcept], IS[CodeableConcept]; table 0396 (coding systems).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.issues import IssueCode
from mappers.hl7v2 import tables
from mappers.hl7v2.elements import Element

#: Components of the three triplets of a CWE: code, display, system, version, OID of the system.
TRIPLETS: Final = ((1, 2, 3, 7, 14), (4, 5, 6, 8, 17), (10, 11, 12, 13, 20))
_ORIGINAL_TEXT: Final = 9
_BLANKS: Final = re.compile(r"\s+")
#: LOINC numbers, parts and answers: digits, a hyphen, a check digit.
_LOINC: Final = re.compile(r"(L[AGLP])?\d{1,7}-\d", re.ASCII)
#: US Core, Missing Data: what stands for a code that was required and not sent.
UNKNOWN: Final = Concept(
    (Coding("unknown", "http://terminology.hl7.org/CodeSystem/data-absent-reason", "Unknown"),)
)


def cwe(element: Element, lookup: Callable[[str], Coding | None] | None = None) -> Concept | None:
    """A coded element with its alternates and its original text; None when it names nothing.

    Args:
        element: a CE, CWE, CNE, CF or IS.
        lookup: the table of the field, for a first code that names no system. Where it means another code in
            FHIR, the code as sent stands beside that.
    """
    codings: list[Coding] = []
    text = element.text(_ORIGINAL_TEXT)
    for triplet in TRIPLETS if element.count > 1 else TRIPLETS[:1]:
        code, display = element.peek(triplet[0]), element.peek(triplet[1])
        if code:
            coding = _coding(element, triplet, lookup if triplet is TRIPLETS[0] else None)
            codings.append(coding)
            if coding.code != _plain(code):
                codings.append(Coding(_plain(code)))
        elif display:
            element.take(triplet[1])
            # Words without a code are the meaning itself; a second set of words is an alternative.
            if text is None:
                text = display
            elif display != text:
                codings.append(Coding(display=display))
    return Concept(tuple(codings), text) if codings or text else None


def of_table(code: str, table: str) -> Concept:
    """A bare code as a concept: of the table when it is in there, else a local code."""
    return Concept((tables.coding(table, code) or Coding(code),))


def system(element: Element, component: int) -> str | None:
    """The URI of the coding system named in a component; the channel knows better than the table."""
    name = element.peek(component)
    if name is None:
        return None
    return element.context.channel.code_systems.get(name) or tables.coding_system_uri(name)


def _coding(
    element: Element, triplet: tuple[int, int, int, int, int], lookup: Callable[[str], Coding | None] | None
) -> Coding:
    at_code, at_display, at_system, at_version, at_oid = triplet
    code = _plain(element.text(at_code) or "")
    display = element.text(at_display)
    uri = system(element, at_system)
    if uri:
        element.take(at_system)
    elif element.peek(at_oid):
        uri = tables.coding_system_uri(element.peek(at_oid) or "")
        if uri:
            element.take(at_oid)
    found = lookup(code) if lookup and not element.peek(at_system) and uri is None else None
    if found:
        return Coding(found.code, found.system, display or found.display)
    if uri == LOINC and not _LOINC.fullmatch(code):
        element.warn(
            IssueCode.CODE_INVALID, "said to be LOINC, and no LOINC number looks like this; kept as sent"
        )
    return Coding(code, uri, display, element.text(at_version))


def _plain(code: str) -> str:
    """A code with single blanks, as FHIR `code` has them."""
    return _BLANKS.sub(" ", code)
