"""What was read off a document becomes a draft that says where every value stands."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mappers.domain.attribution import ModelCard, ModelRun
from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.drafting import draft
from mappers.domain.extraction import Extracted, Method
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.page_checks import PageCheck
from mappers.domain.people import Organization
from mappers.domain.reconciliation import Reconciled
from mappers.domain.results import Quantity, Range, Ratio, ReferenceRange
from mappers.domain.times import Moment
from mappers.fhir import device, extracted_bundle, r4
from mappers.fhir.authorship import MODEL_RUN, Reading
from mappers.fhir.places import EXTRACTED_FROM
from mappers.fhir.review_task import Asked
from mappers.fhir.whose import Whose
from tests.mappers.domain.documents import SHA, report, row, span
from tests.mappers.fhir.samples import RECORDED, SOFTWARE, SOURCE

FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
DOCUMENT = "DocumentReference/aaaaaaaa-0000-5000-8000-000000000001"
WHOSE = Whose(patient="Patient/p1", encounter="Encounter/e1", orders=("ServiceRequest/s1",))
RUN = ModelRun(
    task="lab_report", task_version="1",
    card=ModelCard(id="google/medgemma-1.5-4b-it", revision="abc", weights_digest="12" * 32, backend="scripted"),
    prompt_digest="34" * 32, input_digest="56" * 32, output_digest="78" * 32,
    started=Moment("2026-11-22T09:00:02Z"), ended=Moment("2026-11-22T09:00:05Z"),
    parameters={"max_new_tokens": 2000, "do_sample": False},
)  # fmt: skip
HIGH = Concept((Coding("H", FLAGS, "High"),))
POTASSIUM = row(
    "Potassium", "5.90", loinc="2823-3", flag="H", interpretation=HIGH, effective=Moment("2026-11-21"),
    reference_range=ReferenceRange("3.5-5.1", Quantity("3.5", None, "mmol/L", "mmol/L"), None), key="k",
    also=(Method.TEXT,),
)  # fmt: skip
NITRITE = row("Nitrite", "0", None, method=Method.TEXT, value="negative", specimen=Concept(text="Urine"))
TITRE = row("ANA", "1:80", None, value=Ratio(Quantity("1"), Quantity("80")), flag="*")
CELLS = row(
    "Cells", "3", "/HPF", value=Range(Quantity("3", None, "/HPF"), Quantity("5", None, "/HPF")), page=2
)
PENDING = row("Culture", "0", None, value=None, absent_reason="temp-unknown")
BY_MODEL = row("Sodium", "139", loinc="2951-2", method=Method.MODEL)
CLAIMED = Extracted(
    name="Ferritin", code=Concept(text="Ferritin"), printed="12", unit="ug/L", method=Method.MODEL, confirmed=False,
    spans=(span("Ferritin"),),
)  # fmt: skip

NOTHING_ODD, ALONE = PageCheck(), Reconciled()
ALL = (POTASSIUM, NITRITE, TITRE, CELLS, PENDING, BY_MODEL, CLAIMED)


def reading(**more):
    more.setdefault("source", SOURCE)
    return Reading(
        software=SOFTWARE,
        task="lab_report@1",
        document=DOCUMENT,
        sha256=SHA,
        received=RECORDED,
        recorded=RECORDED,
        **more,
    )


def made(*rows, whose=WHOSE, model_run=None, has_model=True, check=NOTHING_ODD, reconciled=ALONE, **more):
    read = report(*rows, model_run=model_run, **more)
    drafted = draft(read, reconciled=reconciled, check=check, has_model=has_model)
    return extracted_bundle.write(drafted, reading=reading(model_run=model_run), whose=whose)


def of(written, kind):
    return [entry.resource for entry in written.entries if entry.resource["resourceType"] == kind]


def inputs(task, code):
    return [each["valueString"] for each in task["input"] if each["type"]["coding"][0]["code"] == code]


def test_every_resource_is_valid():
    """Nothing is left out for being invalid."""
    written = made(*ALL, model_run=RUN)
    assert ((), []) == (
        written.issues, [issue for entry in written.entries for issue in r4.validate(entry.resource)]
    )  # fmt: skip
    assert {"Device": 2, "Observation": 6, "DiagnosticReport": 1, "Task": 1, "Provenance": 4} == {
        kind: len(of(written, kind))
        for kind in ("Device", "Observation", "DiagnosticReport", "Task", "Provenance")
    }


def test_everything_is_a_draft():
    """Whatever the method, nothing that was read is more than preliminary."""
    written = made(*ALL, model_run=RUN)
    statuses = {each["status"] for kind in ("Observation", "DiagnosticReport") for each in of(written, kind)}
    (task,) = of(written, "Task")
    (drafted,) = of(written, "DiagnosticReport")
    assert {"preliminary"} == statuses
    assert ("requested", "proposal", f"DiagnosticReport/{drafted['id']}") == (
        task["status"], task["intent"], task["focus"]["reference"],
    )  # fmt: skip


def test_an_observation_says_what_the_page_says():
    """Digits, unit, code, range, flag and day are the page's; it derives from the document."""
    (found,) = of(made(POTASSIUM), "Observation")
    assert (Decimal("5.90"), "mmol/L", "mmol/L") == tuple(
        found["valueQuantity"][name] for name in ("value", "unit", "code")
    )
    assert "5.90" == str(found["valueQuantity"]["value"])
    assert {"system": LOINC, "code": "2823-3", "display": "Potassium"} == found["code"]["coding"][0]
    assert ("3.5-5.1", "2026-11-21", "H") == (
        found["referenceRange"][0]["text"], found["effectiveDateTime"], found["interpretation"][0]["coding"][0]["code"],
    )  # fmt: skip
    assert [{"reference": DOCUMENT}] == found["derivedFrom"]
    assert [{"reference": "ServiceRequest/s1"}] == found["basedOn"]


def test_provenance_names_page_and_box_of_every_value():
    """Each target has its place, each Observation is a target of the Provenance of its method."""
    written = made(*ALL, model_run=RUN)
    places = {
        target["reference"]: {
            part["url"]: next(v for k, v in part.items() if k != "url") for part in each["extension"]
        }
        for provenance in of(written, "Provenance")
        for target in provenance["target"]
        for each in target.get("extension", ())
        if each["url"] == EXTRACTED_FROM
    }
    assert {f"Observation/{each['id']}" for each in of(written, "Observation")} == set(places)
    cells = next(each for each in of(written, "Observation") if each["code"]["text"] == "Cells")
    expected = {
        "holds": "value", "page": 2, "x0": Decimal("72.00"), "top": Decimal("144.25"), "x1": Decimal("96.50"),
        "bottom": Decimal("156.00"), "unit": "pt", "quote": "3",
    }  # fmt: skip
    assert expected == places[f"Observation/{cells['id']}"]


def test_the_model_is_named_where_it_spoke_and_nowhere_else():
    """AIAST, Device, agent and run stand on what the model read and on the report of it."""
    written = made(POTASSIUM, BY_MODEL, model_run=RUN)
    model = device.identity_of_model(RUN.card).reference
    labelled = {
        each["resourceType"] + each.get("code", {}).get("text", "")
        for each in (entry.resource for entry in written.entries)
        if any(label["code"] == "AIAST" for label in each.get("meta", {}).get("security", ()))
    }
    assert {
        "ObservationSodium",
        "Provenance",
        "DiagnosticReportLaboratory results read off a document",
    } == labelled
    by_text = {each["code"]["text"]: each["device"]["reference"] for each in of(written, "Observation")}
    assert {"Potassium": device.identity_of(SOFTWARE).reference, "Sodium": model} == by_text
    runs = [each for each in of(written, "Provenance") if "extension" in each]
    said = {
        part["url"]: part["valueString"]
        for part in runs[0]["extension"][0]["extension"]
        if "valueString" in part
    }
    assert MODEL_RUN == runs[0]["extension"][0]["url"]
    assert ("lab_report", "abc", "12" * 32, "34" * 32) == tuple(
        said[name] for name in ("task", "revision", "weights-digest", "prompt-digest")
    )
    assert [model] == [
        agent["who"]["reference"]
        for agent in runs[0]["agent"]
        if agent["type"]["coding"][0]["code"] == "author"
    ]


def test_every_agent_acts_on_behalf_of_somebody():
    """provenance-1, with and without message and organization."""
    for more in ({}, {"source": None}, {"responsible": Organization("Hospital")}):
        drafted = draft(report(POTASSIUM), reconciled=Reconciled(), check=PageCheck(), has_model=False)
        written = extracted_bundle.write(drafted, reading=reading(**more), whose=WHOSE)
        agents = [agent for each in of(written, "Provenance") for agent in each["agent"]]
        assert all(agent["onBehalfOf"] for agent in agents)
        assert not [issue for entry in written.entries for issue in r4.validate(entry.resource)]


def test_an_unconfirmed_claim_is_shown_and_never_written():
    """What no place bears out is on the Task alone."""
    written = made(POTASSIUM, CLAIMED, model_run=RUN)
    (task,) = of(written, "Task")
    assert ["Potassium"] == [each["code"]["text"] for each in of(written, "Observation")]
    assert ["Ferritin: 12 ug/L (page 1)"] == inputs(task, "unconfirmed-result")
    assert "1 value is unconfirmed and not written" in inputs(task, "reason")


def test_the_task_says_why():
    """Unknown codes, places nobody could read, coverage, doubts and differences are each named."""
    differs = Issue(Severity.WARNING, IssueCode.CONFLICT, "OBX[1]", "they differ")
    written = made(
        POTASSIUM, NITRITE, has_model=False, unread=(span("x", 3),), pages_read=(1, 2, 3), pages_total=7,
        coverage="pages 1-3 of 7", check=PageCheck(unchecked=("patient",)), reconciled=Reconciled(2, (differs,)),
    )  # fmt: skip
    (task,) = of(written, "Task")
    assert [
        "2 results were read off a document and nobody has looked at them",
        "not read: no model: 1 place may hold results",
        "only pages 1-3 of 7 was read",
        "1 result has no LOINC code",
        "1 result differs from what the sender sent",
        "2 results agree with what the sender sent",
        "the page names no patient that can be compared with the message",
    ] == inputs(task, "reason")
    assert (["pages 1-3 of 7"], ["page 3: x"], ["OBX[1]: they differ"]) == (
        inputs(task, "coverage"), inputs(task, "unread-place"), inputs(task, "issue"),
    )  # fmt: skip


def test_a_document_without_results_has_a_task_and_no_report():
    """The question is about the document then."""
    written = made(unread=(span("x"),), has_model=False)
    (task,) = of(written, "Task")
    assert ([], [], DOCUMENT) == (
        of(written, "DiagnosticReport"), of(written, "Observation"), task["focus"]["reference"],
    )  # fmt: skip


def test_the_same_reading_has_the_same_ids():
    """Reprocessing replaces; another document, model or instruction is another draft."""

    def ids(written):
        return [entry.resource["id"] for entry in written.entries]

    assert ids(made(*ALL, model_run=RUN)) == ids(made(*ALL, model_run=RUN))
    with_model, without = made(POTASSIUM, model_run=RUN), made(POTASSIUM)
    assert of(with_model, "Observation")[0]["id"] == of(without, "Observation")[0]["id"]
    assert of(with_model, "DiagnosticReport")[0]["id"] != of(without, "DiagnosticReport")[0]["id"]


def test_equal_rows_are_told_apart():
    """A page may print the same line twice: two results, two ids."""
    found = of(made(POTASSIUM, POTASSIUM), "Observation")
    assert 2 == len({each["id"] for each in found})


def test_a_test_message_makes_test_drafts():
    """The labels of the message stand on everything that was read from it."""
    from dataclasses import replace

    drafted = draft(report(POTASSIUM), reconciled=Reconciled(), check=PageCheck(), has_model=False)
    source = replace(SOURCE, processing_id="T")
    written = extracted_bundle.write(drafted, reading=reading(source=source), whose=WHOSE)
    labels = [entry.resource["meta"].get("security") for entry in written.entries if not entry.once]
    assert all(label and "HTEST" == label[0]["code"] for label in labels)


def test_a_question_alone_writes_no_result():
    """A page about somebody else: a Task about the document, and nothing read from it."""
    asked = Asked(focus=DOCUMENT, reasons=("the page is about somebody else",))
    written = extracted_bundle.write_question(asked, reading=reading(), whose=WHOSE)
    assert ["Device", "Task", "Provenance"] == [entry.resource["resourceType"] for entry in written.entries]
    assert not [issue for entry in written.entries for issue in r4.validate(entry.resource)]


def test_a_retraction_takes_back_all_of_a_draft():
    """Results and report are entered in error, the Task is cancelled, a Provenance says why; ids stay."""
    before = made(POTASSIUM, BY_MODEL, model_run=RUN)
    stored = [
        {
            **entry.resource,
            "meta": {
                **entry.resource.get("meta", {}),
                "versionId": "1",
                "lastUpdated": "2026-11-22T09:00:00Z",
            },
        }
        for entry in before.entries
        if not entry.once
    ]
    after = extracted_bundle.retract(
        stored, reading=reading(), whose=WHOSE, reason="the sender withdrew the document"
    )
    statuses = {
        each["id"]: each["status"]
        for kind in ("Observation", "DiagnosticReport", "Task")
        for each in of(after, kind)
    }
    assert {each["id"] for each in stored} == set(statuses)
    assert {"entered-in-error", "cancelled"} == set(statuses.values())
    (why,) = of(after, "Provenance")
    assert "the sender withdrew the document" == why["reason"][0]["text"]
    assert set(statuses) == {target["reference"].partition("/")[2] for target in why["target"]}
    assert not [issue for entry in after.entries for issue in r4.validate(entry.resource)]
    ranks = [entry.standing for entry in after.entries if entry.standing]
    assert all(before.entries[-3].standing < rank for rank in ranks if before.entries[-3].standing)


@pytest.mark.parametrize("kind", ["image/png", "application/pdf"])
def test_boxes_of_pictures_are_in_pixels(kind):
    """The unit of a box says what it counts."""
    from dataclasses import replace

    read = report(POTASSIUM)
    drafted = draft(
        replace(read, document=replace(read.document, media_type=kind)),
        reconciled=Reconciled(), check=PageCheck(), has_model=False,
    )  # fmt: skip
    written = extracted_bundle.write(drafted, reading=reading(), whose=WHOSE)
    parts = of(written, "Provenance")[0]["target"][0]["extension"][0]["extension"]
    assert ["px" if kind == "image/png" else "pt"] == [
        part["valueCode"] for part in parts if part["url"] == "unit"
    ]
