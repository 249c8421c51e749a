"""Couriers: what a receiver does, and what that means for a delivery."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integration.clients.couriers import FolderCourier, MllpCourier
from integration.clients.mllp import Receiver as Address
from integration.errors import (
    DestinationBusy,
    DestinationRefused,
    DestinationSilent,
    DestinationUnreachable,
    NotDelivered,
)
from integration.store.durable_files import publish
from tests.integration.clients.messages import order
from tests.integration.transports.mllp.test_listener_tls import Authority, client_context, server_context
from tests.support.mllp_peer import Scripted, framed, receive, reset, send, until
from tests.support.receivers import Receiver, acknowledge, refused_port


def courier(port: int, **more) -> MllpCourier:
    connections = more.pop("connections", 1)
    return MllpCourier(Address(host="127.0.0.1", port=port, **more), connections=connections)


@pytest.mark.parametrize(
    ("answer", "error", "response"),
    [
        (acknowledge(order("A1"), "AA"), None, "AA"),
        (acknowledge(order("A1"), "CA"), None, "CA"),
        (acknowledge(order("A1"), "AE", error="102"), DestinationRefused, "AE 102"),
        (acknowledge(order("A1"), "CE", error="207"), DestinationRefused, "CE 207"),
        (acknowledge(order("A1"), "AR", error="207"), DestinationBusy, "AR 207"),
        (acknowledge(order("A1"), "CR"), DestinationBusy, "CR"),
        (acknowledge(order("A1"), "ZZ"), DestinationRefused, "ZZ"),
        (acknowledge(order("A1"), "The patient Muñoz"), DestinationRefused, "?"),
        (framed(b"MSH|^~\\&|||||||ACK||P|2.3\rMSA|AE|A1|Munoz\rERR|PID^1^3^103&wrong&HL70357"), DestinationRefused, "AE 103"),
        (framed(b"MSH|^~\\&|||||||ACK||P|2.5\rMSA|AE|A1\rERR|||Mu\xc3\xb1oz lives here^x"), DestinationRefused, "AE"),
    ],
)  # fmt: skip
def test_each_answer_has_its_meaning(answer, error, response):
    """By its codes alone; words, which may quote a patient, are never passed on."""
    with Scripted([receive(1), send(answer)]) as server:
        post = courier(server.address[1])
        if error is None:
            assert response == post.carry(order("A1"), name="n")
        else:
            with pytest.raises(error) as caught:
                post.carry(order("A1"), name="n")
            assert response == caught.value.response
            assert "Mu" not in str(caught.value)


def test_an_answer_to_something_else_is_none():
    """MSA-2 must be the MSH-10 that was sent; what comes too late is never taken for the next message's."""
    go = threading.Event()
    late = [receive(1), send(acknowledge(order("OTHER"))), until(go), send(acknowledge(order("A1")))]
    with Scripted(late, [receive(1), send(acknowledge(order("A2"), "AE"))]) as server:
        post = courier(server.address[1], answer_seconds=0.3)
        with pytest.raises(DestinationSilent):
            post.carry(order("A1"), name="n")
        go.set()
        with pytest.raises(DestinationRefused):
            post.carry(order("A2"), name="n")


@pytest.mark.parametrize(
    "end", [[], [reset()], [send(b"\x0bMSH|^~\\&|half an ans")], [send(framed(b"noise"))]]
)
def test_a_connection_that_ends_without_an_answer(end):
    """It may have been received; the next message connects anew."""
    with Scripted([receive(1), *end], [receive(1), send(acknowledge(order("A1")))]) as server:
        post = courier(server.address[1])
        with pytest.raises(DestinationSilent):
            post.carry(order("A1"), name="n")
        assert "AA" == post.carry(order("A1"), name="n")


def test_a_receiver_that_hangs():
    """The time to answer is up, the connection is closed."""
    go = threading.Event()
    with Scripted([receive(1), until(go)]) as server:
        with pytest.raises(DestinationSilent, match=r"within 0\.2 s"):
            courier(server.address[1], answer_seconds=0.2).carry(order("A1"), name="n")
        go.set()


def test_nobody_there():
    """Nothing was sent."""
    with pytest.raises(DestinationUnreachable):
        courier(refused_port()).carry(order("A1"), name="n")


def test_what_mllp_cannot_carry():
    """A human has to look."""
    with pytest.raises(DestinationRefused) as caught:
        courier(refused_port()).carry(b"PID|1", name="n")
    assert "unsendable" == caught.value.response


def test_one_connection_serves_many_messages():
    """It stays open between them."""
    with Receiver() as ehr:
        post = courier(ehr.port)
        for number in range(5):
            post.carry(order(f"A{number}"), name="n")
        post.close()
        assert (5, 1) == (len(ehr.messages), ehr.connections)


def test_callers_share_no_more_connections_than_allowed():
    """Ten threads over two connections: each gets its own answer."""
    with Receiver() as ehr, ThreadPoolExecutor(10) as threads:
        post = courier(ehr.port, connections=2)
        answers = list(threads.map(lambda n: post.carry(order(f"A{n}"), name="n"), range(40)))
        post.close()
        assert ["AA"] * 40 == answers
        assert {f"A{n}" for n in range(40)} == set(ehr.control_ids)
        assert ehr.connections <= 2


def test_mutual_tls(tmp_path):
    """With a certificate that the receiver trusts; without, or to another name, nothing is sent."""
    authority = Authority(tmp_path)
    answer = [receive(1), send(acknowledge(order("A1")))]
    ours = client_context(authority, certificate=authority.issue("wardwire"))
    with Scripted(answer, answer, answer, tls=server_context(authority, mutual=True)) as server:
        port = server.address[1]
        assert "AA" == courier(port, tls=ours, server_hostname="localhost").carry(order("A1"), name="n")
        with pytest.raises(NotDelivered):
            courier(port, tls=client_context(authority), server_hostname="localhost").carry(
                order("A1"), name="n"
            )
        with pytest.raises(DestinationUnreachable):
            courier(port, tls=ours, server_hostname="elsewhere").carry(order("A1"), name="n")
        stranger = ssl.create_default_context()
        with pytest.raises(DestinationUnreachable):
            courier(port, tls=stranger, server_hostname="localhost").carry(order("A1"), name="n")


class TestFolder:
    """Files in a folder."""

    def test_a_file_is_whole_or_not_there(self, tmp_path):
        """Under its name, with nothing else beside it."""
        post = FolderCourier(tmp_path / "new" / "out", publish)
        assert post.carry(b"MSH|1", name="000000000007-abc") is None
        assert {"000000000007-abc.hl7": b"MSH|1"} == contents(tmp_path / "new" / "out")

    def test_a_repeat_is_the_same_file(self, tmp_path):
        """The same name and bytes: nothing is there twice."""
        post = FolderCourier(tmp_path, publish)
        post.carry(b"MSH|1", name="a")
        post.carry(b"MSH|1", name="a")
        assert {"a.hl7": b"MSH|1"} == contents(tmp_path)

    def test_a_folder_that_takes_nothing(self, tmp_path):
        """Tried again later."""
        (tmp_path / "out").write_text("a file where the folder belongs")
        with pytest.raises(DestinationUnreachable):
            FolderCourier(tmp_path / "out", publish).carry(b"MSH|1", name="a")


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}
