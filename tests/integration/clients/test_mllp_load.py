"""The load generator counts honestly."""

import asyncio
import threading
from array import array

import pytest

from integration.clients.mllp import Receiver, Unreachable, Unsendable, control_id
from integration.clients.mllp_load import Load, Report
from tests.integration.clients.messages import ack, order
from tests.support.mllp_peer import Scripted, framed, receive, reply, reset, send, to_end, until

ECHO = [reply(lambda message: framed(ack(control_id(message))))]


def run(server, **options):
    receiver = {"host": server.address[0], "port": server.address[1]}
    receiver |= {name: options.pop(name) for name in ("answer_seconds", "connect_seconds") if name in options}
    load = Load(receiver=Receiver(**receiver), **{"messages": [order("A1")], **options})
    return asyncio.run(asyncio.wait_for(load.run(), 60))


def ids(server):
    return sorted(control_id(message) for wire in server.wires for message in wire.answers)


def test_every_message_is_sent_and_counted():
    """Three messages ten times over four connections are thirty, each with an MSH-10 of its own."""
    with Scripted(*[ECHO] * 4) as server:
        report = run(server, messages=[order("A"), order("B"), order("")], repeat=10, connections=4, tag="T")
        assert (report.planned, report.sent, report.codes, report.no_answer) == (30, 30, {"AA": 30}, 0)
        assert ids(server) == sorted(f"T{n}" for n in range(30))
        assert len(report.latencies) == 30
        assert not report.open_loop


def test_without_a_tag_messages_go_as_they_are():
    """The bytes of the file, for who wants to see what a repeat does."""
    with Scripted(ECHO) as server:
        assert run(server, repeat=3).codes == {"AA": 3}
        assert ids(server) == ["A1"] * 3


def test_each_answer_is_counted_by_its_code():
    """Accepted, error and rejected are three numbers."""
    codes = iter(["AA", "AE", "AR", "AA"])
    answering = [reply(lambda message: framed(ack(control_id(message), next(codes))))]
    with Scripted(answering) as server:
        report = run(server, repeat=4, tag="T")
        assert report.codes == {"AA": 2, "AE": 1, "AR": 1}
        assert report.as_dict()["AE"] == 1


def test_no_answer_is_counted_and_the_connection_replaced():
    """A time-out and a broken connection are messages without an answer; the rest goes on."""
    silent = [receive(1), to_end()]
    broken = [receive(1), reset()]
    with Scripted(silent, broken, ECHO) as server:
        report = run(server, repeat=5, tag="T", answer_seconds=0.1)
        assert (report.sent, report.codes, report.no_answer) == (5, {"AA": 3}, 2)


def test_a_late_answer_is_no_answer_to_the_next():
    """Only the MSA-2 of the message in flight counts."""
    wrong = [receive(1), send(framed(ack("T99"))), send(framed(ack("T0"))), to_end()]
    with Scripted(wrong) as server:
        assert run(server, tag="T").codes == {"AA": 1}


def test_a_receiver_that_goes_away_for_good_ends_the_load():
    """What was not sent is not counted as sent."""
    last = [receive(1), lambda _: server.stop_listening(), send(framed(ack("T0"))), receive(2)]
    with Scripted(last) as server:
        report = run(server, repeat=10, tag="T", answer_seconds=0.3)
        assert (report.planned, report.sent, report.codes, report.no_answer) == (10, 2, {"AA": 1}, 1)


def test_with_a_rate_waiting_counts():
    """While the receiver holds one message, those that come due wait, and their waiting is in the report."""
    held = threading.Event()
    slow = [receive(1), until(held), *ECHO]
    with Scripted(slow) as server:
        timer = threading.Timer(0.3, held.set)
        timer.start()
        report = run(server, repeat=30, tag="T", rate=100.0)
        timer.join()
        assert report.open_loop
        assert report.codes == {"AA": 30}
        # A closed loop would report one slow message; here most of those due in the 0.3 s waited for it.
        assert report.percentile(0.5) > 0.05
        assert report.most_behind > 0.2


def test_a_rate_is_kept():
    """Messages are due at their moments, not as fast as answers come."""
    with Scripted(ECHO) as server:
        report = run(server, repeat=20, tag="T", rate=100.0)
        assert report.seconds > 0.18
        assert report.codes == {"AA": 20}


def test_nobody_listening_is_unreachable():
    """Not one connection: there is nothing to report."""
    with Scripted() as server:
        pass
    with pytest.raises(Unreachable):
        run(server, connect_seconds=1.0)


@pytest.mark.parametrize("message", [b"PID|1", b"MSH|^~\\&|A|B", order("A1") + b"\x1c"])
def test_what_cannot_be_sent_or_named_is_refused(message):
    """Before anything is sent."""
    with Scripted(ECHO) as server, pytest.raises(Unsendable):
        run(server, messages=[message], tag="T")


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.76, 4.0), (0.99, 4.0), (1.0, 4.0), (0.01, 1.0)]
)
def test_percentiles_are_by_nearest_rank(share, expected):
    """A percentile is a latency that was measured."""
    report = Report(
        4, 4, {"AA": 4}, 0, 2.0, array("d", [1.0, 2.0, 3.0, 4.0]), open_loop=False, most_behind=0.0
    )
    assert report.percentile(share) == expected
    assert report.rate == 2.0


def test_a_report_without_answers_has_no_latencies():
    """Nothing is not zero."""
    report = Report(1, 1, {}, 1, 1.0, array("d"), open_loop=False, most_behind=0.0)
    assert report.percentile(0.5) is None
    assert report.as_dict()["p99_ms"] is None
