"""From an order at an EHR to a signed report at the same EHR, and back again; EHR and PACS are not ours.

One story, told once and asked about: sekmet-fhir with SMART on, Orthanc, a real radiograph, real processes.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support import orthanc, sekmet

pytestmark = [pytest.mark.system, orthanc.SKIP, sekmet.SKIP]

Node = dict[str, Any]
#: What the signed report is at the EHR: Wardwire and the model are Devices, a Provenance of the reading and one of the act.
ONCE = {
    "Device": 2,
    "DiagnosticReport": 1,
    "Observation": 2,
    "DocumentReference": 1,
    "Provenance": 2,
    "Task": 0,
}
SENT = {"Patient": 1, "ServiceRequest": 1, "ImagingStudy": 1}
RESULTS = ("DiagnosticReport", "Observation", "DocumentReference")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each act left."""
    return orthanc.story("tests.system.whole_story", tmp_path_factory.mktemp("story"))


def counts(there: dict[str, list[Node]]) -> dict[str, int]:
    return {kind: len(listed) for kind, listed in there.items()}


def versions(there: dict[str, list[Node]]) -> set[tuple[str, str]]:
    """Ids and versions of all that Wardwire writes."""
    return {(each["id"], each["meta"]["versionId"]) for kind in ONCE for each in there[kind]}


def statuses(there: dict[str, list[Node]]) -> dict[str, set[str]]:
    return {kind: {each["status"] for each in there[kind]} for kind in RESULTS}


def named(*references: str) -> list[Node]:
    return [{"reference": each} for each in references]


def test_a_study_there_becomes_a_draft_here(told):
    """By our Subscription; preliminary, said by a machine, with a box in pixels, on its order; a person is asked."""
    draft = told["draft"]
    boxes = [
        {
            each["code"]["coding"][0]["code"]: each.get("valueQuantity", {}).get("value")
            for each in one["component"]
        }
        for one in draft["observations"]
        if "component" in one
    ]
    assert [draft["subscription"]] == draft["subscriptions"]
    assert "preliminary" == draft["report"]["status"]
    assert "AIAST" in {each["code"] for each in draft["report"]["meta"]["security"]}
    # 1841 columns and 1955 rows in a square of 1955, on a grid of 1000: x is (200/1000 * 1955) - 57.
    assert [334, 586.5, 725, 977.5] == [float(boxes[0][name]) for name in ("x0", "y0", "x1", "y1")]
    (study,) = draft["studies"]
    assert draft["entered"]["study"] in study["meta"]["source"]
    assert study["basedOn"] == draft["report"]["basedOn"]
    assert ("draft", f"DiagnosticReport/{draft['report']['id']}") == (
        draft["case"]["kind"],
        draft["case"]["about"],
    )


def test_the_draft_stays_here(told):
    """Nothing of it is at the EHR, and nothing is on its way."""
    assert dict.fromkeys(ONCE, 0) | SENT == counts(told["draft"]["there"])
    assert [] == told["draft"]["deliveries"]


def test_the_signed_report_arrives_once(told):
    """Though the worker was killed when the report was written there, and never heard so."""
    act = told["signature"]
    assert ONCE | SENT == counts(act["there"])
    assert 1 == len(act["killed"])
    assert (act["killed"], 2) == (act["workers"][:1], len(act["workers"]))
    for kind in ("DiagnosticReport", "DocumentReference"):
        assert 1 == act["writes"].count(f"POST /fhir/{kind}")
    assert {
        "DiagnosticReport": {"final"},
        "Observation": {"final"},
        "DocumentReference": {"current"},
    } == statuses(act["there"])


def test_it_refers_to_what_the_ehr_itself_has(told):
    """Patient, order and study are the EHR's own; its parts refer to one another there."""
    entered, there = told["draft"]["entered"], told["signature"]["there"]
    (report,) = there["DiagnosticReport"]
    for each in (report, *there["Observation"]):
        assert {"reference": entered["patient"]} == each["subject"]
        assert named(entered["order"]) == each["basedOn"]
    assert named(entered["study"]) == report["imagingStudy"]
    assert {entered["study"]} == {each["derivedFrom"][0]["reference"] for each in there["Observation"]}
    results = {f"Observation/{each['id']}" for each in there["Observation"]}
    assert results == {each["reference"] for each in report["result"]}
    ours = {f"{kind}/{each['id']}" for kind in RESULTS for each in there[kind]}
    for each in there["Provenance"]:
        assert {target["reference"] for target in each["target"]} <= ours
        assert entered["study"] in json.dumps(each["entity"])
    model = {f"Device/{each['id']}" for each in there["Device"]}
    assert {each["device"]["reference"] for each in there["Observation"]} < model


def test_it_says_who_signed_and_that_a_machine_wrote_it(told):
    """Ada Rossi as interpreter, verifier and authenticator; AIAST stays."""
    there = told["signature"]["there"]
    (report,), (document,) = there["DiagnosticReport"], there["DocumentReference"]
    assert (
        "Dr Ada Rossi" == report["resultsInterpreter"][0]["display"] == document["authenticator"]["display"]
    )
    assert "final" == document["docStatus"]
    for kind in RESULTS:
        for each in there[kind]:
            assert "AIAST" in {label["code"] for label in each["meta"]["security"]}
    (act,) = [each for each in there["Provenance"] if "signature" in each]
    assert "verifier" == act["agent"][0]["type"]["coding"][0]["code"]
    assert [{"text": "reviewed and approved"}] == act["reason"]


def test_its_pdf_can_be_opened_there(told):
    """The same bytes in the document and in the report."""
    there = told["signature"]["there"]
    attachments = [each["attachment"] for each in there["DocumentReference"][0]["content"]]
    kinds = {each["contentType"].partition(";")[0]: base64.b64decode(each["data"]) for each in attachments}
    assert there["DiagnosticReport"][0]["presentedForm"] == attachments
    assert kinds["application/pdf"].startswith(b"%PDF-")
    assert b"Dr Ada Rossi" in kinds["text/plain"]


def test_repeats_and_a_kill_change_nothing(told):
    """The same notification thrice, all of Wardwire killed after the first: not a write, not a version, no question."""
    act = told["again"]
    assert ([], [], 1) == (act["writes"], act["waiting"], act["reports"])
    assert versions(told["signature"]["there"]) == versions(act["there"])


def test_a_study_in_error_is_not_passed_over_in_silence(told):
    """A person is asked about what they signed and the log warns; until they decide, nothing there changes."""
    act = told["withdrawal"]
    (asked,) = act["asked"]
    assert ("again", f"DiagnosticReport/{told['draft']['report']['id']}") == (asked["kind"], asked["about"])
    assert ["signed, and then the sender withdrew the study"] == asked["reasons"]
    assert ["the source was withdrawn"] == asked["changes"]
    alerts = [json.loads(line) for line in act["log"].splitlines() if '"review.alert"' in line]
    assert [("warning", told["draft"]["report"]["id"])] == [
        (each["level"], each["resource_id"]) for each in alerts
    ]
    assert versions(told["signature"]["there"]) == versions(act["untouched"])


def test_what_is_taken_back_is_taken_back_there(told):
    """The same resources, entered in error, with the reason; though their study is in error there itself."""
    act = told["withdrawal"]
    assert ONCE | SENT | {"Provenance": 3} == counts(act["there"])
    assert {kind: {"entered-in-error"} for kind in RESULTS} == statuses(act["there"])
    assert {key for key, _ in versions(told["signature"]["there"])} < {
        key for key, _ in versions(act["there"])
    }
    (report,) = act["there"]["DiagnosticReport"]
    assert named(told["draft"]["entered"]["study"]) == report["imagingStudy"]
    reasons = [each.get("reason", [{}])[0].get("text") for each in act["there"]["Provenance"]]
    assert 1 == reasons.count("the study was of another patient")
    assert [] == act["waiting"]


def test_the_trail_is_whole_and_the_log_names_nobody(told):
    """After two kills; ids and codes only."""
    act = told["withdrawal"]
    assert act["audit"]["whole"]
    assert not any(word in act["log"] for word in ("Conti", "Livia", "9RG1", "pacit", "Cough", "Ada"))
