"""From a client that we did not write to a reader that we did not write, through every role of `serve`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import hl7.client
import pytest

from tests.support.serving import Serving, serving, wait_for

pytestmark = pytest.mark.system
DEMO = Path(__file__).parents[2] / "fixtures" / "demo"
POTASSIUM = "http://loinc.org|2823-3"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    """One Wardwire for the tests of this module."""
    with serving(tmp_path_factory.mktemp("wardwire")) as started:
        yield started


def send(running: Serving, name: str) -> str:
    """Send a fixture with python-hl7's client; the acknowledgement."""
    with hl7.client.MLLPClient("127.0.0.1", running.mllp_port) as client:
        return client.send_message((DEMO / name).read_bytes()).decode()


def get(running: Serving, path: str) -> Any:
    """A FHIR answer; numbers as they were written."""
    with urllib.request.urlopen(f"{running.base}{path}", timeout=20) as answer:
        return json.loads(answer.read(), parse_float=str)


def versions(running: Serving) -> list[tuple[str, str]]:
    """Status and value of every version of the only potassium result."""
    found = get(running, f"/fhir/Observation?code={POTASSIUM}")
    if found["total"] != 1:
        return []
    history = get(running, f"/fhir/Observation/{found['entry'][0]['resource']['id']}/_history")
    told = [entry["resource"] for entry in history["entry"]]
    told.sort(key=lambda each: int(each["meta"]["versionId"]))
    return [(each["status"], each["valueQuantity"]["value"]) for each in told]


def test_preliminary_final_and_correction_are_one_resource(running: Serving) -> None:
    """AA each time, one Observation, three versions, digits kept."""
    for name in ("1-preliminary.hl7", "2-final.hl7", "3-correction.hl7"):
        assert "MSA|AA|" in send(running, name)

    expected = [("preliminary", "5.90"), ("final", "5.90"), ("corrected", "4.50")]
    wait_for(lambda: versions(running) == expected, what="three versions")


def test_the_same_message_again_gets_the_same_answer(running: Serving) -> None:
    """A resend changes nothing: same MSA, same MSH-10 of the answer, no new version."""
    before = get(running, "/fhir/Observation?_summary=count")["total"]
    first, second = send(running, "2-final.hl7"), send(running, "2-final.hl7")

    assert first.split("|")[9] == second.split("|")[9]
    assert before == get(running, "/fhir/Observation?_summary=count")["total"]


def test_a_refusal_names_the_place(running: Serving) -> None:
    """An unknown version is rejected with ERR, and kept."""
    answer = send(running, "5-broken.hl7")

    assert "MSA|AR|DEMO-0005" in answer
    assert "ERR||MSH^1^12|203^" in answer
    assert "Rossi" not in answer


def test_provenance_leads_from_result_to_message(running: Serving) -> None:
    """Provenance by target names the message by its digest and Wardwire as the assembler."""
    found = get(running, f"/fhir/Observation?code={POTASSIUM}")["entry"][0]["resource"]
    bundle = get(running, f"/fhir/Provenance?target=Observation/{found['id']}")

    assert 3 == bundle["total"]
    for entry in bundle["entry"]:
        source = entry["resource"]["entity"][0]
        assert "source" == source["role"]
        assert source["what"]["identifier"]["value"].startswith("ni:///sha-256;")


def test_nothing_of_the_patient_is_in_logs_and_metrics(running: Serving) -> None:
    """Names, numbers and results of the messages are in no log line and no metric."""
    with urllib.request.urlopen(f"{running.base}/metrics", timeout=20) as answer:
        told = answer.read().decode() + running.log.read_text()

    assert [] == [word for word in ("Rossi", "Giulia", "WW-100417", "Bianchi") if word in told]


def test_sigterm_drains_every_role(tmp_path: Path) -> None:
    """SIGTERM ends all roles in order with exit code 0, and what was acknowledged is on disk."""
    started = Serving(tmp_path).start()
    try:
        assert "MSA|AA|" in send(started, "2-final.hl7")
        assert started.process is not None
        started.process.send_signal(signal.SIGTERM)
        assert 0 == started.process.wait(timeout=60)
    finally:
        started.stop(kill=True)
    listed = subprocess.run(
        [sys.executable, "-m", "integration.cli", "messages", "list", "--json"],
        env=started.environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
    )
    assert 1 == len(listed.stdout.splitlines())


def test_a_killed_role_comes_back(running: Serving) -> None:
    """The supervisor starts a listener again that was killed, and messages go on."""
    own = int(subprocess.check_output(["pgrep", "-P", str(running.process.pid), "-f", "mllp$"]).split()[0])
    subprocess.run(["kill", "-9", str(own)], check=True)

    wait_for(lambda: _pid(running) not in {0, own}, what="another process")
    wait_for(lambda: running._listens(running.mllp_port), what="its return")
    assert "MSA|AA|" in send(running, "2-final.hl7")


def _pid(running: Serving) -> int:
    found = subprocess.run(
        ["pgrep", "-P", str(running.process.pid), "-f", "mllp$"], capture_output=True, check=False
    ).stdout.split()
    return int(found[0]) if found else 0
