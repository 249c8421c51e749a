"""AuditEvents on the read face: found by what they are about, read by the id that an export gives them."""

from __future__ import annotations

import pytest

from mappers.fhir import r4
from tests.support.results import observation, patient


@pytest.fixture
def seen(web):
    """A result that was written and then read twice, once not found."""
    web.store.write(patient(), observation())
    for path in (
        "Observation/o1",
        "Observation/o1/_history/1",
        "Observation?patient=Patient/p1",
        "Observation/x",
    ):
        web.get(f"/fhir/{path}")
    return web


def found(web, query=""):
    answer = web.get(f"/fhir/AuditEvent{query}")
    assert 200 == answer.status_code, answer.data
    bundle = r4.decode(answer.data)
    assert r4.is_valid(bundle), r4.validate(bundle)
    return [each["resource"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]


def test_each_is_read_by_its_id(seen):
    """As an export names it; the record must be the one that the id speaks of; its one version too."""
    newest = found(seen)[0]
    for path in (newest["id"], f"{newest['id']}/_history/1"):
        assert newest == r4.decode(seen.get(f"/fhir/AuditEvent/{path}").data)
    assert [newest] == found(seen, f"?_id={newest['id']}")

    forged = newest["id"][:-1] + ("0" if newest["id"][-1] != "0" else "1")
    assert [404] * 3 == [seen.get(f"/fhir/AuditEvent/{each}").status_code for each in (forged, "1", "x-y")]
    assert 1 == len(seen.get(f"/fhir/AuditEvent/{newest['id']}/_history").json["entry"])


def test_who_saw_a_result_is_found_by_it(seen):
    """In any version; another resource's are not among them."""
    reads = found(seen, "?entity=Observation/o1")
    assert ["result.read", "result.read"] == [each["outcomeDesc"] for each in reads]
    assert [] == found(seen, "?entity=Observation/o")
    assert [] == found(seen, "?patient=nobody")


@pytest.mark.parametrize(
    ("query", "some"),
    [("date=ge2026-11-01", True), ("date=lt2026-11-01", False), ("date=2026", True), ("date=gt2026-12-31", False),
     ("agent-name=127.", True), ("agent-name=nobody", False), ("outcome=0", True), ("outcome=8", False)],
)  # fmt: skip
def test_by_time_actor_and_outcome(seen, query, some):
    """Each restricts, and none is ignored."""
    assert some is bool(found(seen, f"?{query}"))


def test_pages_lead_through_all(seen):
    """Newest first, nothing twice; what is read meanwhile comes before the first page."""
    whole = [each["id"] for each in found(seen)]
    answer, walked = seen.get("/fhir/AuditEvent?_count=1"), []
    while True:
        bundle = answer.json
        walked += [each["resource"]["id"] for each in bundle["entry"]]
        links = {each["relation"]: each["url"] for each in bundle["link"]}
        if "next" not in links:
            break
        answer = seen.get(links["next"][links["next"].index("/fhir") :])
    assert whole == walked[-len(whole) :]
    assert len(walked) == len(set(walked))


def test_reading_the_trail_is_in_the_trail(seen):
    """As DICOM's "Audit Log Used", with the names of parameters and no value."""
    found(seen, "?entity=Observation/o1")
    (used,) = [each for each in found(seen) if each["outcomeDesc"] == "audit.searched"]
    assert ("110101", "entity") == (used["type"]["code"], used["entity"][0]["detail"][2]["valueString"])


@pytest.mark.parametrize(
    "query", ["date=yesterday", "entity=<x>", "_count=x", "_cursor=-1", "agent-name=%00"]
)
def test_what_cannot_be_read_is_refused(seen, query):
    """400 with an OperationOutcome; an unknown parameter is a warning, or refused if the caller wants that."""
    answer = seen.get(f"/fhir/AuditEvent?{query}")
    assert (400, "OperationOutcome") == (answer.status_code, answer.json["resourceType"])
    assert 200 == seen.get("/fhir/AuditEvent?colour=red").status_code


def test_the_statement_names_it(web):
    """With what can be searched."""
    resources = {each["type"]: each for each in web.get("/fhir/metadata").json["rest"][0]["resource"]}
    names = {each["name"] for each in resources["AuditEvent"]["searchParam"]}
    assert {"date", "entity", "patient", "agent-name", "outcome", "_id"} <= names
    assert "create" in {each["code"] for each in resources["DocumentReference"]["interaction"]}
    assert "create" not in {each["code"] for each in resources["Observation"]["interaction"]}
