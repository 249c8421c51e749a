"""Writes `generated/tables.json` from the published tables; run when they change, never in production.

    python -m mappers.hl7v2.tables.generate FOLDER

FOLDER holds `codesystems/*.csv` of the v2-to-FHIR guide, `tho_tables/v2-NNNN.csv` of HL7 terminology,
`charset_0211_to_python.csv` and `coding_system_0396_to_uri.csv`; `ucum_aliases.csv` and `lab_analytes.csv`
lie beside it. Where the published files are wrong, `corrections.py` says so.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mappers.hl7v2.tables.corrections import CONCEPT_MAPS, OIDS

GENERATED: Final = Path(__file__).parent / "generated" / "tables.json"

#: Concept maps to one FHIR code: our name -> (file, the codes that FHIR R4 requires).
CODES: Final[dict[str, tuple[str, str]]] = {
    "observation_status": (
        "ObservationResultStatusCodesInterpretation",
        "registered preliminary final amended corrected cancelled entered-in-error unknown",
    ),
    "report_status": (
        "ResultStatus[Non-Queries]",
        "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown",
    ),
    "order_status": (
        "OrderStatus",
        "draft active on-hold revoked completed entered-in-error unknown",
    ),
    "order_control": (
        "OrderControlCode[ServiceRequest.status]",
        "draft active on-hold revoked completed entered-in-error unknown",
    ),
    "sex": ("AdministrativeSex", "male female other unknown"),
    "encounter_status": (
        "PatientClass[EncounterStatus]",
        "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    ),
    "name_use": ("NameType", "usual official temp nickname anonymous old maiden"),
    "address_use": ("AddressType[Use]", "home work temp old billing"),
    "address_type": ("AddressType[Type]", "postal physical both"),
    "telecom_use": ("TelecommunicationUseCode", "home work temp old mobile"),
    "telecom_system": ("TelecommunicationEquipmentType", "phone fax email pager url sms other"),
    "priority": ("ExtendedPriorityCodes", "routine urgent asap stat"),
    "specimen_status": (
        "YesNoIndicator[AvailabilityStatus]",
        "available unavailable unsatisfactory entered-in-error",
    ),
}
#: Concept maps to a coding: our name -> file.
CODINGS: Final = {
    "patient_class": "PatientClass[EncounterClass]",
    "interpretation": "InterpretationCodes",
    "marital_status": "MaritalStatus",
    "nature_of_abnormality": "NatureOfAbnormalTesting",
    "specimen_type": "SpecimenType",
    "specimen_collection_method": "SpecimenCollectionMethod",
    "specimen_condition": "SpecimenCondition",
    "specimen_reject_reason": "SpecimenRejectReason",
    "body_site": "BodySite",
    "body_part": "BodyParts",
    "relationship": "Relationship",
    "contact_role": "ContactRole",
}
#: Tables of which every code and display is wanted.
LISTS: Final = (
    *("0001", "0003", "0004", "0008", "0038", "0065", "0074", "0076", "0080", "0085", "0103", "0104", "0119"),
    *("0123", "0155", "0190", "0191", "0200", "0201", "0202", "0203", "0207", "0270", "0271", "0272", "0273"),
    *("0301", "0354", "0356", "0357", "0516", "0834", "0912", "0936"),
)


def main(folder: Path, target: Path = GENERATED) -> None:
    """Read the published tables in `folder` and write our data to `target`."""
    maps = folder / "codesystems"
    data = {
        "codes": {name: codes(maps, stem, allowed.split()) for name, (stem, allowed) in CODES.items()},
        "codings": {name: _codings(maps, stem) for name, stem in CODINGS.items()},
        "tables": {number: _table(folder / "tho_tables" / f"v2-{number}.csv") for number in LISTS},
        "character_sets": _character_sets(folder / "charset_0211_to_python.csv"),
        "coding_systems": _coding_systems(folder / "coding_system_0396_to_uri.csv"),
        "ucum_aliases": _ucum_aliases(folder.parent / "ucum_aliases.csv"),
        "ucum": _ucum(folder.parent / "ucum_aliases.csv", folder.parent / "lab_analytes.csv"),
    }
    text = json.dumps(data, ensure_ascii=False, indent=0, sort_keys=True)
    target.write_text(text + "\n", encoding="utf-8")


def concept_map(folder: Path, stem: str) -> list[dict[str, str]]:
    """The rows of one concept map: v2, text, code, display, system.

    Header cells repeat and shift between files, and cell A1 holds stray text in some: columns are found
    from the header row that starts with `Code`; the display is whatever stands between the target's code
    and its system.
    """
    with (folder / f"{stem}.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    start = next(n for n, row in enumerate(rows) if row and row[0].strip() == "Code")
    header = [cell.strip() for cell in rows[start]]
    code = header.index("Code", 1)
    system = header.index("Code System", code)
    found = []
    for row in rows[start + 1 :]:
        cells = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        display = next((cell for cell in cells[code + 1 : system] if cell), "")
        found.append(
            {
                "v2": cells[0],
                "text": cells[1],
                "code": cells[code],
                "display": display,
                "system": cells[system],
            }
        )
    return found


def codes(folder: Path, stem: str, allowed: Iterable[str]) -> dict[str, str]:
    """One concept map as v2 code -> FHIR code, corrected.

    Raises:
        SystemExit: a target is no code that FHIR allows, or a correction no longer meets what it corrects.
    """
    rows = concept_map(folder, stem)
    for correction in CONCEPT_MAPS:
        if correction.table == stem:
            wrong = [
                row for row in rows if (row["v2"], row["code"]) == (correction.code, correction.published)
            ]
            if not wrong:
                raise SystemExit(f"{stem}: nothing to correct at {correction.code!r}; drop the correction")
            wrong[0]["code"] = correction.corrected
    strange = {row["code"] for row in rows if row["code"]} - set(allowed)
    if strange:
        raise SystemExit(f"{stem}: no FHIR code: {', '.join(sorted(strange))}; add a correction")
    return {row["v2"]: row["code"] for row in rows if row["v2"] and row["code"]}


def _codings(folder: Path, stem: str) -> dict[str, list[str]]:
    rows = [row for row in concept_map(folder, stem) if row["v2"] and row["code"]]
    return {row["v2"]: [row["code"], row["system"], row["display"] or row["text"]] for row in rows}


def _records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{key: (value or "").strip() for key, value in row.items()} for row in csv.DictReader(file)]


def _table(path: Path) -> dict[str, str]:
    return {row["code"]: row["display"] for row in _records(path) if row["code"]}


def _character_sets(path: Path) -> dict[str, str]:
    return {row["msh18"]: row["python_codec"] for row in _records(path) if row["msh18"]}


def _coding_systems(path: Path) -> dict[str, str]:
    # Rules (HL7nnnn, 99zzz) and cells that are no URI are the loader's and the channel's business.
    rows = {row["v2_code"].upper(): row["fhir_system"] for row in _records(path)}
    uris = {name: uri for name, uri in rows.items() if uri.startswith(("http", "urn:")) and "nnnn" not in uri}
    return uris | OIDS


def _ucum_aliases(path: Path) -> dict[str, str]:
    return {row["reported"]: row["ucum"] for row in _records(path)}


def _ucum(aliases: Path, analytes: Path) -> list[str]:
    """UCUM codes known to be valid, so that they need no parser."""
    known = set(_ucum_aliases(aliases).values()) | {row["ucum"] for row in _records(analytes)}
    return sorted(known - {""})


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the command and its folder
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
