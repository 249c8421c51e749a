"""OBX as Observation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from mappers.domain.coding import LOINC, UCUM, Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.orders import Note
from mappers.domain.people import Address, Organization, Practitioner
from mappers.domain.results import Quantity, Range, Ratio, ReferenceRange, SampledData
from mappers.domain.times import Moment, Period, TimeOfDay
from mappers.fhir import r4, result_bundle
from tests.mappers.fhir import samples

ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def written(measurement=samples.RESULTS[0], *, report=samples.REPORT, **changes):
    """The Observation of the first result with these changes, and the whole bundle."""
    changed = replace(measurement, **changes)
    bundle = result_bundle.write(
        replace(samples.LAB_REPORT, reports=(replace(report, measurements=(changed,)),)),
        software=samples.SOFTWARE,
        recorded=samples.RECORDED,
    )
    (observation,) = [e.resource for e in bundle.entries if e.resource["resourceType"] == "Observation"]
    return observation, bundle


def test_a_number_with_its_unit():
    """The whole Observation, element by element in the order of R4."""
    observation, bundle = written()
    source = observation["meta"]["source"]
    expected = {
        "resourceType": "Observation",
        "id": samples.RESULTS[0].identity.id,
        "meta": {"source": "ni:///sha-256;q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"},
        "basedOn": [{"reference": samples.ORDER.identity.reference}],
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                        "display": "Laboratory",
                    }
                ]
            }
        ],
        "code": {
            "coding": [
                {"system": LOINC, "code": "718-7", "display": "analyte 1"},
                {"code": "L1"},
            ],
            "text": "Analyte 1",
        },
        "subject": {"reference": samples.PATIENT.identity.reference},
        "encounter": {"reference": samples.VISIT.identity.reference},
        "effectiveDateTime": "2026-11-22T07:30:00+01:00",
        "issued": "2026-11-22T10:00:00+01:00",
        "performer": [
            {
                "type": "Practitioner",
                "identifier": {"system": "urn:oid:1.2.3.4", "value": "D99"},
                "display": "Dr Ada Lind",
            }
        ],
        "valueQuantity": {"value": Decimal("13.20"), "unit": "g/dL", "system": UCUM, "code": "g/dL"},
        "interpretation": [
            {"coding": [{"system": samples.FLAGS, "code": "N", "display": "Normal"}]},
        ],
        "note": [{"text": "Checked twice."}],
        "specimen": {"reference": samples.BLOOD.identity.reference},
        "referenceRange": [
            {
                "low": {"value": Decimal("1.0"), "unit": "g/dL", "system": UCUM, "code": "g/dL"},
                "high": {"value": Decimal(500), "unit": "g/dL", "system": UCUM, "code": "g/dL"},
                "text": "1.0-500",
            }
        ],
    }
    assert expected == observation
    assert list(expected) == list(observation)
    assert "ni:///sha-256;" in source
    assert () == bundle.issues
    assert b'"value":13.20' in r4.encode(observation)


SAME = Concept((Coding("260373001", "http://snomed.info/sct", "Detected"),), "found")


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ({"valueQuantity": {"value": Decimal("0.10"), "comparator": "<", "unit": "x"}}, Quantity("0.10", "<", "x")),
        ({"valueQuantity": {"value": Decimal(3)}}, Quantity("3")),
        ({"valueQuantity": {"value": Decimal(7), "unit": "mL", "system": UCUM, "code": "mL"}}, Quantity("7", None, None, "mL")),
        ({"valueString": "  two\nlines "}, "  two\nlines "),
        ({"valueString": "a\ufffdb"}, "a\x00b"),
        (
            {"valueCodeableConcept": {
                "coding": [{"system": "http://snomed.info/sct", "code": "260373001", "display": "Detected"}],
                "text": "found",
            }},
            SAME,
        ),
        ({"valueDateTime": "2026-11"}, Moment("2026-11")),
        ({"valueTime": "08:15:00"}, TimeOfDay("08:15:00")),
        ({"valuePeriod": {"start": "2026", "end": "2027"}}, Period(Moment("2026"), Moment("2027"))),
        ({"valueRange": {"low": {"value": Decimal("1.0")}, "high": {"value": Decimal(2)}}}, Range(Quantity("1.0"), Quantity("2"))),
        ({"valueRatio": {"numerator": {"value": Decimal(1)}, "denominator": {"value": Decimal(128)}}}, Ratio(Quantity("1"), Quantity("128"))),
        (
            {"valueSampledData": {
                "origin": {"value": 0, "unit": "mV"},
                "_period": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]},
                "dimensions": 2,
                "data": "1 2.50 E",
            }},
            SampledData("1 2.50  E", 2, Quantity(None, None, "mV")),
        ),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_its_element(expected, value):
    """One value[x], and no reason for its absence."""
    observation, bundle = written(value=value)
    assert expected == {name: observation[name] for name in observation if name.startswith("value")}
    assert "dataAbsentReason" not in observation
    assert () == bundle.issues


@pytest.mark.parametrize(
    ("expected", "value", "issue"),
    [
        ({"value": Decimal(1), "unit": "mmHg"}, Quantity("1", None, "mmHg", "mmHg"), "code-invalid"),
        ({"value": Decimal(1), "unit": "K/uL"}, Quantity("1", None, "K/uL", "K/uL"), "business-rule"),
        ({"value": Decimal(1), "unit": "K/uL"}, Quantity("1", None, None, "K/uL"), "business-rule"),
    ],
)
def test_a_code_that_says_another_unit_is_not_written(expected, value, issue):
    """What is no UCUM, or is kelvin per microlitre, stays as the unit's text; the account says so."""
    observation, bundle = written(value=value)
    assert expected == observation["valueQuantity"]
    assert [(issue, "OBX[1]")] == [(one.code, one.location) for one in bundle.issues]


def test_a_loinc_code_with_a_wrong_check_digit_loses_its_system():
    """It is no LOINC code; what was sent stays."""
    observation, bundle = written(code=Concept((Coding("718-8", LOINC, "Hgb"),)))
    assert {"coding": [{"code": "718-8", "display": "Hgb"}]} == observation["code"]
    assert ["code-invalid"] == [issue.code for issue in bundle.issues]


@pytest.mark.parametrize(
    ("expected", "status", "reason"),
    [("not-asked", "final", "not-asked"), ("unknown", "final", None), (None, "cancelled", None),
     (None, "entered-in-error", None), ("error", "cancelled", "error")],
)  # fmt: skip
def test_a_missing_value_says_why(expected, status, reason):
    """US Core us-core-2: a value or a reason, but for what was withdrawn."""
    observation, _ = written(value=None, status=status, absent_reason=reason)
    coding = [{"system": ABSENT, "code": expected}]
    assert ({"coding": coding} if expected else None) == observation.get("dataAbsentReason")


def test_a_value_of_blanks_is_missing():
    """FHIR has no empty string."""
    observation, _ = written(value=" ")
    assert "valueString" not in observation
    assert {"coding": [{"system": ABSENT, "code": "unknown"}]} == observation["dataAbsentReason"]


def test_a_cancelled_result_keeps_its_v2_code():
    """v2-to-FHIR, OBX-11: X beside `cancelled`."""
    observation, _ = written(status="cancelled", value=None)
    (extension,) = observation["_status"]["extension"]
    assert {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0085", "code": "X"}]
    } == extension["valueCodeableConcept"]


def test_repeats_are_components_of_the_same_code():
    """obs-7: no value beside them."""
    observation, _ = written(value=None, components=("a", Quantity("2.0"), " "))
    values = [{k: v for k, v in part.items() if k != "code"} for part in observation["component"]]
    assert [
        {"valueString": "a"},
        {"valueQuantity": {"value": Decimal("2.0")}},
        {"dataAbsentReason": {"coding": [{"system": ABSENT, "code": "unknown"}]}},
    ] == values
    assert all(part["code"] == observation["code"] for part in observation["component"])
    assert "dataAbsentReason" not in observation


@pytest.mark.parametrize(
    ("expected", "value"),
    [("9 mg - 3 mg", Range(Quantity("9", None, "mg"), Quantity("3", None, "mg"))),
     (">1 - 2", Range(Quantity("1", ">"), Quantity("2")))],
)  # fmt: skip
def test_bounds_that_are_no_range_are_words(expected, value):
    """rng-2 and sqty-1: nothing is dropped, nothing turned round."""
    observation, bundle = written(value=value)
    assert expected == observation["valueString"]
    assert ["invariant"] == [issue.code for issue in bundle.issues]


def test_a_reference_range_upside_down_keeps_its_text():
    """Its bounds are not written."""
    ranges = (ReferenceRange("9-3", Quantity("9"), Quantity("3")), ReferenceRange(" "))
    observation, _ = written(reference_ranges=ranges)
    assert [{"text": "9-3"}] == observation["referenceRange"]


def test_periods_are_made_comparable():
    """An inverted end is left out; ends of two precisions take the lesser (per-1)."""
    turned, bundle = written(effective=Period(Moment("2026-11-22"), Moment("2026-11-21")))
    assert {"start": "2026-11-22"} == turned["effectivePeriod"]
    assert ["invariant"] == [issue.code for issue in bundle.issues]
    mixed, _ = written(effective=Period(Moment("2026-11-22"), Moment("2026-11-22T10:00:00Z")))
    assert {"start": "2026-11-22", "end": "2026-11-22"} == mixed["effectivePeriod"]
    apart, _ = written(effective=Period(Moment("2026-11-21"), Moment("2026-11-22T10:00:00Z")))
    assert {"start": "2026-11-21", "end": "2026-11-22T10:00:00Z"} == apart["effectivePeriod"]


def test_a_date_is_no_instant():
    """`issued` needs zone and seconds; that it is missing is said once, of the report (OBR-22)."""
    observation, bundle = written(issued=Moment("2026-11-22"))
    assert "issued" not in observation
    assert [] == [issue.code for issue in bundle.issues]


def test_what_has_no_element_is_an_extension():
    """OBX-4, OBX-10, OBX-19, and a unit that the value cannot carry."""
    observation, _ = written(
        value="positive",
        sub_id="1.2",
        nature_of_abnormality=(Concept((Coding("N", "http://terminology.hl7.org/CodeSystem/v2-0080"),)),),
        analysed=Moment("2026-11-22T09:00:00Z"),
        unit=Quantity(None, None, "titre"),
    )
    assert [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/observation-v2-subid",
            "extension": [{"url": "original-sub-identifier", "valueString": "1.2"}],
        },
        {
            "url": "http://hl7.org/fhir/StructureDefinition/observation-nature-of-abnormal-test",
            "valueCodeableConcept": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0080", "code": "N"}]
            },
        },
        {
            "url": "http://hl7.org/fhir/StructureDefinition/observation-analysis-date-time",
            "valueDateTime": "2026-11-22T09:00:00Z",
        },
        {
            "url": "https://wardwire.org/fhir/StructureDefinition/reported-unit",
            "valueQuantity": {"unit": "titre"},
        },
    ] == observation["extension"]


def test_a_laboratory_with_an_address_is_contained():
    """OBX-23, OBX-24: a reference alone holds no address, and laboratories must be named with theirs."""
    laboratory = Organization(
        "North Lab", (Identifier("34D", "urn:oid:1.3"),), (Address(("1 Way",), "Town", use="home"),)
    )
    observation, _ = written(performers=(laboratory, Practitioner()))
    assert [
        {
            "resourceType": "Organization",
            "id": "performer-1",
            "identifier": [{"system": "urn:oid:1.3", "value": "34D"}],
            "name": "North Lab",
            "address": [{"line": ["1 Way"], "city": "Town"}],
        }
    ] == observation["contained"]
    assert [{"reference": "#performer-1", "type": "Organization", "display": "North Lab"}] == observation[
        "performer"
    ]


def test_method_site_device_and_identifier():
    """OBX-17, OBX-20, OBX-18, OBX-21."""
    observation, _ = written(
        method=Concept((), "ELISA"),
        body_site=Concept((), "arm"),
        device=Identifier("A1", assigner="ANALYSERS"),
        identifiers=(Identifier("I1", "urn:oid:1.4"), Identifier("I1", "urn:oid:1.4")),
    )
    assert {"text": "ELISA"} == observation["method"]
    assert {"text": "arm"} == observation["bodySite"]
    assert {
        "type": "Device",
        "identifier": {"value": "A1", "assigner": {"display": "ANALYSERS"}},
    } == observation["device"]
    assert [{"system": "urn:oid:1.4", "value": "I1"}] == observation["identifier"]


def test_the_trace_tells_obx_from_obr():
    """What OBX inherited is OBR's."""
    _, bundle = written(notes=(Note("x", "NTE[1]"),))
    paths = {origin: [path for where, path in bundle.trace if where == origin] for origin, _ in bundle.trace}
    assert [
        "Observation.status", "Observation.code", "Observation.performer", "Observation.valueQuantity",
        "Observation.interpretation", "Observation.referenceRange",
    ] == paths["OBX[1]"]  # fmt: skip
    assert ["Observation.note"] == paths["NTE[1]"]
    assert {"Observation.category", "Observation.effectiveDateTime", "Observation.issued"} <= set(
        paths["OBR[1]"]
    )
    own, bundle = written(effective=Moment("2026-11-22T08:00:00+01:00"))
    assert ("OBX[1]", "Observation.effectiveDateTime") in bundle.trace
    assert "2026-11-22T08:00:00+01:00" == own["effectiveDateTime"]


@pytest.mark.parametrize(
    ("expected", "section"),
    [
        ("laboratory", "HM"),
        ("imaging", "RAD"),
        ("procedure", "EC"),
        ("therapy", "PT"),
        (None, "OTH"),
        (None, "LOCAL"),
    ],
)
def test_the_category_follows_the_section(expected, section):
    """OBR-24, table 0074, as observation-category."""
    report = replace(samples.REPORT, category=(Concept((Coding(section, samples.SECTIONS),)),))
    observation, _ = written(report=report)
    found = [c["coding"][0]["code"] for c in observation.get("category", [])]
    assert ([expected] if expected else []) == found


def test_without_a_section_what_is_measured_is_a_laboratorys():
    """A text with no number, range or specimen says nothing about who made it."""
    bare = replace(samples.REPORT, category=(), specimens=())
    measured, _ = written(report=bare)
    assert "laboratory" == measured["category"][0]["coding"][0]["code"]
    spoken, _ = written(report=bare, value="text", reference_ranges=())
    assert "category" not in spoken
