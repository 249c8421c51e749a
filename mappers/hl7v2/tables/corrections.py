"""Defects of the published tables, corrected here and nowhere else.

`generate.py` applies these rows and fails when one no longer meets what it corrects: then upstream has
mended it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Correction:
    """One cell of one published concept map.

    Attributes:
        table: file name without suffix in the guide's `codesystems` folder.
        code: the v2 code of the row; empty for a row that lists a FHIR code without a v2 code.
        published: what the guide's target cell holds.
        corrected: what it has to be.
        reason: why.
    """

    table: str
    code: str
    published: str
    corrected: str
    reason: str


CONCEPT_MAPS: Final = (
    Correction(
        "ResultStatus[Non-Queries]",
        "",
        "entered-in-errror",
        "entered-in-error",
        "misspelt; no such code in http://hl7.org/fhir/diagnostic-report-status",
    ),
    Correction(
        "TelecommunicationEquipmentType",
        "CP",
        "mobile",
        "phone",
        "mobile is a contact-point-use, no contact-point-system; the use comes from `policy.TELECOM_USE_OF`",
    ),
)

#: Coding systems that senders name by OID (CWE.14 and following) instead of by their table 0396 code.
OIDS: Final = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.8": "http://unitsofmeasure.org",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
    "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "2.16.840.1.113883.6.12": "http://www.ama-assn.org/go/cpt",
    "2.16.840.1.113883.6.69": "http://hl7.org/fhir/sid/ndc",
    "2.16.840.1.113883.6.88": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "2.16.840.1.113883.12.292": "http://hl7.org/fhir/sid/cvx",
    "1.2.840.10008.2.16.4": "http://dicom.nema.org/resources/ontology/DCM",
}
