"""What is repeated, what is not, how much is borne, and when a server is left alone."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
import stamina

from integration.clients.authorization import basic, bearer
from integration.clients.endpoint import Call, Patience, Repeat, Repeatable, is_below, pause_before_repeat
from integration.clients.exchange import Answer, Limits
from integration.errors import (
    RemoteAmbiguous,
    RemoteConflict,
    RemoteForbidden,
    RemoteMissing,
    RemoteRefused,
    RemoteUnavailable,
    RemoteUnreadable,
)
from tests.support.fhir_peer import Peer, cannot_be_reached, loses_the_answer, resource, says

READ = Call(what="GET Media", path="Media/1")
ONCE = Call(what="POST Media", method="POST", path="Media", content=b"{}", repeat=Repeat.UNSENT)
UNDONE = Call(what="POST Media", method="POST", path="Media", content=b"{}", repeat=Repeat.UNDONE)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(status):
    """A read is repeated after every answer that a later attempt may mend."""
    peer = Peer(says(status=status), says(status=status), says(resource()))

    assert 200 == peer.endpoint().call(READ).status
    assert 3 == len(peer.asked)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, RemoteRefused),
        (401, RemoteForbidden),
        (403, RemoteForbidden),
        (404, RemoteMissing),
        (409, RemoteConflict),
        (410, RemoteMissing),
        (412, RemoteConflict),
        (422, RemoteRefused),
        (501, RemoteRefused),
        (301, RemoteRefused),
        (304, RemoteRefused),
    ],
)
def test_what_will_not_pass_is_asked_once(status, expected):
    """Each has a type of its own, and is not repeated."""
    peer = Peer(says(status=status))
    with pytest.raises(expected) as caught:
        peer.endpoint().call(READ)
    assert (expected, 1) == (type(caught.value), len(peer.asked))


@pytest.mark.parametrize(
    ("call", "reply", "expected", "asked"),
    [
        (ONCE, says(status=503), RemoteUnavailable, 1),
        (ONCE, says(status=500), RemoteAmbiguous, 1),
        (ONCE, loses_the_answer, RemoteAmbiguous, 1),
        (ONCE, cannot_be_reached, RemoteUnavailable, 4),
        (UNDONE, says(status=503), RemoteUnavailable, 4),
        (UNDONE, says(status=504), RemoteAmbiguous, 1),
        (UNDONE, loses_the_answer, RemoteAmbiguous, 1),
        (READ, loses_the_answer, RemoteUnavailable, 4),
    ],
)
def test_what_may_have_been_done_is_not_done_twice(call, reply, expected, asked):
    """The table of the module, cell by cell."""
    peer = Peer(reply)
    with pytest.raises(expected) as caught:
        peer.endpoint().call(call)
    assert (expected, asked) == (type(caught.value), len(peer.asked))


@pytest.mark.parametrize(("wanted", "expected"), [(7.0, 7.0), (None, True), (0.0, True)])
def test_retry_after_is_what_is_waited(wanted, expected):
    """The server's own pause is taken instead of ours."""
    assert expected == pause_before_repeat(Repeatable(RemoteUnavailable(retry_after=wanted)))


def test_what_is_not_repeatable_has_no_pause():
    """Only failures that the table repeats are."""
    assert pause_before_repeat(RemoteUnavailable()) is False


def test_a_retry_after_beyond_patience_ends_the_call_at_once():
    """A slot is not held for an hour; who asked knows when to come again."""
    peer = Peer(says(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(RemoteUnavailable) as caught:
        peer.endpoint().call(READ)
    assert (3600.0, 1) == (caught.value.retry_after, len(peer.asked))


@pytest.mark.parametrize(("text", "expected"), [("7", 7.0), ("soon", None), ("", None), ("-1", None)])
def test_retry_after_in_seconds(text, expected):
    """Whole seconds count; anything odd counts as nothing said."""
    assert expected == Answer(503, {"retry-after": text}).retry_after()


def test_retry_after_as_a_date():
    """The other form of RFC 9110; what has passed is now."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    assert 60 < (Answer(503, {"retry-after": soon}).retry_after() or 0) <= 90
    assert 0.0 == Answer(503, {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}).retry_after()


SMALL = Limits(max_answer_bytes=10_000)


@pytest.mark.parametrize(
    "reply",
    [
        says(b"x" * 10_001),
        says(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}),
        says(b"no gzip at all", headers={"Content-Encoding": "gzip"}),
        says(b"x", headers={"Content-Encoding": "br"}),
        says(gzip.compress(gzip.compress(bytes(10**6))), headers={"Content-Encoding": "gzip, gzip"}),
    ],
    ids=["long", "gzip bomb", "broken", "other packing", "packed twice"],
)
def test_an_answer_beyond_the_limit_is_refused(reply):
    """Long, a bomb, or packed in another way: given up, not held."""
    peer = Peer(reply)
    with pytest.raises(RemoteUnreadable):
        peer.endpoint(limits=SMALL).call(READ)
    assert 1 == len(peer.asked)


def test_a_gzip_answer_of_just_the_limit_is_read():
    """The limit is of what is unpacked, and includes its last byte."""
    peer = Peer(says(gzip.compress(b"x" * 10_000), headers={"Content-Encoding": "gzip"}))

    assert b"x" * 10_000 == peer.endpoint(limits=SMALL).call(READ).content


def test_a_gzip_answer_that_ends_early_was_lost():
    """Half an answer is none."""
    packed = gzip.compress(bytes(range(256)) * 30)
    peer = Peer(says(packed[:-20], headers={"Content-Encoding": "gzip"}), says(resource()))

    assert 200 == peer.endpoint(limits=SMALL).call(READ).status
    assert 2 == len(peer.asked)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_server_that_keeps_failing_is_left_alone_for_a_while():
    """After five failures in a row nothing is sent; after the pause one request tries."""
    clock, peer = Clock(), Peer(cannot_be_reached)
    endpoint = peer.endpoint(patience=Patience(attempts=1), clock=clock)

    def fails():
        with pytest.raises(RemoteUnavailable) as caught:
            endpoint.call(READ)
        return caught.value.retry_after

    with stamina.set_testing(testing=True, attempts=1):
        for _ in range(5):
            assert fails() is None
        assert (10.0, 5) == (fails(), len(peer.asked))
        clock.now += 10
        assert (None, 6) == (fails(), len(peer.asked))  # the trial
        assert (20.0, 6) == (fails(), len(peer.asked))
        clock.now += 20
        peer.replies = [says(resource())]
        assert 200 == endpoint.call(READ).status
        assert 200 == endpoint.call(READ).status


def test_a_refusal_is_no_failure_of_the_server():
    """It works: it says no."""
    peer = Peer(says(status=422))
    endpoint = peer.endpoint()
    for _ in range(7):
        with pytest.raises(RemoteRefused):
            endpoint.call(READ)
    assert 7 == len(peer.asked)


def test_a_token_is_read_anew_once_after_a_401():
    """A file that was replaced at run time is taken; the same token is not tried twice."""
    tokens = iter(["old", "new", "new"])
    peer = Peer(says(status=401), says(resource()), says(status=401))
    endpoint = peer.endpoint(authorization=bearer(lambda: next(tokens)))

    assert 200 == endpoint.call(READ).status
    assert ["Bearer old", "Bearer new"] == [each.headers["Authorization"] for each in peer.asked]
    with pytest.raises(RemoteForbidden):
        endpoint.call(READ)
    assert 3 == len(peer.asked)


def test_basic_credentials_are_utf_8():
    """RFC 7617: Aladdin, and a password beyond ASCII."""
    assert "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" == basic("Aladdin", lambda: "open sesame").header()
    assert "Basic dGVzdDoxMjPCow==" == basic("test", lambda: "123£").header()


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/fhir",
        "https://a.example/fhir?x=1",
        "https://a.example:443/fhir/Media",
        "https://A.example/fhir/",
    ],
)
def test_what_lies_below_the_base(url):
    """The same server in another spelling."""
    assert is_below(url, "https://a.example/fhir")


@pytest.mark.parametrize("url", ["https://a.example:x/fhir", "https://[a/fhir", "", "fhir", "https:///fhir"])
def test_an_address_that_is_none_lies_nowhere(url):
    """What cannot be read is refused."""
    assert not is_below(url, "https://a.example/fhir")


def test_a_slow_answer_is_given_up():
    """An answer that drips for ever ends at the total time."""

    def drips(_):
        return httpx2.Response(200, content=iter([b"{", b"}"]))

    with pytest.raises(RemoteUnavailable):
        Peer(drips).endpoint(limits=Limits(total_seconds=-1.0)).call(READ)
