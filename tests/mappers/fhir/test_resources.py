"""Patient, Encounter, ServiceRequest, Specimen, DiagnosticReport, Device and Provenance."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.orders import Note
from mappers.domain.people import Organization, PersonName
from mappers.domain.results import LabReport, Quantity
from mappers.domain.times import Moment, Period
from mappers.fhir import result_bundle
from tests.mappers.fhir import samples

UNKNOWN = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
NOTE = "http://hl7.org/fhir/StructureDefinition/note"


def written(kind: str, report: LabReport = samples.LAB_REPORT, **more):
    """The one resource of this type that is written of a report, and the bundle."""
    bundle = result_bundle.write(report, software=samples.SOFTWARE, recorded=samples.RECORDED, **more)
    found = [entry.resource for entry in bundle.entries if entry.resource["resourceType"] == kind]
    assert 1 == len(found), [issue for issue in bundle.issues if issue.severity == "error"]
    return found[0], bundle


def of_patient(**changes):
    return written("Patient", replace(samples.LAB_REPORT, patient=replace(samples.PATIENT, **changes)))[0]


def of_report(kind="DiagnosticReport", **changes):
    return written(kind, replace(samples.LAB_REPORT, reports=(replace(samples.REPORT, **changes),)))


def test_patient():
    """Demographics as sent."""
    patient, _ = written("Patient")
    assert {
        "resourceType": "Patient",
        "id": samples.PATIENT.identity.id,
        "meta": patient["meta"],
        "identifier": [{"type": {"coding": [{"system": samples.TYPES, "code": "MR"}]}, "system": "urn:oid:1.2", "value": "4711"}],
        "name": [{"use": "official", "family": "Testperson", "given": ["Jo", "Q"]}],
        "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
        "gender": "female",
        "birthDate": "1970-01-02",
        "address": [{"use": "home", "line": ["1 Sample Street"], "city": "Testville", "state": "MA", "postalCode": "02111"}],
    } == patient  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ({"deceasedBoolean": False}, {"deceased": False}),
        ({"deceasedDateTime": "2026"}, {"deceased": Moment("2026")}),
        ({"multipleBirthBoolean": True}, {"multiple_birth": True}),
        ({"multipleBirthInteger": 2}, {"multiple_birth": 2}),
        ({"communication": [{"language": {"text": "en"}}]}, {"languages": (Concept((), "en"),)}),
        ({"maritalStatus": {"text": "M"}}, {"marital_status": Concept((), "M")}),
    ],
)
def test_patient_elements(expected, changes):
    """Each of PID's facts in its element."""
    assert expected.items() <= of_patient(**changes).items()


def test_the_moment_of_birth_stands_beside_the_day():
    """PID-7 longer than 8: patient-birthTime on birthDate."""
    patient = of_patient(birth_time=Moment("1970-01-02T03:04:05Z"))
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
    assert [{"url": url, "valueDateTime": "1970-01-02T03:04:05Z"}] == patient["_birthDate"]["extension"]


def test_a_birth_date_that_is_none_is_not_written():
    """The rest of the patient is."""
    patient = of_patient(birth_date="1970-02-30")
    assert "birthDate" not in patient
    assert "female" == patient["gender"]


def test_race_and_ethnicity():
    """US Core: the OMB category where the code is one, always the words."""
    patient = of_patient(race=(Coding("2106-3"), Coding("X", display="Other")), ethnicity=(Coding("N"),))
    race, ethnicity = patient["extension"]
    white = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}
    assert [
        {"url": "ombCategory", "valueCoding": white},
        {"url": "text", "valueString": "White, Other"},
    ] == race["extension"]
    assert "Not Hispanic or Latino" == ethnicity["extension"][-1]["valueString"]


def test_the_account_number_is_an_identifier():
    """PID-18, type AN."""
    patient = of_patient(account=Identifier("ACC1", "urn:oid:1.8"))
    assert "AN" == patient["identifier"][1]["type"]["coding"][0]["code"]


def test_a_note_on_the_patient_is_an_extension():
    """R4 has no Patient.note; NTE after PID is not lost."""
    noted = replace(samples.LAB_REPORT, patient_notes=(Note("Hard of hearing", "NTE[1]"),))
    patient, bundle = written("Patient", noted)
    assert [{"url": NOTE, "valueAnnotation": {"text": "Hard of hearing"}}] == patient["extension"]
    assert ("NTE[1]", "Patient.extension") in bundle.trace


def test_a_patient_whom_nothing_identifies_belongs_to_the_message():
    """The facts are kept; two messages never share such a patient."""
    nobody = replace(samples.LAB_REPORT, patient=replace(samples.PATIENT, identity=None))
    patient, _ = written("Patient", nobody)
    other = replace(nobody, source=replace(samples.SOURCE, sha256="cd" * 32))
    assert patient["id"] != written("Patient", other)[0]["id"]
    observation = result_bundle.write(nobody, software=samples.SOFTWARE, recorded=samples.RECORDED)
    assert f"Patient/{patient['id']}" == observation.entries[-2].resource["subject"]["reference"]


def test_encounter():
    """PV1: class, participants, place."""
    encounter, _ = written("Encounter")
    assert {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "IMP",
        "display": "inpatient encounter",
    } == encounter["class"]
    (attender,) = encounter["participant"]
    assert "ATND" == attender["type"][0]["coding"][0]["code"]
    assert "Dr Ada Lind" == attender["individual"]["display"]
    assert [{"location": {"type": "Location", "display": "4W 12"}}] == encounter["location"]


def test_an_encounter_without_class_says_unknown():
    """Encounter.class is required."""
    unclassed = replace(samples.LAB_REPORT, visit=replace(samples.VISIT, encounter_class=None))
    assert {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"} == written(
        "Encounter", unclassed
    )[0]["class"]


def test_service_request():
    """ORC and OBR; what each said is in the trace."""
    request, bundle = written("ServiceRequest")
    assert ["PLAC", "FILL"] == [i["type"]["coding"][0]["code"] for i in request["identifier"]]
    assert ("active", "order", "routine") == (request["status"], request["intent"], request["priority"])
    assert "Dr Ada Lind" == request["requester"]["display"]
    assert [{"text": "tired"}] == request["reasonCode"]
    assert ("ORC[1]", "ServiceRequest.authoredOn") in bundle.trace
    assert ("OBR[1]", "ServiceRequest.authoredOn") not in bundle.trace
    assert ("OBR[1]", "ServiceRequest.code") in bundle.trace


def test_order_notes_and_accession():
    """OBR-13 and NTE after ORC are notes; the accession number is an identifier of type ACSN."""
    order = replace(
        samples.ORDER,
        clinical_information="fasting",
        notes=(Note("call back", "NTE[2]", samples.DOCTOR, samples.REPORTED),),
        accession=Identifier("A77"),
        requester=(samples.DOCTOR, replace(samples.DOCTOR, identifiers=())),
    )
    request, bundle = of_report("ServiceRequest", order=order)
    assert ["fasting", "call back"] == [note["text"] for note in request["note"]]
    assert samples.REPORTED.text == request["note"][1]["time"]
    assert "ACSN" == request["identifier"][-1]["type"]["coding"][0]["code"]
    assert ["informational"] == [issue.code for issue in bundle.issues]


def test_without_a_patient_nobody_is_made_up():
    """Subjects are left out where R4 allows it, and unknown where it does not."""
    anonymous = replace(samples.LAB_REPORT, patient=None, patient_notes=(Note("x", "NTE[1]"),))
    request, bundle = written("ServiceRequest", anonymous)
    assert {"extension": UNKNOWN, "type": "Patient"} == request["subject"]
    others = [
        e.resource
        for e in bundle.entries
        if e.resource["resourceType"] in {"Observation", "DiagnosticReport", "Specimen"}
    ]
    assert len(others) == 7
    assert not [resource for resource in others if "subject" in resource]
    assert ["NTE[1]"] == [issue.location for issue in bundle.issues]


def test_specimen():
    """SPM: type, times, the order that it serves."""
    specimen, bundle = of_report(
        "Specimen",
        specimens=(
            replace(
                samples.BLOOD, quantity=Quantity("3.0", None, "mL", "mL"), notes=(Note("clotted", "NTE[9]"),)
            ),
        ),
    )
    assert "2026-11-22T07:30:00+01:00" == specimen["collection"]["collectedDateTime"]
    assert "3.0" == str(specimen["collection"]["quantity"]["value"])
    assert [{"reference": samples.ORDER.identity.reference}] == specimen["request"]
    assert [{"text": "clotted"}] == specimen["note"]
    assert ("SPM[1]", "Specimen.collection") in bundle.trace


def test_a_comparator_cannot_stand_in_a_specimens_quantity():
    """sqty-1: not written, and said so."""
    period = Period(samples.DRAWN, samples.REPORTED)
    specimen, bundle = of_report(
        "Specimen", specimens=(replace(samples.BLOOD, quantity=Quantity("3", "<"), collected=period),)
    )
    assert {"collectedPeriod": {"start": samples.DRAWN.text, "end": samples.REPORTED.text}} == specimen[
        "collection"
    ]
    assert ["invariant"] == [issue.code for issue in bundle.issues]


def test_diagnostic_report():
    """OBR: what was found, of what, for which order; LAB beside the section sent."""
    report, _ = written("DiagnosticReport")
    assert ["HM", "LAB"] == [c["coding"][0]["code"] for c in report["category"]]
    assert [{"reference": m.identity.reference} for m in samples.RESULTS] == report["result"]
    assert [{"reference": samples.BLOOD.identity.reference}] == report["specimen"]
    assert [{"reference": samples.ORDER.identity.reference}] == report["basedOn"]
    assert "Practitioner" == report["resultsInterpreter"][0]["type"]


def test_an_imaging_report_is_radiologys():
    """US Core: LOINC LP29684-5 beside the section."""
    report, _ = of_report(category=(Concept((Coding("CT", samples.SECTIONS),)),))
    assert {"system": LOINC, "code": "LP29684-5", "display": "Radiology"} == report["category"][1]["coding"][
        0
    ]


def test_a_note_on_the_report_is_shown_with_its_first_result():
    """NTE after OBR: R4 has no DiagnosticReport.note; without results it is an extension."""
    notes = (Note("haemolysed", "NTE[3]"),)
    bundle = of_report(notes=notes)[1]
    first = next(e.resource for e in bundle.entries if e.resource["resourceType"] == "Observation")
    assert ["Checked twice.", "haemolysed"] == [note["text"] for note in first["note"]]
    assert ("NTE[3]", "Observation.note") in bundle.trace
    report, bundle = of_report(notes=notes, measurements=())
    assert [{"url": NOTE, "valueAnnotation": {"text": "haemolysed"}}] == report["extension"]
    assert ("NTE[3]", "DiagnosticReport.extension") in bundle.trace


def test_a_code_of_blanks_is_unknown():
    """DiagnosticReport.code is required."""
    assert {"extension": UNKNOWN} == of_report(code=Concept((), " "))[0]["code"]


def test_device():
    """Wardwire, by name and version; the same whatever the message."""
    device, _ = written("Device")
    assert [{"name": "Wardwire", "type": "model-name"}] == device["deviceName"]
    assert [{"value": "0.1.0"}] == device["version"]
    other = replace(samples.LAB_REPORT, source=replace(samples.SOURCE, sha256="00" * 32))
    assert device == written("Device", other)[0]


def test_provenance():
    """Every resource but Device and itself; who, on whose behalf, from which bytes."""
    provenance, bundle = written("Provenance")
    targets = [target["reference"] for target in provenance["target"]]
    named = [f"{e.resource['resourceType']}/{e.resource['id']}" for e in bundle.entries]
    assert named[1:-1] == targets
    assembler, author, composer = provenance["agent"]
    facility = {"type": "Organization", "identifier": {"value": "NORTHLAB"}, "display": "NORTHLAB"}
    assert named[0] == assembler["who"]["reference"]
    assert facility == assembler["onBehalfOf"] == author["who"] == composer["onBehalfOf"]
    assert ["assembler", "author", "composer"] == [
        a["type"]["coding"][0]["code"] for a in provenance["agent"]
    ]
    assert "LABSYS" == composer["who"]["display"]
    (entity,) = provenance["entity"]
    assert "source" == entity["role"]
    digest = base64.urlsafe_b64encode(bytes.fromhex("ab" * 32)).decode().rstrip("=")
    assert {"system": "urn:ietf:rfc:3986", "value": f"ni:///sha-256;{digest}"} == entity["what"]["identifier"]
    assert "ORU^R01 MSG00001" == entity["what"]["display"]
    assert "v2-fhir-transformation" == provenance["activity"]["coding"][0]["code"]
    assert ("2026-11-22T09:00:01.5Z", "2026-11-22T10:00:00+01:00") == (
        provenance["recorded"],
        provenance["occurredDateTime"],
    )
    assert ("MSH[1]", "Provenance.entity") in bundle.trace


def test_wardwire_acts_for_a_configured_organization():
    """provenance-1: who is a Device acts for somebody, even if nobody is named."""
    hospital = Organization("Hospital", (Identifier("H1", "urn:oid:1.1"),))
    assembler = written("Provenance", responsible=hospital)[0]["agent"][0]
    assert {
        "type": "Organization",
        "identifier": {"system": "urn:oid:1.1", "value": "H1"},
        "display": "Hospital",
    } == assembler["onBehalfOf"]
    silent = replace(samples.SOURCE, sending_facility=None, receiving_facility=None, sending_application=None)
    assembler = written("Provenance", replace(samples.LAB_REPORT, source=silent))[0]["agent"][0]
    assert {"extension": UNKNOWN, "type": "Organization"} == assembler["onBehalfOf"]


def test_kept_segments_stay_verbatim():
    """As text, or as base64 where a FHIR string cannot carry them."""
    kept = (("ZPI[1]", "ZPI|1|a \\E\\ b"), ("ZXX[1]", "ZXX|\x01"))
    source = replace(samples.SOURCE, kept=kept)
    provenance, bundle = written("Provenance", replace(samples.LAB_REPORT, source=source))
    url = "https://wardwire.org/fhir/StructureDefinition/kept-segment"
    first, second = provenance["extension"]
    assert (url, url) == (first["url"], second["url"])
    assert [
        {"url": "segment", "valueString": "ZPI[1]"},
        {"url": "text", "valueString": "ZPI|1|a \\E\\ b"},
    ] == first["extension"]
    assert {"url": "data", "valueBase64Binary": base64.b64encode(b"ZXX|\x01").decode()} == second[
        "extension"
    ][1]
    assert ("ZPI[1]", "Provenance.extension") in bundle.trace


@pytest.mark.parametrize(
    ("expected", "processing_id"),
    [(None, "P"), (None, None), (None, "P^T"), ("T", "T"), ("D", "D^A")],
)
def test_what_is_no_production_is_marked(expected, processing_id):
    """MSH-11: HTEST and the table's code on every resource."""
    source = replace(samples.SOURCE, processing_id=processing_id)
    meta = written("Patient", replace(samples.LAB_REPORT, source=source))[0]["meta"]
    assert (["HTEST"] if expected else []) == [label["code"] for label in meta.get("security", [])]
    assert ([expected] if expected else []) == [tag["code"] for tag in meta.get("tag", [])]


def test_a_name_of_blanks_is_no_name():
    """Nothing empty is written."""
    assert "name" not in of_patient(names=(PersonName(" ", ("",), use="official"),))
