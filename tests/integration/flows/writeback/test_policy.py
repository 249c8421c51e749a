"""What of a shipment may leave, and in what shape."""

from __future__ import annotations

import base64

import pytest

from integration.errors import DestinationRefused
from integration.flows.writeback.policy import Policy
from integration.flows.writeback.ports import Terms
from integration.flows.writeback.shipment import Item
from mappers.fhir import departure, erasure

ID = "0c4d3c3e-0b63-5f5e-9a2b-5f4cbb1f2b11"
WHO = {"Patient/p": {"reference": "Patient/9"}}
PDF = base64.b64encode(b"%PDF-1.4\n" + b" " * 2000).decode()


def note(*attachments, **more):
    return {
        "resourceType": "DocumentReference",
        "id": ID,
        "meta": {"versionId": "3", "lastUpdated": "2026-11-22T12:00:00Z", "source": "urn:x:y"},
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]},
        "subject": {"reference": "Patient/p"},
        "content": [{"attachment": each} for each in attachments],
        **more,
    }


def item(resource):
    return Item(reference=departure.reference_of(resource), version=3, resource=resource, named=True)


def depart(resource, *, binaries=None, **agreed):
    policy = Policy(Terms(name="ehr", **agreed), base="https://ehr.example/fhir", binaries=binaries or {})
    return policy.depart(item(resource), WHO, {})


def pdf(**more):
    return {"contentType": "application/pdf", "data": PDF, **more}


def test_a_resource_leaves_without_what_our_store_added_and_with_a_name():
    """No id, version or time of ours; an identifier that tells it again; their patient."""
    left = depart(note(pdf()))

    assert {"source": "urn:x:y"} == left["meta"]
    assert "id" not in left
    assert [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{ID}"}] == left["identifier"]
    assert {"reference": "Patient/9"} == left["subject"]


def test_a_document_that_is_too_long_is_parked():
    """5 MiB by default (US Core 9); the text names the place."""
    with pytest.raises(DestinationRefused, match=r"content\[0\]") as caught:
        depart(note(pdf()), max_document_bytes=1024)

    assert "document-too-long" == caught.value.reason


def test_bytes_of_a_binary_leave_inline():
    """A link into our store is nothing to a server that may not reach us."""
    left = depart(
        note({"contentType": "application/pdf", "url": f"Binary/{ID}", "size": 2009}),
        binaries={f"Binary/{ID}": {"resourceType": "Binary", "contentType": "application/pdf", "data": PDF}},
    )
    (content,) = left["content"]

    assert {"contentType": "application/pdf", "size": 2009, "data": PDF} == content["attachment"]


def test_links_do_not_leave():
    """Beside bytes a link is dropped; a document of links alone is left out."""
    link = {"contentType": "application/pdf", "url": "https://archive.example/1"}
    policy = Policy(Terms(name="ehr"), base="https://ehr.example/fhir", binaries={})

    assert [pdf()] == [each["attachment"] for each in depart(note(link, pdf()))["content"]]
    assert [True, False] == [policy.omits(item(note(*each))) for each in ((link,), (link, pdf()))]


def test_what_r4_forbids_is_parked():
    """As it would leave; the text names the place and no value."""
    with pytest.raises(DestinationRefused, match=r"DocumentReference\.docStatus") as caught:
        depart(note(pdf(), docStatus="rossi"))

    assert "invalid" == caught.value.reason
    assert "rossi" not in str(caught.value)


def test_a_unit_that_is_no_ucum_is_parked():
    """gm/dl looks like a unit and is none."""
    resource = {
        "resourceType": "Observation",
        "id": ID,
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "gm/dl"},
    }
    with pytest.raises(DestinationRefused, match="ucum"):
        depart(resource)


class TestUsCoreNotes:
    """What US Core 9 "Writing Clinical Notes" has servers take."""

    def test_a_missing_category_is_clinical_note(self):
        """Clients SHALL send one; one that is there stays."""
        own = {"coding": [{"system": "http://loinc.org", "code": "18842-5"}]}
        written = [depart(note(pdf(), **more), us_core_notes=True) for more in ({}, {"category": [own]})]

        assert ["clinical-note", "18842-5"] == [each["category"][0]["coding"][0]["code"] for each in written]

    def test_other_media_types_are_parked(self):
        """Only plain text and PDF are promised."""
        with pytest.raises(DestinationRefused) as caught:
            depart(note({"contentType": "text/html", "data": "PGI+"}), us_core_notes=True)

        assert "document-type" == caught.value.reason

    def test_a_local_type_is_parked(self):
        """type has to be LOINC."""
        with pytest.raises(DestinationRefused, match=r"DocumentReference\.type"):
            depart(note(pdf(), type={"coding": [{"code": "PDF"}]}), us_core_notes=True)

    def test_a_note_is_taken_back_by_its_status_alone(self):
        """id, status, subject."""
        left = depart(note(pdf(), status="entered-in-error"), us_core_notes=True)

        assert {
            "resourceType": "DocumentReference",
            "status": "entered-in-error",
            "subject": {"reference": "Patient/9"},
        } == left

    def test_a_note_that_replaces_another_says_so(self):
        """relatesTo leads to the other one there."""
        other = "DocumentReference/0c4d3c3e-0b63-5f5e-9a2b-5f4cbb1f2b22"
        relation = {"code": "replaces", "target": {"reference": other}}
        policy = Policy(Terms(name="ehr", us_core_notes=True), base="https://ehr.example/fhir", binaries={})
        links = {**WHO, other: {"reference": "DocumentReference/77"}}
        left = policy.depart(item(note(pdf(), relatesTo=[relation])), links, {})

        assert [{"code": "replaces", "target": {"reference": "DocumentReference/77"}}] == left["relatesTo"]


@pytest.mark.parametrize("where", ["inside", "in a Binary"])
def test_a_document_whose_bytes_were_erased_here_stays_here(where):
    """What is there has them, and must not lose them by what we send; one in error goes all the same."""
    sound = {"contentType": "audio/wav", "data": base64.b64encode(b"sound").decode()}
    left, _ = erasure.erase({"resourceType": "Binary", **sound}, lambda *_: True)
    inside, _ = erasure.erase(note(sound, pdf()), lambda _, kind: kind == "audio/wav")
    pointing = note({"contentType": "audio/wav", "url": "Binary/b1"}, pdf())
    resource, binaries = (inside, {}) if where == "inside" else (pointing, {"Binary/b1": left})
    policy = Policy(Terms(name="ehr"), base="https://ehr.example/fhir", binaries=binaries)

    assert policy.omits(item(resource))
    assert not policy.omits(item({**resource, "status": "entered-in-error"}))
    assert depart({**resource, "status": "entered-in-error"}, binaries=binaries)
