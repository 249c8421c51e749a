"""Results into real FHIR servers that are not ours: SMART on, answers lost, each side killed. Each once, all there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integration.clients import mllp
from integration.clients.fhir import FhirServer
from integration.clients.signing_keys import jwks, read_key
from integration.settings import FhirAuthSettings, FhirServerSettings
from integration.wiring.fhir_destinations import WRITE_SCOPE
from integration.wiring.fhir_servers import build_fhir_server
from tests.integration.flows.writeback.benches import MESSAGE, ORDERS, PATIENTS
from tests.support import medplum, sekmet
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.serving import Serving, wait_for

pytestmark = pytest.mark.system
KINDS = ("Device", "Observation", "DiagnosticReport", "Provenance")
ONCE = {"Device": 1, "Observation": 2, "DiagnosticReport": 1, "Patient": 1, "ServiceRequest": 1}


@dataclass
class Site:
    """A server with a patient and an order, the proxy before it, and what Wardwire has to know of both."""

    server: FhirServer
    proxy: CuttingProxy
    environment: dict[str, str]
    sekmet: sekmet.Sekmet | None = None

    def admit(self) -> str:
        """The patient and the order are entered there."""
        patient = self._make(
            "Patient", identifier=[{"system": PATIENTS, "value": "17"}], name=[{"family": "R"}]
        )
        self._make(
            "ServiceRequest",
            status="active",
            intent="order",
            identifier=[{"system": ORDERS, "value": "P-1"}],
            subject={"reference": patient},
        )
        return patient

    def _make(self, kind: str, **content: Any) -> str:
        return self.server.create(kind, json.dumps({"resourceType": kind, **content}).encode()).reference

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All resources of a type there."""
        return [each.resource for each in self.server.search(kind, [("_count", "100")])]

    def counts(self) -> dict[str, int]:
        """How many of each there are."""
        return {kind: len(self.of(kind)) for kind in (*ONCE, "Provenance")}


def _destination(base: str) -> dict[str, str]:
    return {
        "WARDWIRE_DESTINATIONS__EHR__KIND": "fhir",
        "WARDWIRE_DESTINATIONS__EHR__FHIR__BASE": base,
        "WARDWIRE_DESTINATIONS__EHR__PATIENT_ASSIGNERS": json.dumps([PATIENTS]),
        "WARDWIRE_DESTINATIONS__EHR__ORDER_ASSIGNERS": json.dumps([ORDERS]),
        "WARDWIRE_CHANNELS__DEFAULT__DESTINATIONS": '["ehr"]',
    }


@pytest.fixture
def smart(tmp_path: Path) -> Iterator[Site]:
    """sekmet-fhir, which lets nobody write without a token for just that."""
    key = tmp_path / "smart.pem"
    private = ec.generate_private_key(ec.SECP384R1())
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    key.chmod(0o600)
    # A transaction is a request for everything there.
    client = {
        "client_id": "wardwire",
        "jwks": jwks([read_key(key)]),
        "scopes": f"{WRITE_SCOPE} system/*.cruds",
    }
    auth = {
        "types": ["smart", "bearer"],
        "smart_clients": [client],
        "tokens": ["of-the-test"],
        "token_lifetime": 60,
    }
    (tmp_path / "ehr").mkdir()
    with sekmet.sekmet(tmp_path / "ehr", server_auth=auth) as ehr, cutting_proxy(ehr.port) as proxy:
        own = FhirAuthSettings(kind="bearer", secret="of-the-test")
        server = build_fhir_server("test", FhirServerSettings(base=ehr.base, auth=own))
        assert server is not None
        known = {
            "WARDWIRE_DESTINATIONS__EHR__FHIR__AUTH__KIND": "smart",
            "WARDWIRE_DESTINATIONS__EHR__FHIR__AUTH__CLIENT_ID": "wardwire",
            "WARDWIRE_DESTINATIONS__EHR__FHIR__AUTH__KEYS": json.dumps([str(key)]),
        }
        yield Site(server, proxy, _destination(proxy.url("/fhir")) | known, ehr)


@pytest.fixture
def other() -> Iterator[Site]:
    """Medplum's router: another code, other versions, no rollback."""
    with medplum.medplum() as ehr, cutting_proxy(ehr.port) as proxy:
        server = build_fhir_server("test", FhirServerSettings(base=ehr.base))
        assert server is not None
        yield Site(server, proxy, _destination(proxy.url("/fhir/R4")))


SITES = [pytest.param("smart", marks=sekmet.SKIP), pytest.param("other", marks=medplum.SKIP)]


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """The server that the test names."""
    found: Site = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def wardwire(tmp_path: Path, site: Site) -> Iterator[Serving]:
    """A real Wardwire that sends its results there."""
    (tmp_path / "ww").mkdir()
    running = Serving(tmp_path / "ww", environment=site.environment)
    yield running
    if running.process is not None:
        running.stop(kill=True)


def command(wardwire: Serving, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "integration.cli", *words],
        env=wardwire.environment, cwd=wardwire.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert code == done.returncode, done.stdout + done.stderr
    return done.stdout


def send(wardwire: Serving, control_id: str, **parts: str) -> None:
    values = {"patient": "17", "order": "P-1", "status": "F", "value": "5.90", "hour": "12"} | parts
    receiver = mllp.Receiver(host="127.0.0.1", port=wardwire.mllp_port, answer_seconds=20)
    with mllp.Sender(receiver) as sender:
        assert "AA" == sender.send(MESSAGE.format(id=control_id, **values).encode()).code


def deliveries(wardwire: Serving) -> list[dict[str, Any]]:
    return [json.loads(line) for line in command(wardwire, "deliveries", "list", "--json").splitlines()]


def delivered(wardwire: Serving, count: int) -> bool:
    return ["delivered"] * count == [each["state"] for each in deliveries(wardwire)]


@pytest.mark.parametrize("style", ["transaction", "writes", "auto"])
@pytest.mark.parametrize("site", SITES, indirect=True)
def test_results_and_their_corrections_arrive_once(site: Site, wardwire: Serving, style: str) -> None:
    """Every third answer to a write is lost on the way: no duplicate, nothing missing, the last word stands."""
    wardwire.environment["WARDWIRE_DESTINATIONS__EHR__STYLE"] = style
    if style == "transaction":
        wardwire.environment["WARDWIRE_DESTINATIONS__EHR__FHIR__AUTH__SCOPE"] = (
            f"{WRITE_SCOPE} system/*.cruds"
        )
    site.proxy.loses = lambda number, method, path: number % 3 == 1
    patient = site.admit()
    wardwire.start()
    send(wardwire, "M1", status="P", value="5.90")
    send(wardwire, "M2", status="F", hour="13", value="5.90")
    send(wardwire, "M3", status="C", hour="14", value="6.10")
    wait_for(lambda: delivered(wardwire, 3), seconds=120, what="delivery")

    assert ONCE | {"Provenance": 3} == site.counts()
    assert {"corrected"} == {each["status"] for kind in KINDS[1:3] for each in site.of(kind)}
    potassium = next(each for each in site.of("Observation") if each["code"]["coding"][0]["code"] == "2823-3")
    assert ("6.1", patient) == (
        str(potassium["valueQuantity"]["value"])[:3],
        potassium["subject"]["reference"],
    )
    (report,) = site.of("DiagnosticReport")
    there = {f"Observation/{each['id']}" for each in site.of("Observation")}
    assert there == {each["reference"] for each in report["result"]}
    targets = Counter(each["reference"] for one in site.of("Provenance") for each in one["target"])
    assert {f"DiagnosticReport/{report['id']}": 3} | dict.fromkeys(there, 3) == targets
    assert 3 <= len(site.proxy.writes)


@pytest.mark.parametrize("site", [SITES[0]], indirect=True)
def test_each_side_is_killed_in_the_middle(site: Site, wardwire: Serving) -> None:
    """Wardwire after some of the writes, the server before others: what was begun is finished, once."""
    wardwire.environment["WARDWIRE_DESTINATIONS__EHR__STYLE"] = "writes"
    ehr = site.sekmet
    assert ehr is not None
    site.admit()

    def kill_wardwire(number: int, *_: str) -> bool:
        if number == 3:
            wardwire.stop(kill=True)
        return number == 3

    site.proxy.loses = kill_wardwire
    wardwire.start()
    send(wardwire, "M1", status="P")
    assert wardwire.process is not None
    wait_for(lambda: wardwire.process and wardwire.process.poll() is not None, what="the kill")
    ehr.stop(kill=True)
    wardwire.start()
    send(wardwire, "M2", status="F", hour="13", value="6.10")
    wait_for(
        lambda: "unreachable" in {each["reason"] for each in deliveries(wardwire)},
        seconds=60,
        what="an attempt",
    )
    ehr.start()
    wait_for(lambda: delivered(wardwire, 2), seconds=120, what="delivery")

    assert ONCE | {"Provenance": 2} == site.counts()
    assert {"final"} == {each["status"] for kind in KINDS[1:3] for each in site.of(kind)}
    assert '"whole": true' in command(wardwire, "audit", "verify", "--json")


@pytest.mark.parametrize("site", [SITES[0]], indirect=True)
def test_check_and_probe_say_what_will_work(site: Site, wardwire: Serving) -> None:
    """In words, with our own credential; and what the probe showed is remembered."""
    wardwire.environment["WARDWIRE_DESTINATIONS__EHR__DRAFTS"] = "send"
    patient = site.admit().partition("/")[2]
    command(wardwire, "migrate")
    before = json.loads(command(wardwire, "check", "--json", code=1))["checks"]
    told = {each["name"]: each for each in before if each["name"].startswith("destinations.ehr")}
    assert [False] == [each["passed"] for name, each in told.items() if name.endswith("drafts")]
    assert "transaction" in told["destinations.ehr style"]["reason"]
    assert told["destinations.ehr DiagnosticReport.write"]["passed"]

    tried = json.loads(command(wardwire, "destinations", "probe", "ehr", "--patient", patient, "--json"))
    assert {"Observation", "DiagnosticReport", "DocumentReference"} == {
        each["type"] for each in tried["trials"]
    }
    after = json.loads(command(wardwire, "check", "--json"))["checks"]
    assert [True] == [each["passed"] for each in after if each["name"] == "destinations.ehr drafts"]
