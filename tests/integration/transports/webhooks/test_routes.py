"""Hooks over HTTP: judged before read, committed before answered, kept once, and what an attacker tries."""

from __future__ import annotations

import gzip
import hmac
import io
import json
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from integration.errors import StoreUnavailable
from integration.flows.fhir_door import NOTIFICATION, FhirDoor
from integration.states import MessageState
from integration.transports.webhooks.guards import SecretHeader, Signature, ThisMachine
from integration.transports.webhooks.routes import Hook, blueprint
from integration.web.auth import Token
from mappers.fhir.hook_request import parse
from tests.mappers.fhir.test_notification import STUDY, backport
from tests.support.door import CLOCK, door_in
from tests.support.web import web_over

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SECRET = {"Authorization": "Bearer right"}


class Stage:
    """Hooks behind an application, over a door with a store of its own."""

    def __init__(self, door, web, turned_away):
        self.door, self.web, self.turned_away = door, web, turned_away

    def send(self, body=b"", path="/hooks/open", *, method="POST", headers=None, near=True, **more):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.web.client.open(
            path,
            method=method,
            data=data,
            headers={"Host": "wardwire.example", "Content-Type": "application/fhir+json", **(headers or {})},
            environ_base={"REMOTE_ADDR": "127.0.0.1" if near else "203.0.113.9"},
            **more,
        )

    def kinds(self):
        """Of the audit records, in order."""
        return [record.event.kind for record in self.door.audit.records()]

    def kept(self):
        return [(each.state.value, each.control_id) for each in self.door.stored()]


@pytest.fixture
def stage(tmp_path):
    with ExitStack() as stack:
        for name in ("door", "web"):
            (tmp_path / name).mkdir()
        door = stack.enter_context(door_in(tmp_path / "door"))
        ids = iter(range(1000))
        fhir_door = FhirDoor(door.inbox, clock=lambda: CLOCK, new_id=lambda: f"fresh-{next(ids)}")
        hooks = {
            "open": Hook(ThisMachine(), 100_000, frozenset({"eventgrid.azure.net"})),
            "header": Hook(SecretHeader("authorization", (b"Bearer right",)), 100_000),
            "signed": Hook(Signature(secrets=(b"s",), clock=lambda: NOW), 100_000),
        }
        turned_away = []
        routes = blueprint(
            fhir_door, hooks, behind_proxy=False, refused=lambda *told: turned_away.append(told)
        )
        # The tokens of the server's own callers have no say at a hook.
        web = stack.enter_context(
            web_over(tmp_path / "web", doors=(routes,), tokens=(Token("ada", bytes(32)),))
        )
        yield Stage(door, web, turned_away)


def test_a_notification_is_accepted_once_it_is_kept(stage):
    """202, and the request stands in the store as it came."""
    answer = stage.send(STUDY)

    assert (202, b"") == (answer.status_code, answer.data)
    (kept,) = stage.door.stored()
    request = parse(stage.door.inbox.load(kept.id).raw)
    assert (NOTIFICATION, "127.0.0.1", "open") == (kept.trigger, kept.peer, kept.channel)
    assert ("POST", json.dumps(STUDY).encode()) == (request.method, request.body)


def test_the_same_event_again_is_not_kept_twice(stage):
    """By number and resource, whatever the envelope says of its time."""
    first, second = (
        backport("event-notification", ("12", "Media/1")),
        backport("event-notification", ("12", "Media/1")),
    )
    second["timestamp"] = "2026-11-22T11:00:00Z"

    assert [202, 202] == [stage.send(body).status_code for body in (first, second)]
    assert 1 == len(stage.kept())
    stage.send(backport("event-notification", ("13", "Media/1")))
    assert 2 == len(stage.kept())


def test_the_same_version_again_is_not_kept_twice(stage):
    """A replayed request changes nothing."""
    changed = {**STUDY, "note": "envelope"}
    stage.send(STUDY)
    stage.send(changed)
    assert 1 == len(stage.kept())
    stage.send({**STUDY, "meta": {"versionId": "4"}})
    assert 2 == len(stage.kept())


def test_every_empty_notification_counts(stage):
    """Two of them may speak of two changes."""
    for _ in range(2):
        assert 202 == stage.send().status_code
    assert 202 == stage.send(method="DELETE", path="/hooks/open/Media/1").status_code
    assert 202 == stage.send(method="DELETE", path="/hooks/open/Media/1").status_code
    assert 4 == len(stage.kept())


def test_hapi_s_put(stage):
    """Below the hook, with the resource."""
    assert 202 == stage.send(STUDY, "/hooks/open/ImagingStudy/s1", method="PUT").status_code
    assert 400 == stage.send(STUDY, "/hooks/open/ImagingStudy/s2", method="PUT").status_code


def test_event_grid_shakes_hands(stage):
    """By OPTIONS for a listed origin, and by its code."""
    asked = stage.send(method="OPTIONS", headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    stranger = stage.send(method="OPTIONS", headers={"WebHook-Request-Origin": "evil.example"})
    code = stage.send(
        [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "AB"}}]
    )

    assert (200, "eventgrid.azure.net") == (asked.status_code, asked.headers["WebHook-Allowed-Origin"])
    assert (403, None) == (stranger.status_code, stranger.headers.get("WebHook-Allowed-Origin"))
    assert (200, {"validationResponse": "AB"}) == (code.status_code, code.json)
    assert 204 == stage.send(method="OPTIONS").status_code


class Unread(io.RawIOBase):
    """A body that must not be touched."""

    def readable(self):
        return True

    def readinto(self, _):
        raise AssertionError("the body was read")


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/hooks/header", {}, 401),
        ("/hooks/header", {"Authorization": "Bearer wrong"}, 401),
        ("/hooks/signed", {}, 401),
        ("/hooks/open", {}, 403),
        ("/hooks/none", SECRET, 404),
    ],
)
def test_who_may_not_call_is_refused_unread(stage, path, headers, expected):
    """Not a byte of the body is read, and it is audited with a code."""
    answer = stage.web.client.post(
        path,
        headers=headers,
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(10**8)},
        environ_base={"REMOTE_ADDR": "203.0.113.9"},
    )

    assert expected == answer.status_code
    assert [] == stage.kept()
    assert (expected != 404) == bool(stage.turned_away)


def test_a_caller_of_far_away_with_the_secret_is_let_in(stage):
    """The hook's own credential decides, not that of the read face."""
    assert 202 == stage.send(STUDY, "/hooks/header", headers=SECRET, near=False).status_code


def signed(body, secret=b"s"):
    return {"X-Signature": hmac.digest(secret, body, "sha256").hex()}


def test_a_signature_is_of_the_bytes_as_sent(stage):
    """Another body under the same signature is refused before anybody parses it."""
    body = json.dumps(STUDY).encode()
    assert 202 == stage.send(body, "/hooks/signed", headers=signed(body), near=False).status_code
    assert 401 == stage.send(body + b" ", "/hooks/signed", headers=signed(body)).status_code
    assert 401 == stage.send(b"{" * 50_000, "/hooks/signed", headers=signed(body)).status_code
    assert 401 == stage.send(body, "/hooks/signed", headers=signed(body, b"t")).status_code
    assert [("signed", "127.0.0.1", "wrong-credential")] * 3 == stage.turned_away
    assert 1 == len(stage.kept())


def test_a_replayed_request_is_known_and_changes_nothing(stage):
    """Without a timestamp in the signature it is told by what it says; the trail shows it."""
    body = json.dumps(STUDY).encode()
    answers = [stage.send(body, "/hooks/signed", headers=signed(body)).status_code for _ in range(2)]

    assert ([202, 202], 1) == (answers, len(stage.kept()))
    assert ["message.received", "message.resent"] == stage.kinds()[-2:]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_beyond_the_limit_is_413(stage, declared):
    """Whether its length is said or found out."""
    more = {"content_length": 10**8} if declared else {}
    environ = {} if declared else {"wsgi.input_terminated": True}
    answer = stage.web.client.post(
        "/hooks/open",
        input_stream=io.BytesIO(b"x" * 200_000),
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
        environ_overrides=environ,
        **more,
    )

    assert 413 == answer.status_code
    assert [("open", "127.0.0.1", "too-long")] == stage.turned_away
    assert [] == stage.kept()


def test_a_packed_body_is_refused_unread(stage):
    """A gzip bomb is not even opened."""
    bomb = gzip.compress(bytes(10_000_000))

    assert 415 == stage.send(bomb, headers={"Content-Encoding": "gzip"}).status_code
    assert [("open", "127.0.0.1", "packed")] == stage.turned_away
    assert [] == stage.kept()


@pytest.mark.parametrize(
    "body",
    [b'{"a":' * 9000, b'{"resourceType":"Media","id":"1","id":"2"}', b"nonsense", b"[" * 9000],
    ids=["deep", "a name twice", "no JSON", "deep array"],
)
def test_what_is_no_notification_is_kept_as_refused(stage, body):
    """400 with an OperationOutcome without a value; the bytes are kept, and never processed."""
    answer = stage.send(body)

    assert (400, "OperationOutcome") == (answer.status_code, answer.json["resourceType"])
    assert [(MessageState.REFUSED.value, "")] == stage.kept()
    assert "message.refused" == stage.kinds()[-1]


@pytest.mark.parametrize("path", ["/hooks/open/a%20b", "/hooks/open/" + "a" * 300])
def test_a_path_that_is_none_of_a_notification(stage, path):
    """Nothing odd enters what is kept."""
    assert 404 == stage.send(STUDY, path).status_code
    assert [] == stage.kept()


def test_a_header_with_a_line_end_in_it_is_not_kept(stage):
    """What is kept can be read in one way only."""
    assert 404 == stage.send(STUDY, headers={"ce-id": "é"}).status_code


def test_a_store_that_takes_nothing_is_503(stage, monkeypatch):
    """The sender keeps it and comes again."""

    def unavailable(*_):
        raise StoreUnavailable

    monkeypatch.setattr(type(stage.door.inbox), "submit", unavailable)
    answer = stage.send(STUDY)

    assert (503, "5") == (answer.status_code, answer.headers["Retry-After"])
