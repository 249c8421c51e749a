"""What a FHIR server says becomes resources of our own, and its documents are read as those of HL7 v2 are."""

from __future__ import annotations

import base64
import hashlib

import pytest

from integration.states import MessageState
from integration.store.records import Arrival
from integration.wiring import stores
from mappers.fhir import r4
from tests.support import demo_document
from tests.support.fhir_feed import BASE, Feed

LOINC_REPORT = {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]}
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [
        {"system": "urn:oid:2.16.840.1.113883.4.1", "value": "999-99-9999"},
        {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            "system": "urn:oid:1.2.3",
            "value": "WW-100417",
        },
    ],
    "name": [{"family": "ROSSI", "given": ["Giulia", "Anna"]}],
    "birthDate": "1971-03-14",
    "managingOrganization": {"reference": "Organization/o1", "display": "Ward"},
}
ORDER = {
    "resourceType": "ServiceRequest",
    "id": "r1",
    "status": "active",
    "intent": "order",
    "identifier": [
        {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "FILL"}]},
            "system": "urn:oid:1.2.4",
            "value": "FL-8803",
        }
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "3016-3"}]},
    "subject": {"reference": "Patient/p1"},
}


def document(pdf=None, **more):
    """A laboratory report as a server has it."""
    data = base64.b64encode(demo_document.pdf() if pdf is None else pdf).decode()
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "type": LOINC_REPORT,
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": "application/pdf", "data": data}}],
        "context": {"related": [{"reference": f"{BASE}/ServiceRequest/r1"}]},
    } | more


@pytest.fixture
def feed(tmp_path):
    made = Feed(tmp_path)
    made.server.has(PATIENT)
    made.server.has(ORDER)
    yield made
    made.store.database.close()


def statuses(feed, kind):
    return sorted(each["status"] for each in feed.all(kind))


def test_a_document_becomes_local_copies_and_a_draft(feed):
    """Whose it is, what it belongs to, and every value of the page, with the way back to the server's version."""
    feed.changed(document())

    copy, patient, order = (feed.only(kind) for kind in ("DocumentReference", "Patient", "ServiceRequest"))
    assert f"{BASE}/DocumentReference/d1/_history/1" == copy["meta"]["source"]
    assert {"reference": f"Patient/{patient['id']}"} == copy["subject"]
    assert [{"reference": f"ServiceRequest/{order['id']}"}] == copy["context"]["related"]
    assert base64.b64encode(demo_document.pdf()).decode() == copy["content"][0]["attachment"]["data"]
    assert [] == [issue.text for kind in ("DocumentReference", "Patient") for issue in r4.validate(feed.only(kind)) if issue.severity == "error"]  # fmt: skip

    (report,) = feed.all("DiagnosticReport")
    assert ("preliminary", copy["subject"]) == (report["status"], report["subject"])
    values = {each["code"]["text"]: each["valueQuantity"]["value"] for each in feed.all("Observation")}
    assert {"TSH": "2.41", "Ferritin": "9"}.items() <= {k: str(v) for k, v in values.items()}.items()
    assert ["requested"] == statuses(feed, "Task")
    (found,) = feed.all("Provenance", entity=f"{BASE}/DocumentReference/d1")
    digest = base64.urlsafe_b64encode(
        hashlib.sha256(feed.store.inbox.load(feed.messages()[0].id).raw).digest()
    )
    assert f"ni:///sha-256;{digest.decode().rstrip('=')}" == found["entity"][0]["what"]["identifier"]["value"]


def test_a_patient_is_the_same_by_hl7_v2_and_fhir(feed, tmp_path_factory):
    """By the medical record number, whoever spoke first; an organization that is not copied stays an address."""
    raw = (
        b"MSH|^~\\&|LAB|HOSP|WW|HUB|20261122150000||ORU^R01^ORU_R01|M-1|P|2.5.1\r"
        b"PID|1||WW-100417^^^&1.2.3&ISO^MR||ROSSI^Giulia\r"
        b"OBR|1|P1|F1|3016-3^TSH^LN|||20261122\rOBX|1|NM|3016-3^TSH^LN||2.4|mIU/L|||||F\r"
    )
    arrival = Arrival(channel="default", peer="lab", raw=raw, received_at=stores.now(), control_id="M-1")
    feed.store.inbox.submit(arrival).result(30)
    feed.work()
    before = feed.only("Patient")
    feed.changed(document())

    after = feed.only("Patient")
    assert before["id"] == after["id"]
    assert {"WW-100417", "999-99-9999"} <= {each["value"] for each in after["identifier"]}
    organization = after["managingOrganization"]
    assert "reference" not in organization
    assert (f"{BASE}/Organization/o1", "Ward") == (
        organization["identifier"]["value"],
        organization["display"],
    )


@pytest.mark.parametrize(("assigners", "number"), [(("MPI", "urn:oid:1.2.3"), "M-7"), ((), "WW-100417")])
def test_the_channel_says_which_number_names_the_patient(tmp_path, assigners, number):
    """`patient_assigners` by URI, or by the name that the channel's `assigners` give it."""
    feed = Feed(tmp_path, patient_assigners=assigners, assigners={"MPI": "urn:oid:9.9"})
    mpi = {"system": "urn:oid:9.9", "value": "M-7"}
    feed.server.has({**PATIENT, "identifier": [*PATIENT["identifier"], mpi]})
    feed.changed(document(context={}))

    from mappers.domain.identifiers import Identity

    system = "urn:oid:9.9" if number == "M-7" else "urn:oid:1.2.3"
    assert Identity("Patient", (system, number)).id == feed.only("Patient")["id"]


@pytest.mark.parametrize("url", ["Binary/b1", f"{BASE}/Binary/b1", "/fhir/Binary/b1", f"{BASE}/files/1"])
def test_attachments_of_the_server_are_brought_in(feed, url):
    """By relative, absolute and rooted addresses; with our credential, for they lie below its base."""
    address = f"{BASE}/files/1" if "files" in url else f"{BASE}/Binary/b1"
    feed.server.contents[address] = (demo_document.pdf(), "application/pdf")
    feed.changed(document(content=[{"attachment": {"url": url}}]))

    attachment = feed.only("DocumentReference")["content"][0]["attachment"]
    assert (len(demo_document.pdf()), "application/pdf") == (attachment["size"], attachment["contentType"])
    assert "url" not in attachment
    assert ["preliminary"] == statuses(feed, "DiagnosticReport")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x.pdf",
        "http://127.0.0.1:9/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
    ],
)
def test_an_attachment_elsewhere_is_not_fetched_unless_allowed(feed, url):
    """Nobody is called; a person is asked."""
    asked = len(feed.server.asked)
    feed.changed(document(content=[{"attachment": {"url": url, "contentType": "application/pdf"}}]))

    (task,) = feed.all("Task")
    assert "not fetched" in task["description"]
    assert {"DocumentReference/d1", "Patient/p1", "ServiceRequest/r1"} == set(feed.server.asked[asked:])
    assert [] == feed.all("DiagnosticReport")
    (told,) = [each.event for each in feed.store.audit.records() if each.event.kind == "document.refused"]
    assert (f"DocumentReference/{feed.only('DocumentReference')['id']}", "4") == (
        told.resource,
        told.outcome.value,
    )


def test_a_correction_replaces_the_draft(feed):
    """A newer version of the server's document takes the older one's drafts back; an older one changes nothing."""
    feed.changed(document(), minute=1)
    results = tuple(("TSH", "9.99", *row[2:]) if row[0] == "TSH" else row for row in demo_document.RESULTS)
    feed.changed(document(demo_document.pdf(results)), minute=5)

    assert ["entered-in-error", "preliminary"] == statuses(feed, "DiagnosticReport")
    late = document()
    feed.changed(late, minute=3)
    assert ["entered-in-error", "preliminary"] == statuses(feed, "DiagnosticReport")
    standing = [each for each in feed.all("Observation") if each["status"] == "preliminary"]
    assert "9.99" in {str(each["valueQuantity"]["value"]) for each in standing}


@pytest.mark.parametrize("how", ["status", "docStatus", "deleted"])
def test_what_the_server_takes_back_is_taken_back_here(feed, how):
    """By status, or because it is gone; the copy stays readable, marked as in error, and says why."""
    feed.changed(document(), minute=1)
    if how == "deleted":
        del feed.server.resources["DocumentReference/d1"]
        feed.notified("DocumentReference/d1", method="DELETE")
    else:
        feed.changed(document(**{how: "entered-in-error"}), minute=2)

    assert ["entered-in-error"] == statuses(feed, "DiagnosticReport")
    assert {"entered-in-error"} == set(statuses(feed, "Observation"))
    copy = feed.only("DocumentReference")
    assert "entered-in-error" == copy["docStatus" if how == "docStatus" else "status"]
    if how == "deleted":
        why = [each for each in feed.all("Provenance") if "reason" in each and "entity" in each]
        assert any("no longer on its server" in each["reason"][0]["text"] for each in why)


def test_a_document_that_replaces_another_takes_its_drafts_back(feed):
    """relatesTo leads from copy to copy, in either order of arrival."""
    feed.changed(document())
    relation = [{"code": "replaces", "target": {"reference": "DocumentReference/d1"}}]
    newer = document(id="d2", relatesTo=relation)
    feed.changed(newer, minute=2)

    assert ["entered-in-error", "preliminary"] == statuses(feed, "DiagnosticReport")


def test_a_page_about_another_patient_is_not_written(feed):
    """The name and number on it are not those of the subject: a Task, and no result."""
    other = (("Patient", "BIANCHI, Carlo"), ("Date of birth", "1950-01-01"), ("Patient ID", "WW-9"))
    feed.changed(document(demo_document.pdf(patient=other)))

    assert ["requested"] == statuses(feed, "Task")
    assert [] == feed.all("Observation")


def test_what_r4_forbids_is_left_out_and_said(feed):
    """A foreign element, a script in the narrative, a bad code somewhere: the rest is kept, all is accounted for."""
    narrative = {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
    }
    feed.changed(document(text=narrative, date="yesterday", masterIdentifier={"value": 7}))

    copy = feed.only("DocumentReference")
    assert not {"text", "date", "masterIdentifier"} & copy.keys()
    (message,) = feed.messages()
    places = {each["location"] for each in feed.ledger(message.id)["issues"]}
    assert {"DocumentReference.text.div", "DocumentReference.date"} <= places
    assert ["preliminary"] == statuses(feed, "DiagnosticReport")


def test_what_cannot_be_mended_is_parked_with_its_place(feed):
    """A status that FHIR does not have is no status; the bytes are kept."""
    feed.changed(document(status="bogus"))

    (message,) = feed.messages()
    assert (MessageState.PARKED, "unreadable") == (message.state, message.reason)
    assert "DocumentReference.status" == feed.ledger(message.id)["issues"][0]["location"]
    assert [] == feed.all("DocumentReference")


def test_what_we_wrote_there_ourselves_is_not_read_again(feed):
    """Known by the identifier of our own resource, or by the label of a machine."""
    feed.changed(document())
    own = feed.only("DocumentReference")["id"]
    number = [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{own}"}]
    feed.changed(document(id="d2", identifier=number))
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "AIAST"}
    feed.changed(document(id="d3", meta={"security": [label]}))

    assert [None, "machine-made", "machine-made"] == [each.reason for each in feed.messages()]
    assert own == feed.only("DocumentReference")["id"]


def test_a_patient_who_is_not_there_leaves_an_address(feed):
    """404 for the subject: no literal reference leads nowhere, and the page is compared with nobody."""
    del feed.server.resources["Patient/p1"]
    feed.changed(document())

    subject = feed.only("DocumentReference")["subject"]
    assert {
        "type": "Patient",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"{BASE}/Patient/p1"},
    } == subject
    (message,) = feed.messages()
    assert "DocumentReference.subject" in {each["location"] for each in feed.ledger(message.id)["issues"]}


def test_a_server_that_is_down_while_copying_is_asked_again(feed):
    """FAILED; nothing is half written."""
    feed.server.has(document())
    feed.catch_up.look()
    feed.server.down = True
    feed.work()
    (message,) = feed.messages()
    assert (MessageState.FAILED, "server-unavailable") == (message.state, message.reason)
    assert [] == feed.all("DocumentReference")

    feed.server.down = False
    feed.worker.process(message.id)
    feed.work()
    assert ["preliminary"] == statuses(feed, "DiagnosticReport")


def test_images_are_copied_with_patient_and_order(feed):
    """An ImagingStudy is known by its Study Instance UID, whoever serves it; whether it is read is said elsewhere."""
    study = {
        "resourceType": "ImagingStudy",
        "id": "s1",
        "status": "available",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.99.1"}],
        "subject": {"reference": "Patient/p1"},
        "basedOn": [{"reference": "ServiceRequest/r1"}, {"reference": "CarePlan/c1"}],
    }
    feed.changed(study)

    from mappers.domain.identifiers import Identity

    copy = feed.only("ImagingStudy")
    assert Identity("ImagingStudy", ("urn:dicom:uid", "1.2.840.99.1")).id == copy["id"]
    assert f"ServiceRequest/{feed.only('ServiceRequest')['id']}" == copy["basedOn"][0]["reference"]
    assert f"{BASE}/CarePlan/c1" == copy["basedOn"][1]["identifier"]["value"]


def test_a_server_that_tells_nobody_is_polled(feed):
    """Its own kinds, pace and cursor, from the day that is set; after a restart it goes on where it was."""
    from datetime import UTC, datetime

    from integration.settings import Settings
    from integration.wiring import fhir_feeds

    fhir = {"base": BASE, "poll": {"seconds": 7, "kinds": ["DocumentReference"], "since": "2026-01-02"}}
    settings = Settings(store={"url": feed.settings.store.url}, channels={"ehr": {"fhir": fhir}})

    def restarted():
        return fhir_feeds._polls(settings, {"ehr": feed.catch_up})["ehr"]

    feed.server.has(document())
    assert 7.0 == restarted().tick()
    feed.work()
    assert ["preliminary"] == statuses(feed, "DiagnosticReport")
    asked = [each for each in feed.server.asked if "?" in each]
    assert ["DocumentReference?_lastUpdated=ge2026-01-01T23:50:00Z&_count=100"] == asked

    assert 7.0 == restarted().tick()
    again = [each for each in feed.server.asked if "?" in each][-1]
    assert f"ge{datetime.now(UTC):%Y-%m-%d}" in again or "ge2026-01-01" not in again
    assert 1 == len(feed.messages())


def test_an_order_is_the_same_by_hl7_v2_and_fhir(feed):
    """By the placer's number and what was asked for; what both say of it stands together."""
    raw = (
        b"MSH|^~\\&|EHR|HOSP|WW|HUB|20261122150000||ORM^O01^ORM_O01|M-2|P|2.5.1\r"
        b"PID|1||WW-100417^^^&1.2.3&ISO^MR||ROSSI^Giulia\r"
        b"ORC|NW|P-77^EHR^1.2.4^ISO\rOBR|1|P-77^EHR^1.2.4^ISO||3016-3^TSH^LN\r"
    )
    arrival = Arrival(channel="default", peer="ehr", raw=raw, received_at=stores.now(), control_id="M-2")
    feed.store.inbox.submit(arrival).result(30)
    feed.work()
    before = feed.only("ServiceRequest")
    placer = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC"}]}
    number = {"type": placer, "system": "urn:oid:1.2.4", "value": "P-77"}
    feed.server.has({**ORDER, "identifier": [number], "note": [{"text": "fasting"}]})
    feed.changed(document())

    after = feed.only("ServiceRequest")
    assert before["id"] == after["id"]
    assert "fasting" in {each["text"] for each in after["note"]}
    assert (
        f"ServiceRequest/{after['id']}"
        == feed.all("DocumentReference")[-1]["context"]["related"][0]["reference"]
    )
