"""Recordings in stored resources: which are erased, which are kept all the same, and what stays of them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import wave
from datetime import timedelta

import pytest

from integration.flows.recordings import Claims, is_sound
from integration.flows.writeback.manifest import FORM, Manifest
from integration.states import DeliveryState, MessageState
from integration.store import extractions, recordings
from integration.store.delivery_records import DeliveryFilter, Parcel
from integration.store.records import MessageFilter
from integration.store.results import Results
from integration.store.retention import Retention, Terms
from mappers.domain.results import Standing
from mappers.fhir import erasure, r4
from tests.support.results import Entry, reference

DAY = timedelta(days=1)
PDF = b"%PDF-1.4\n%\x00\x01 a page"


def _wav() -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x01\x00" * 200)
    return made.getvalue()


WAV = _wav()
SHA1 = base64.b64encode(hashlib.sha1(WAV, usedforsecurity=False).digest()).decode()


def attached(content: bytes = WAV, kind: str = "audio/wav", **more):
    return {"contentType": kind, "data": base64.b64encode(content).decode(), **more}


def media(name: str = "m1", content: bytes = WAV, **more):
    return {
        "resourceType": "Media",
        "id": name,
        "status": "completed",
        "subject": reference("Patient/p1"),
        "content": attached(content, title="Dictation"),
        **more,
    }


def document(name: str, *attachments, **more):
    content = [{"attachment": each} for each in attachments]
    return {"resourceType": "DocumentReference", "id": name, "status": "current", "content": content, **more}


class House:
    """A store with results, and its retention."""

    def __init__(self, store) -> None:
        self.store = store
        self.results = Results(store.keys)
        self.claims = Claims(self.results, store.outbox)

    def retention(self, term: timedelta | None = DAY) -> Retention:
        s = self.store
        erasing = recordings.Recordings(
            database=s.database, results=self.results, keys=s.keys, claims=self.claims, clock=s.clock
        )
        return Retention(s.database, s.blobs, Terms(recordings=term), s.clock, recordings=erasing)

    def message(self, name: str = "REC"):
        """A message that was processed."""
        self.store.submit(name.encode() * 10, control_id=name)
        (found,) = self.store.inbox.list(MessageFilter(control_id=name))
        for state in (MessageState.PROCESSING, MessageState.PROCESSED):
            self.store.inbox.move(found.id, state, actor="worker").result(30)
        return self.store.inbox.list(MessageFilter(control_id=name))[0]

    def do(self, work):
        return self.store.database.write(work).result(30)

    def write(self, *entries, message_id: str | None = None):
        listed = [each if isinstance(each, Entry) else Entry(each) for each in entries]
        now = self.store.clock()
        return self.do(lambda c: self.results.write(c, listed, message_id=message_id, now=now))

    def stored(self, kind: str, name: str, version: int | None = None):
        with self.store.database.read() as connection:
            return self.results.read(connection, kind, name, version)

    def served(self, kind: str, name: str, version: int | None = None):
        return r4.decode(self.stored(kind, name, version).content)

    def erasures(self):
        found = [record.event for record in self.store.audit.records()]
        return [event for event in found if event.kind == "recording.erased"]

    def queue(self, message, manifest: Manifest) -> str:
        parcel = Parcel(destination="ehr", form=FORM, pieces=(manifest.encode(),))
        prepared = self.store.outbox.prepare(message, parcel, in_row=True)
        (delivery,) = self.do(lambda c: self.store.outbox.add(c, [prepared], self.store.clock()))
        return delivery


@pytest.fixture
def house(store):
    return House(store)


@pytest.fixture
def quick_house(sqlite_store):
    return House(sqlite_store)


def test_the_bytes_go_and_what_tells_of_them_stays(house):
    """Type, title, size, SHA-1, version and time; the same number serves it without the bytes, and valid."""
    message = house.message()
    house.write(media(), message_id=message.id)
    before = house.stored("Media", "m1")
    house.store.clock.advance(days=2)

    assert 1 == house.retention().run()
    after = house.served("Media", "m1")
    assert "data" not in after["content"]
    assert erasure.is_erased(after["content"])
    assert ("audio/wav", "Dictation", len(WAV), SHA1) == tuple(
        after["content"][name] for name in ("contentType", "title", "size", "hash")
    )
    assert (1, before.last_updated, before.message_id) == (
        house.stored("Media", "m1").version,
        house.stored("Media", "m1").last_updated,
        house.stored("Media", "m1").message_id,
    )
    assert r4.is_valid(after)
    assert 0 == house.retention().run()


def test_it_is_in_the_audit_trail(house):
    """With the version, how much went and its keyed digest; the chain holds."""
    message = house.message()
    house.write(media(), message_id=message.id)
    house.store.clock.advance(days=2)
    house.retention().run()

    (event,) = house.erasures()
    assert ("retention", message.id, "Media/m1/_history/1") == (event.actor, event.message_id, event.resource)
    assert {"bytes": len(WAV), "digests": (house.store.keys.digest_of(WAV),)} == event.details
    assert house.store.audit.verify().broken is None


def test_without_a_setting_everything_stays(quick_house):
    """That is the default."""
    quick_house.write(media())
    quick_house.store.clock.advance(days=10_000)

    assert 0 == quick_house.retention(None).run()
    assert attached()["data"] == quick_house.served("Media", "m1")["content"]["data"]


def test_only_sound_goes_from_all_places_of_a_document(house):
    """Other attachments keep every byte; one inside the resource is found too."""
    inside = {"resourceType": "Binary", "id": "b", **attached()}
    house.write(
        document(
            "d1", attached(size=len(WAV), hash=SHA1), attached(PDF, "application/pdf"), contained=[inside]
        ),
        document("d2", attached(PDF, "application/pdf")),
        {"resourceType": "Binary", "id": "b1", **attached()},
    )
    kept = house.stored("DocumentReference", "d2").content
    house.store.clock.advance(days=2)

    assert 2 == house.retention().run()
    left = house.served("DocumentReference", "d1")
    sound, page = (each["attachment"] for each in left["content"])
    assert (True, True) == (erasure.is_erased(sound), erasure.is_erased(left["contained"][0]))
    assert attached(PDF, "application/pdf") == page
    assert erasure.is_erased(house.served("Binary", "b1"))
    assert kept == house.stored("DocumentReference", "d2").content


def test_each_version_has_its_own_age(house):
    """The earlier one goes, the later one stays until it is old enough."""
    house.write(media())
    house.store.clock.advance(days=2)
    house.write(media(content=WAV + b"\x02\x00"))
    running = house.retention()

    assert 1 == running.run()
    assert "data" not in house.served("Media", "m1", 1)["content"]
    assert "data" in house.served("Media", "m1", 2)["content"]
    house.store.clock.advance(days=2)
    assert 1 == running.run()
    assert "data" not in house.served("Media", "m1", 2)["content"]


@pytest.mark.parametrize("state", [None, MessageState.PARKED])
def test_an_open_reading_keeps_it(house, state):
    """One that waits, and one that waits for a human; then it goes."""
    message = house.message()
    house.write(media(), message_id=message.id)
    house.do(lambda c: extractions.want(c, message))
    todo = extractions.Extractions(house.store.database, clock=house.store.clock)
    if state:
        todo.move(message.id, state, actor="worker").result(30)
    house.store.clock.advance(days=2)
    running = house.retention()

    assert 0 == running.run()
    house.do(lambda c: extractions.want(c, message))
    todo.move(message.id, MessageState.PROCESSED, actor="worker").result(30)
    assert 1 == running.run()


def test_a_message_at_work_keeps_it(house):
    """It may be read again: a replay is under way."""
    message = house.message()
    house.write(media(), message_id=message.id)
    house.store.inbox.move(message.id, MessageState.RECEIVED, actor="user:ada").result(30)
    house.store.clock.advance(days=2)

    assert 0 == house.retention().run()


def draft(status: str):
    return {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": status,
        "code": {"text": "Dictation"},
        "subject": reference("Patient/p1"),
    }


def task(status: str, focus: str = "DiagnosticReport/r1"):
    return {
        "resourceType": "Task",
        "id": "t1",
        "status": status,
        "intent": "order",
        "focus": reference(focus),
    }


@pytest.mark.parametrize("ended", [("final", "completed"), ("entered-in-error", "rejected")])
def test_an_open_draft_keeps_it(house, ended):
    """Until a person signed or rejected it, or it was taken back; the same process finds it free then."""
    message = house.message()
    house.write(media(), draft("preliminary"), task("requested"), message_id=message.id)
    keys = [("DiagnosticReport", "r1"), ("Task", "t1")]
    house.do(lambda c: extractions.replace_drafts(c, "m1", keys, message_id=message.id))
    house.store.clock.advance(days=30)
    running = house.retention()

    assert 0 == running.run()
    assert "data" in house.served("Media", "m1")["content"]
    house.write(draft(ended[0]), message_id=message.id)
    assert 0 == running.run()
    house.write(task(ended[1]), message_id=message.id)
    assert 1 == running.run()


def test_a_question_about_it_keeps_it(house):
    """A recording that nothing could hear waits for whoever closes the question."""
    house.write(media(), task("requested", "Media/m1"))
    house.store.clock.advance(days=2)
    asked = house.retention().run()
    house.write(task("completed", "Media/m1"))

    assert (0, 1) == (asked, house.retention().run())


@pytest.mark.parametrize("end", [DeliveryState.DELIVERED, DeliveryState.DISCARDED])
@pytest.mark.parametrize("named", ["DocumentReference/d1", "DiagnosticReport/r1"])
def test_an_open_delivery_keeps_it(house, named, end):
    """One that names it, or a draft of it, whatever message it is of; a parked one waits too."""
    message = house.message()
    house.write(document("d1", attached()), draft("final"), message_id=message.id)
    keys = [("DiagnosticReport", "r1")]
    house.do(lambda c: extractions.replace_drafts(c, "d1", keys, message_id=message.id))
    delivery = house.queue(house.message("OTHER"), Manifest(versions=((named, 1),)))
    house.store.clock.advance(days=2)
    running = house.retention()
    waiting = running.run()
    house.store.outbox.move(delivery, DeliveryState.PARKED, actor="worker").result(30)
    parked = running.run()
    if end is DeliveryState.DELIVERED:
        house.store.outbox.move(delivery, DeliveryState.PENDING, actor="user:ada").result(30)
    house.store.outbox.move(delivery, end, actor="user:ada").result(30)

    assert (0, 0, 1) == (waiting, parked, running.run())


def test_a_delivery_of_its_message_keeps_it_and_another_does_not(house):
    """As it keeps the bytes of the message."""
    message = house.message()
    house.write(media(), message_id=message.id)
    house.queue(house.message("OTHER"), Manifest(versions=(("Observation/o9", 1),)))
    house.write(media("m2", WAV + b"\x03\x00"), message_id=house.message("THIRD").id)
    house.queue(message, Manifest(versions=(("Observation/o8", 1),)))
    house.store.clock.advance(days=2)

    assert 1 == house.retention().run()
    assert "data" in house.served("Media", "m1")["content"]
    assert "data" not in house.served("Media", "m2")["content"]


def test_a_delivery_that_cannot_be_read_keeps_everything(quick_house):
    """Nobody can tell what it names; the worker goes on."""
    house = quick_house
    house.write(media())
    house.queue(house.message("OTHER"), Manifest(versions=(("Observation/o9", 1),)))
    house.store.execute("UPDATE parcel SET sealed = x'00'")
    house.store.clock.advance(days=2)

    assert 0 == house.retention().run()
    (waiting,) = house.store.outbox.list(DeliveryFilter())
    assert DeliveryState.PENDING is waiting.state


def test_a_binary_waits_for_the_document_that_came_with_it(house):
    """It has no Task of its own."""
    message = house.message()
    binary = {"resourceType": "Binary", "id": "b1", **attached()}
    pointing = document("d1", {"contentType": "audio/wav", "url": "Binary/b1"})
    house.write(binary, pointing, task("requested", "DocumentReference/d1"), message_id=message.id)
    house.store.clock.advance(days=2)

    assert 0 == house.retention().run()
    house.write(task("completed", "DocumentReference/d1"), message_id=message.id)
    assert 1 == house.retention().run()


@pytest.mark.parametrize("by_element", [False, True])
def test_what_says_the_same_again_brings_nothing_back(house, by_element):
    """A replay makes no version, with the bytes or, of lower standing, put together with what is left."""
    said = document("d1", attached(size=len(WAV), hash=SHA1))
    high, low = (Standing(rank, "2026-11-22T00:00:00Z") for rank in (5, 4)) if by_element else (None, None)
    house.write(Entry(said, high, by_element=by_element))
    house.store.clock.advance(days=2)
    house.retention().run()
    again = house.write(Entry(said, high, by_element=by_element))
    lower = house.write(Entry(said, low, by_element=by_element))

    assert ["unchanged", "unchanged"] == [each.outcome.value for each in (*again, *lower)]
    assert "data" not in house.served("DocumentReference", "d1")["content"][0]["attachment"]


def test_a_kill_between_two_erasures_is_repeated_without_harm(house, monkeypatch):
    """What was committed stays so, with one record each; the rest goes in the next run, of a new process."""
    house.write(media(), media("m2", WAV + b"\x02\x00"))
    house.store.clock.advance(days=2)
    lighten, killed = Results.lighten, []

    def dies(self, connection, row, resource):
        lighten(self, connection, row, resource)
        if row.id == "m2" and not killed:
            killed.append(row.id)
            raise KeyboardInterrupt  # within the transaction: neither the bytes nor the record are committed

    monkeypatch.setattr(Results, "lighten", dies)
    with pytest.raises(KeyboardInterrupt):
        house.retention().run()
    between = ["data" in house.served("Media", name)["content"] for name in ("m1", "m2")]
    records = len(house.erasures())
    house.retention().run()

    assert ([False, True], 1) == (between, records)
    assert "data" not in house.served("Media", "m2")["content"]
    assert ["Media/m1/_history/1", "Media/m2/_history/1"] == [event.resource for event in house.erasures()]


def test_what_cannot_be_opened_is_left_and_the_rest_goes(quick_house):
    """A damaged version stops nothing."""
    house = quick_house
    house.write(media(), media("m2", WAV + b"\x02\x00"))
    house.store.execute("UPDATE resource_version SET content = x'00' WHERE id = 'm1'")
    house.store.clock.advance(days=2)

    assert 1 == house.retention().run()


def webm(*codecs: bytes) -> bytes:
    tracks = b"".join(b"\x86" + bytes([0x80 + len(each)]) + each for each in codecs)
    return b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + tracks + b"\x1f\x43\xb6\x75 V_VP8"


@pytest.mark.parametrize(
    ("expected", "content", "said"),
    [
        (True, WAV, "audio/wav"),
        (True, WAV, "Audio/Wav; codecs=1"),
        (True, WAV, "application/octet-stream"),
        (False, WAV, "text/plain"),
        (True, b"\x00\x01\x02\x03raw", "audio/basic"),
        (False, b"\x00\x01\x02\x03raw", "application/octet-stream"),
        (True, b"\x00\x00\x00\x18ftypmp42", "audio/mp4"),
        (False, b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (True, webm(b"A_OPUS"), "video/webm"),
        (False, webm(b"A_OPUS", b"V_VP8"), "audio/webm"),
        (False, webm(), "audio/webm"),
        (False, PDF, "audio/wav"),
        (False, b"\x00" * 128 + b"DICM", "audio/wav"),
        (False, b"caffeine intake: two cups", "application/octet-stream"),
        (False, "ID3".encode("utf-16"), "application/octet-stream"),
        (False, b"OggS\x00\x02", "video/ogg"),
        (True, b"OggS\x00\x02", "audio/ogg"),
    ],
)
def test_what_counts_as_sound(expected, content, said):
    """Label and bytes have to agree, for what is erased is gone."""
    assert expected is is_sound(content, said)


def test_json_stays_json(quick_house):
    """The order of members and the digits of other elements are as they were."""
    quick_house.write(media(duration=2))
    quick_house.store.clock.advance(days=2)
    before = list(json.loads(quick_house.stored("Media", "m1").content))
    quick_house.retention().run()

    assert before == list(json.loads(quick_house.stored("Media", "m1").content))
