"""An acknowledgement as a message of its own: carried, and not waited on for an acknowledgement."""

import pytest

from integration.clients.couriers import MllpCourier
from integration.clients.mllp import Receiver, is_acknowledgement
from integration.errors import DestinationRefused, DestinationSilent, DestinationUnreachable
from tests.integration.clients.messages import ack, order
from tests.support.door import message
from tests.support.mllp_peer import Scripted, framed, receive, reset, send, to_end

ANSWER = message("A-1", kind="ACK^R01^ACK", body="MSA|AA|M-1")


def courier(server, **more):
    host, port = server.address
    return MllpCourier(Receiver(host=host, port=port, answer_seconds=5, **more))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (ANSWER, True),
        (message(kind="ACK"), True),
        (message(), False),
        (message(kind="ACKS^R01"), False),
        (message(kind=""), False),
        (b"MSH|^~\\&|", False),
        (b"", False),
    ],
)
def test_what_is_an_acknowledgement(raw, expected):
    """By MSH-9."""
    assert expected == is_acknowledgement(raw)


def test_silence_is_enough():
    """The receiver got it and says nothing, as the standard wants it; the connection stays for the next."""
    with Scripted([receive(2), to_end()]) as server:
        carrier = courier(server)
        assert [None, None] == [carrier.carry(ANSWER, name="x") for _ in range(2)]
        carrier.close()
    assert [ANSWER, ANSWER] == server.wires[0].answers


def test_an_answer_all_the_same_does_no_harm():
    """It is not taken for the answer to the message that follows."""
    script = [receive(1), send(framed(ack("A-1"))), receive(2), send(framed(ack("B-2"))), to_end()]
    with Scripted(script) as server:
        carrier = courier(server)
        assert carrier.carry(ANSWER, name="x") is None
        assert "AA" == carrier.carry(order("B-2"), name="y")
        carrier.close()


@pytest.mark.parametrize("end", [(), (reset(),)], ids=["closed", "reset"])
def test_a_connection_that_ends_with_it(end):
    """Perhaps it arrived: it is tried again, and its receiver knows it by its id."""
    with Scripted([receive(1), *end]) as server, pytest.raises(DestinationSilent):
        courier(server).carry(ANSWER, name="x")


def test_nobody_there():
    """Nothing was sent."""
    with Scripted() as server:
        server.stop_listening()
        with pytest.raises(DestinationUnreachable):
            courier(server).carry(ANSWER, name="x")


def test_what_cannot_travel():
    """A human decides."""
    with Scripted([to_end()]) as server, pytest.raises(DestinationRefused):
        courier(server).carry(ANSWER + b"\x1c", name="x")
