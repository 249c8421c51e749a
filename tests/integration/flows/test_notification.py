"""What a worker makes of notifications: asks the configured server, keeps what it says, catches up."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.errors import AddressRefused, RemoteMissing, RemoteUnavailable
from integration.flows.catch_up import CatchUp
from integration.flows.fhir_door import NOTIFICATION, RESOURCE, FhirDoor
from integration.flows.fhir_resource import ResourceFlow
from integration.flows.lab_report import LabReportFlow
from integration.flows.local_copies import Copier, LocalCopies
from integration.flows.notification import NotificationFlow, is_ours
from integration.flows.ports import Later
from integration.states import MessageState
from integration.store import ledgers
from integration.store.results import Results
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.fhir.hook_request import HookRequest
from mappers.fhir.notification import Focus
from mappers.fhir.source_identities import Place
from tests.mappers.fhir.test_notification import AZURE, STUDY, backport
from tests.support.door import CLOCK, KEYS, door_in

BASE = "https://ehr.example/fhir"
KINDS = ("ImagingStudy", "Media")


@dataclass
class Found:
    """A version as a server gives it."""

    resource: dict[str, Any]

    @property
    def kind(self):
        return self.resource["resourceType"]

    @property
    def version(self):
        return self.resource.get("meta", {}).get("versionId", "")

    @property
    def raw(self):
        return json.dumps(self.resource, indent=1).encode()

    @property
    def reference(self):
        return f"{self.kind}/{self.resource['id']}"


@dataclass
class Server:
    """A server that says what it is scripted to say."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    base: str = BASE

    def has(self, kind, name, version="1", **more):
        self.resources[f"{kind}/{name}"] = {
            "resourceType": kind, "id": name, "meta": {"versionId": version}, **more
        }  # fmt: skip

    def read(self, kind, name):
        self.asked.append(f"{kind}/{name}")
        if self.down:
            raise RemoteUnavailable("down")
        if f"{kind}/{name}" not in self.resources:
            raise RemoteMissing("gone", status=410)
        return Found(self.resources[f"{kind}/{name}"])

    def search(self, kind, params):
        self.asked.append(f"{kind}?{'&'.join('='.join(pair) for pair in params)}")
        if self.down:
            raise RemoteUnavailable("down")
        yield from (Found(each) for each in self.resources.values() if each["resourceType"] == kind)


class Feed:
    """A channel with a server, and a worker."""

    def __init__(self, door):
        self.door, self.server = door, Server()
        self.now = CLOCK
        ids = iter(range(1000))
        self.fhir = FhirDoor(door.inbox, clock=lambda: self.now, new_id=lambda: f"fresh-{next(ids)}")
        self.catch_up = CatchUp(
            channel="lab", source=self.server, kinds=KINDS, door=self.fhir, database=door.database,
            clock=lambda: self.now, pause_s=60.0,
        )  # fmt: skip
        software = Software("Wardwire", "0")
        copier = Copier(place=Place(Channel("lab"), BASE), source=self.server, software=software)
        resources = ResourceFlow(
            door.database, LocalCopies(Results(KEYS), {"lab": BASE}), {"lab": copier}, lambda: self.now
        )
        notifications = NotificationFlow(
            database=door.database, door=self.fhir, sources={"lab": self.server}, kinds=KINDS,
            catch_ups={"lab": self.catch_up}, withdraw=resources.withdraw, clock=lambda: self.now,
        )  # fmt: skip
        self.worker = LabReportFlow(
            database=door.database, inbox=door.inbox, results=Results(KEYS), terms={},
            software=software, clock=lambda: self.now, max_attempts=3,
            others={
                NOTIFICATION: notifications.process,
                RESOURCE: resources.process,
            },
        )  # fmt: skip

    def notified(self, body=b"", *, method="POST", path="", channel="lab", headers=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = HookRequest(method, path, headers or {}, raw)
        receipt, _ = self.fhir.receive(request, channel=channel, peer="ehr")
        return receipt.message_id

    def work(self, message_id):
        later = self.worker.process(message_id)
        message = self.door.inbox.load(message_id)
        with self.door.database.read() as connection:
            return message, ledgers.find(connection, message_id), later

    def resources(self):
        return [self.door.inbox.load(each.id) for each in self.door.stored() if each.trigger == RESOURCE]


@pytest.fixture
def feed(tmp_path):
    with ExitStack() as stack:
        yield Feed(stack.enter_context(door_in(tmp_path)))


def test_what_changed_is_read_from_the_server_and_kept_as_read(feed):
    """The pushed body is a hint: what the server says is kept, byte for byte, as a message of its own."""
    feed.server.has("ImagingStudy", "s1", "4", status="registered", subject={"reference": "Patient/p1"})
    message, ledger, _ = feed.work(feed.notified(STUDY))

    assert (MessageState.PROCESSED, None) == (message.state, message.reason)
    (kept,) = feed.resources()
    assert Found(feed.server.resources["ImagingStudy/s1"]).raw == kept.raw
    assert ("ImagingStudy/s1/_history/4", "fhir:lab") == (kept.control_id, kept.peer)
    (event,) = ledger["notification"]["events"]
    assert {"event": None, "resource": "ImagingStudy/s1", "outcome": "read", "message_id": kept.id} == event


def test_one_version_is_kept_once(feed):
    """Two notifications and a search of the same version are one resource; the next version is another."""
    feed.server.has("Media", "m1")
    for number in ("1", "2"):
        feed.work(feed.notified(backport("event-notification", (number, "Media/m1"))))
    assert 0 == feed.catch_up.look()
    assert 1 == len(feed.resources())

    feed.server.has("Media", "m1", "2")
    assert 1 == feed.catch_up.look()
    assert 2 == len(feed.resources())


@pytest.mark.parametrize(
    "reference",
    [
        "https://evil.example/fhir/Media/m1",
        "https://ehr.example:8443/fhir/Media/m1",
        "https://ehr.example/other/Media/m1",
        "https://ehr.example.evil.example/fhir/Media/m1",
        "http://169.254.169.254/latest/Media/m1",
        "http://127.0.0.1/fhir/Media/m1",
        "https://[/Media/m1",
        "https://ehr.example:x/fhir/Media/m1",
    ],
)
def test_a_reference_to_another_server_is_refused_and_audited(feed, reference):
    """Nothing is called, not even for the other events of the notification; a human sees it."""
    feed.server.has("Media", "m2")
    message, _, later = feed.work(
        feed.notified(backport("event-notification", ("1", "Media/m2"), ("2", reference)))
    )

    assert (MessageState.PARKED, "foreign-address", None) == (message.state, message.reason, later)
    assert [] == feed.server.asked
    (last, *_) = reversed(list(feed.door.audit.records()))
    assert ("message.parked", "foreign-address") == (last.event.kind, last.event.details["reason"])


@pytest.mark.parametrize(
    ("named", "base", "expected"),
    [
        ("", BASE, True),
        ("https://EHR.example/fhir", BASE, True),
        ("https://ehr.example:443/fhir/", BASE, True),
        ("https://ward.azurehealthcareapis.com", "https://ward.azurehealthcareapis.com", True),
        ("https://healthcare.googleapis.com/v1/projects/p/x/fhir", "https://healthcare.googleapis.com/v1beta1/projects/p/x/fhir", True),
        ("https://healthcare.googleapis.com/v1/projects/p/y/fhir", "https://healthcare.googleapis.com/v1/projects/p/x/fhir", False),
    ],
)  # fmt: skip
def test_the_configured_server_in_the_words_of_others(named, base, expected):
    """Clouds name a host alone, or a store below a version."""
    assert expected == is_ours(Focus("Media", "1", "", named), base)


def test_azure_s_account_must_be_the_configured_host(feed):
    """Another hospital's account is another server."""
    message, _, _ = feed.work(feed.notified(AZURE, headers={"content-type": "application/cloudevents+json"}))

    assert "foreign-address" == message.reason


def test_what_is_gone_is_told(feed):
    """410 at the server, also after a deletion that was announced: it is asked all the same."""
    gone = feed.work(feed.notified({"resourceType": "Media", "id": "m1"}))[1]
    deleted = feed.work(feed.notified(method="DELETE", path="Media/m1"))[1]

    outcomes = [line["notification"]["events"][0]["outcome"] for line in (gone, deleted)]
    assert ["gone", "gone"] == outcomes
    assert [] == feed.resources()


def test_types_that_no_flow_reads_are_not_asked_for(feed):
    """A server that notifies of all is not read of all."""
    _, ledger, _ = feed.work(feed.notified({"resourceType": "Observation", "id": "o1"}))

    assert "kept-not-supported" == ledger["notification"]["events"][0]["outcome"]
    assert [] == feed.server.asked


@pytest.mark.parametrize("kind", ["handshake", "heartbeat"])
def test_signs_of_life_are_recorded(feed, kind):
    """With the counter, and nothing is asked."""
    message, ledger, _ = feed.work(feed.notified(backport(kind)))

    assert (MessageState.PROCESSED, "sign-of-life") == (message.state, message.reason)
    assert 12 == ledger["notification"]["events_since_start"]
    assert [] == feed.server.asked


def test_an_empty_notification_leads_to_a_look_at_all(feed):
    """Every type that is read, from before the last look on."""
    feed.server.has("Media", "m1")
    feed.server.has("ImagingStudy", "s1")
    message, _, _ = feed.work(feed.notified())

    assert MessageState.PROCESSED is message.state
    assert {"Media/m1/_history/1", "ImagingStudy/s1/_history/1"} == {
        each.control_id for each in feed.resources()
    }
    # 15:00:15 at +05:30, less ten minutes.
    assert "ImagingStudy?_lastUpdated=ge2026-11-22T09:20:15Z&_count=100" == feed.server.asked[0]


def test_a_server_that_does_not_answer_is_asked_again_later(feed):
    """FAILED with a pause; after the last attempt it waits for a human."""
    feed.server.down = True
    message_id = feed.notified({"resourceType": "Media", "id": "m1"})
    message, _, later = feed.work(message_id)
    assert (MessageState.FAILED, "server-unavailable") == (message.state, message.reason)
    assert isinstance(later, Later)

    feed.server.down = False
    feed.server.has("Media", "m1")
    message, _, _ = feed.work(message_id)
    assert (MessageState.PROCESSED, 1) == (message.state, len(feed.resources()))


def test_a_channel_without_a_server_parks_its_notifications(feed):
    """There is nothing to read from; the setting is named."""
    message, ledger, _ = feed.work(feed.notified({"resourceType": "Media", "id": "m1"}, channel="other"))

    assert MessageState.PARKED is message.state
    assert "channels.other.fhir.base" in ledger["issues"][0]["text"]


def test_each_look_begins_before_the_last_one_ended(feed):
    """Also in another process: how far it came is in the store. A look that fails does not move it."""
    feed.catch_up.look()
    feed.now += timedelta(hours=2)
    feed.server.down = True
    assert 60.0 == feed.catch_up.tick()
    feed.server.down = False
    feed.now += timedelta(hours=1)
    asked = len(feed.server.asked)
    assert 60.0 == feed.catch_up.tick()
    feed.catch_up.look()

    starts = [text.partition("ge")[2][:20] for text in feed.server.asked[asked:]]
    assert ["2026-11-22T09:20:15Z"] * 2 + ["2026-11-22T12:20:15Z"] * 2 == starts


def test_a_page_that_leads_elsewhere_ends_the_look(feed, monkeypatch):
    """It is logged by its type; the loop goes on."""

    def elsewhere(*_):
        raise AddressRefused("elsewhere")
        yield

    monkeypatch.setattr(feed.server, "search", elsewhere)
    assert 60.0 == feed.catch_up.tick()


def test_the_catch_up_never_moves_backwards(feed):
    """A slow process that ends late does not undo what a fast one did."""
    from integration.store import catch_ups

    late = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
    for until in (late, late - timedelta(hours=1)):
        feed.door.database.write(lambda c, until=until: catch_ups.move(c, "lab", until)).result(timeout=30)
    with feed.door.database.read() as connection:
        assert late == catch_ups.seen_until(connection, "lab")
