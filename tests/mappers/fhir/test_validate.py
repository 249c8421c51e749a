"""Nothing invalid passes: each rule of R4 that fhir.resources leaves unchecked is checked here, one by one."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest

from mappers.domain.issues import Severity
from mappers.fhir import r4
from tests.mappers.fhir import good
from tests.mappers.fhir.good import spoiled

EXTENSION = {"url": "http://x.example/e", "valueString": "x"}
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
ORGANIZATION = {"resourceType": "Organization", "id": "lab", "name": "Lab"}
LONG_TRANSACTION = spoiled(good.TRANSACTION, "entry.0.fullUrl", good.URL_B)


@pytest.mark.parametrize("resource", good.ALL, ids=lambda resource: resource["resourceType"])
def test_a_valid_resource_raises_nothing(resource):
    """No false alarm on any type that is judged."""
    assert () == r4.validate(resource)


#: (what the issue's text says, where it stands, resource, spoiled path, spoiled value)
BAD = [
    ("required", "Observation.status", good.OBSERVATION, "status", ...),
    ("required value set", "Observation.status", good.OBSERVATION, "status", "bogus"),
    ("required value set", "Observation.status", good.OBSERVATION, "status", ""),
    ("required value set", "DiagnosticReport.status", good.REPORT, "status", "corrupted"),
    ("required value set", "Patient.gender", good.PATIENT, "gender", "F"),
    ("required value set", "Patient.name[0].use", good.PATIENT, "name.0.use", "legal"),
    ("required value set", "Provenance.entity[0].role", good.PROVENANCE, "entity.0.role", "origin"),
    ("required value set", "DocumentReference.docStatus", good.DOCUMENT, "docStatus", "draft"),
    ("required value set", "Media.status", good.MEDIA, "status", "available"),
    ("required value set", "ImagingStudy.status", good.IMAGING, "status", "final"),
    ("required value set", "Task.intent", good.TASK, "intent", "wish"),
    ("required value set", "AuditEvent.action", good.AUDIT, "action", "X"),
    ("required value set", "Bundle.entry[0].request.method", good.TRANSACTION, "entry.0.request.method", "put"),
    ("required value set", "Endpoint.status", good.ENDPOINT, "status", "on"),
    ("required value set", "Subscription.channel.type", good.SUBSCRIPTION, "channel.type", "webhook"),
    ("required value set", "OperationOutcome.issue[0].code", good.OUTCOME, "issue.0.code", "bad"),
    ("required value set", "Encounter.status", good.ENCOUNTER, "status", "done"),
    ("required value set", "ServiceRequest.priority", good.REQUEST, "priority", "now"),
    ("no such code", "Observation.interpretation[0].coding[0]", good.OBSERVATION, "interpretation",
     [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "ZZZ"}]}]),
    ("no such code", "Observation.code.coding[0]", good.OBSERVATION, "code", good.loinc("718-8")),
    ("no dateTime", "Observation.effectiveDateTime", good.OBSERVATION, "effectiveDateTime", "21/11/2026"),
    ("no dateTime", "Observation.effectiveDateTime", good.OBSERVATION, "effectiveDateTime", "2026-02-30"),
    ("no dateTime", "Observation.effectiveDateTime", good.OBSERVATION, "effectiveDateTime", "2026-11-21T10:00:00"),
    ("no dateTime", "Observation.effectiveDateTime", good.OBSERVATION, "effectiveDateTime", "2026-11-21T10:00Z"),
    ("no dateTime", "Observation.effectiveDateTime", good.OBSERVATION, "effectiveDateTime", "0000"),
    ("no instant", "Observation.issued", good.OBSERVATION, "issued", "2026-11-21"),
    ("no instant", "Observation.issued", good.OBSERVATION, "issued", None),
    ("no date", "Patient.birthDate", good.PATIENT, "birthDate", "1970-13"),
    ("no time", "Observation.component[0].valueTime", spoiled(good.COMPONENTS, "component.0.valueString", ...),
     "component.0.valueTime", "25:00:00"),
    ("no id", "Observation.id", good.OBSERVATION, "id", "a b"),
    ("no id", "Observation.id", good.OBSERVATION, "id", "x" * 65),
    ("no code", "Encounter.class.code", good.ENCOUNTER, "class.code", " IMP"),
    ("no uri", "Encounter.class.system", good.ENCOUNTER, "class.system", "http://a b"),
    ("no uri", "Patient.identifier[0].system", good.PATIENT, "identifier.0.system", "urn:oid:1.2.x"),
    ("no uri", "Patient.identifier[0].system", good.PATIENT, "identifier.0.system", "urn:uuid:ABC"),
    ("no base64Binary", "DiagnosticReport.presentedForm[0].data", good.REPORT, "presentedForm.0.data", "!!no"),
    ("no decimal", "Observation.valueQuantity.value", good.OBSERVATION, "valueQuantity.value", "13.2"),
    ("no decimal", "Observation.valueQuantity.value", good.OBSERVATION, "valueQuantity.value", Decimal("NaN")),
    ("no decimal", "Observation.valueQuantity.value", good.OBSERVATION, "valueQuantity.value", True),
    ("no integer", "Observation.component[1].valueInteger", good.COMPONENTS, "component.1.valueInteger", 2**31),
    ("no positiveInt", "ServiceRequest.occurrenceTiming.repeat.frequency", good.REQUEST,
     "occurrenceTiming.repeat.frequency", 0),
    ("no string", "Patient.name[0].family", good.PATIENT, "name.0.family", " "),
    ("no string", "Patient.name[0].family", good.PATIENT, "name.0.family", "a\x00b"),
    ("no string", "Patient.name[0].given[0]", good.PATIENT, "name.0.given", [None]),
    ("no such element", "Observation", good.OBSERVATION, "foo", "bar"),
    ("no such element", "Observation.code", good.OBSERVATION, "code.resourceType", "CodeableConcept"),
    ("JSON object", "Observation.code", good.OBSERVATION, "code", [good.loinc("718-7")]),
    ("an array", "Observation.category", good.OBSERVATION, "category", {"text": "x"}),
    ("never empty", "Observation.category", good.OBSERVATION, "category", []),
    ("ele-1", "Observation.bodySite", good.OBSERVATION, "bodySite", {}),
    ("one type of value", "Observation.value[x]", good.OBSERVATION, "valueString", "x"),
    ("required", "Task.input[0].value[x]", good.TASK, "input.0.valueString", ...),
    ("required", "ImagingStudy.series[0].uid", good.IMAGING, "series.0.uid", ...),
    ("required", "Provenance.agent", good.PROVENANCE, "agent", ...),
    ("required", "DocumentReference.content", good.DOCUMENT, "content", ...),
    ("does not allow", "Observation.subject", good.OBSERVATION, "subject.reference", "Practitioner/x"),
    ("does not allow", "Observation.subject", good.OBSERVATION, "subject.reference", "Organization/x"),
    ("does not allow", "Observation.subject", good.OBSERVATION, "subject", {"type": "Practitioner", "display": "x"}),
    ("does not allow", "Observation.subject", good.OBSERVATION, "subject.reference", "https://x.example/fhir/Task/1"),
    ("does not allow", "Observation.performer[0]", good.OBSERVATION, "performer", [{"reference": "Device/x"}]),
    ("does not allow", "DiagnosticReport.performer[0]", good.REPORT, "performer", [{"reference": "Device/x"}]),
    ("does not allow", "DiagnosticReport.result[0]", good.REPORT, "result.0.reference", "Patient/p1"),
    ("no relative", "Observation.subject", good.OBSERVATION, "subject.reference", "Patient"),
    ("no relative", "Observation.subject", good.OBSERVATION, "subject.reference", "Patient/a b"),
    ("not the type", "Observation.subject", good.OBSERVATION, "subject.type", "Group"),
    ("ref-1", "Observation.subject", good.OBSERVATION, "subject.reference", "#nope"),
    ("obs-3", "Observation.referenceRange[0]", good.OBSERVATION, "referenceRange", [{"type": {"text": "x"}}]),
    ("obs-6", "Observation", good.OBSERVATION, "dataAbsentReason", {"text": "x"}),
    ("obs-6", "Observation.component[0]", good.COMPONENTS, "component.0.dataAbsentReason", {"text": "x"}),
    ("obs-7", "Observation", good.COMPONENTS, "valueString", "x"),
    ("per-1", "DiagnosticReport.effectivePeriod", good.REPORT, "effectivePeriod.end", "2026-11-19"),
    ("per-1", "DiagnosticReport.effectivePeriod", good.REPORT, "effectivePeriod",
     {"start": "2026-11-21T10:00:00+01:00", "end": "2026-11-21T08:59:59Z"}),
    ("qty-3", "Observation.valueQuantity", good.OBSERVATION, "valueQuantity.system", ...),
    ("ucum", "Observation.valueQuantity", good.OBSERVATION, "valueQuantity.code", "gm/dl"),
    ("ucum", "Observation.valueQuantity", good.OBSERVATION, "valueQuantity.code", "mmHg"),
    ("no such element", "Observation.referenceRange[0].low", good.OBSERVATION, "referenceRange.0.low.comparator", "<"),
    ("rng-2", "Observation.valueRange", spoiled(good.OBSERVATION, "valueQuantity", ...), "valueRange",
     {"low": good.grams("2.0"), "high": good.grams("1.9")}),
    ("rat-1", "Observation.valueRatio", spoiled(good.OBSERVATION, "valueQuantity", ...), "valueRatio",
     {"numerator": {"value": 1}}),
    ("data", "Observation.valueSampledData", spoiled(good.OBSERVATION, "valueQuantity", ...), "valueSampledData",
     {"origin": {"value": 0}, "period": 1, "dimensions": 1, "data": "1 2 x"}),
    ("ext-1", "Observation.extension[0]", good.OBSERVATION, "extension", [{**EXTENSION, "extension": [EXTENSION]}]),
    ("ext-1", "Observation.extension[0]", good.OBSERVATION, "extension", [{"url": "http://x.example/e"}]),
    ("att-1", "DiagnosticReport.presentedForm[0]", good.REPORT, "presentedForm.0.contentType", ...),
    ("mime", "DiagnosticReport.presentedForm[0]", good.REPORT, "presentedForm.0.contentType", "pdf"),
    ("cpt-2", "Patient.telecom[0]", good.PATIENT, "telecom.0.system", ...),
    ("pat-1", "Patient.contact[0]", good.PATIENT, "contact", [{"gender": "male"}]),
    ("prr-1", "ServiceRequest", spoiled(good.REQUEST, "code", ...), "orderDetail", [{"text": "x"}]),
    ("org-1", "Organization", spoiled(good.ORGANIZATION, "telecom", ...), "name", ...),
    ("org-2", "Organization", good.ORGANIZATION, "address.0.use", "home"),
    ("org-3", "Organization", good.ORGANIZATION, "telecom.0.use", "home"),
    ("sev-1", "AuditEvent.entity[0]", good.AUDIT, "entity.0.query", "aGVsbG8="),
    ("inv-1", "Task", good.TASK, "lastModified", "2026-11-20"),
    ("inv-1", "Parameters.parameter[0]", good.PARAMETERS, "parameter.0.part", [{"name": "b", "valueCode": "c"}]),
    ("tim-2", "ServiceRequest.occurrenceTiming.repeat", good.REQUEST, "occurrenceTiming.repeat.periodUnit", ...),
    ("tim-5", "ServiceRequest.occurrenceTiming.repeat", good.REQUEST, "occurrenceTiming.repeat.period", Decimal(-1)),
    ("tim-9", "ServiceRequest.occurrenceTiming.repeat", good.REQUEST, "occurrenceTiming.repeat.when", ["C"]),
    ("tim-10", "ServiceRequest.occurrenceTiming.repeat", good.REQUEST, "occurrenceTiming.repeat.timeOfDay", ["08:00:00"]),
    ("cpb-14", "CapabilityStatement", good.CAPABILITY, "implementation", ...),
    ("cpb-9", "CapabilityStatement.rest[0]", good.CAPABILITY, "rest.0.resource", [{"type": "Task"}, {"type": "Task"}]),
    ("uid", "ImagingStudy.series[0]", good.IMAGING, "series.0.uid", "1.02.3"),
    ("uri: in", "Provenance.entity[0].what.identifier", good.PROVENANCE, "entity.0.what.identifier.value", "123"),
    ("txt-1", "Observation.text.div", good.OBSERVATION, "text",
     {"status": "generated", "div": XHTML.format("<script>alert(1)</script>")}),
    ("dom-2", "Observation.contained[0]", good.CONTAINING, "contained.0.contained", [{**ORGANIZATION, "id": "x"}]),
    ("dom-3", "Observation.contained[0]", good.CONTAINING, "performer", ...),
    ("dom-4", "Observation.contained[0]", good.CONTAINING, "contained.0.meta", {"versionId": "1"}),
    ("dom-5", "Observation.contained[0]", good.CONTAINING, "contained.0.meta", {"security": [{"code": "R"}]}),
    ("resourceType", "Observation", good.OBSERVATION, "resourceType", ...),
    ("resourceType", "Resource", good.OBSERVATION, "resourceType", "Observaton"),
    ("bdl-1", "Bundle", good.TRANSACTION, "total", 2),
    ("bdl-2", "Bundle.entry[0]", good.TRANSACTION, "entry.0.search", {"mode": "match"}),
    ("bdl-3", "Bundle.entry[1]", good.TRANSACTION, "entry.1.request", ...),
    ("bdl-4", "Bundle.entry[0]", good.TRANSACTION, "entry.0.response", {"status": "200"}),
    ("bdl-5", "Bundle.entry[0]", spoiled(good.TRANSACTION, "type", "collection"), "entry", [{"fullUrl": good.URL_A}]),
    ("bdl-7", "Bundle.entry[1]", good.TRANSACTION, "entry.0.fullUrl", good.URL_B),
    ("bdl-8", "Bundle.entry[0]", good.TRANSACTION, "entry.0.fullUrl", "http://x.example/Patient/1/_history/2"),
    ("no entry", "Bundle.entry[1].resource.subject", good.TRANSACTION, "entry.0.fullUrl", "urn:oid:1.2"),
    ("does not allow", "Bundle.entry[1].resource.subject", good.TRANSACTION, "entry.0.resource", good.REPORT),
    ("carry a resource", "Bundle.entry[0]", good.TRANSACTION, "entry.0.resource", ...),
    ("required value set", "Bundle.entry[1].resource.status", good.TRANSACTION, "entry.1.resource.status", "bogus"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "location", "resource", "path", "value"),
    BAD,
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_what_r4_forbids_is_an_error(text, location, resource, path, value):
    """The error says which rule, and where."""
    bad = spoiled(resource, path, value)
    if location == "Observation" and text == "resourceType":
        location = "Resource"
    errors = [(issue.location, issue.text) for issue in r4.validate(bad) if issue.severity is Severity.ERROR]
    assert any(location == where and text in said for where, said in errors), errors
    assert not r4.is_valid(bad)


def test_kelvin_per_microlitre_is_a_warning():
    """`K/uL` is valid UCUM, so that no judge finds it; a laboratory means 10*3/uL."""
    odd = spoiled(good.OBSERVATION, "valueQuantity.code", "K/uL")
    issues = r4.validate(odd)
    assert [("warning", "business-rule", "Observation.valueQuantity")] == [
        (issue.severity, issue.code, issue.location) for issue in issues
    ]
    assert r4.is_valid(odd)


def test_a_type_that_is_not_written_is_judged_by_its_structure():
    """A Condition is not refused, and not vouched for."""
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}
    assert ["warning"] == [issue.severity for issue in r4.validate(condition)]
    assert not r4.is_valid({"resourceType": "Condition"})


def test_no_issue_repeats_a_value():
    """Plant a marker in every place that a sender can fill."""
    bad = {
        "resourceType": "Patient",
        "MARKER": "MARKER",
        "gender": "MARKER",
        "birthDate": "MARKER",
        "name": [{"MARKER": 1}, "MARKER", {"given": ["MARKER", 7]}],
        "contained": [{"resourceType": "MARKER"}, {"resourceType": "Condition", "MARKER": "MARKER"}],
        "link": [{"other": {"reference": "MARKER"}, "type": "MARKER"}],
    }
    for resource in (
        bad,
        {"resourceType": "MARKER"},
        {"resourceType": "Condition", "MARKER": "MARKER", "code": "MARKER"},
    ):
        issues = r4.validate(resource)
        assert issues
        assert "MARKER" not in repr(issues)


def test_a_bomb_of_extensions_is_an_error_not_a_crash():
    """Nesting that would exhaust the stack is refused."""
    nested: dict = dict(EXTENSION)
    for _ in range(5_000):
        nested = {"url": "http://x.example/e", "extension": [nested]}
    issues = r4.validate({**good.PATIENT, "extension": [nested]})
    assert ["too-costly"] == [issue.code for issue in issues]


def test_the_resource_is_not_changed():
    """Judging only looks: decimals stay Decimal."""
    before = copy.deepcopy(good.OBSERVATION)
    r4.validate(good.OBSERVATION)
    assert before == good.OBSERVATION
    assert "13.20" == str(good.OBSERVATION["valueQuantity"]["value"])


def test_a_uuid_of_any_version_is_a_uuid():
    """fhir.resources wants version 4; R4 does not, and our ids are version 5."""
    assert r4.is_valid({"resourceType": "Parameters", "parameter": [{"name": "a", "valueUuid": good.URL_B}]})


class Refusing:
    """Stands in for a model that takes nothing."""

    @staticmethod
    def model_validate(_):
        raise ValueError


def test_fhir_resources_has_the_last_word(monkeypatch):
    """Where our checks find nothing, its refusal is an error."""
    monkeypatch.setattr(r4, "_model", lambda _: Refusing)
    monkeypatch.setattr(r4, "_accepted", set())
    assert ["fhir.resources refuses this resource"] == [issue.text for issue in r4.validate(good.PATIENT)]


def test_fhir_resources_is_asked_once_for_a_structure(monkeypatch):
    """With other values in the same structure its verdict is known; primitives judged by value are asked each time."""
    monkeypatch.setattr(r4, "_accepted", set())
    assert r4.is_valid(good.PATIENT)
    assert r4.is_valid(good.REPORT)
    monkeypatch.setattr(r4, "_model", lambda _: Refusing)
    assert r4.is_valid(spoiled(good.PATIENT, "birthDate", "1999"))
    assert not r4.is_valid(spoiled(good.PATIENT, "active", True))
    assert not r4.is_valid(good.REPORT)  # holds base64


def test_a_type_known_only_to_the_library_is_asked_each_time(monkeypatch):
    """We have no structure of it to remember."""
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}
    assert r4.is_valid(condition)
    monkeypatch.setattr(r4, "_model", lambda _: Refusing)
    assert not r4.is_valid(condition)


def test_a_null_in_an_array_needs_its_extension():
    """R4 §2.6.2.3: a null stands for a primitive that has extensions only."""
    name = {"given": [None, "Jo"], "_given": [{"extension": [EXTENSION]}, None]}
    assert () == r4.validate({**good.PATIENT, "name": [name]})
    assert not r4.is_valid({**good.PATIENT, "name": [{"given": [None, "Jo"], "_given": [None, None]}]})
