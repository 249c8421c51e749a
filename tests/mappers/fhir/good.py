"""One valid resource of each type that is judged, to be spoiled one element at a time."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

Node = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def loinc(code: str) -> Node:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def grams(value: str) -> Node:
    return {"value": Decimal(value), "unit": "g/dL", "system": UCUM, "code": "g/dL"}


OBSERVATION: Node = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
    "code": loinc("718-7"),
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-11-21T10:00:00Z",
    "issued": "2026-11-21T10:00:00.123Z",
    "valueQuantity": grams("13.20"),
    "referenceRange": [{"low": grams("12"), "high": grams("16.0"), "text": "12-16"}],
}
COMPONENTS: Node = {
    **{name: value for name, value in OBSERVATION.items() if name != "valueQuantity"},
    "component": [{"code": loinc("718-7"), "valueString": "a"}, {"code": loinc("718-7"), "valueInteger": 3}],
}
REPORT: Node = {
    "resourceType": "DiagnosticReport",
    "status": "preliminary",
    "code": loinc("58410-2"),
    "subject": {"reference": "Patient/p1"},
    "effectivePeriod": {"start": "2026-11-20", "end": "2026-11-21"},
    "issued": "2026-11-21T10:00:00+01:00",
    "result": [{"reference": "Observation/o1"}],
    "presentedForm": [{"contentType": "text/plain; charset=utf-8", "data": "aGVsbG8="}],
}
PATIENT: Node = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:oid:1.2", "value": "1"}],
    "name": [{"given": ["Jo"], "family": "Testperson"}],
    "telecom": [{"system": "phone", "value": "555-0100"}],
    "gender": "female",
    "birthDate": "1970-01",
    "contact": [{"name": {"text": "Next of kin"}}],
}
PROVENANCE: Node = {
    "resourceType": "Provenance",
    "target": [{"reference": "DiagnosticReport/d1"}],
    "recorded": "2026-11-21T10:00:00Z",
    "agent": [{"who": {"reference": "Device/w"}, "onBehalfOf": {"display": "Hospital"}}],
    "entity": [
        {"role": "source", "what": {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2"}}}
    ],
}
IMAGING: Node = {
    "resourceType": "ImagingStudy",
    "status": "available",
    "subject": {"reference": "Patient/p1"},
    "series": [
        {
            "uid": "1.2.840.99.1.1",
            "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "DX"},
            "instance": [
                {
                    "uid": "1.2.840.99.1.1.1",
                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2"},
                }
            ],
        }
    ],
}
DOCUMENT: Node = {
    "resourceType": "DocumentReference",
    "status": "current",
    "docStatus": "preliminary",
    "type": loinc("11502-2"),
    "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {"contentType": "application/pdf", "url": "Binary/b1"}}],
}
MEDIA: Node = {
    "resourceType": "Media",
    "status": "completed",
    "content": {"contentType": "image/png", "url": "Binary/b"},
}
REQUEST: Node = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "code": loinc("58410-2"),
    "subject": {"reference": "Patient/p1"},
    "occurrenceTiming": {
        "repeat": {"frequency": 1, "period": Decimal(1), "periodUnit": "d", "when": ["AC"], "offset": 5}
    },
}
TASK: Node = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "authoredOn": "2026-11-21",
    "lastModified": "2026-11-22",
    "input": [{"type": {"text": "x"}, "valueString": "y"}],
}
ENCOUNTER: Node = {"resourceType": "Encounter", "status": "finished", "class": {"code": "IMP"}}
ENDPOINT: Node = {
    "resourceType": "Endpoint",
    "status": "active",
    "connectionType": {"code": "dicom-wado-rs"},
    "payloadType": [{"text": "DICOM"}],
    "address": "https://pacs.example/dicomweb",
}
SUBSCRIPTION: Node = {
    "resourceType": "Subscription",
    "status": "requested",
    "reason": "r",
    "criteria": "ImagingStudy?status=available",
    "channel": {"type": "rest-hook", "endpoint": "https://x.example/h"},
}
AUDIT: Node = {
    "resourceType": "AuditEvent",
    "type": {"code": "rest"},
    "action": "C",
    "recorded": "2026-11-21T10:00:00Z",
    "outcome": "0",
    "agent": [{"requestor": False}],
    "source": {"observer": {"display": "Wardwire"}},
    "entity": [{"name": "x"}],
}
OUTCOME: Node = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
ORGANIZATION: Node = {
    "resourceType": "Organization",
    "name": "Lab",
    "address": [{"use": "work", "city": "Testville"}],
    "telecom": [{"system": "phone", "value": "1", "use": "work"}],
}
DEVICE: Node = {"resourceType": "Device", "deviceName": [{"name": "Wardwire", "type": "model-name"}]}
BINARY: Node = {"resourceType": "Binary", "contentType": "application/hl7-v2", "data": "TVNI"}
SPECIMEN: Node = {"resourceType": "Specimen", "collection": {"quantity": {"value": 3, "unit": "mL"}}}
PARAMETERS: Node = {"resourceType": "Parameters", "parameter": [{"name": "a", "valueCode": "b"}]}
CAPABILITY: Node = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-11-22",
    "kind": "instance",
    "software": {"name": "Wardwire"},
    "implementation": {"description": "this one"},
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [
        {"mode": "server", "resource": [{"type": "Patient", "searchParam": [{"name": "a", "type": "token"}]}]}
    ],
}
URL_A, URL_B = (
    "urn:uuid:11111111-1111-4111-8111-111111111111",
    "urn:uuid:22222222-2222-5222-8222-222222222222",
)
TRANSACTION: Node = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"fullUrl": URL_A, "resource": PATIENT, "request": {"method": "POST", "url": "Patient"}},
        {
            "fullUrl": URL_B,
            "resource": {**OBSERVATION, "subject": {"reference": URL_A}},
            "request": {"method": "PUT", "url": "Observation/o1"},
        },
    ],
}
CONTAINING: Node = {
    **OBSERVATION,
    "contained": [{"resourceType": "Organization", "id": "lab", "name": "Lab"}],
    "performer": [{"reference": "#lab"}],
}
WITHOUT_VALUE: Node = {
    **OBSERVATION,
    "_effectiveDateTime": {"extension": [{"url": "http://x.example/e", "valueCode": "unknown"}]},
}
WITHOUT_VALUE.pop("effectiveDateTime")

ALL = (
    OBSERVATION, COMPONENTS, REPORT, PATIENT, PROVENANCE, IMAGING, DOCUMENT, MEDIA, REQUEST, TASK, ENCOUNTER,
    ENDPOINT, SUBSCRIPTION, AUDIT, OUTCOME, ORGANIZATION, DEVICE, BINARY, SPECIMEN, PARAMETERS, CAPABILITY,
    TRANSACTION, CONTAINING, WITHOUT_VALUE,
)  # fmt: skip


def spoiled(resource: Node, path: str, value: Any) -> Node:
    """A copy with `value` at a dotted path, list positions as numbers; Ellipsis removes what is there."""
    copied: Any = copy.deepcopy(resource)
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    node = copied
    for step in way:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return copied
