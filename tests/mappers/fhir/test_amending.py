"""A person's words in the place of a draft's: digits as written, units kept or said, places gone."""

from __future__ import annotations

import pytest

from mappers.fhir import amending, r4
from mappers.fhir.judged_report import SECTION
from mappers.fhir.labels import AIAST, is_model, is_person, labelled

QUANTITY = {
    "resourceType": "Observation", "id": "o", "status": "preliminary", "code": {"text": "Ferritin"},
    "valueQuantity": {"value": 9, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"},
    "interpretation": [{"text": "L"}],
}  # fmt: skip
FINDING = {**QUANTITY, "interpretation": [], "valueCodeableConcept": {"text": "Present"}}
del FINDING["valueQuantity"], FINDING["interpretation"]


def section(key, *sentences):
    parts = [{"url": "key", "valueCode": key}, {"url": "title", "valueString": key.title()}]
    parts += [{"url": "sentence", "extension": [{"url": "text", "valueString": each}]} for each in sentences]
    return {"url": SECTION, "extension": parts}


REPORT = {
    "resourceType": "DiagnosticReport", "id": "r", "status": "preliminary", "code": {"text": "Chest"},
    "extension": [section("findings", "Clear lungs.", "No effusion."), section("impression", "Normal.")],
    "conclusion": "Normal.", "result": [{"reference": "Observation/a"}, {"reference": "Observation/b"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("0.90", b'{"value":0.90,"unit":"ng/mL","system":"http://unitsofmeasure.org","code":"ng/mL"}'),
        (
            "<5",
            b'{"value":5,"comparator":"<","unit":"ng/mL","system":"http://unitsofmeasure.org","code":"ng/mL"}',
        ),
        (
            "≥ 5.0",
            b'{"value":5.0,"comparator":">=","unit":"ng/mL","system":"http://unitsofmeasure.org","code":"ng/mL"}',
        ),
        ("12 ng/mL", b'{"value":12,"unit":"ng/mL","system":"http://unitsofmeasure.org","code":"ng/mL"}'),
        ("12 ug/L", b'{"value":12,"unit":"ug/L"}'),
    ],
)
def test_a_number_keeps_its_digits(said, value):
    """In the unit that was there; another one is text, for nobody guesses its code."""
    assert value == r4.encode(amending.changed(QUANTITY, said)["valueQuantity"])


def test_what_was_said_of_the_old_value_goes():
    """Its flag is not the new one's; the code and the rest stay; it is a person's now."""
    changed = amending.changed(labelled(QUANTITY, AIAST), "90")
    assert "interpretation" not in changed
    assert QUANTITY["code"] == changed["code"]
    assert is_person(changed)
    assert is_model(changed)
    assert r4.is_valid(changed)


@pytest.mark.parametrize(("observation", "said", "name", "value"), [
    (QUANTITY, "haemolysed", "valueString", "haemolysed"),
    (FINDING, "Absent", "valueCodeableConcept", {"text": "Absent"}),
    ({**FINDING, "valueCodeableConcept": {"text": "x"}}, "12", "valueCodeableConcept", {"text": "12"}),
])  # fmt: skip
def test_words_are_words(observation, said, name, value):
    """In the place of a number, or of a finding."""
    assert value == amending.changed(observation, said)[name]


@pytest.mark.parametrize("said", ["9", "9 ng/mL", " 9 ", "", "  "])
def test_the_same_changes_nothing(said):
    """Nor does nothing."""
    assert amending.changed(QUANTITY, said) is None


def test_a_section_is_worded_anew():
    """Its sentences and their places give way; the impression is the conclusion too; others stay."""
    changed = amending.worded(REPORT, "impression", "Left basal opacity.")
    assert "Left basal opacity." == changed["conclusion"]
    assert {
        "findings": ("Findings", "Clear lungs. No effusion."),
        "impression": ("Impression", "Left basal opacity."),
    } == amending.words(changed)
    assert is_person(changed)
    assert amending.worded(REPORT, "findings", "Clear lungs. No effusion.") is None
    assert amending.worded(REPORT, "nothing", "x") is None


def test_a_conclusion_without_sections():
    """Is a key of its own."""
    report = {"resourceType": "DiagnosticReport", "id": "r", "conclusion": "Normal."}
    assert {"conclusion": ("Conclusion", "Normal.")} == amending.words(report)
    assert "New." == amending.worded(report, "conclusion", "New.")["conclusion"]


def test_a_transcript_is_text():
    """The machine's words with their times are no longer of it."""
    note = {"resourceType": "DocumentReference", "id": "d", "content": [
        {"attachment": {"contentType": "text/plain; charset=utf-8", "data": "b25l", "title": "Transcript"}},
        {"attachment": {"contentType": "application/json", "data": "e30="}},
    ]}  # fmt: skip
    changed = amending.worded(note, "transcript", "two")
    assert [("text/plain; charset=utf-8", "Transcript")] == [
        (each["attachment"]["contentType"], each["attachment"]["title"]) for each in changed["content"]
    ]
    assert {"transcript": ("Transcript", "two")} == amending.words(changed)


def test_a_result_is_struck():
    """The others stay; no empty list is left."""
    assert [{"reference": "Observation/b"}] == amending.without(REPORT, {"Observation/a"})["result"]
    assert "result" not in amending.without(REPORT, {"Observation/a", "Observation/b"})
