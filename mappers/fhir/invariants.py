"""The invariants of R4 4.0.1 by type, and a few checks that no invariant states but every judge makes.

Each is named by its key in the specification; those of our own have a word for a key. They look at one
node whose structure is already right. Not here: ele-1 and cardinalities (`shapes`), ref-1, dom-* and bdl-*
(`containers`), txt-* (`narrative`); dom-6, a narrative for every resource, is advice that we do not take.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from mappers.domain.coding import UCUM
from mappers.domain.issues import IssueCode
from mappers.fhir.primitives import is_absolute_uri
from mappers.fhir.terminology import is_known, is_ucum, misleads

Node = dict[str, Any]

_URI_SYSTEM = "urn:ietf:rfc:3986"
_MIME_FORM = re.compile(r"[A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-]+(\s*;\s*[^\s;]+)*")
_SAMPLES = re.compile(r"([EUL]|-?\d+(\.\d+)?([eE][+-]?\d+)?)( ([EUL]|-?\d+(\.\d+)?([eE][+-]?\d+)?))*")
_UID_FORM = re.compile(r"(?=.{1,64}$)[0-2](\.(0|[1-9]\d*))+")


class Invariant(NamedTuple):
    """One rule about one node.

    Attributes:
        key: the specification's, "obs-6", or a word of our own.
        text: the rule.
        holds: whether a structurally right node obeys it.
        binding: False for what is legal and yet hardly meant.
        code: IssueType of a breach.
    """

    key: str
    text: str
    holds: Callable[[Node], bool]
    binding: bool = True
    code: IssueCode = IssueCode.INVARIANT


def _has(node: Node, *names: str) -> bool:
    return any(name in node or f"_{name}" in node for name in names)


def _has_choice(node: Node, stem: str) -> bool:
    """Whether a branch of `stem[x]` is there."""
    length = len(stem)
    return any(name.startswith(stem) and name[length : length + 1].isupper() for name in node)


def precedes(start: str, end: str) -> bool:
    """Whether `start` is not after `end`, as far as both are known."""
    if "T" in start and "T" in end:
        return _moment(start) <= _moment(end)
    length = min(len(start.partition("T")[0]), len(end.partition("T")[0]))
    return start[:length] <= end[:length]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(":60", ":59"))


def _period_holds(node: Node) -> bool:
    start, end = node.get("start"), node.get("end")
    return start is None or end is None or precedes(start, end)


def _range_holds(node: Node) -> bool:
    low, high = node.get("low", {}), node.get("high", {})
    if "value" not in low or "value" not in high or low.get("code") != high.get("code"):
        return True
    return _number(low["value"]) <= _number(high["value"])


def _number(value: Decimal | float) -> Decimal:
    return Decimal(str(value)) if isinstance(value, float) else Decimal(value)


def _codings(concept: Node) -> set[tuple[Any, Any]]:
    return {(coding.get("system"), coding.get("code")) for coding in concept.get("coding", [])}


def _obs7(node: Node) -> bool:
    if "component" not in node or not _has_choice(node, "value"):
        return True
    own = _codings(node["code"]) if "code" in node else set()
    return not any(own & _codings(component.get("code", {})) for component in node["component"])


def _ucum_holds(node: Node) -> bool:
    return node.get("system") != UCUM or "code" not in node or is_ucum(node["code"])


def _meant(node: Node) -> bool:
    return node.get("system") != UCUM or "code" not in node or not misleads(node["code"])


def _code_holds(node: Node) -> bool:
    return "code" not in node or is_known(node.get("system"), node["code"])


def _uri_identifier_holds(node: Node) -> bool:
    value = node.get("value")
    return node.get("system") != _URI_SYSTEM or value is None or is_absolute_uri(value)


def _obs6(node: Node) -> bool:
    return "dataAbsentReason" not in node or not _has_choice(node, "value")


def _no_home(node: Node, name: str) -> bool:
    return all(item.get("use") != "home" for item in node.get(name, []))


def _all_distinct(node: Node, name: str, key: str) -> bool:
    values = [item.get(key) for item in node.get(name, [])]
    return len(set(values)) == len(values)


def _both(node: Node, *names: str) -> bool:
    return all(_has(node, name) for name in names)


def _inv1(node: Node) -> bool:
    return not _both(node, "authoredOn", "lastModified") or precedes(node["authoredOn"], node["lastModified"])


def _drt1(node: Node) -> bool:
    return "code" not in node or (node.get("system") == UCUM and _has(node, "value"))


def _age1(node: Node) -> bool:
    return _unit_of_ucum(node) and _number(node.get("value", 1)) > 0


def _cnt3(node: Node) -> bool:
    return _unit_of_ucum(node) and node.get("code", "1") == "1"


def _needs(node: Node, name: str, *others: str) -> bool:
    return not _has(node, name) or _has(node, *others)


def _rat1(node: Node) -> bool:
    both = ("numerator" in node, "denominator" in node)
    return all(both) or (not any(both) and "extension" in node)


def _ext1(node: Node) -> bool:
    return ("extension" in node) != _has_choice(node, "value") or (
        # A primitive value may be its extensions alone: `_valueString`.
        "extension" not in node and any(name.startswith("_value") for name in node)
    )


def _parameter_holds(node: Node) -> bool:
    return ("part" in node) + _has_choice(node, "value") + ("resource" in node) == 1


def _unit_of_ucum(node: Node) -> bool:
    return _needs(node, "value", "code") and node.get("system", UCUM) == UCUM


def _tim9(node: Node) -> bool:
    return "offset" not in node or ("when" in node and not {"C", "CM", "CD", "CV"} & set(node["when"]))


def _capability_holds(node: Node) -> bool:
    kind, has = node.get("kind"), node.keys()
    if kind == "instance":
        return "implementation" in has
    if kind == "capability":
        return "implementation" not in has and "software" in has
    return "implementation" not in has and "software" not in has


def _samples_hold(node: Node) -> bool:
    return "data" not in node or _SAMPLES.fullmatch(node["data"]) is not None


def _uid_holds(node: Node) -> bool:
    return "uid" not in node or _UID_FORM.fullmatch(node["uid"]) is not None


def _mime_holds(node: Node) -> bool:
    return "contentType" not in node or _MIME_FORM.fullmatch(node["contentType"]) is not None


_MIME = Invariant("mime", "contentType is type/subtype (BCP 13)", _mime_holds, code=IssueCode.CODE_INVALID)
_UID = Invariant("uid", "a DICOM UID is a bare OID, 64 characters at most", _uid_holds, code=IssueCode.VALUE)
_QUANTITY = (
    Invariant("qty-3", "a unit's code needs its system", lambda n: _needs(n, "code", "system")),
    Invariant("ucum", "the code is no UCUM expression", _ucum_holds, code=IssueCode.CODE_INVALID),
    Invariant(
        "ucum",
        "valid UCUM, but no unit that a laboratory means: 10*3/uL is the code for thousands per microlitre",
        _meant,
        binding=False,
        code=IssueCode.BUSINESS_RULE,
    ),
)
_ONE_PATH = "a path or a searchParam"

INVARIANTS: dict[str, tuple[Invariant, ...]] = {
    "Age": (*_QUANTITY, Invariant("age-1", "an age has a UCUM unit and is positive", _age1)),
    "Attachment": (
        Invariant("att-1", "data needs its contentType", lambda n: _needs(n, "data", "contentType")),
        _MIME,
    ),
    "AuditEvent.entity": (
        Invariant("sev-1", "a name or a query, not both", lambda n: not _both(n, "name", "query")),
    ),
    "Binary": (_MIME,),
    "CapabilityStatement": (
        Invariant("cpb-1", "rest, messaging or document", lambda n: _has(n, "rest", "messaging", "document")),
        Invariant("cpb-2", "what it is of", lambda n: _has(n, "description", "software", "implementation")),
        Invariant("cpb-14, cpb-15, cpb-16", "implementation and software by kind", _capability_holds),
    ),
    "CapabilityStatement.rest": (
        Invariant("cpb-9", "each resource once", lambda n: _all_distinct(n, "resource", "type")),
    ),
    "CapabilityStatement.rest.resource": (
        Invariant("cpb-12", "each search parameter once", lambda n: _all_distinct(n, "searchParam", "name")),
    ),
    "Coding": (
        Invariant(
            "code",
            "its system has no such code (LOINC by check digit)",
            _code_holds,
            code=IssueCode.CODE_INVALID,
        ),
    ),
    "ContactPoint": (Invariant("cpt-2", "a value needs its system", lambda n: _needs(n, "value", "system")),),
    "Count": (*_QUANTITY, Invariant("cnt-3", "a count has the unit 1", _cnt3)),
    "DataRequirement.codeFilter": (
        Invariant("drq-1", _ONE_PATH, lambda n: _has(n, "path") != _has(n, "searchParam")),
    ),
    "DataRequirement.dateFilter": (
        Invariant("drq-2", _ONE_PATH, lambda n: _has(n, "path") != _has(n, "searchParam")),
    ),
    "Distance": (*_QUANTITY, Invariant("dis-1", "a distance has a UCUM unit", _unit_of_ucum)),
    "Duration": (*_QUANTITY, Invariant("drt-1", "a unit of time is UCUM and has a value", _drt1)),
    "Expression": (
        Invariant("exp-1", "an expression or a reference", lambda n: _has(n, "expression", "reference")),
    ),
    "Extension": (Invariant("ext-1", "extensions or a value, not both", _ext1),),
    "Identifier": (
        Invariant(
            "uri", "in this system a value is an absolute URI", _uri_identifier_holds, code=IssueCode.VALUE
        ),
    ),
    "ImagingStudy.series": (_UID,),
    "ImagingStudy.series.instance": (_UID,),
    "Observation": (
        Invariant("obs-6", "no dataAbsentReason beside a value", _obs6),
        Invariant("obs-7", "no value when a component has the same code", _obs7),
    ),
    "Observation.component": (Invariant("obs-6", "no dataAbsentReason beside a value", _obs6),),
    "Observation.referenceRange": (
        Invariant("obs-3", "a low, a high or a text", lambda n: _has(n, "low", "high", "text")),
    ),
    "Organization": (
        Invariant("org-1", "a name or an identifier", lambda n: _has(n, "name", "identifier")),
        Invariant("org-2", "no home address", lambda n: _no_home(n, "address")),
        Invariant("org-3", "no home telephone", lambda n: _no_home(n, "telecom")),
    ),
    "Parameters.parameter": (Invariant("inv-1", "one of value, resource and part", _parameter_holds),),
    "Patient.contact": (
        Invariant(
            "pat-1", "a way to reach them", lambda n: _has(n, "name", "telecom", "address", "organization")
        ),
    ),
    "Period": (Invariant("per-1", "start is not after end", _period_holds),),
    "Quantity": _QUANTITY,
    "Range": (Invariant("rng-2", "low is not above high", _range_holds),),
    "Ratio": (Invariant("rat-1", "numerator and denominator, or neither and an extension", _rat1),),
    "SampledData": (
        Invariant("data", "decimals, E, U and L, single blanks between", _samples_hold, code=IssueCode.VALUE),
    ),
    "ServiceRequest": (
        Invariant("prr-1", "orderDetail needs a code", lambda n: _needs(n, "orderDetail", "code")),
    ),
    "SimpleQuantity": _QUANTITY,
    "Task": (Invariant("inv-1", "lastModified is not before authoredOn", _inv1),),
    "Timing.repeat": (
        Invariant("tim-1", "a duration needs its unit", lambda n: _needs(n, "duration", "durationUnit")),
        Invariant("tim-2", "a period needs its unit", lambda n: _needs(n, "period", "periodUnit")),
        Invariant("tim-4", "a duration is not negative", lambda n: _number(n.get("duration", 0)) >= 0),
        Invariant("tim-5", "a period is not negative", lambda n: _number(n.get("period", 0)) >= 0),
        Invariant("tim-6", "periodMax needs period", lambda n: _needs(n, "periodMax", "period")),
        Invariant("tim-7", "durationMax needs duration", lambda n: _needs(n, "durationMax", "duration")),
        Invariant("tim-8", "countMax needs count", lambda n: _needs(n, "countMax", "count")),
        Invariant("tim-9", "an offset needs a when, and no meal", _tim9),
        Invariant("tim-10", "timeOfDay or when, not both", lambda n: not _both(n, "timeOfDay", "when")),
    ),
    "TriggerDefinition": (
        Invariant("trd-1", "timing or data", lambda n: not (_has_choice(n, "timing") and _has(n, "data"))),
        Invariant("trd-2", "a condition needs data", lambda n: _needs(n, "condition", "data")),
    ),
}
