"""Recordings at a FHIR server, as Media or DocumentReference: heard, and filed beside their local copies."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.flows.recordings import Claims
from integration.store.recordings import Recordings
from integration.wiring import extraction, stores
from mappers.fhir import r4
from tests.support.dictated import SPOKEN, is_transcript
from tests.support.fhir_feed import Feed
from tests.support.recordings import encoded, voice
from tests.support.reviewing import Desk

RECORDING = encoded(voice(4.0))
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5.1", "value": "WW-100417"}],
    "name": [{"family": "Rossi"}],
}
MEDIA = {
    "resourceType": "Media",
    "id": "m1",
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "createdDateTime": "2026-11-22T09:00:00+01:00",
    "content": {"contentType": "audio/wav", "data": base64.b64encode(RECORDING).decode()},
}
DOCUMENT = {
    "resourceType": "DocumentReference",
    "id": "d1",
    "status": "current",
    "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": MEDIA["content"]}],
}


@pytest.fixture
def feed(tmp_path: Path):
    """A FHIR server's channel with a recogniser that says what it was told."""
    made = Feed(tmp_path)
    script = tmp_path / "said.json"
    script.write_text(json.dumps([SPOKEN]))
    models = {"medasr": {"backend": "scripted", "model": str(script)}}
    settings = made.settings.model_copy(update={"models": type(made.settings)(models=models).models})
    made.reading = replace(extraction.build_flow(settings, made.store), max_attempts=1)
    made.server.has(PATIENT)
    yield made
    made.store.database.close()


def transcripts(feed: Feed) -> list[dict[str, Any]]:
    """The current ones that a model wrote."""
    return [each for each in feed.all("DocumentReference") if is_transcript(each)]


@pytest.mark.parametrize("resource", [MEDIA, DOCUMENT], ids=["Media", "DocumentReference"])
def test_a_recording_there_becomes_a_draft_here(feed: Feed, resource: dict[str, Any]) -> None:
    """A transcript, a report, both of the patient's local copy, and a Task."""
    feed.changed(resource)

    (transcript,) = transcripts(feed)
    (report,) = feed.all("DiagnosticReport", status="preliminary")
    subject = f"Patient/{feed.only('Patient')['id']}"
    related = transcript["context"]["related"][0]["reference"]
    assert (subject, subject) == (transcript["subject"]["reference"], report["subject"]["reference"])
    assert resource["resourceType"] == related.partition("/")[0]
    assert 1 == len(feed.all("Task", status="requested"))


def test_a_media_in_error_takes_its_drafts_back(feed: Feed) -> None:
    """What its sender withdrew does not wait for a signature."""
    feed.changed(MEDIA)
    feed.changed({**MEDIA, "status": "entered-in-error"}, minute=1)

    assert ([], []) == (transcripts(feed), feed.all("DiagnosticReport", status="preliminary"))


def test_a_picture_is_not_heard(feed: Feed) -> None:
    """It is for who reads pictures."""
    png = {"contentType": "image/png", "data": base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 90).decode()}
    feed.changed({**MEDIA, "content": png})

    assert [] == transcripts(feed)
    assert not any("recognised" in each.get("description", "") for each in feed.all("Task"))


@pytest.mark.parametrize("act", ["sign", "reject"])
@pytest.mark.parametrize("resource", [MEDIA, DOCUMENT], ids=["Media", "DocumentReference"])
def test_a_recording_is_erased_when_its_draft_is_decided(
    feed: Feed, resource: dict[str, Any], act: str
) -> None:
    """Not before; what was made of it stays, and the same said again neither brings it back nor asks anew."""
    feed.changed(resource)
    store, desk = feed.store, Desk(feed)
    erasing = Recordings(
        database=store.database,
        results=store.results,
        keys=store.keys,
        claims=Claims(store.results, store.outbox),
        clock=stores.now,
    )
    later = stores.now() + timedelta(days=1)
    early, case = erasing.erase(before=later), desk.only()
    getattr(desk.reviews, act)(case.task.reference, desk.decision(case))
    late, copy = erasing.erase(before=later), feed.only(resource["resourceType"])
    decided = [*transcripts(feed), *feed.all("DiagnosticReport"), *feed.all("Task")]
    feed.changed(resource, minute=1)

    assert (0, 1) == (early, late)
    assert b'"data":"' not in r4.encode(copy)
    assert copy == feed.only(resource["resourceType"])
    assert decided == [*transcripts(feed), *feed.all("DiagnosticReport"), *feed.all("Task")]
    assert [] == list(desk.reviews.waiting())
    assert desk.reviews.show(case.task.reference).sources
