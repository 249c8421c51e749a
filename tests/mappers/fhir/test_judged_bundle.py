"""What a model judged becomes a draft: labelled, traced to its bytes, never a finding where none was found."""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import pytest

from mappers.domain.findings import GuardOutcome, GuardVerdict
from mappers.fhir import judged_bundle, r4
from mappers.fhir.authorship import MODEL_RUN, Reading
from mappers.fhir.judged_observation import PARTS, PRESENCE
from mappers.fhir.judged_provenance import CONTENT_DIGEST
from mappers.fhir.judged_report import SECTION
from mappers.fhir.places import EXTRACTED_FROM
from mappers.fhir.whose import Whose
from tests.mappers.fhir import judged
from tests.mappers.fhir.samples import RECORDED, SOFTWARE, SOURCE

WHOSE = Whose(patient="Patient/p1", encounter="Encounter/e1", orders=("ServiceRequest/s1",))
ALL = {
    "radiograph": judged.radiograph(
        judged.EFFUSION_FOUND, judged.NO_PNEUMOTHORAX, judged.NODULES, judged.quoted()
    ),
    "dictation": judged.dictation(),
    "unread": judged.unread(),
}


def made(report, *, document="ImagingStudy/i1", **more):
    reading = Reading(
        software=SOFTWARE, task=report.task, document=document, sha256=judged.IMAGE, received=RECORDED,
        recorded=RECORDED, **more,
    )  # fmt: skip
    return judged_bundle.write(report, reading=reading, whose=WHOSE)


def of(written, kind):
    return [entry.resource for entry in written.entries if entry.resource["resourceType"] == kind]


def parts(observation):
    return {
        each["code"]["coding"][0]["code"]: next(
            value for name, value in each.items() if name.startswith("value")
        )
        for each in observation["component"]
    }


def by_name(written, name):
    return next(each for each in of(written, "Observation") if each["code"].get("text") == name)


@pytest.mark.parametrize(
    "document", ["ImagingStudy/i1", "Media/m1", "DocumentReference/d1", "DiagnosticReport/r1"]
)
@pytest.mark.parametrize("name", ALL)
def test_every_resource_is_valid(name, document):
    """Nothing is left out for being invalid, whatever was read."""
    written = made(ALL[name], document=document, source=SOURCE)
    assert ((), []) == (
        written.issues, [issue for entry in written.entries for issue in r4.validate(entry.resource)]
    )  # fmt: skip


def test_a_radiograph_becomes_a_labelled_draft():
    """Report and findings are preliminary and AIAST, and the report names its study."""
    written = made(judged.radiograph())
    (report,) = of(written, "DiagnosticReport")
    drafted = [report, *of(written, "Observation")]
    assert {"preliminary"} == {each["status"] for each in drafted}
    assert all("AIAST" in [label["code"] for label in each["meta"]["security"]] for each in drafted)
    assert [{"reference": "ImagingStudy/i1"}] == report["imagingStudy"]
    assert "Left effusion." == report["conclusion"]
    assert {f"Observation/{each['id']}" for each in of(written, "Observation")} == {
        each["reference"] for each in report["result"]
    }


def test_a_finding_that_is_not_there_is_said_to_be_absent():
    """The finding is the code, its absence the value."""
    absent = by_name(made(judged.radiograph()), "Pneumothorax")
    codings = absent["valueCodeableConcept"]["coding"]
    assert [(PRESENCE, "absent"), ("http://snomed.info/sct", "2667000")] == [
        (each["system"], each["code"]) for each in codings
    ]


def test_a_box_is_in_pixels_of_its_source():
    """Edges, size and instance are components, the model's own words beside them."""
    found = parts(by_name(made(judged.radiograph()), "Pleural effusion"))
    assert [Decimal(100), Decimal("400.5"), Decimal(300), Decimal(900), Decimal(1955), Decimal(1841)] == [
        found[name]["value"] for name in ("x0", "y0", "x1", "y1", "columns", "rows")
    ]
    assert (judged.SOP, "[217, 51, 488, 153]", "{pixel}") == (
        found["sop-instance"],
        found["said"],
        found["x0"]["code"],
    )


def test_several_boxes_are_members():
    """A finding with two boxes has an Observation for each."""
    written = made(judged.radiograph(judged.NODULES))
    whole = next(each for each in of(written, "Observation") if "hasMember" in each)
    members = {each["reference"] for each in whole["hasMember"]}
    boxed = {f"Observation/{each['id']}" for each in of(written, "Observation") if "component" in each}
    assert (2, boxed) == (len(members), members)
    (report,) = of(written, "DiagnosticReport")
    assert [{"reference": f"Observation/{whole['id']}"}] == report["result"]


def test_provenance_names_bytes_models_and_instructions():
    """The study, the instance by UID and digest, each run with its parameters, author and assembler."""
    (provenance,) = of(made(judged.radiograph()), "Provenance")
    study, instance, prompt = (each["what"] for each in provenance["entity"])
    assert "ImagingStudy/i1" == study["reference"]
    assert f"urn:oid:{judged.SOP}" == instance["identifier"]["value"]
    assert CONTENT_DIGEST == instance["extension"][0]["url"]
    assert "derivation" == provenance["entity"][-1]["role"]
    assert prompt["identifier"]["value"].startswith("ni:///sha-256;")
    assert [MODEL_RUN, MODEL_RUN] == [each["url"] for each in provenance["extension"]]
    assert ["assembler", "author"] == [each["type"]["coding"][0]["code"] for each in provenance["agent"]]
    assert all("onBehalfOf" in each for each in provenance["agent"])
    places = [each for target in provenance["target"] for each in target.get("extension", [])]
    assert [EXTRACTED_FROM] == [each["url"] for each in places]


def test_sections_keep_each_sentence_with_its_place():
    """A reader can go from a sentence to the interval in which it was spoken."""
    (report,) = of(made(judged.dictation(), document="Media/m1"), "DiagnosticReport")
    section = next(each for each in report["extension"] if each["url"] == SECTION)
    sentence = next(each for each in section["extension"] if each["url"] == "sentence")
    words, place = sentence["extension"]
    spoken = {each["url"]: next(v for k, v in each.items() if k != "url") for each in place["extension"]}
    assert "No pneumothorax." == words["valueString"]
    assert (Decimal("0.100"), Decimal("1.200")) == (spoken["from"], spoken["to"])


def test_a_transcript_is_dictation_asserted():
    """Words as text, words with seconds as JSON, by the model that listened."""
    written = made(judged.dictation(), document="Media/m1")
    (transcript,) = of(written, "DocumentReference")
    text, timed = (base64.b64decode(each["attachment"]["data"]) for each in transcript["content"])
    assert ("current", "preliminary", ["DICTAST"]) == (
        transcript["status"], transcript["docStatus"], [each["code"] for each in transcript["meta"]["security"]],
    )  # fmt: skip
    assert b"no pneumothorax." == text
    assert {"text": "no", "start": 0.1, "end": 0.3, "posterior": 0.98} == json.loads(timed)["words"][0]
    assert [{"reference": "Media/m1"}] == transcript["context"]["related"]
    assert 2 == len(of(written, "Provenance"))


def test_what_was_not_read_is_a_question():
    """Without a model there is a Task about the study, and nothing else that could be taken for a result."""
    written = made(judged.unread())
    (task,) = of(written, "Task")
    assert ("ImagingStudy/i1", "not read: no model") == (task["focus"]["reference"], task["description"])
    assert ([], []) == (of(written, "DiagnosticReport"), of(written, "Observation"))


def test_a_demonstration_says_so_everywhere():
    """HTEST on all that it led to, and the word where a person reads."""
    written = made(judged.radiograph(runs=(judged.run(demonstration=True),)))
    (report,) = of(written, "DiagnosticReport")
    (task,) = of(written, "Task")
    unmarked = [
        each.resource["resourceType"]
        for each in written.entries
        if "HTEST" not in [label["code"] for label in each.resource.get("meta", {}).get("security", [])]
    ]
    assert {"Device"} == set(unmarked)
    assert report["code"]["text"].startswith("Demonstration")
    assert "demonstration" in task["description"]


def test_a_failed_guard_is_on_the_task():
    """A person is told which guard failed, and what it measured."""
    failed = GuardVerdict(
        guard="laterality", outcome=GuardOutcome.FAILED, reason="findings and impression differ"
    )
    (task,) = of(made(judged.radiograph(verdicts=(failed, judged.MATCHES))), "Task")
    said = [each["valueString"] for each in task["input"] if each["type"]["coding"][0]["code"] == "guard"]
    assert [
        "laterality: failed: findings and impression differ",
        "image-matches-claim: recorded: no threshold is set (chest radiograph 0.93, knee radiograph 0.02)",
    ] == said
    assert "a guard failed: laterality" in task["description"]


def test_findings_without_a_code_are_counted():
    """A person is told how many, in words that fit the number."""
    one, two = (
        of(made(judged.radiograph(*each)), "Task")[0]["description"]
        for each in ([judged.NODULES], [judged.NODULES] * 2)
    )
    assert (True, True) == ("1 finding has no code" in one, "2 findings have no code" in two)


def test_the_same_judgement_is_the_same_draft():
    """Ids come from evidence, task, model and answer: other weights are another draft."""
    once, again = made(judged.radiograph()), made(judged.radiograph())
    other = made(judged.radiograph(runs=(judged.run(model="google/medgemma-4b-it"),)))
    ids = [
        {e.resource["id"] for e in each.entries if e.resource["resourceType"] == "Observation"}
        for each in (once, again, other)
    ]
    assert (True, True) == (ids[0] == ids[1], ids[0].isdisjoint(ids[2]))


def test_codes_of_parts_are_ours():
    """Each component is named by the code system that the documents list."""
    component = by_name(made(judged.radiograph()), "Pleural effusion")["component"]
    assert {PARTS} == {each["code"]["coding"][0]["system"] for each in component}
