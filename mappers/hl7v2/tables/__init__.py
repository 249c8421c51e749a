"""Code tables of HL7 v2 as data: typed, immutable, read once.

The data in `generated/tables.json` is written by `generate.py` from the published tables and committed. It
is read when this package is imported (package data: the one exception to "mapping does no IO") and never
again. Where the published maps are silent, `policy.py` decides. A code that neither knows yields None: an
issue for the reader to raise, never a guess. Codes are looked up without outer blanks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from mappers.domain.coding import Coding
from mappers.hl7v2.tables import policy

_DATA: Final[dict[str, Any]] = json.loads((files(__name__) / "generated" / "tables.json").read_text("utf-8"))
_V2: Final = "http://terminology.hl7.org/CodeSystem/v2-"
_HL7_TABLE: Final = re.compile(r"HL7-?(\d{4})")
_OID: Final = re.compile(r"(?:urn:oid:)?([0-2](?:\.(?:0|[1-9]\d*)){2,})")


@dataclass(frozen=True, slots=True)
class MappedCode:
    """A status in FHIR's words.

    Attributes:
        status: the FHIR code.
        absent_reason: FHIR data-absent-reason that the code implies.
        policy: the published map has no target; it is ours (`policy.py`).
    """

    status: str
    absent_reason: str | None = None
    policy: bool = False


#: Rows of our own for the maps that yield a `MappedCode`.
_OWN: Final = {
    "observation_status": policy.OBSERVATION_STATUS,
    "report_status": policy.REPORT_STATUS,
    "order_status": policy.ORDER_STATUS,
    "order_control": policy.ORDER_CONTROL,
}


@cache
def _statuses(name: str) -> Mapping[str, MappedCode]:
    ours = {code: MappedCode(row.target, row.absent_reason, policy=True) for code, row in _OWN[name].items()}
    return MappingProxyType(
        ours | {code: MappedCode(status) for code, status in _DATA["codes"][name].items()}
    )


@cache
def _codings(name: str) -> Mapping[str, Coding]:
    rows = _DATA["codings"][name].items()
    return MappingProxyType({code: Coding(target, system, words) for code, (target, system, words) in rows})


@cache
def _character_sets() -> Mapping[str, str]:
    rows = _DATA["character_sets"].items()
    return MappingProxyType({name.upper().replace(" ", ""): codec for name, codec in rows})


@cache
def _ucum() -> frozenset[str]:
    return frozenset(_DATA["ucum"]) | {row.target for row in policy.UCUM_ALIASES.values()}


def _code(name: str, code: str) -> str | None:
    target: str | None = _DATA["codes"][name].get(code.strip())
    return target


def _words(table: str, code: str) -> str | None:
    words: str | None = _DATA["tables"][table].get(code.strip())
    return words


def observation_status(code: str) -> MappedCode | None:
    """Table 0085, OBX-11 -> observation-status."""
    return _statuses("observation_status").get(code.strip())


def report_status(code: str) -> MappedCode | None:
    """Table 0123, OBR-25 -> diagnostic-report-status."""
    return _statuses("report_status").get(code.strip())


def request_status_from_orc5(code: str) -> MappedCode | None:
    """Table 0038, ORC-5 order status -> request-status."""
    return _statuses("order_status").get(code.strip())


def request_status_from_orc1(code: str) -> MappedCode | None:
    """Table 0119, ORC-1 order control -> request-status."""
    return _statuses("order_control").get(code.strip())


def interpretation(code: str) -> Coding | None:
    """Table 0078, OBX-8 -> v3-ObservationInterpretation."""
    code = code.strip()
    found = _codings("interpretation").get(code)
    if found is None and code in policy.INTERPRETATION:
        return Coding(code, "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation")
    return found


def coding_system_uri(name: str) -> str | None:
    """Table 0396 or a name seen in feeds (CWE.3) -> URI; an OID or URI names itself.

    `L`, `99zzz` and the unit dialects ISO+ and ANS+ have none: the channel may give one.
    """
    name = name.strip()
    found: str | None = _DATA["coding_systems"].get(name.upper())
    if found:
        return found
    table = _HL7_TABLE.fullmatch(name.upper())
    if table:
        return _V2 + table[1]
    oid = _OID.fullmatch(name)
    if oid:
        return _DATA["coding_systems"].get(oid[1]) or f"urn:oid:{oid[1]}"
    return name if name.startswith(("http://", "https://", "urn:")) and " " not in name else None


def coding_systems() -> tuple[str, ...]:
    """Every name that `coding_system_uri` was generated for."""
    return tuple(_DATA["coding_systems"])


def coding(table: str, code: str) -> Coding | None:
    """A code of a v2 table as a coding of its own code system.

    Args:
        table: four digits, one of the tables that were generated.
        code: as sent.
    """
    words = _words(table, code)
    return None if words is None else Coding(code.strip(), _V2 + table, words or None)


def codes(table: str) -> tuple[str, ...]:
    """Every code of a generated table."""
    return tuple(_DATA["tables"][table])


def known(table: str, code: str) -> bool:
    """Whether a generated table holds a code."""
    return code.strip() in _DATA["tables"][table]


def display(table: str, code: str) -> str | None:
    """The words of a code, e.g. of table 0357 for an ERR segment."""
    return _words(table, code)


def identifier_type(code: str) -> Coding | None:
    """Table 0203, CX.5."""
    return coding("0203", code)


def diagnostic_section(code: str) -> Coding | None:
    """Table 0074, OBR-24."""
    return coding("0074", code)


def is_imaging(section: str) -> bool:
    """Whether a diagnostic service section (0074) is an imaging one."""
    return section.strip() in policy.IMAGING_SECTIONS


def sex(code: str) -> str | None:
    """Table 0001, PID-8 -> administrative-gender."""
    return _code("sex", code)


def patient_class(code: str) -> Coding | None:
    """Table 0004, PV1-2 -> v3-ActCode, else v2-0004."""
    return _codings("patient_class").get(code.strip())


def encounter_status(code: str) -> str | None:
    """Table 0004, PV1-2 -> encounter-status of an encounter that has not ended."""
    return _code("encounter_status", code)


def marital_status(code: str) -> Coding | None:
    """Table 0002, PID-16."""
    return _codings("marital_status").get(code.strip())


def nature_of_abnormality(code: str) -> Coding | None:
    """Table 0080, OBX-10."""
    return _codings("nature_of_abnormality").get(code.strip())


def name_use(code: str) -> str | None:
    """Table 0200, XPN.7 -> name-use."""
    return _code("name_use", code)


def address_use(code: str) -> str | None:
    """Table 0190, XAD.7 -> address-use."""
    return _code("address_use", code)


def address_type(code: str) -> str | None:
    """Table 0190, XAD.7 -> address-type."""
    return _code("address_type", code)


def telecom(use: str, equipment: str) -> tuple[str | None, str | None]:
    """Tables 0201 and 0202, XTN.2 and XTN.3 -> (contact-point-system, contact-point-use)."""
    use, equipment = use.strip(), equipment.strip()
    own_system, own_use = policy.TELECOM_SYSTEM_OF.get(use), policy.TELECOM_USE_OF.get(equipment)
    system = _code("telecom_system", equipment)
    if system is None and own_system and not equipment:
        system = own_system.target
    own_use = own_use or policy.TELECOM_USE.get(use)
    return system, own_use.target if own_use else _code("telecom_use", use)


def priority(code: str) -> str | None:
    """Table 0485, OBR-5, OBR-27.6 and TQ1-9 -> request-priority."""
    return _code("priority", code)


def specimen_status(code: str) -> str | None:
    """Table 0136, SPM-20 -> specimen-status."""
    return _code("specimen_status", code)


def relationship(code: str) -> Coding | None:
    """Table 0063, NK1-3 -> v3-RoleCode, else v2-0063."""
    return _codings("relationship").get(code.strip())


def contact_role(code: str) -> Coding | None:
    """Table 0131, NK1-7."""
    return _codings("contact_role").get(code.strip())


def specimen_type(code: str) -> Coding | None:
    """Table 0487, SPM-4."""
    return _codings("specimen_type").get(code.strip())


def specimen_collection_method(code: str) -> Coding | None:
    """Table 0488, SPM-7."""
    return _codings("specimen_collection_method").get(code.strip())


def specimen_condition(code: str) -> Coding | None:
    """Table 0493, SPM-24."""
    return _codings("specimen_condition").get(code.strip())


def specimen_reject_reason(code: str) -> Coding | None:
    """Table 0490, SPM-21."""
    return _codings("specimen_reject_reason").get(code.strip())


def body_site(code: str) -> Coding | None:
    """Table 0163 or 0550, OBX-20, OBR-15.4, SPM-8."""
    return _codings("body_site").get(code.strip()) or _codings("body_part").get(code.strip())


def codec(name: str) -> str:
    """Table 0211 or a spelling seen in feeds -> Python codec; empty when there is none."""
    return _character_sets().get(name.upper().replace(" ", ""), "")


def character_sets() -> tuple[str, ...]:
    """The names that `codec` was generated for."""
    return tuple(_DATA["character_sets"])


def ucum_alias(unit: str) -> str | None:
    """A unit as laboratories spell it -> UCUM. Spellings count letter by letter: `m/uL` is no `M/uL`."""
    alias: str | None = _DATA["ucum_aliases"].get(unit)
    if alias is None and unit in policy.UCUM_ALIASES:
        return policy.UCUM_ALIASES[unit].target
    return alias


def ucum_aliases() -> tuple[str, ...]:
    """Every spelling that `ucum_alias` knows."""
    return (*_DATA["ucum_aliases"], *policy.UCUM_ALIASES)


def known_ucum() -> frozenset[str]:
    """The UCUM codes that occur in our tables."""
    return _ucum()


def is_known_ucum(unit: str) -> bool:
    """Whether a unit is one of the UCUM codes that occur in our tables."""
    return unit in _ucum()
