"""Our Subscriptions at a server: never two, whatever is lost; renewed, asked for again, told when they are silent."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from integration.errors import Conflict, RemoteAmbiguous, RemoteMissing, RemoteUnavailable, SettingsInvalid
from integration.settings import Settings
from integration.store import subscriptions
from integration.wiring import stores, subscribing
from mappers.fhir import r4, subscription
from tests.support.fhir_feed import BASE, Feed, Found

HOOK = "http://127.0.0.1:8080/hooks/ehr"
TOPIC = "http://hl7.example/SubscriptionTopic/documents"


class Registry:
    """A server's Subscriptions."""

    base = BASE

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.version = "4.0.1"
        self.losing = 0
        self.refusing = 0
        self.writes = 0

    def capabilities(self):
        return {"resourceType": "CapabilityStatement", "fhirVersion": self.version}

    def read(self, kind, name):
        if name not in self.held:
            raise RemoteMissing("gone", status=404)
        return Found(self.held[name])

    def search(self, kind, params):
        yield from [Found(each) for each in self.held.values()]

    def create(self, kind, content):
        self.writes += 1
        if self.refusing:
            self.refusing -= 1
            raise RemoteAmbiguous("nothing came through")
        name = str(self.writes)
        self.held[name] = {**json.loads(content), "id": name, "status": "active"}
        if self.losing:
            self.losing -= 1
            raise RemoteAmbiguous("the answer was lost")
        return type("Written", (), {"id": name})()

    def update(self, kind, name, content):
        self.writes += 1
        self.held[name] = {**json.loads(content), "id": name, "status": "active"}

    def delete(self, kind, name):
        self.held.pop(name, None)


class Bench:
    """A channel that subscribes."""

    def __init__(self, folder, **channel: Any) -> None:
        self.feed = Feed(folder, hook={"kind": "header", "secret": "Bearer s3cret"})
        hook = {"kind": "header", "secret": "Bearer s3cret"}
        fhir = {"base": BASE, "subscription": {"kinds": ["Media"], **channel}}
        self.settings = Settings(
            store={"url": self.feed.settings.store.url}, channels={"ehr": {"fhir": fhir, "hook": hook}}
        )
        self.server, self.looked, self.now = Registry(), 0, stores.now()
        from dataclasses import replace

        made = subscribing.build_subscribing(
            self.settings, self.feed.store, "ehr", source=self.server, catch_up=self.look
        )
        self.of_channel = replace(made, clock=lambda: self.now)

    def look(self) -> None:
        self.looked += 1

    def known(self):
        with self.feed.store.database.read() as connection:
            return subscriptions.of_channel(connection, "ehr")


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_it_is_registered_once(bench):
    """With our endpoint, the header that our hook wants, and a tag by which it is known; again changes nothing."""
    for _ in range(2):
        (known,) = bench.of_channel.register()

    (held,) = bench.server.held.values()
    assert ("Media?", HOOK) == (held["criteria"], held["channel"]["endpoint"])
    assert ["Authorization: Bearer s3cret"] == held["channel"]["header"]
    assert [{"system": subscription.OURS, "code": "ehr.Media"}] == held["meta"]["tag"]
    assert r4.is_valid(held)
    assert ("active", "1", 1) == (known.status, known.server_id, bench.server.writes)


@pytest.mark.parametrize(("losing", "refusing"), [(1, 0), (0, 1), (0, 2), (1, 1)])
def test_a_lost_answer_makes_no_second_one(bench, losing, refusing):
    """It is looked for before anything is sent again."""
    bench.server.losing, bench.server.refusing = losing, refusing
    (known,) = bench.of_channel.register()

    assert [known.server_id] == list(bench.server.held)


def test_what_somebody_registered_by_hand_is_taken_over(bench):
    """Our endpoint with our criteria; another system's Subscription is not touched."""
    channel = {"type": "rest-hook", "endpoint": HOOK}
    foreign = {
        "resourceType": "Subscription",
        "criteria": "Media?",
        "channel": {**channel, "endpoint": "http://x"},
    }
    bench.server.held = {
        "by-hand": {"resourceType": "Subscription", "id": "by-hand", "status": "active", "criteria": "Media?", "channel": channel},
        "foreign": {**foreign, "id": "foreign", "status": "error"},
    }  # fmt: skip
    (known,) = bench.of_channel.register()
    assert ("by-hand", 2) == (known.server_id, len(bench.server.held))

    assert 1 == bench.of_channel.remove()
    assert ["foreign"] == list(bench.server.held)
    assert () == bench.known()


def test_two_of_ours_are_a_matter_for_a_human(bench):
    """None is guessed to be the right one."""
    bench.of_channel.register()
    bench.server.held["2"] = {**bench.server.held["1"], "id": "2"}
    with pytest.raises(Conflict, match="unsubscribe"):
        bench.of_channel.register()


def test_an_error_at_the_server_is_asked_away(bench):
    """Requested again, and what came to pass meanwhile is caught up; `off` is somebody's will."""
    bench.of_channel.register()
    bench.server.held["1"] |= {"status": "error", "error": "410 from the hook"}
    assert 60.0 == bench.of_channel.tick()
    assert ("active", 1) == (bench.server.held["1"]["status"], bench.looked)
    assert "error" not in bench.server.held["1"]

    bench.server.held["1"]["status"] = "off"
    bench.of_channel.tick()
    assert ("off", 1) == (bench.server.held["1"]["status"], bench.looked)
    (check,) = subscribing.subscription_checks(bench.settings, bench.feed.store)
    assert (False, True) == (check.passed, "turned it off" in check.reason)
    assert "active" == bench.of_channel.register()[0].status


def test_one_that_is_gone_is_registered_anew(bench):
    """And what changed since is looked for; where nobody registered, nothing is."""
    bench.of_channel.tick()
    assert {} == bench.server.held
    bench.of_channel.register()
    bench.server.held.clear()
    bench.of_channel.tick()

    assert (1, 1) == (len(bench.server.held), bench.looked)
    assert [each.server_id for each in bench.known()] == list(bench.server.held)


def test_it_is_renewed_before_its_end(tmp_path):
    """In the last quarter of its time."""
    bench = Bench(tmp_path, days=8)
    bench.of_channel.register()
    first = bench.server.held["1"]["end"]
    bench.now += timedelta(days=5)
    bench.of_channel.tick()
    assert 1 == bench.server.writes
    bench.now += timedelta(days=2)
    bench.of_channel.tick()
    assert 2 == bench.server.writes
    assert first <= bench.server.held["1"]["end"]


@pytest.mark.parametrize(("version", "style"), [("4.0.1", "backport"), ("5.0.0", "r5")])
def test_a_topic_is_subscribed_to_as_the_server_s_version_has_it(tmp_path, version, style):
    """One Subscription for the topic, ids only, with a heartbeat."""
    bench = Bench(tmp_path, topic=TOPIC, heartbeat_seconds=60)
    bench.server.version = version
    (known,) = bench.of_channel.register()

    (held,) = bench.server.held.values()
    assert (style, 60, "documents") == (known.style, known.heartbeat_seconds, known.subject)
    if style == "r5":
        assert (TOPIC, "id-only", HOOK) == (held["topic"], held["content"], held["endpoint"])
        assert [{"name": "Authorization", "value": "Bearer s3cret"}] == held["parameter"]
    else:
        assert (TOPIC, True) == (held["criteria"], r4.is_valid(held))
        assert "id-only" == held["channel"]["_payload"]["extension"][0]["valueCode"]


def test_silence_is_noticed(tmp_path):
    """More than two heartbeats without a sign: caught up, and told by `check`."""
    bench = Bench(tmp_path, topic=TOPIC, heartbeat_seconds=60)
    bench.of_channel.register()
    bench.now += timedelta(seconds=100)
    bench.of_channel.tick()
    assert 0 == bench.looked
    bench.now += timedelta(seconds=30)
    bench.of_channel.tick()
    assert 1 == bench.looked

    heard = bench.now
    bench.feed.store.database.write(
        lambda c: subscriptions.heard(c, "ehr", "1", at=heard, events=(4,))
    ).result(30)
    bench.of_channel.tick()
    assert 1 == bench.looked
    assert 4 == bench.known()[0].events


@pytest.mark.parametrize("asked", ["capabilities", "read", "search"])
def test_a_server_that_does_not_answer_is_looked_at_again(tmp_path, asked, monkeypatch):
    """Whatever was asked: the look ends, and the next one comes; the worker lives on."""
    bench = Bench(tmp_path, topic=TOPIC)
    bench.of_channel.register()
    made = subscribing.build_subscribing(
        bench.settings, bench.feed.store, "ehr", source=bench.server, catch_up=bench.look
    )
    if asked == "search":
        bench.server.held.clear()

    def unavailable(*_):
        raise RemoteUnavailable("down")

    monkeypatch.setattr(bench.server, asked, unavailable)
    assert 60.0 == made.tick()
    assert 1 == len(bench.known())


def test_a_form_that_needs_a_topic_says_so(tmp_path):
    """Before anybody is asked."""
    with pytest.raises(SettingsInvalid, match="topic"):
        Bench(tmp_path, style="backport").of_channel.register()


def backport(kind: str, count: int, *numbers: int, name: str = "d") -> bytes:
    """A notification of Subscription/1 with events about DocumentReference/{name}{number}."""
    events = [
        {"name": "notification-event", "part": [
            {"name": "event-number", "valueString": str(number)},
            {"name": "focus", "valueReference": {"reference": f"{BASE}/Media/{name}{number}"}},
        ]}
        for number in numbers
    ]  # fmt: skip
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": f"{BASE}/Subscription/1"}},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": kind},
            {"name": "events-since-subscription-start", "valueString": str(count)},
            *events,
        ],
    }
    bundle = {"resourceType": "Bundle", "type": "history", "entry": [{"resource": parameters}]}
    return json.dumps(bundle).encode()


@pytest.mark.parametrize("serves", [True, False])
def test_a_gap_in_the_numbers_is_asked_for_or_looked_for(bench, serves):
    """`$events` by number where the server has it, else by what changed lately; nothing is missed, nothing twice."""
    from integration.errors import RemoteRefused
    from mappers.fhir.hook_request import HookRequest

    feed, asked = bench.feed, []
    bench.of_channel.register()
    for number in range(1, 6):
        feed.server.has(
            {"resourceType": "Media", "id": f"d{number}", "status": "completed", "content": {"title": "x"}}
        )

    def operation(path, params=()):
        asked.append((path, *params))
        if not serves:
            raise RemoteRefused("no such operation", status=404)
        return json.loads(backport("query-event", 4, 2, 3))

    feed.server.operation = operation

    def notified(body):
        feed.door.receive(HookRequest("POST", "", {}, body), channel="ehr", peer="ehr")
        feed.work()

    notified(backport("event-notification", 1, 1))
    assert [] == asked
    notified(backport("event-notification", 4, 4))
    assert [("Subscription/1/$events", ("eventsSinceNumber", "2"), ("eventsUntilNumber", "3"))] == asked
    kept = {each.control_id.partition("/_")[0] for each in feed.messages()}
    assert {"Media/d1", "Media/d2", "Media/d3", "Media/d4"} <= kept
    assert ("Media/d5" in kept) is not serves

    notified(backport("heartbeat", 5))
    assert ("eventsSinceNumber", "5") == asked[-1][1]
    assert 5 == bench.known()[0].events
