"""FHIR's words as codes of HL7 tables: the reader's maps, the other way round.

Where several codes mean one thing in FHIR, the plainest of them is written. What v2 cannot say has None.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from mappers.domain.coding import Coding
from mappers.hl7v2 import tables

_V2: Final = "http://terminology.hl7.org/CodeSystem/v2-"


def _table(rows: dict[str, str]) -> Mapping[str, str]:
    return MappingProxyType(rows)


#: Table 0123, OBR-25. It has no code for amended, appended or withdrawn reports: each is a correction.
REPORT_STATUS: Final = _table(
    {
        "registered": "I", "partial": "A", "preliminary": "P", "final": "F", "corrected": "C",
        "amended": "C", "appended": "C", "entered-in-error": "C", "cancelled": "X",
    }
)  # fmt: skip
#: Table 0085, OBX-11.
OBSERVATION_STATUS: Final = _table(
    {
        "registered": "I", "preliminary": "P", "final": "F", "amended": "A", "corrected": "C",
        "cancelled": "X", "entered-in-error": "W",
    }
)  # fmt: skip
#: Table 0085 for a result that became final and is not sent again.
FINAL_UNSENT: Final = "U"
#: Table 0085 for a final statement that there is no value.
NOT_ASKED: Final = "N"
#: Table 0271, TXA-17.
COMPLETION_STATUS: Final = _table(
    {
        "registered": "IP", "partial": "IN", "preliminary": "IN", "final": "AU", "corrected": "AU",
        "amended": "AU", "appended": "AU", "cancelled": "AU", "entered-in-error": "AU", "unknown": "IN",
    }
)  # fmt: skip
#: Table 0038, ORC-5.
ORDER_STATUS: Final = _table(
    {"active": "IP", "completed": "CM", "revoked": "CA", "on-hold": "HD", "entered-in-error": "ER"}
)
#: Table 0485, OBR-27.6 and TQ1-9.
PRIORITY: Final = _table({"stat": "S", "asap": "A", "routine": "R"})
#: Table 0001, PID-8.
SEX: Final = _table({"female": "F", "male": "M", "other": "O", "unknown": "U"})
#: Table 0002, PID-16, by v3-MaritalStatus.
MARITAL_STATUS: Final = _table(
    {
        "L": "A", "C": "C", "D": "D", "I": "I", "M": "M", "A": "N", "T": "P", "S": "S", "U": "B",
        "OTH": "O", "NAVU": "T", "UNK": "U", "W": "W",
    }
)  # fmt: skip
#: Table 0004, PV1-2, by v3-ActCode or the code itself.
PATIENT_CLASS: Final = _table({"AMB": "O", "IMP": "I", "EMER": "E", "PRENC": "P"})
#: Table 0200, XPN.7.
NAME_USE: Final = _table(
    {
        "official": "L", "usual": "D", "maiden": "M", "nickname": "N", "old": "BAD", "temp": "TEMP",
        "anonymous": "MSK",
    }
)  # fmt: skip
#: Table 0190, XAD.7.
ADDRESS_USE: Final = _table({"home": "H", "work": "B", "old": "BA", "temp": "C", "billing": "BI"})
#: Tables 0201 and 0202, XTN.2 and XTN.3.
TELECOM_USE: Final = _table({"home": "PRN", "work": "WPN"})
TELECOM_SYSTEM: Final = _table({"phone": "PH", "fax": "FX", "pager": "BP", "email": "Internet"})


@cache
def _names() -> Mapping[str, str]:
    """URI -> name of table 0396; where a system has several names, the shortest, then the first."""
    found: dict[str, str] = {}
    for name in sorted(tables.coding_systems(), key=lambda each: (len(each), each), reverse=True):
        uri = tables.coding_system_uri(name)
        if uri and not name[0].isdigit():
            found[uri] = name
    return MappingProxyType(found)


def coding_system(coding: Coding) -> str:
    """CWE.3: the name of table 0396, else the OID or URI itself; L for a local code."""
    uri = coding.system
    if uri is None:
        return "L" if coding.code else ""
    if uri in _names():
        return _names()[uri]
    if uri.startswith(_V2):
        return f"HL7{uri.removeprefix(_V2)}"
    return uri.removeprefix("urn:oid:")
