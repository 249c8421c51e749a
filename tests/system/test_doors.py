"""The doors as real processes: enhanced mode to its end, mutual TLS with a list of guests, HTTP, folders."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.integration.transports.mllp.test_listener_tls import Authority, client_context
from tests.support.door import codes, fields, message
from tests.support.mllp_peer import Wire, connect, framed, half_close, play, receive, send, to_end
from tests.support.serving import wait_for
from tests.system.test_kills import MESSAGE, Roles

pytestmark = pytest.mark.system
ORDERED = MESSAGE.replace(b"|2.5.1||||||UNICODE", b"|2.5.1|||AL|AL||UNICODE")


@pytest.fixture
def roles(tmp_path: Path):
    """An installation whose processes end with the test."""
    installation = Roles(tmp_path)
    yield installation
    for process in installation.running:
        process.kill()
        process.wait()


def address(roles: Roles) -> tuple[str, int]:
    return "127.0.0.1", roles.template.mllp_port


def ask(wire: Wire, *raw: bytes, answers: int) -> list[tuple[str, str]]:
    """Send messages and wait for so many answers in all: (MSA-1, MSA-2)."""
    for each in raw:
        send(framed(each))(wire)
    receive(answers)(wire)
    return [(codes(payload)[0], fields(payload, "MSA", 2)[0]) for payload in wire.answers]


def test_enhanced_mode_to_its_end(roles: Roles) -> None:
    """CA from the listener; AA or a located AE once the worker has decided, in another process."""
    assert ORDERED != MESSAGE
    roles.start("mllp")
    roles.start("work")
    unreadable = message("BAD", msh15="AL", msh16="AL", body="ZZZ|1")
    wire = connect(address(roles))
    try:
        assert [("CA", "DEMO-0002"), ("AA", "DEMO-0002")] == ask(wire, ORDERED, answers=2)
        assert [("CA", "BAD"), ("AE", "BAD")] == ask(wire, unreadable, answers=4)[2:]
        assert [True] == [bool(error) for error in fields(wire.answers[3], "ERR", 3)]
        assert [("CA", "DEMO-0002"), ("AA", "DEMO-0002")] == ask(wire, ORDERED, answers=6)[4:]
        assert wire.answers[1] == wire.answers[5]
    finally:
        wire.socket.close()

    assert ["parked", "processed"] == sorted(state for state, _ in roles.states())
    assert '"whole": true' in roles.command("audit", "verify", "--json")


def test_an_answer_that_was_owed_when_the_listener_died(roles: Roles) -> None:
    """It is due; who sends the message again to the next listener gets it, and the result is there once."""
    listener = roles.start("mllp")
    wire = connect(address(roles))
    assert [("CA", "DEMO-0002")] == ask(wire, ORDERED, answers=1)
    listener.kill()
    listener.wait()
    roles.start("work")
    wait_for(lambda: ["processed"] == [state for state, _ in roles.states()], seconds=60, what="processing")

    roles.start("mllp")
    wire = connect(address(roles))
    assert [("CA", "DEMO-0002"), ("AA", "DEMO-0002")] == ask(wire, ORDERED, answers=2)
    assert [1] == [attempts for _, attempts in roles.states()]


def test_an_answer_to_a_destination(roles: Roles) -> None:
    """CA over the connection; AA where the channel says, as a delivery that the outbox makes once."""
    inbox = roles.folder / "acknowledgements"
    roles.template.environment |= {
        "WARDWIRE_CHANNELS__DEFAULT__APPLICATION_ACKS": "lis",
        "WARDWIRE_DESTINATIONS__LIS__KIND": "folder",
        "WARDWIRE_DESTINATIONS__LIS__PATH": str(inbox),
    }
    roles.start("mllp")
    roles.start("work")
    assert ["CA"] == codes(play(address(roles), send(framed(ORDERED)), receive(1)).answers[0])

    wait_for(lambda: inbox.is_dir() and list(inbox.iterdir()), seconds=60, what="the acknowledgement")
    (file,) = inbox.iterdir()
    assert (["AA"], ["DEMO-0002"]) == (codes(file.read_bytes()), fields(file.read_bytes(), "MSA", 2))


def test_mutual_tls_through_the_role(roles: Roles, tmp_path: Path) -> None:
    """A guest is known by the subject that it proved, which the audit trail names; a stranger is not let in."""
    (tmp_path / "ca").mkdir()
    authority = Authority(tmp_path / "ca")
    server = authority.issue("localhost")
    roles.template.environment |= {
        "WARDWIRE_MLLP__DEFAULT__TLS__CERTIFICATE": str(server),
        "WARDWIRE_MLLP__DEFAULT__TLS__KEY": str(server),
        "WARDWIRE_MLLP__DEFAULT__TLS__CA": str(authority.file),
        "WARDWIRE_MLLP__DEFAULT__TLS__REQUIRE_CLIENT": "true",
        "WARDWIRE_MLLP__DEFAULT__PEERS__LAB__SUBJECTS": '["CN=lab-a,O=St. Elsewhere\\\\, Lab"]',
        "WARDWIRE_MLLP__DEFAULT__PEERS__LAB__ADDRESSES": '["127.0.0.0/8"]',
    }
    roles.start("mllp")
    context = client_context(authority, certificate=authority.issue("lab-a"))
    wire = play(address(roles), send(framed(MESSAGE)), receive(1), tls=context, server_hostname="localhost")
    assert ["AA"] == codes(wire.answers[0])

    for certificate in (authority.issue("lab-b"), None):
        context = client_context(authority, certificate=certificate)
        try:
            wire = play(
                address(roles), send(framed(MESSAGE)), to_end(), tls=context, server_hostname="localhost"
            )
            assert [] == wire.answers
        except (ssl.SSLError, ConnectionError):
            pass
    assert [] == play(address(roles), send(framed(MESSAGE)), to_end()).answers

    (listed,) = [json.loads(line) for line in roles.command("messages", "list", "--json").splitlines()]
    assert "CN=lab-a,O=St. Elsewhere\\, Lab" == listed["peer"]
    events = map(json.loads, roles.command("audit", "export").splitlines())
    assert any("CN=lab-a,O=St. Elsewhere" in json.dumps(event["agent"]) for event in events)


def test_release_2_through_the_role(roles: Roles) -> None:
    """Commit block, then the acknowledgement."""
    roles.template.environment["WARDWIRE_MLLP__DEFAULT__RELEASE"] = "2"
    roles.start("mllp")
    wire = play(address(roles), send(framed(MESSAGE)), receive(2))

    assert [b"\x06", ["AA"]] == [wire.answers[0], codes(wire.answers[1])]


def test_a_batch_over_the_wire(roles: Roles) -> None:
    """Each message gets its row, and the batch one answer."""
    roles.start("mllp")
    second = MESSAGE.replace(b"DEMO-0002", b"DEMO-0002b")
    batch = b"BHS|^~\\&|LIS||||||||B-9\r" + MESSAGE + second + b"BTS|2\r"
    wire = play(address(roles), send(framed(batch)), receive(1))

    assert ["AA", "AA"] == codes(wire.answers[0])
    assert 2 == len(roles.states())


def post(roles: Roles, raw: bytes, *, token: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{roles.template.base}/hl7/default", data=raw)
    request.add_header("Content-Type", "application/hl7-v2; charset=utf-8")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_http_and_mllp_are_one_door(roles: Roles) -> None:
    """The same message by both roads is one message with one answer; curl reads it too."""
    roles.start("mllp")
    roles.start("web")
    wait_for(lambda: roles.template._listens(roles.template.web_port), what="the web role")
    status, answer = post(roles, MESSAGE)
    assert (200, ["AA"]) == (status, codes(answer))
    over_mllp = play(address(roles), send(framed(MESSAGE)), receive(1)).answers[0]
    assert said(answer) == said(over_mllp)
    assert 1 == len(roles.states())

    file = roles.folder / "message.hl7"
    file.write_bytes(MESSAGE)
    done = subprocess.run(
        ["curl", "-sS", "--data-binary", f"@{file}", "-H", "Content-Type: application/hl7-v2",
         "-H", "Transfer-Encoding: chunked", f"{roles.template.base}/hl7/default"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert said(answer) == said(done.stdout)
    assert 1 == len(roles.states())


def said(answer: bytes) -> tuple[list[str], list[str], list[str]]:
    """An answer without its time: its own id, the code, and what it answers."""
    return fields(answer, "MSH", 9), codes(answer), fields(answer, "MSA", 2)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5000\r\n\r\n" + MESSAGE[:300],
        b"Transfer-Encoding: chunked\r\n\r\n12c\r\n" + MESSAGE[:300] + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + MESSAGE[:300],
    ],
    ids=["by length", "between chunks", "in a chunk"],
)
def test_half_a_message_over_http_is_none(roles: Roles, head: bytes) -> None:
    """A sender that goes in the midst of its body has sent nothing; all of it later is the first."""
    roles.start("web")
    wait_for(lambda: roles.template._listens(roles.template.web_port), what="the web role")
    request = b"POST /hl7/default HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/hl7-v2\r\n"
    play(("127.0.0.1", roles.template.web_port), send(request + head), half_close(), to_end())

    status, answer = post(roles, MESSAGE)
    assert (200, ["AA"]) == (status, codes(answer))
    assert 1 == len(roles.states())


def test_http_refuses_what_is_too_long(roles: Roles) -> None:
    """By its length, and where no length is announced."""
    roles.template.environment["WARDWIRE_WEB__MAX_BODY_BYTES"] = "2048"
    roles.start("web")
    wait_for(lambda: roles.template._listens(roles.template.web_port), what="the web role")

    assert 413 == post(roles, MESSAGE + b"NTE|1||" + b"x" * 4096)[0]
    file = roles.folder / "message.hl7"
    file.write_bytes(MESSAGE + b"NTE|1||" + b"x" * 4096)
    done = subprocess.run(
        ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "--data-binary", f"@{file}",
         "-H", "Content-Type: application/hl7-v2", "-H", "Transfer-Encoding: chunked",
         f"{roles.template.base}/hl7/default"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert b"413" == done.stdout
    assert [] == roles.states()


@pytest.mark.parametrize("point", ["file-claimed", "file-committed", "file-placed"])
def test_a_folder_whose_process_was_killed(roles: Roles, point: str) -> None:
    """The next one ends what was begun: one message, one file in done/, nothing in working/."""
    share = roles.folder / "share"
    share.mkdir()
    roles.template.environment |= {
        "WARDWIRE_FOLDERS__SHARE__PATH": str(share),
        "WARDWIRE_FOLDERS__SHARE__SETTLE_SECONDS": "0.1",
        "WARDWIRE_FOLDERS__SHARE__POLL_SECONDS": "0.1",
    }
    (share / "a.hl7").write_bytes(MESSAGE)
    assert -9 == roles.start("mllp", dying_at=point, listening=False).wait(timeout=60)
    roles.start("mllp")

    wait_for((share / "done" / "a.hl7").exists, what="the file to be done")
    wait_for(lambda: not list((share / "working").iterdir()), what="working/ to be empty")
    assert [("received", 0)] == roles.states()
    assert [share / "done" / "a.hl7"] == [path for path in share.rglob("*") if path.is_file()]
