"""Direct submission by HTTP: on disk and readable when it is answered, the same again the same, the rest refused."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.errors import StoreUnavailable
from integration.flows.recordings import Claims
from integration.flows.submission import SUBMISSION
from integration.states import MessageState
from integration.store.recordings import Recordings
from integration.wiring import stores, webs
from mappers.fhir import r4
from tests.support import demo_document
from tests.support.fhir_feed import Feed

FIXTURES = Path(__file__).parents[3] / "fixtures" / "submission"
FHIR_JSON = {"Content-Type": "application/fhir+json"}
LAB = {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]}


class Web(Feed):
    """The real application over a store, with the worker of that store."""

    def __init__(self, folder: Path, **web: Any) -> None:
        super().__init__(folder, document_hosts=("files.example",))
        self.settings = self.settings.model_copy(
            update={"web": self.settings.web.model_copy(update={"submission_channel": "ehr", **web})}
        )
        from integration.wiring.submissions import build_submissions

        door = build_submissions(self.settings, self.store)
        self.worker.others[SUBMISSION] = door.process  # type: ignore[index]
        self.client = webs.build_application(self.settings).test_client()

    def post(self, path: str, body: Any, **headers: str):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            f"/fhir{path}", data=raw, headers={**FHIR_JSON, "Host": "localhost", **headers}
        )

    def get(self, location: str, **headers: str):
        path = location[location.index("/fhir") :]
        return self.client.get(path, headers={"Host": "localhost", **headers})

    def audited(self) -> list[Any]:
        return [each.event for each in self.store.audit.records()]


@pytest.fixture
def web(tmp_path):
    made = Web(tmp_path)
    yield made
    made.store.database.close()


def note(**more):
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": LAB,
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "data": base64.b64encode(demo_document.pdf()).decode(),
                }
            }
        ],
    } | more


def outcome(answer, status, code):
    """A valid OperationOutcome of this status and code."""
    assert status == answer.status_code, answer.data
    resource = r4.decode(answer.data)
    assert ("OperationOutcome", code) == (resource["resourceType"], resource["issue"][0]["code"])
    assert r4.is_valid(resource)
    return resource["issue"][0]


def test_a_document_is_readable_when_it_is_answered_and_then_read(web):
    """201 with Location and ETag; its bytes as sent; then a draft, with Provenance of who sent it."""
    answer = web.post("/DocumentReference", note())

    assert (201, 'W/"1"') == (answer.status_code, answer.headers["ETag"])
    assert "OperationOutcome" == answer.json["resourceType"]
    stored = web.get(answer.headers["Location"]).json
    assert base64.b64encode(demo_document.pdf()).decode() == stored["content"][0]["attachment"]["data"]

    web.work()
    (report,) = web.all("DiagnosticReport")
    assert "preliminary" == report["status"]
    (how,) = [each for each in web.all("Provenance") if len(each["agent"]) == 2 and "entity" in each and each["target"][0]["reference"].startswith("DocumentReference/")]  # fmt: skip
    assert ["assembler", "enterer"] == [each["type"]["coding"][0]["code"] for each in how["agent"]]
    assert {MessageState.PROCESSED} == {each.state for each in web.store.inbox.list(_all())}


def test_the_same_again_gets_the_same_answer(web):
    """By its bytes, and by what it says in other words; nothing new is written."""
    first = web.post("/DocumentReference", note())
    again = web.post("/DocumentReference", note())
    other = web.post("/DocumentReference", json.dumps(dict(reversed(note(id="x").items())), indent=3).encode())  # fmt: skip
    web.work()

    assert [201] * 3 == [each.status_code for each in (first, again, other)]
    assert 1 == len({(each.headers["Location"], each.headers["ETag"]) for each in (first, again, other)})
    assert 1 == len(web.all("DiagnosticReport"))


def test_a_correction_is_a_new_version_under_its_identifier(web):
    """Its drafts replace those of the earlier one; in error, they are taken back."""
    number = {"masterIdentifier": {"system": "urn:oid:1.2", "value": "D-1"}}
    first = web.post("/DocumentReference", note(**number))
    web.work()
    second = web.post("/DocumentReference", note(**number, status="entered-in-error"))
    web.work()

    assert first.headers["Location"].replace("_history/1", "_history/2") == second.headers["Location"]
    assert ["entered-in-error"] == [each["status"] for each in web.all("DiagnosticReport")]


def test_a_bundle_is_one_and_its_references_lead_to_what_it_made(web):
    """The example: patient, Binary and document; again, it finds its patient (ifNoneExist) and changes nothing."""
    bundle = json.loads((FIXTURES / "bundle.json").read_bytes())
    answer = web.post("", bundle)

    assert (200, "transaction-response") == (answer.status_code, answer.json["type"])
    patient, binary, document = [each["response"]["location"] for each in answer.json["entry"]]
    stored = web.get(document).json
    assert stored["subject"]["reference"] in patient
    assert bundle["entry"][1]["resource"]["data"] == stored["content"][0]["attachment"]["data"]
    assert "text/plain" == web.get(binary).json["contentType"]

    for entry in bundle["entry"]:
        name = entry["fullUrl"]
        bundle = json.loads(json.dumps(bundle).replace(name, name[:-4] + "9999"[: 4 - 1] + name[-1]))
    again = web.post("", bundle)
    assert ["200 OK", "201 Created", "201 Created"] == [e["response"]["status"] for e in again.json["entry"]]
    assert document == again.json["entry"][2]["response"]["location"]


def test_references_may_lead_forward_and_a_number_names_the_patient(web):
    """A replacement before what it replaces; a subject whose number is that of a patient who is here already."""
    web.post("", (FIXTURES / "bundle.json").read_bytes())
    (person,) = web.all("Patient")
    number = {"identifier": {"system": "urn:oid:2.16.840.1.113883.19.5", "value": "SUB-1"}}
    newer = note(
        masterIdentifier={"system": "urn:oid:1.2", "value": "D-2"}, subject=number,
        relatesTo=[{"code": "replaces", "target": {"reference": "urn:uuid:6a1b0a44-6d3c-4a53-9b59-1d6f2c0e0009"}}],
    )  # fmt: skip
    older = note(masterIdentifier={"system": "urn:oid:1.2", "value": "D-1"})
    entries = [
        {"fullUrl": "urn:uuid:6a1b0a44-6d3c-4a53-9b59-1d6f2c0e0008", "resource": newer},
        {"fullUrl": "urn:uuid:6a1b0a44-6d3c-4a53-9b59-1d6f2c0e0009", "resource": older},
    ]
    answer = web.post("", {"resourceType": "Bundle", "type": "collection", "entry": entries})

    first, second = (each["response"]["location"] for each in answer.json["entry"])
    stored = web.get(first).json
    assert stored["relatesTo"][0]["target"]["reference"] in second
    assert f"Patient/{person['id']}" == stored["subject"]["reference"]


def test_recall_questions_are_answered(web):
    """Everything from one document, everything by one device, who saw it: by the searches that the guide gives."""
    location = web.post("/DocumentReference", note()).headers["Location"]
    web.work()
    document = location.split("/fhir/")[1].partition("/_history")[0]

    bundle = web.get(f"/fhir/Provenance?entity={document}&_include=Provenance:target").json
    kinds = {each["resource"]["resourceType"] for each in bundle["entry"]}
    assert {"Provenance", "Observation", "DiagnosticReport", "Task"} <= kinds
    (engine,) = [each for each in web.all("Device") if each["deviceName"][0]["name"] == "Wardwire"]
    by_us = web.get(f"/fhir/Provenance?agent=Device/{engine['id']}&_include=Provenance:target").json
    assert {"DocumentReference", "Observation"} <= {e["resource"]["resourceType"] for e in by_us["entry"]}
    results = web.get("/fhir/Observation?_lastUpdated=ge2020-01-01&_revinclude=Provenance:target").json
    assert "Provenance" in {each["resource"]["resourceType"] for each in results["entry"]}
    web.get(f"/fhir/{document}")
    seen = web.get(f"/fhir/AuditEvent?entity={document}").json["entry"]
    assert {"result.created", "result.read"} <= {each["resource"]["outcomeDesc"] for each in seen}


@pytest.mark.parametrize(("name", "kind"), [("media", "Media"), ("imaging-study", "ImagingStudy")])
def test_the_examples_are_taken(web, name, kind):
    """A recording and a study; each is handed on to be read under its own type."""
    answer = web.post(f"/{kind}", (FIXTURES / f"{name}.json").read_bytes())
    web.work()

    assert 201 == answer.status_code, answer.data
    (message,) = web.messages()
    assert (kind, "processed") == (message.sender, web.state_of_reading(message.id)[0])


def test_a_binary_is_its_bytes(web):
    """Any type as it is, or JSON; read as JSON, or as itself when it is asked for as that; a document may point to it."""
    pdf = demo_document.pdf()
    raw = web.post("/Binary", pdf, **{"Content-Type": "application/pdf"})
    as_json = web.post("/Binary", {"resourceType": "Binary", "contentType": "application/pdf", "data": base64.b64encode(pdf).decode()})  # fmt: skip
    assert raw.headers["Location"] == as_json.headers["Location"]
    itself = web.get(raw.headers["Location"], Accept="application/pdf")
    assert (pdf, "application/pdf") == (itself.data, itself.headers["Content-Type"])
    assert itself.headers["Content-Disposition"].startswith("attachment")
    assert "Binary" == web.get(raw.headers["Location"], Accept="application/fhir+json").json["resourceType"]

    reference = raw.headers["Location"].split("/fhir/")[1].partition("/_history")[0]
    answer = web.post("/DocumentReference", note(content=[{"attachment": {"url": reference}}]))
    stored = web.get(answer.headers["Location"]).json["content"][0]["attachment"]
    assert (base64.b64encode(pdf).decode(), "application/pdf") == (stored["data"], stored["contentType"])


def test_a_binary_whose_bytes_were_erased_is_gone_and_nothing_points_to_it(web):
    """410 for its bytes, what is left of it as JSON, and no document gets an empty attachment of it."""
    address = web.post("/Binary", b"fLaC" + b"\0" * 40, **{"Content-Type": "audio/flac"}).headers["Location"]
    web.work()
    store = web.store
    erasing = Recordings(
        database=store.database, results=store.results, keys=store.keys,
        claims=Claims(store.results, store.outbox), clock=stores.now,
    )  # fmt: skip
    assert 1 == erasing.erase(before=stores.now() + timedelta(days=1))

    outcome(web.get(address, Accept="audio/flac"), 410, "deleted")
    assert "data" not in web.get(address).json
    reference = address.split("/fhir/")[1].partition("/_history")[0]
    outcome(
        web.post("/DocumentReference", note(content=[{"attachment": {"url": reference}}])), 422, "not-found"
    )


def test_what_is_there_already_is_not_made(web):
    """If-None-Exist: one hit is the answer, several are refused, a search that nobody knows too."""
    number = [{"system": "urn:oid:1.2", "value": "D-1"}]
    first = web.post("/DocumentReference", note(identifier=number))
    there = web.post("/DocumentReference", note(description="other"), **{"If-None-Exist": "identifier=urn:oid:1.2|D-1"})  # fmt: skip
    assert (200, first.headers["Location"]) == (there.status_code, there.headers["Location"])

    web.post("/DocumentReference", note(description="a second"))
    outcome(web.post("/DocumentReference", note(description="3"), **{"If-None-Exist": "status=current"}), 412, "business-rule")  # fmt: skip
    outcome(web.post("/DocumentReference", note(description="4"), **{"If-None-Exist": "colour=red"}), 400, "invalid")  # fmt: skip


def test_in_a_batch_each_stands_for_itself(web):
    """A faulty entry is told; the others are kept. In a transaction none is."""
    entries = [
        {"resource": note(), "request": {"method": "POST", "url": "DocumentReference"}},
        {"resource": note(status="bogus"), "request": {"method": "POST", "url": "DocumentReference"}},
        {"resource": note(), "request": {"method": "PUT", "url": "DocumentReference/1"}},
        {"resource": {"resourceType": "Claim"}, "request": {"method": "POST", "url": "Claim"}},
    ]
    batch = web.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert ["201", "422", "422", "422"] == [e["response"]["status"][:3] for e in batch.json["entry"]]
    where = batch.json["entry"][1]["response"]["outcome"]["issue"][0]["expression"]
    assert ["Bundle.entry[1].resource.status"] == where

    whole = web.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [{**entries[0], "resource": note(description="n")}, *entries[1:]]})  # fmt: skip
    outcome(whole, 422, "code-invalid")
    assert 1 == len(web.all("DocumentReference"))


DEEP = b'{"resourceType":"DocumentReference","a":' * 3000 + b"1" + b"}" * 3000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "structure"),
        (b"[]", 400, "structure"),
        (b'{"resourceType":"DocumentReference","status":"current","status":"superseded"}', 400, "duplicate"),
        (b'{"resourceType":"DocumentReference","description":"\xff"}', 400, "structure"),
        (b'{"resourceType":"DocumentReference","x":NaN}', 400, "structure"),
        (b"[" * 100_000, 400, "too-costly"),
        (DEEP, 400, "too-costly"),
        (b'{"resourceType":"Patient"}', 400, "invalid"),
        (json.dumps(note(status="bogus")).encode(), 422, "code-invalid"),
        (json.dumps(note(subject={"reference": "javascript:alert(1)"})).encode(), 201, "not-found"),
    ],
)
def test_what_is_no_fhir_is_refused_with_its_place(web, body, status, code):
    """Kept as refused, with an audit record; no traceback, and not a value of it in the answer."""
    answer = web.post("/DocumentReference", body)

    outcome(answer, status, code)
    if status != 201:
        (message,) = web.messages(SUBMISSION)
        assert MessageState.REFUSED is message.state
        assert "message.refused" in {each.kind for each in web.audited()}
        assert [] == web.all("DocumentReference")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x", "http://169.254.169.254/latest/meta-data",
        "http://evil.example/x", "https://files.example.evil.example/x", "https://user:pw@files.example/x",
        "https://files.example:8443/x", "file:///etc/passwd", "ftp://files.example/x", "gopher://files.example/x",
        "//evil.example/x", "Binary/not-there",
    ],
)  # fmt: skip
def test_an_attachment_that_points_where_it_may_not_is_refused(web, url):
    """At the door, without a call; audited."""
    issue = outcome(
        web.post("/DocumentReference", note(content=[{"attachment": {"url": url}}])), 422, "security"
    )

    assert "document_hosts" in issue["details"]["text"]
    assert "message.refused" in {each.kind for each in web.audited()}


def test_an_allowed_host_is_asked_when_it_is_read(web, monkeypatch):
    """The address stays; where its name leads to this machine, a person is told, and nobody was called."""
    from dataclasses import replace

    from integration.clients.documents import DocumentClient

    story = web.reading.stories["DocumentReference"]
    fetcher = DocumentClient({"ehr": ("files.example",)}, resolver=lambda *_: ["127.0.0.1"])
    told = replace(story, documents=replace(story.documents, fetcher=fetcher))
    web.reading.stories["DocumentReference"] = told
    answer = web.post(
        "/DocumentReference", note(content=[{"attachment": {"url": "https://files.example/a.pdf"}}])
    )
    web.work()

    assert 201 == answer.status_code
    (task,) = web.all("Task")
    assert "this machine" in task["description"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/fhir+xml"}, b"<a/>", 415),
        ({"Content-Type": "application/fhir+json; fhirVersion=5.0"}, b"{}", 415),
        ({"Content-Type": "application/fhir+json; charset=utf-16"}, b"{}", 415),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"0" * 1_000_000), 415),
        ({"Content-Encoding": "br"}, b"x", 415),
    ],
)
def test_what_is_packed_or_of_another_form_is_not_opened(web, headers, body, status):
    """A bomb is not unpacked; the refusal is audited."""
    outcome(web.post("/DocumentReference", body, **headers), status, "not-supported")

    assert "submission.refused" in {each.kind for each in web.audited()}


def test_a_hundred_megabytes_are_refused_and_audited(tmp_path):
    """413 before they are read, by a stated length or by counting."""
    web = Web(tmp_path, max_body_bytes=2**20)
    outcome(web.post("/Binary", bytes(2**20 + 1), **{"Content-Type": "image/png"}), 413, "too-long")
    (told,) = [each for each in web.audited() if each.kind == "submission.refused"]

    assert "too-long" == told.details["code"]


def test_script_in_names_stays_text(web):
    """It is no markup to us; served as JSON that nobody sniffs."""
    bundle = json.loads((FIXTURES / "bundle.json").read_bytes())
    bundle["entry"][0]["resource"]["name"][0]["family"] = "<script>alert(1)</script>"
    answer = web.post("", bundle)
    page = web.get(answer.json["entry"][0]["response"]["location"])

    assert "<script>alert(1)</script>" == page.json["name"][0]["family"]
    assert ("nosniff", True) == (
        page.headers["X-Content-Type-Options"],
        "json" in page.headers["Content-Type"],
    )


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
@pytest.mark.parametrize(
    "path", ["/fhir", "/fhir/DocumentReference", "/fhir/DocumentReference/1", "/fhir/Patient/1"]
)
def test_nothing_is_changed_in_place(web, method, path):
    """405 with the methods that there are."""
    answer = getattr(web.client, method)(path, headers={"Host": "localhost"})
    outcome(answer, 405, "not-supported")
    assert answer.headers["Allow"]


def test_only_what_is_listed_may_be_submitted_alone(web):
    """A Patient comes with what is about them."""
    outcome(web.post("/Patient", {"resourceType": "Patient"}), 405, "not-supported")
    outcome(web.post("", {"resourceType": "Patient"}), 422, "not-supported")
    outcome(web.post("", {"resourceType": "Bundle", "type": "document", "entry": []}), 422, "not-supported")
    outcome(web.post("", {"resourceType": "Bundle", "type": "batch"}), 422, "required")


def test_another_subject_under_one_identifier_is_a_conflict(web):
    """A document does not move from one patient to another by being sent again."""
    bundle = json.loads((FIXTURES / "bundle.json").read_bytes())
    bundle["entry"][2]["resource"]["masterIdentifier"] = {"system": "urn:oid:1.2", "value": "D-1"}
    assert 200 == web.post("", bundle).status_code
    other = json.loads(json.dumps(bundle).replace("SUB-1", "SUB-2"))
    outcome(web.post("", other), 409, "conflict")
    assert 1 == len(web.all("DocumentReference"))


def test_a_store_that_takes_nothing_promises_nothing(web, monkeypatch):
    """503 with Retry-After."""

    def unavailable(*_):
        raise StoreUnavailable("full")

    monkeypatch.setattr("integration.store.inbox.Inbox.submit_with", unavailable)
    answer = web.post("/DocumentReference", note())
    assert (503, "5") == (answer.status_code, answer.headers["Retry-After"])


def test_a_replay_changes_nothing(web):
    """An operator may put a submission back; versions stay as they are."""
    web.post("", (FIXTURES / "bundle.json").read_bytes())
    web.work()
    (message,) = web.messages(SUBMISSION)
    before = {(each["resourceType"], each["id"], each["meta"]["versionId"]) for kind in ("Patient", "DocumentReference", "Binary") for each in web.all(kind)}  # fmt: skip
    web.store.inbox.move(message.id, MessageState.RECEIVED, actor="operator").result(30)
    web.work()

    after = {(each["resourceType"], each["id"], each["meta"]["versionId"]) for kind in ("Patient", "DocumentReference", "Binary") for each in web.all(kind)}  # fmt: skip
    assert before == after
    assert MessageState.PROCESSED is web.store.inbox.load(message.id).state


def _all():
    from integration.store.records import MessageFilter

    return MessageFilter(limit=100)
