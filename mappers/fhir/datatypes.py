"""Domain values as FHIR data types: plain dicts in the order of R4, nothing empty, nothing invalid.

Every function returns None when there is nothing to say. What FHIR cannot carry (an inverted period, a
code with a wrong check digit) is said otherwise, and the account says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from mappers.domain.coding import UCUM, Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note
from mappers.domain.people import Address, ContactPoint, Organization, PersonName, Practitioner
from mappers.domain.results import Quantity, Range
from mappers.domain.times import Period
from mappers.fhir.account import Account
from mappers.fhir.invariants import precedes
from mappers.fhir.primitives import MAX_STRING, is_absolute_uri, is_uri, without_unwritable
from mappers.fhir.terminology import is_known, is_ucum, misleads

Node = dict[str, Any]

DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
URI_SYSTEM = "urn:ietf:rfc:3986"
_TIMED = len("2026-11-22T")  # a dateTime at least this long has a time of day
_BLANKS = re.compile(r"\s+")


def pruned(node: Node) -> Node:
    """The node without the elements that have nothing to say."""
    return {name: value for name, value in node.items() if value is not None and value != []}


def some(node: Node) -> Node | None:
    """The node without empty elements, or None when nothing is left."""
    return pruned(node) or None


def text(value: str | None) -> str | None:
    """A FHIR string: visible, writable, 1 MiB at most."""
    if not value or value.isspace():
        return None
    return without_unwritable(value)[:MAX_STRING]


def code(value: str | None) -> str | None:
    """A FHIR code: blanks inside become single ones."""
    clean = text(value)
    return _BLANKS.sub(" ", clean.strip()) if clean else None


def uri(value: str | None) -> str | None:
    """A URI; blanks are percent-encoded, a malformed OID or UUID is none."""
    if not value or is_uri(value):
        return value or None
    quoted = _BLANKS.sub(lambda blanks: quote(blanks[0]), without_unwritable(value))
    return quoted if is_uri(quoted) else None


def absent(reason: str = "unknown") -> list[Node]:
    """The extensions of an element whose value is not known (R4 data-absent-reason)."""
    return [{"url": DATA_ABSENT, "valueCode": reason}]


def coding(value: Coding, account: Account) -> Node | None:
    """A Coding; a code that its system cannot have stands without the system."""
    symbol, system = code(value.code), uri(value.system)
    if symbol and not is_known(system, symbol):
        account.forgave(IssueCode.CODE_INVALID, "its system has no such code: written without the system")
        system = None
    return some(
        {
            "system": system if symbol else None,
            "version": text(value.version) if system and symbol else None,
            "code": symbol,
            "display": text(value.display),
        }
    )


def concept(value: Concept | None, account: Account) -> Node | None:
    """A CodeableConcept."""
    if value is None:
        return None
    codings = [written for one in value.codings if (written := coding(one, account))]
    return some({"coding": codings, "text": text(value.text)})


def concepts(values: Iterable[Concept], account: Account) -> list[Node]:
    """CodeableConcepts, those with nothing to say left out."""
    return [written for value in values if (written := concept(value, account))]


def identifier(value: Identifier, account: Account) -> Node | None:
    """An Identifier; an assigner that is no URI is its assigner's display."""
    number, system = text(value.value), uri(value.system)
    if number is None:
        return None
    if system == URI_SYSTEM and not is_absolute_uri(number):
        system = None
    assigner = text(value.assigner) or (None if system else text(value.system))
    return pruned(
        {
            "type": concept(value.type, account),
            "system": system,
            "value": number,
            "period": period(value.period, account),
            "assigner": {"display": assigner} if assigner else None,
        }
    )


def identifiers(values: Iterable[Identifier], account: Account) -> list[Node]:
    """Identifiers, each once, those with nothing to say left out."""
    written = [node for value in values if (node := identifier(value, account))]
    return [node for index, node in enumerate(written) if node not in written[:index]]


def period(value: Period | None, account: Account, *, element: str = "period") -> Node | None:
    """A Period whose start is not after its end (per-1).

    An inverted end is left out. Where one end is more precise than the other and both agree as far as they
    go, FHIRPath cannot compare them and judges call the period broken: the other's precision serves both.
    """
    if value is None:
        return None
    start, end = value.start and value.start.text, value.end and value.end.text
    if start and end and not precedes(start, end):
        text = "a period ends before it starts: its end is not written"
        account.lose(IssueCode.INVARIANT, text, element=element)
        end = None
    elif start and end and len(start[:_TIMED]) != len(end[:_TIMED]) and precedes(end, start):
        text = "a period's ends differ in precision: the lesser is written"
        account.lose(IssueCode.INCOMPLETE, text, element=element)
        length = min(len(start), len(end))
        start, end = start[:length], end[:length]
    return some({"start": start, "end": end})


def quantity(value: Quantity | None, account: Account) -> Node | None:
    """A Quantity. The digits are the sender's; a code that is no UCUM, or means another unit, is left out."""
    if value is None:
        return None
    unit, symbol = text(value.unit), code(value.code)
    if symbol and not is_ucum(symbol):
        account.forgave(IssueCode.CODE_INVALID, "the unit's code is no UCUM: the unit is written as text")
        unit, symbol = unit or symbol, None
    elif symbol and misleads(symbol):
        account.forgave(
            IssueCode.BUSINESS_RULE, "as UCUM this code means another unit: the unit is written as text"
        )
        unit, symbol = unit or symbol, None
    return some(
        {
            "value": Decimal(value.value) if value.value is not None else None,
            "comparator": value.comparator if value.value is not None else None,
            "unit": unit or symbol,
            "system": UCUM if symbol else None,
            "code": symbol,
        }
    )


def unit(value: Quantity | None, account: Account) -> Node | None:
    """A Quantity of its unit alone."""
    written = quantity(value, account) or {}
    return some({name: written.get(name) for name in ("unit", "system", "code")})


def simple_quantity(value: Quantity | None, account: Account, *, element: str = "quantity") -> Node | None:
    """A SimpleQuantity: none at all where there is a comparator, which it cannot carry (sqty-1)."""
    if value is None or value.comparator is None:
        return quantity(value, account)
    text = "FHIR allows no comparator here: the quantity is not written"
    account.lose(IssueCode.INVARIANT, text, element=element)
    return None


def is_ordered(low: Quantity | None, high: Quantity | None) -> bool:
    """Whether the bounds may stand in one Range (rng-2)."""
    if low is None or high is None or low.value is None or high.value is None:
        return True
    return low.comparator is None and high.comparator is None and Decimal(low.value) <= Decimal(high.value)


def range_(value: Range, account: Account) -> Node | None:
    """A Range whose bounds are in order."""
    return some({"low": simple_quantity(value.low, account), "high": simple_quantity(value.high, account)})


def human_name(value: PersonName, account: Account) -> Node | None:
    """A HumanName; a use alone says nothing."""
    written = some(
        {
            "text": text(value.text),
            "family": text(value.family),
            "given": [part for given in value.given if (part := text(given))],
            "prefix": [part for prefix in value.prefix if (part := text(prefix))],
            "suffix": [part for suffix in value.suffix if (part := text(suffix))],
            "period": period(value.period, account),
        }
    )
    return {"use": value.use, **written} if written and value.use else written


def spoken_name(value: PersonName) -> str | None:
    """The name in one line."""
    parts = (*value.prefix, *value.given, value.family or "", *value.suffix)
    return text(value.text) or text(" ".join(part for part in parts if part))


def address(value: Address, account: Account) -> Node | None:
    """An Address; a use or type alone says nothing."""
    written = some(
        {
            "line": [part for line in value.lines if (part := text(line))],
            "city": text(value.city),
            "district": text(value.district),
            "state": text(value.state),
            "postalCode": text(value.postal_code),
            "country": text(value.country),
            "period": period(value.period, account),
        }
    )
    return pruned({"use": value.use, "type": value.type, **written}) if written else None


def contact_point(value: ContactPoint) -> Node | None:
    """A ContactPoint; of a system that is not known, `other` (cpt-2)."""
    number = text(value.value)
    return pruned({"system": value.system or "other", "value": number, "use": value.use}) if number else None


def actor(value: Practitioner | Organization, account: Account) -> Node | None:
    """A logical Reference: who it is by identifier and name, without a resource of their own."""
    first = next(iter(identifiers(value.identifiers[:1], account)), None)
    if isinstance(value, Organization):
        named, kind = text(value.name), "Organization"
    else:
        named = next((name for one in value.names if (name := spoken_name(one))), None)
        kind = "Practitioner"
    return pruned({"type": kind, "identifier": first, "display": named}) if first or named else None


def actors(values: Iterable[Practitioner | Organization], account: Account) -> list[Node]:
    """Logical References, those with nothing to say left out."""
    return [written for value in values if (written := actor(value, account))]


def annotation(value: Note, account: Account) -> Node | None:
    """An Annotation."""
    words = text(value.text)
    if words is None:
        return None
    author = actor(value.author, account) if value.author else None
    return pruned({"authorReference": author, "time": value.time and value.time.text, "text": words})
