"""Clients and servers that we did not write: python-hl7 both ways, and our client against our listener."""

import asyncio

import hl7.client
import hl7.mllp
import pytest

from integration.clients.mllp import Receiver, Sender
from integration.clients.mllp_load import Load
from tests.integration.clients.messages import ack, order
from tests.integration.transports.mllp.conftest import staged
from tests.integration.transports.mllp.test_listener_tls import Authority, client_context, server_context


async def acknowledge(payload, _):
    """A door that says AA."""
    return ack(payload.split(b"|")[9].decode())


def test_python_hl7_sends_to_the_listener(run):
    """Its client sends, reads our block and parses our answer."""

    async def story():
        async with staged(answer=acknowledge) as stage:

            def converse():
                with hl7.client.MLLPClient(*stage.address) as client:
                    return [client.send_message(order(f"A{n}")).strip(b"\x0b\x1c\r") for n in range(3)]

            answers = [hl7.parse(answer) for answer in await asyncio.to_thread(converse)]
            assert [str(answer.segment("MSA")[2]) for answer in answers] == ["A0", "A1", "A2"]

    run(story)


def test_our_client_sends_to_python_hl7():
    """Its server parses our message and its answer is recognised."""

    async def serve(reader, writer):
        while not writer.is_closing():
            try:
                message = await reader.readmessage()
            except asyncio.IncompleteReadError:
                break
            writer.writemessage(message.create_ack())
            await writer.drain()
        writer.close()

    async def story():
        server = await hl7.mllp.start_hl7_server(serve, host="127.0.0.1", port=0, encoding="utf-8")
        async with server:
            host, port = server.sockets[0].getsockname()

            def converse():
                with Sender(Receiver(host=host, port=port)) as sender:
                    return [sender.send(order(f"A{n}")) for n in range(3)]

            answers = await asyncio.to_thread(converse)
            assert [(each.code, each.control_id) for each in answers] == [("AA", f"A{n}") for n in range(3)]

    asyncio.run(story())


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_our_client_proves_who_it_is_to_the_listener(run, authority):
    """Mutual TLS from end to end, both parts ours."""

    async def story():
        async with staged(answer=acknowledge, tls=server_context(authority, mutual=True)) as stage:
            context = client_context(authority, certificate=authority.issue("lab-a"))
            host, port = stage.address
            receiver = Receiver(host=host, port=port, tls=context, server_hostname="localhost")

            def converse():
                with Sender(receiver) as sender:
                    return [sender.send(order(f"A{n}")).control_id for n in range(3)]

            assert await asyncio.to_thread(converse) == ["A0", "A1", "A2"]
            report = await Load(
                receiver=receiver, messages=[order("A")], repeat=50, connections=3, tag="T"
            ).run()
            assert (report.codes, report.no_answer) == ({"AA": 50}, 0)

    run(story)
