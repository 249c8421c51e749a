"""A blood count as a laboratory sends it: MSH PID PV1 ORC OBR, five OBX, NTE, SPM. Synthetic."""

from __future__ import annotations

from mappers.domain.attribution import MessageSource, Software
from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.orders import Note, Order
from mappers.domain.people import Address, ContactPoint, Patient, PersonName, Practitioner, Visit
from mappers.domain.results import (
    LabReport,
    Measurement,
    Quantity,
    ReferenceRange,
    Report,
    Specimen,
    standing,
)
from mappers.domain.times import Moment

TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"

DRAWN = Moment("2026-11-22T07:30:00+01:00")
REPORTED = Moment("2026-11-22T10:00:00+01:00")
RECORDED = Moment("2026-11-22T09:00:01.5Z")
SOFTWARE = Software("Wardwire", "0.1.0")

DOCTOR = Practitioner((PersonName("Lind", ("Ada",), ("Dr",)),), (Identifier("D99", "urn:oid:1.2.3.4"),))
SOURCE = MessageSource(
    "MSG00001", "ORU^R01", "2.5.1", REPORTED, "ab" * 32, 1234,
    sending_application="LABSYS", sending_facility="NORTHLAB", receiving_application="WARD",
    receiving_facility="WARDHOSP", processing_id="P",
)  # fmt: skip
PATIENT = Patient(
    Identity("Patient", ("urn:oid:1.2", "4711")),
    (Identifier("4711", "urn:oid:1.2", None, Concept((Coding("MR", TYPES),))),),
    (PersonName("Testperson", ("Jo", "Q"), use="official"),),
    (ContactPoint("555-0100", "phone", "home"),),
    (Address(("1 Sample Street",), "Testville", state="MA", postal_code="02111", use="home"),),
    gender="female",
    birth_date="1970-01-02",
)
VISIT = Visit(
    Identity("Encounter", ("urn:oid:1.9", "V1")),
    Coding("IMP", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "inpatient encounter"),
    "in-progress",
    (Identifier("V1", "urn:oid:1.9"),),
    attending=(DOCTOR,),
    location="4W 12",
)
NUMBERS = (
    Identifier("P1", "urn:oid:1.5", None, Concept((Coding("PLAC", TYPES),))),
    Identifier("F1", "urn:oid:1.6", None, Concept((Coding("FILL", TYPES),))),
)
PANEL = Concept((Coding("58410-2", LOINC, "CBC panel"),), "Blood count")
ORDER = Order(
    Identity("ServiceRequest", ("urn:oid:1.5", "P1")),
    "active",
    identifiers=NUMBERS,
    code=PANEL,
    priority="routine",
    authored_on=DRAWN,
    requester=(DOCTOR,),
    reasons=(Concept((), "tired"),),
    origins=("ORC[1]", "OBR[1]"),
)
BLOOD = Specimen(
    Identity("Specimen", ("urn:oid:1.7", "S1")),
    (Identifier("S1", "urn:oid:1.7"),),
    type=Concept((Coding("BLD", "http://terminology.hl7.org/CodeSystem/v2-0487", "Whole blood"),)),
    collected=DRAWN,
    received=REPORTED,
)


def result(number: int, loinc: str, value: str, unit: str, ucum: str | None = None) -> Measurement:
    """One OBX of type NM, final and normal."""
    symbol = ucum or unit
    return Measurement(
        Identity("Observation", ("urn:oid:1.6", "F1", loinc)),
        Concept((Coding(loinc, LOINC, f"analyte {number}"), Coding(f"L{number}")), f"Analyte {number}"),
        "final",
        standing("final", REPORTED),
        Quantity(value, None, unit, symbol),
        interpretations=(Concept((Coding("N", FLAGS, "Normal"),)),),
        reference_ranges=(
            ReferenceRange(
                "1.0-500", Quantity("1.0", None, unit, symbol), Quantity("500", None, unit, symbol)
            ),
        ),
        effective=DRAWN,
        issued=REPORTED,
        performers=(DOCTOR,),
        specimen=BLOOD.identity,
        notes=(Note("Checked twice.", "NTE[1]"),) if number == 1 else (),
        origins=(f"OBX[{number}]",),
    )


RESULTS = (
    result(1, "718-7", "13.20", "g/dL"),
    result(2, "6690-2", "5.50", "K/uL", "10*3/uL"),
    result(3, "789-8", "4.5", "M/uL", "10*6/uL"),
    result(4, "4544-3", "39.0", "%"),
    result(5, "777-3", "250", "K/uL", "10*3/uL"),
)
REPORT = Report(
    Identity("DiagnosticReport", ("urn:oid:1.6", "F1")),
    PANEL,
    "final",
    standing("final", REPORTED),
    identifiers=NUMBERS,
    category=(Concept((Coding("HM", SECTIONS, "Hematology"),)),),
    order=ORDER,
    effective=DRAWN,
    issued=REPORTED,
    interpreters=(DOCTOR,),
    measurements=RESULTS,
    specimens=(BLOOD,),
    origins=("ORC[1]", "OBR[1]"),
)
LAB_REPORT = LabReport(SOURCE, PATIENT, VISIT, (REPORT,))
