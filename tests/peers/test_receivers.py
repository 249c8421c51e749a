"""Our courier to five servers that we did not write: what we write is read, what they answer is understood."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hl7
import hl7.mllp
import pytest

from integration.clients.couriers import MllpCourier
from integration.clients.mllp import Receiver
from integration.errors import DestinationRefused, DestinationSilent
from mappers.hl7v2.outbound import oru_r01
from mappers.hl7v2.outbound.recipient import Recipient
from tests.mappers.hl7v2.outbound.facts import NOW, fixture
from tests.support.serving import free_port, wait_for

pytestmark = pytest.mark.system


@dataclass
class Heard:
    """What a server understood: (MSH-10, family name of PID-5)."""

    port: int
    messages: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def python_hl7() -> Iterator[Heard]:
    """python-hl7's asyncio server."""
    heard = Heard(0)
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def talk(reader, writer) -> None:
        while not writer.is_closing():
            try:
                message = await reader.readmessage()
            except asyncio.IncompleteReadError:
                break
            control_id = str(message.segment("MSH")[10])
            heard.messages.append((control_id, str(message.segment("PID")[5][0][0])))
            writer.writemessage(message.create_ack("AE" if control_id.startswith("BAD") else "AA"))
            await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await hl7.mllp.start_hl7_server(talk, host="127.0.0.1", port=0, encoding="utf-8")
        heard.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    yield heard
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()


@contextmanager
def hl7apy() -> Iterator[Heard]:
    """hl7apy's threading server, which closes after each message."""
    from hl7apy.mllp import AbstractHandler, MLLPServer
    from hl7apy.parser import parse_message

    heard = Heard(free_port())

    class Handler(AbstractHandler):
        def reply(self) -> str:
            message = parse_message(self.incoming_message, find_groups=False)
            control_id = message.msh.msh_10.value
            heard.messages.append((control_id, message.pid.pid_5.pid_5_1.value))
            code = "AE" if control_id.startswith("BAD") else "AA"
            header = f"MSH|^~\\&|EHR|HOSP|||20261122||ACK^R01^ACK|{control_id}|P|2.5.1"
            return f"\x0b{header}\rMSA|{code}|{control_id}\r\x1c\r"

    server = MLLPServer("127.0.0.1", heard.port, {"ORU^R01^ORU_R01": (Handler,)})
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield heard
    server.shutdown()
    thread.join(20)
    server.server_close()


def node(name: str):
    """A server on Node.js, from the packages in WARDWIRE_TEST_NODE_MODULES."""

    @contextmanager
    def running() -> Iterator[Heard]:
        modules = os.environ.get("WARDWIRE_TEST_NODE_MODULES")
        if not modules:
            pytest.skip("WARDWIRE_TEST_NODE_MODULES is not set")
        heard = Heard(free_port())
        process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("servers.js")), name, str(heard.port)],
            env={**os.environ, "NODE_PATH": modules},
            stdout=subprocess.PIPE,
            text=True,
        )
        lines = process.stdout
        assert lines is not None
        assert "ready\n" == lines.readline()

        def listen() -> None:
            for line in lines:
                if line.startswith("{"):
                    told = json.loads(line)
                    heard.messages.append((told["controlId"], told["family"]))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            wait_for(lambda: _listens(heard.port), what=f"{name} to listen")
            yield heard
        finally:
            process.kill()
            process.wait()
            thread.join(20)
            lines.close()

    return running


def _listens(port: int) -> bool:
    from tests.support.serving import Serving

    return Serving._listens(port)


SERVERS = {
    "python-hl7": python_hl7,
    "hl7apy": hl7apy,
    "simple-hl7": node("simple-hl7"),
    "node-hl7-server": node("node-hl7-server"),
    "medplum": node("medplum"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_what_we_send_is_understood_and_answered(name: str) -> None:
    """Three results in order, each read with its names; a refusal is a refusal; then it goes on."""
    (report,) = fixture("demo/2-final.hl7")
    outgoing = oru_r01.write(report, recipient=Recipient(), now=NOW)
    family = report.patient.names[0].family
    with SERVERS[name]() as server:
        courier = MllpCourier(Receiver(host="127.0.0.1", port=server.port, answer_seconds=20))
        for control_id in ("W1", "W2", "W3"):
            assert "AA" == carry(courier, outgoing.named(control_id))
        with pytest.raises(DestinationRefused) as refused:
            carry(courier, outgoing.named("BAD1"))
        assert refused.value.response.startswith("AE")
        assert "AA" == carry(courier, outgoing.named("W4"))
        courier.close()
        expected = [(control_id, family) for control_id in ("W1", "W2", "W3", "BAD1", "W4")]
        wait_for(lambda: expected[-1] in server.messages, what="the server's account")

    # node-hl7-server hears all that came on a connection again with each message.
    assert expected == list(dict.fromkeys(server.messages))


def carry(courier: MllpCourier, message: bytes) -> str | None:
    """Send again what was lost, as the delivery's flow does: hl7apy resets its connection after each answer."""
    for _ in range(5):
        with contextlib.suppress(DestinationSilent):
            return courier.carry(message, name="n")
    raise AssertionError("five connections broke before the answer")
