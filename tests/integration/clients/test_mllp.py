"""The sending client against scripted receivers: which answer counts, and what is known when none came."""

import select
import socket
import ssl
import threading

import pytest

from integration.clients.mllp import (
    Acknowledgement,
    Receiver,
    Sender,
    Unanswered,
    Unreachable,
    Unsendable,
    answers,
    control_id,
    frame,
    read_acknowledgement,
)
from tests.integration.clients.messages import ack, order
from tests.support.mllp_peer import Scripted, framed, receive, reply, reset, send, to_end, until
from tests.support.serving import wait_for

ECHO = [reply(lambda message: framed(ack(control_id(message))))]


def sender(server, **options):
    host, port = server.address
    return Sender(Receiver(host=host, port=port, **options))


def test_a_message_is_acknowledged():
    """What was sent arrives framed; what the receiver said is returned."""
    with Scripted(ECHO) as server, sender(server) as to:
        acknowledgement = to.send(order("A1"))
        assert (acknowledgement.code, acknowledgement.control_id) == ("AA", "A1")
        assert acknowledgement.accepted
        assert acknowledgement.raw == ack("A1")
        assert server.wires[0].received == framed(order("A1"))
        assert acknowledgement.seconds > 0


def test_a_connection_serves_many_messages():
    """MLLP connections last; each message waits for its own answer."""
    with Scripted(ECHO) as server, sender(server) as to:
        assert [to.send(order(f"A{n}")).control_id for n in range(20)] == [f"A{n}" for n in range(20)]
        assert len(server.wires) == 1


@pytest.mark.parametrize(("code", "accepted"), [("AA", True), ("CA", True), ("AE", False), ("CR", False)])
def test_a_refusal_is_an_answer(code, accepted):
    """The client returns what was said; what it means is for its caller."""
    with Scripted([receive(1), send(framed(ack("A1", code)))]) as server, sender(server) as to:
        assert to.send(order("A1")).accepted is accepted


def test_an_answer_may_come_byte_by_byte_with_junk_and_without_a_last_cr():
    """Forgiven: junk before VT, an answer in pieces, FS without CR, LF after segments."""
    pieces = [send(bytes([byte])) for byte in b"junk\x0b" + ack("A1").replace(b"\r", b"\r\n") + b"\x1c"]
    with Scripted([receive(1), *pieces, to_end()]) as server, sender(server) as to:
        assert to.send(order("A1")).control_id == "A1"


def test_another_message_s_answer_is_not_this_one_s():
    """An answer with another MSA-2, or with none, is passed over; the right one counts."""
    stream = framed(ack("A0")) + framed(ack("")) + framed(b"\x06") + framed(ack("A1", "AE"))
    with Scripted([receive(1), send(stream), to_end()]) as server, sender(server) as to:
        assert to.send(order("A1")).code == "AE"


def test_a_late_answer_is_never_the_next_message_s():
    """After a time-out the connection is gone, and with it whatever comes on it."""
    late = threading.Event()
    first = [receive(1), until(late), send(framed(ack("A2"))), to_end()]
    with Scripted(first, ECHO) as server, sender(server, answer_seconds=0.05) as to:
        with pytest.raises(Unanswered, match="no acknowledgement within"):
            to.send(order("A1"))
        late.set()
        assert to.send(order("A2")).control_id == "A2"
        assert server.wires[1].received == framed(order("A2"))


def test_an_answer_that_never_ends_is_no_answer():
    """The bound on an answer is a megabyte, and its time is over all its pieces."""
    endless = [receive(1), send(b"\x0b" + b"x" * (2**20 + 70_000)), to_end()]
    with (
        Scripted(endless) as server,
        sender(server) as to,
        pytest.raises(Unanswered, match="more than a megabyte"),
    ):
        to.send(order("A1"))


@pytest.mark.parametrize("ending", [[], [send(b"\x0bMSH|half")], [reset()]])
def test_a_connection_that_ends_before_the_answer(ending):
    """It may have been received: the error says so by its type, and holds nothing of the message."""
    with Scripted([receive(1), *ending]) as server, sender(server) as to:
        with pytest.raises(Unanswered, match="broke before the answer") as caught:
            to.send(order("A1", patient="SECRET"))
        assert "SECRET" not in str(caught.value)


def test_a_connection_closed_between_messages_is_made_anew():
    """Receivers that close after each message, or overnight, are no error."""
    once = [receive(1), send(framed(ack("A1")))]
    with Scripted(once, ECHO) as server, sender(server) as to:
        assert to.send(order("A1")).accepted
        to_end_of(to)
        assert to.send(order("A2")).accepted
        assert len(server.wires) == 2


def to_end_of(to):
    """Wait until the receiver's FIN is here: reading would return at once."""
    while to._socket.recv(1, socket.MSG_PEEK):
        to._socket.recv(1)


def is_readable(connection):
    return select.select([connection], [], [], 0)[0]


def test_what_came_unasked_is_thrown_away():
    """An answer twice: the second is not taken for the next message's, whatever it says."""
    double = [
        receive(1),
        send(framed(ack("A1")) + framed(ack("A2"))),
        receive(2),
        send(framed(ack("A2", "AE"))),
    ]
    with Scripted([*double, to_end()]) as server, sender(server) as to:
        assert to.send(order("A1")).code == "AA"
        wait_for(lambda: to._unread or is_readable(to._socket))
        assert to.send(order("A2")).code == "AE"


def test_nobody_listening_is_unreachable():
    """Nothing was sent: the message can be tried again without a thought."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(Unreachable, match=f"no connection to 127.0.0.1 port {address[1]}"):
        Sender(Receiver(host="127.0.0.1", port=address[1])).send(order("A1"))


def test_a_receiver_that_speaks_no_tls_is_unreachable():
    """A failed handshake comes before the first byte of a message."""
    context = ssl.create_default_context()
    with (
        Scripted([receive(1), send(b"no TLS here")]) as server,
        sender(server, tls=context, connect_seconds=0.5) as to,
        pytest.raises(Unreachable),
    ):
        to.send(order("A1"))


@pytest.mark.parametrize("message", [b"", b"PID|1", b"MSH|^~\\&|\x0b", b"MSH|^~\\&|\x1c"])
def test_what_mllp_cannot_carry_is_not_sent(message):
    """No connection is even made."""
    with Scripted() as server, sender(server) as to:
        with pytest.raises(Unsendable):
            to.send(message)
        assert server.wires == []


def test_a_message_without_control_id_takes_the_first_answer():
    """With one message in flight and no id, there is nothing to compare."""
    with Scripted([receive(1), send(framed(ack("X")))]) as server, sender(server) as to:
        assert to.send(order("")).control_id == "X"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (order("A1"), "A1"),
        (b"\xef\xbb\xbf" + order("A1"), "A1"),
        (order("A1").replace(b"|", b"#"), "A1"),
        (order("A1").replace(b"\r", b"\n"), "A1"),
        (b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|L\xe9", "L\xe9"),
        (b"MSH|^~\\&|A", ""),
        (b"MSH", ""),
        (b"", ""),
    ],
)
def test_msh_10(message, expected):
    """Read with the message's own separator; absent is empty."""
    assert control_id(message) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ack("A1", "AR"), ("AR", "A1")),
        (ack("A1").replace(b"|", b"!"), ("AA", "A1")),
        (b"MSH|^~\\&|\nMSA|AA|A1\n", ("AA", "A1")),
        (b"MSH|^~\\&|\rMSA|AA", ("AA", "")),
        (b"MSH|^~\\&|\rMSA|", None),
        (b"MSH|^~\\&|\r", None),
        (b"\x06", None),
        (b"", None),
    ],
)
def test_msa(answer, expected):
    """An acknowledgement has an MSA with a code; all else is none."""
    found = read_acknowledgement(answer)
    assert (found and (found.code, found.control_id)) == expected


@pytest.mark.parametrize(
    ("code", "msa_2", "sent", "expected"),
    [
        ("AA", "A1", "A1", True),
        ("AE", "A1", "A1", True),
        ("AA", "A2", "A1", False),
        ("AA", "", "A1", False),
        ("AE", "", "A1", True),
        ("AA", "", "", True),
    ],
)
def test_whose_answer(code, msa_2, sent, expected):
    """An acceptance needs the id; a refusal of what could not be read has none."""
    assert answers(Acknowledgement(code, msa_2, b""), sent) is expected


def test_an_acknowledgement_shows_no_content():
    """Safe to log."""
    assert "SECRET" not in repr(Acknowledgement("AA", "A1", b"SECRET"))


def test_framing():
    """VT, the message, FS CR."""
    assert frame(b"MSH|") == b"\x0bMSH|\x1c\r"
