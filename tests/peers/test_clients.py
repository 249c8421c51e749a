"""Clients that we did not write, to our listener as a real process: python-hl7 twice, and three of Node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import hl7.client
import pytest

from mappers.hl7v2.tokens import peek
from tests.support.door import codes, fields, message
from tests.system.test_kills import MESSAGE, Roles

pytestmark = [pytest.mark.peers, pytest.mark.system]
NODE = Path(__file__).with_name("clients.cjs")


def write(folder: Path, *messages: bytes) -> list[Path]:
    files = [folder / f"{number}.hl7" for number in range(len(messages))]
    for file, content in zip(files, messages, strict=True):
        file.write_bytes(content)
    return files


def with_node(client: str, roles: Roles, modules: Path, files: list[Path]) -> list[bytes]:
    """What a Node client got for each file."""
    done = subprocess.run(
        ["node", str(NODE), client, str(roles.template.mllp_port), *map(str, files)],
        env={**os.environ, "NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return [
        json.loads(line).replace("\n", "\r").encode()
        for line in done.stdout.splitlines()
        if line.startswith('"')
    ]


def told(answers: list[bytes]) -> list[tuple[str, str]]:
    """MSA-1 and MSA-2 of each answer."""
    return [(codes(answer)[0], fields(answer, "MSA", 2)[0]) for answer in answers]


def some(prefix: str) -> tuple[bytes, ...]:
    """An accepted message, one that is refused, and the first once more."""
    accepted = MESSAGE.replace(b"DEMO-0002", f"{prefix}-1".encode())
    return accepted, message(f"{prefix}-2", version="3.0"), accepted


def expected(prefix: str) -> list[tuple[str, str]]:
    return [("AA", f"{prefix}-1"), ("AR", f"{prefix}-2"), ("AA", f"{prefix}-1")]


@pytest.mark.parametrize("client", ["simple-hl7", "node-hl7-client", "@medplum/hl7"])
def test_clients_of_node(roles: Roles, node_modules: Path, tmp_path: Path, client: str) -> None:
    """Each sends on one connection, reads our blocks and finds its own control ids in them."""
    prefix = client.replace("@", "").replace("/", "-").upper()

    assert expected(prefix) == told(with_node(client, roles, node_modules, write(tmp_path, *some(prefix))))


def test_an_application_acknowledgement_for_medplum(roles: Roles, node_modules: Path, tmp_path: Path) -> None:
    """Enhanced mode with a client that knows it: CA is passed over, AA comes when the worker has decided."""
    assert b"|2.5.1||||||UNICODE" in MESSAGE
    wanting = MESSAGE.replace(b"|2.5.1||||||UNICODE", b"|2.5.1|||AL|AL||UNICODE")
    files = write(tmp_path, *(wanting.replace(b"DEMO-0002", b"APP-%d" % number) for number in range(3)))
    answers = with_node("@medplum/hl7 application", roles, node_modules, files)

    assert [("AA", f"APP-{number}") for number in range(3)] == told(answers)
    assert ["NE"] * 3 == [peek(answer).accept_acknowledgement for answer in answers]
    first = with_node("@medplum/hl7", roles, node_modules, files)
    assert [("CA", f"APP-{number}") for number in range(3)] == told(first)


def test_python_hl7(roles: Roles) -> None:
    """Its client, on one connection."""
    with hl7.client.MLLPClient("127.0.0.1", roles.template.mllp_port) as client:
        answers = [client.send_message(each).strip(b"\x0b\x1c\r") + b"\r" for each in some("PYTHON")]

    assert expected("PYTHON") == told(answers)


def test_mllp_send(roles: Roles, tmp_path: Path) -> None:
    """Its command, with a file of several messages as an editor leaves it."""
    file = tmp_path / "messages.hl7"
    file.write_bytes(b"".join(some("SEND")).replace(b"\r", b"\n"))
    program = Path(sys.executable).with_name("mllp_send")
    done = subprocess.run(
        [str(program), "-p", str(roles.template.mllp_port), "-f", str(file), "--loose", "127.0.0.1"],
        capture_output=True,
        timeout=240,
        check=True,
    )

    answers = done.stdout.replace(b"\x0b", b"").split(b"\x1c")
    assert expected("SEND") == told([answer.replace(b"\n", b"\r") for answer in answers if b"MSA" in answer])
