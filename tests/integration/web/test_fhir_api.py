"""The read face answers as R4 says, in FHIR JSON only, and records who saw what before showing it."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from integration.errors import StoreUnavailable
from integration.store.results import Results
from mappers.domain.issues import Severity
from mappers.fhir import r4
from tests.support.results import NOW, observation, patient, provenance, report
from tests.support.web import BASE

FHIR_JSON = "application/fhir+json; fhirVersion=4.0"


@pytest.fixture
def filled(web):
    """A patient with three results, a report and its provenance; o1 has two versions."""
    web.store.write(patient(), observation(value="5.5"), observation("o2"), observation("o3"))
    web.store.write(
        observation(value="5.50"),
        report("d1", ("o1", "o2")),
        provenance("v1", "DiagnosticReport/d1"),
        now=NOW + timedelta(minutes=1),
        message_id="m-2",
    )
    return web


def outcome(answer, status: int, code: str):
    """The OperationOutcome of an error answer, valid and of this status and code."""
    assert (status, FHIR_JSON) == (answer.status_code, answer.headers["Content-Type"])
    resource = r4.decode(answer.data)
    assert ("OperationOutcome", code) == (resource["resourceType"], resource["issue"][0]["code"])
    assert r4.is_valid(resource)
    return resource


def test_read(filled):
    """The current version, digit for digit, with ETag and Last-Modified, kept in no cache."""
    answer = filled.get("/fhir/Observation/o1")

    assert (200, FHIR_JSON) == (answer.status_code, answer.headers["Content-Type"])
    assert b'"value":5.50,' in answer.data
    assert {"versionId": "2", "lastUpdated": "2026-11-22T09:31:15.123Z"} == answer.json["meta"]
    assert 'W/"2"' == answer.headers["ETag"]
    assert "Sun, 22 Nov 2026 09:31:15 GMT" == answer.headers["Last-Modified"]
    assert "no-store" == answer.headers["Cache-Control"]


def test_head_has_the_headers_of_get(filled):
    """HEAD answers without a body."""
    answer = filled.client.head("/fhir/Observation/o1", headers={"Host": "localhost"})
    assert (200, b"", 'W/"2"') == (answer.status_code, answer.data, answer.headers["ETag"])


def test_vread(filled):
    """An earlier version stays readable under its number."""
    answer = filled.get("/fhir/Observation/o1/_history/1")
    assert (b'"value":5.5,' in answer.data, 'W/"1"') == (True, answer.headers["ETag"])


@pytest.mark.parametrize(
    "condition",
    [
        {"If-None-Match": 'W/"2"'},
        {"If-None-Match": '"2"'},
        {"If-None-Match": 'W/"1", W/"2"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": "Sun, 22 Nov 2026 09:31:15 GMT"},
        {"If-Modified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"},
    ],
    ids=str,
)
def test_who_has_the_version_gets_no_body(filled, condition):
    """304 to a condition that says so."""
    answer = filled.get("/fhir/Observation/o1", headers=condition)
    assert (304, b"", 'W/"2"') == (answer.status_code, answer.data, answer.headers["ETag"])


@pytest.mark.parametrize(
    "condition",
    [
        {"If-None-Match": 'W/"1"'},
        {"If-Modified-Since": "Sun, 22 Nov 2026 09:31:14 GMT"},
        {"If-None-Match": 'W/"1"', "If-Modified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"},
    ],
    ids=str,
)
def test_who_has_another_version_gets_this_one(filled, condition):
    """200 when the condition names another version; the ETag outranks the date."""
    assert 200 == filled.get("/fhir/Observation/o1", headers=condition).status_code


@pytest.mark.parametrize(
    "path",
    [
        "/fhir/Observation/o9",
        "/fhir/Observation/o1/_history/3",
        "/fhir/Observation/o1/_history/0",
        "/fhir/Observation/o1/_history/x",
        "/fhir/Observation/o1/_history/99999999999",
        "/fhir/Patient/o1",
        "/fhir/Observation/o9/_history",
        "/fhir/Nothing",
        "/fhir/Nothing/1",
        "/fhir/Observation/a%20b",
        "/fhir/Observation/" + "x" * 65,
        "/fhir/Observation/o1/$everything",
        "/fhir",
        "/fhir/",
        "/fhir/a/b/c/d/e",
    ],
)
def test_what_is_not_there(filled, path):
    """404 with an OperationOutcome, whatever is wrong with the address."""
    outcome(filled.get(path), 404, "not-found")


def test_what_is_deleted(filled):
    """410, with the version that says so; earlier versions stay readable, history shows the deletion."""
    filled.store.database.write(
        lambda c: filled.store.results.delete(c, "Observation", "o2", message_id=None, now=NOW)
    ).result(timeout=30)

    answer = filled.get("/fhir/Observation/o2")
    outcome(answer, 410, "deleted")
    assert 'W/"2"' == answer.headers["ETag"]
    assert 200 == filled.get("/fhir/Observation/o2/_history/1").status_code
    bundle = r4.decode(filled.get("/fhir/Observation/o2/_history").data)
    assert [("DELETE", "204", False), ("PUT", "201", True)] == [
        (entry["request"]["method"], entry["response"]["status"], "resource" in entry)
        for entry in bundle["entry"]
    ]
    assert r4.is_valid(bundle)


def test_history(filled):
    """All versions, newest first, each with its request and response; pages are linked."""
    bundle = r4.decode(filled.get("/fhir/Observation/o1/_history").data)
    assert ("history", 2) == (bundle["type"], len(bundle["entry"]))
    assert [Decimal("5.50"), Decimal("5.5")] == [
        e["resource"]["valueQuantity"]["value"] for e in bundle["entry"]
    ]
    assert ["5.50", "5.5"] == [str(e["resource"]["valueQuantity"]["value"]) for e in bundle["entry"]]
    assert {"status": "200", "etag": 'W/"2"', "lastModified": "2026-11-22T09:31:15.123Z"} == (
        bundle["entry"][0]["response"]
    )
    assert r4.is_valid(bundle)

    first = filled.get("/fhir/Observation/o1/_history?_count=1").json
    (url,) = [link["url"] for link in first["link"] if link["relation"] == "next"]
    second = filled.get(url.removeprefix(BASE)).json
    assert ["2", "1"] == [page["entry"][0]["resource"]["meta"]["versionId"] for page in (first, second)]
    assert ["self"] == [link["relation"] for link in second["link"]]


def test_search(filled):
    """A valid searchset with total, full URLs, modes and a self link of what was understood."""
    answer = filled.get(
        "/fhir/Observation?patient=Patient/p1&code=http://loinc.org|2823-3&_sort=_lastUpdated"
    )
    bundle = r4.decode(answer.data)

    assert (200, "searchset", 3) == (answer.status_code, bundle["type"], bundle["total"])
    assert [f"{BASE}/fhir/Observation/{name}" for name in ("o2", "o3", "o1")] == [
        entry["fullUrl"] for entry in bundle["entry"]
    ]
    assert {"match"} == {entry["search"]["mode"] for entry in bundle["entry"]}
    assert b'"value":5.50,' in answer.data
    (link,) = bundle["link"]
    assert ("self", f"{BASE}/fhir/Observation") == (link["relation"], link["url"].partition("?")[0])
    assert {"patient": ["Patient/p1"], "code": ["http://loinc.org|2823-3"], "_sort": ["_lastUpdated"]} == (
        parse_qs(urlsplit(link["url"]).query)
    )
    assert r4.is_valid(bundle)


def test_nothing_found_is_an_empty_bundle(filled):
    """No entry array at all, for R4 has no empty ones."""
    bundle = filled.get("/fhir/Observation?status=cancelled").json
    assert (0, False) == (bundle["total"], "entry" in bundle)
    assert r4.is_valid(bundle)


def test_next_links_lead_through_all_pages(filled):
    """Following `next` as given shows every match once and then ends."""
    seen, url = [], "/fhir/Observation?_count=1"
    while url:
        bundle = filled.get(url).json
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        url = following[0].removeprefix(BASE) if following else None
    assert ["o1", "o3", "o2"] == seen


def test_includes_are_marked(filled):
    """What comes along is no match and does not count."""
    bundle = filled.get(
        "/fhir/DiagnosticReport?_id=d1&_include=DiagnosticReport:result&_revinclude=Provenance:target"
    ).json
    assert 1 == bundle["total"]
    assert [("d1", "match"), ("o1", "include"), ("o2", "include"), ("v1", "include")] == sorted(
        (entry["resource"]["id"], entry["search"]["mode"]) for entry in bundle["entry"]
    )


def test_search_by_post(filled):
    """Parameters of form and query string together."""
    answer = filled.client.post(
        "/fhir/Observation/_search?_count=2",
        data={"identifier": "urn:oid:1.2.9.8|F-o1"},
        headers={"Host": "localhost"},
    )
    assert (200, ["o1"]) == (answer.status_code, [e["resource"]["id"] for e in answer.json["entry"]])


def test_unknown_parameters_lenient(filled):
    """Ignored, left out of the self link, and reported in an outcome entry that names no value."""
    bundle = filled.get("/fhir/Observation?_id=o1&surname=Muñoz").json

    entry = bundle["entry"][-1]
    assert ("outcome", "OperationOutcome") == (entry["search"]["mode"], entry["resource"]["resourceType"])
    (issue,) = entry["resource"]["issue"]
    assert ("warning", ["http.surname"]) == (issue["severity"], issue["location"])
    assert "Muñoz" not in json.dumps(bundle["link"]) + json.dumps(issue)
    assert r4.is_valid(bundle)


@pytest.mark.parametrize(
    "prefer", ["handling=strict", "return=minimal; handling=strict", "x, handling=strict"]
)
def test_unknown_parameters_strict(filled, prefer):
    """Refused when the caller prefers strict handling."""
    answer = filled.get("/fhir/Observation?surname=x", headers={"Prefer": prefer})
    assert ["http.surname"] == outcome(answer, 400, "not-supported")["issue"][0]["location"]


def test_unreadable_values(filled):
    """400 with every problem at once."""
    told = outcome(filled.get("/fhir/Observation?date=x&_count=x"), 400, "value")
    assert [["http.date"], ["http._count"]] == [issue["location"] for issue in told["issue"]]


@pytest.mark.parametrize(
    ("status", "wish"),
    [
        (200, {}),
        (200, {"Accept": "*/*"}),
        (200, {"Accept": "application/json"}),
        (200, {"Accept": "application/fhir+json"}),
        (200, {"Accept": "application/fhir+json; fhirVersion=4.0"}),
        (200, {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}),
        (406, {"Accept": "application/fhir+xml"}),
        (406, {"Accept": "application/fhir+json; fhirVersion=5.0"}),
        (406, {"Accept": "text/html"}),
        (406, {"Accept": "application/fhir+json;q=0"}),
    ],
    ids=str,
)
def test_negotiation(filled, status, wish):
    """JSON of R4 to whoever takes it, 406 to who takes only something else."""
    answer = filled.get("/fhir/Observation/o1", headers=wish)
    assert status == answer.status_code
    assert FHIR_JSON == answer.headers["Content-Type"]


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (200, "json"),
        (200, "application/fhir%2Bjson"),
        (200, "application/fhir+json"),
        (406, "xml"),
        (406, "ttl"),
    ],
)
def test_format_outranks_accept(filled, status, wanted):
    """`_format` decides, with an unescaped plus too."""
    headers = {"Accept": "application/fhir+json" if status == 406 else "text/html"}
    assert status == filled.get(f"/fhir/Observation/o1?_format={wanted}", headers=headers).status_code


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_methods_that_are_not_served(filled, method):
    """405 with what is allowed."""
    answer = filled.client.open("/fhir/Observation/o1", method=method, headers={"Host": "localhost"})
    outcome(answer, 405, "not-supported")
    assert "GET" in answer.headers["Allow"]


def test_content_types_that_are_not_served(filled):
    """415 to a POST search that is no form."""
    answer = filled.client.post("/fhir/Observation/_search", json={}, headers={"Host": "localhost"})
    outcome(answer, 415, "not-supported")


def test_a_form_that_is_too_long(filled):
    """413, before the form is read."""
    answer = filled.client.post(
        "/fhir/Observation/_search", data={"_id": "x" * 2_000_000}, headers={"Host": "localhost"}
    )
    outcome(answer, 413, "too-long")


def test_a_store_that_is_down(filled, monkeypatch):
    """503 with Retry-After, and no words of the database."""

    def down(*_args, **_more):
        raise StoreUnavailable("the database does not answer: Muñoz")

    monkeypatch.setattr(Results, "read", down)
    answer = filled.get("/fhir/Observation/o1")
    outcome(answer, 503, "transient")
    assert "5" == answer.headers["Retry-After"]
    assert "Muñoz" not in answer.text


def test_an_error_that_nobody_foresaw(filled, monkeypatch):
    """500 with an OperationOutcome that says nothing about it."""

    def broken(*_args, **_more):
        raise RuntimeError("Muñoz")

    monkeypatch.setattr(Results, "search", broken)
    answer = filled.get("/fhir/Observation?patient=p1")
    outcome(answer, 500, "exception")
    assert "Muñoz" not in answer.text


def test_reads_are_audited(filled):
    """Who, what, when, under which request: ids only."""
    filled.get("/fhir/Observation/o1", headers={"X-Request-Id": "from-a-proxy.1"})
    filled.get("/fhir/Observation/o1/_history/1")
    filled.get("/fhir/Observation/o1/_history")

    assert [
        ("result.read", "127.0.0.1", "Observation/o1/_history/2", "read"),
        ("result.read", "127.0.0.1", "Observation/o1/_history/1", "vread"),
        ("result.read", "127.0.0.1", "Observation/o1", "history"),
    ] == [
        (r.event.kind, r.event.actor, r.event.resource, r.event.details["interaction"])
        for r in filled.audited()
    ]
    first, _, last = filled.audited()
    assert ("from-a-proxy.1", "2026-11-22T09:30:15.123000Z") == (
        first.event.details["request_id"],
        str(first.event.at),
    )
    assert ("2", "1") == last.event.details["versions"]


def test_searches_are_audited_without_their_values(filled):
    """Which parameters, and which resources were shown; never what was asked for."""
    filled.get(
        "/fhir/Observation?patient.name=mu%C3%B1oz&_count=1&_include=Observation:subject&surname=Mu%C3%B1oz"
    )

    (record,) = filled.audited()
    assert "result.searched" == record.event.kind
    assert {
        "parameters": ("_count", "_include", "patient.name"),
        "request_id": "request-1",
        "shown": ("Observation/o1", "Patient/p1"),
        "type": "Observation",
    } == record.event.details


def test_nothing_is_shown_that_could_not_be_audited(filled, monkeypatch):
    """When the audit record cannot be kept, the answer is 503 and not the result."""

    def full(*_args, **_more):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr("integration.web.fhir_audit.audit.append", full)
    for path in ("/fhir/Observation/o1", "/fhir/Observation", "/fhir/Observation/o1/_history"):
        answer = filled.get(path)
        outcome(answer, 503, "transient")
        assert b"valueQuantity" not in answer.data


def test_capabilities(web):
    """A valid CapabilityStatement that needs no token and names what is served."""
    answer = web.client.get("/fhir/metadata", environ_base={"REMOTE_ADDR": "10.1.2.3"})
    statement = r4.decode(answer.data)

    assert 200 == answer.status_code
    assert [] == [issue for issue in r4.validate(statement) if issue.severity is not Severity.INFORMATION]
    assert f"{BASE}/fhir" == statement["implementation"]["url"]
    (rest,) = statement["rest"]
    served = {resource["type"]: resource for resource in rest["resource"]}
    assert {"read", "vread", "history-instance", "search-type"} == {
        interaction["code"] for interaction in served["Observation"]["interaction"]
    }
    assert "Provenance:target" in served["Observation"]["searchRevInclude"]
    assert "DiagnosticReport:result" in served["DiagnosticReport"]["searchInclude"]


def test_capabilities_are_honest(filled):
    """Every parameter that the statement names is accepted in strict handling, on every type."""
    statement = filled.get("/fhir/metadata").json
    values = {"token": "x", "reference": "Patient/x", "date": "2026", "string": "x"}
    for resource in statement["rest"][0]["resource"]:
        query = [f"{p['name']}={values[p['type']]}" for p in resource["searchParam"]]
        query += [f"_include={value}" for value in resource.get("searchInclude", ())]
        query += [f"_revinclude={value}" for value in resource.get("searchRevInclude", ())]
        answer = filled.get(
            f"/fhir/{resource['type']}?{'&'.join(query)}", headers={"Prefer": "handling=strict"}
        )
        assert 200 == answer.status_code, answer.text
