"""Results on their way to a receiver, through real processes: at least once, in order, never lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.clients import mllp
from tests.support.receivers import Receiver, acknowledge, header
from tests.support.serving import wait_for
from tests.system.test_kills import MESSAGE, Roles

pytestmark = pytest.mark.system


@pytest.fixture
def ehr() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def roles(tmp_path: Path, ehr: Receiver) -> Iterator[Roles]:
    """An installation that sends the results of its channel to the receiver and to a folder."""
    installation = Roles(tmp_path)
    installation.template.environment |= {
        "WARDWIRE_DESTINATIONS__EHR__PORT": str(ehr.port),
        "WARDWIRE_DESTINATIONS__EHR__ANSWER_SECONDS": "5",
        "WARDWIRE_DESTINATIONS__FILES__KIND": "folder",
        "WARDWIRE_DESTINATIONS__FILES__PATH": str(tmp_path / "out"),
        "WARDWIRE_DESTINATIONS__FILES__MESSAGE": "MDM_T02",
        "WARDWIRE_CHANNELS__DEFAULT__DESTINATIONS": '["ehr", "files"]',
    }
    yield installation
    for process in installation.running:
        process.kill()
        process.wait()


def send(roles: Roles, *messages: bytes) -> None:
    receiver = mllp.Receiver(host="127.0.0.1", port=roles.template.mllp_port, answer_seconds=20)
    with mllp.Sender(receiver) as sender:
        assert {"AA"} == {sender.send(each).code for each in messages}


def deliveries(roles: Roles, *options: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in roles.command("deliveries", "list", "--json", *options).splitlines()]


def all_delivered(roles: Roles, count: int) -> bool:
    return ["delivered"] * count == [each["state"] for each in deliveries(roles)]


def test_results_reach_the_receiver_and_the_folder(roles: Roles, ehr: Receiver, tmp_path: Path) -> None:
    """One message in: an ORU to the EHR, a document for each report into the folder."""
    roles.start("mllp")
    roles.start("work")
    send(roles, MESSAGE)
    wait_for(lambda: all_delivered(roles, 3), seconds=60, what="delivery")

    (sent,) = ehr.messages
    assert "ORU^R01^ORU_R01" == header(sent, 9)
    files = sorted((tmp_path / "out").iterdir())
    assert 2 == len(files)
    assert all(re.fullmatch(r"\d{12}-[0-9a-f]{20}\.hl7", each.name) for each in files)
    assert {"MDM^T02^MDM_T02"} == {header(each.read_bytes(), 9) for each in files}
    message_id = deliveries(roles)[0]["message_id"]
    shown = json.loads(roles.command("messages", "show", str(message_id), "--json"))
    assert {("ehr", "delivered", "AA"), ("files", "delivered", None)} == {
        (each["destination"], each["state"], each["response"]) for each in shown["deliveries"]
    }
    assert '"whole": true' in roles.command("audit", "verify", "--json")


@pytest.mark.parametrize(("point", "times"), [("before-send", 1), ("after-send", 2)])
def test_a_worker_killed_in_a_delivery(roles: Roles, ehr: Receiver, point: str, times: int) -> None:
    """The next worker delivers it; a repeat has the same bytes, so the receiver can tell."""
    del roles.template.environment["WARDWIRE_DESTINATIONS__FILES__KIND"]
    roles.template.environment["WARDWIRE_CHANNELS__DEFAULT__DESTINATIONS"] = '["ehr"]'
    roles.start("mllp")
    dying = roles.start("work", dying_at=point)
    send(roles, MESSAGE)
    assert -9 == dying.wait(timeout=60)

    roles.start("work")
    wait_for(lambda: all_delivered(roles, 1), seconds=60, what="delivery")
    assert times == len(ehr.messages)
    assert 1 == len(set(ehr.messages))


def test_order_is_kept_for_each_patient_while_the_receiver_stumbles(roles: Roles, ehr: Receiver) -> None:
    """Refusals for now, closed connections and answers to something else: still in order, none lost."""
    roles.template.environment["WARDWIRE_CHANNELS__DEFAULT__DESTINATIONS"] = '["ehr"]'
    roles.template.environment["WARDWIRE_DESTINATIONS__EHR__CONNECTIONS"] = "4"
    ehr.answers += [
        lambda message: acknowledge(message, "AR"),
        lambda _: None,
        lambda message: acknowledge(message, control_id="SOMETHING-ELSE") + acknowledge(message),
    ]
    roles.start("mllp")
    roles.start("work")
    send(roles, *(version(number, value) for value in (1, 2, 3) for number in range(4)))
    wait_for(lambda: all_delivered(roles, 12), seconds=90, what="delivery")

    told = [(patient(each), value(each)) for each in ehr.messages]
    for number in range(4):
        own = [value for name, value in told if name == f"ORDER-{number}"]
        assert sorted(own) == own
        assert {1, 2, 3} == set(own)
    assert '"whole": true' in roles.command("audit", "verify", "--json")


def version(number: int, potassium: int) -> bytes:
    """A result of a patient of its own, each later one a correction of the one before."""
    return (
        (
            "MSH|^~\\&|LIS|LAB|WW|H|20261122101{1:d}00+0000||ORU^R01^ORU_R01|V{0}-{1}|P|2.5.1\r"
            "PID|1||ORDER-{0}^^^HOSP^MR||Test^Patient\r"
            "OBR|1||ORDER-{0}^LIS|24320-4^Panel^LN|||20261122090000+0000|||||||||||||||"
            "20261122101{1:d}00+0000|||{2}\r"
            "OBX|1|NM|2823-3^Potassium^LN||{1}|mmol/L|||||{2}\r"
        )
        .format(number, potassium, "F" if potassium == 1 else "C")
        .encode()
    )


def patient(message: bytes) -> str:
    return (
        next(line for line in message.split(b"\r") if line.startswith(b"PID"))
        .decode()
        .split("|")[3]
        .split("^")[0]
    )


def value(message: bytes) -> int:
    return int(next(line for line in message.split(b"\r") if line.startswith(b"OBX")).decode().split("|")[5])


def test_a_receiver_that_is_not_there_yet(roles: Roles, ehr: Receiver) -> None:
    """Results wait for it and arrive when it comes; the worker does other work meanwhile."""
    from tests.support.receivers import refused_port

    roles.template.environment["WARDWIRE_CHANNELS__DEFAULT__DESTINATIONS"] = '["ehr"]'
    roles.template.environment["WARDWIRE_DESTINATIONS__EHR__PORT"] = str(refused_port())
    roles.start("mllp")
    worker = roles.start("work")
    send(roles, MESSAGE)
    wait_for(lambda: [("retrying", "unreachable")] == [
        (each["state"], each["reason"]) for each in deliveries(roles)
    ], seconds=60, what="a failed attempt")  # fmt: skip
    worker.terminate()
    worker.wait(timeout=60)

    roles.template.environment["WARDWIRE_DESTINATIONS__EHR__PORT"] = str(ehr.port)
    roles.start("work")
    wait_for(lambda: all_delivered(roles, 1), seconds=60, what="delivery")
    assert 1 == len(ehr.messages)


def test_a_refused_delivery_waits_for_a_human_and_is_sent_again(roles: Roles, ehr: Receiver) -> None:
    """AE parks it with its codes and none of its words; `wardwire deliveries retry` sends the same bytes."""
    roles.template.environment["WARDWIRE_CHANNELS__DEFAULT__DESTINATIONS"] = '["ehr"]'
    ehr.answers += [lambda message: acknowledge(message, "AE", error="204")]
    roles.start("mllp")
    roles.start("work")
    send(roles, MESSAGE)
    wait_for(lambda: deliveries(roles, "--state", "parked"), seconds=60, what="parking")
    (parked,) = deliveries(roles)
    assert ("refused", "AE 204") == (parked["reason"], parked["response"])

    roles.command("deliveries", "retry", str(parked["id"]))
    wait_for(lambda: all_delivered(roles, 1), seconds=60, what="delivery")
    first, second = ehr.messages
    assert first == second
    logs = "".join(each.read_text() for each in roles.folder.glob("*.log"))
    assert "Muñoz" not in logs
    assert "Muñoz" not in roles.command("audit", "export")
