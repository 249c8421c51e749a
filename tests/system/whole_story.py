"""Run in a network namespace: an order and a study at an EHR, images in a PACS, a signed report back at the EHR.

Neither is ours: sekmet-fhir with SMART on, Orthanc, and NEMA's sample RG1 of pydicom-data, read from that package
and never copied; the model is a scripted one. Prints what each act left, here and there, as one line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pydicom
from joserfc.jwk import ECKey

from integration.clients.signing_keys import jwks, read_key
from integration.wiring.fhir_destinations import WRITE_SCOPE
from tests.support import orthanc
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.sekmet import Sekmet
from tests.support.serving import Serving, wait_for
from tests.system.orthanc_story import ANSWERS, CHEST, HOOK, c_store, found

Node = dict[str, Any]
MRN, ORDERS = "urn:oid:1.2.3.1", "urn:oid:1.2.3.2"
WRITTEN = ("Device", "DiagnosticReport", "Observation", "DocumentReference", "Provenance", "Task")
SENT = ("Patient", "ServiceRequest", "ImagingStudy")
READ_SCOPE = (
    "system/DocumentReference.rs system/ImagingStudy.rs system/Media.rs system/Binary.r system/Patient.rs "
    "system/ServiceRequest.rs system/Encounter.rs system/Subscription.cruds"
)
MEANING = "reviewed and approved"


def within(condition: Callable[[], object], what: str) -> Any:
    """As `wait_for`, for processes on a machine that is busy."""
    return wait_for(condition, seconds=240, what=what)


class Hospital:
    """The EHR as its own clinicians' programs see it: plain HTTP, past the proxy."""

    def __init__(self, base: str) -> None:
        self.web = httpx2.Client(
            base_url=base, headers={"Authorization": "Bearer of-the-hospital"}, timeout=30
        )

    def create(self, kind: str, **content: Any) -> str:
        """Enter something; its reference."""
        answer = self.web.post(f"{self.web.base_url}{kind}", json={"resourceType": kind, **content})
        answer.raise_for_status()
        return f"{kind}/{answer.json()['id']}"

    def read(self, reference: str) -> Node:
        """What stands there."""
        answer = self.web.get(f"{self.web.base_url}{reference}")
        answer.raise_for_status()
        return dict(answer.json())

    def update(self, reference: str, **changed: Any) -> None:
        """Say something else of it."""
        content = {**self.read(reference), **changed}
        self.web.put(f"{self.web.base_url}{reference}", json=content).raise_for_status()

    def all(self, kind: str) -> list[Node]:
        """Every resource of a type, of which there are few."""
        answer = self.web.get(f"{self.web.base_url}{kind}", params={"_count": "100"})
        answer.raise_for_status()
        return [each["resource"] for each in answer.json().get("entry", [])]

    def written(self) -> dict[str, list[Node]]:
        """All of the kinds that Wardwire writes."""
        return {kind: self.all(kind) for kind in (*WRITTEN, *SENT)}


class Story:
    """Both servers, a Wardwire between them, and the time that each act took."""

    def __init__(self, folder: Path, ehr: Sekmet, proxy: CuttingProxy, key: Path) -> None:
        self.proxy = proxy
        self.hospital = Hospital(ehr.base)
        self.seconds: dict[str, float] = {}
        self.began = time.monotonic()
        (folder / "ww").mkdir()
        (folder / "answers.json").write_text(json.dumps(ANSWERS))
        environment = _settings(proxy.url("/fhir"), key, folder / "answers.json")
        self.wardwire = Serving(folder / "ww", environment=environment)
        self.study = ""

    def lap(self, act: str) -> None:
        """An act ends."""
        now = time.monotonic()
        self.seconds[act], self.began = round(now - self.began, 1), now

    def command(self, *words: str) -> str:
        """One of Wardwire's own, at the shell."""
        done = subprocess.run(
            [sys.executable, "-m", "integration.cli", *words],
            env=self.wardwire.environment, cwd=self.wardwire.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def lines(self, *words: str) -> list[Node]:
        """What a command lists."""
        return [json.loads(line) for line in self.command(*words, "--json").splitlines()]

    def order_and_study(self) -> dict[str, str]:
        """The patient, the order with its accession number, the study: entered at the EHR."""
        chest = pydicom.dcmread(CHEST, stop_before_pixels=True)
        patient = self.hospital.create(
            "Patient",
            identifier=[{"system": MRN, "value": chest.PatientID}],
            name=[{"family": "Conti", "given": ["Livia"]}],
            birthDate="1940-03-05",
            gender="female",
        )
        order = self.hospital.create(
            "ServiceRequest",
            status="active",
            intent="order",
            identifier=[_typed("PLAC", "O-2611"), _typed("ACSN", chest.AccessionNumber)],
            code={"text": "Chest radiograph"},
            reasonCode=[{"text": "Cough for three weeks"}],
            subject={"reference": patient},
        )
        self.study = self.hospital.create(
            "ImagingStudy",
            status="available",
            identifier=[{"system": "urn:dicom:uid", "value": f"urn:oid:{chest.StudyInstanceUID}"}],
            subject={"reference": patient},
            basedOn=[{"reference": order}],
            numberOfInstances=1,
        )
        return {"patient": patient, "order": order, "study": self.study}

    def case(self) -> Node:
        """The only one that waits for a person."""
        (case,) = self.lines("review", "list")
        return case

    def decide(self, act: str, *words: str) -> Node:
        """Dr Ada Rossi looks, and decides."""
        case = self.case()
        shown = json.loads(self.command("review", "show", case["id"], "--json"))
        self.command("review", act, case["id"], "--as", "ada", "--seen", shown["seen"], *words)
        return dict(shown)

    def notify_again(self, content: bytes) -> None:
        """The notification that came before, sent once more, with the resource or without."""
        answer = httpx2.put(
            f"{self.wardwire.base}/hooks/ehr/{self.study}",
            content=content,
            headers={"Authorization": HOOK, "Content-Type": "application/fhir+json"},
            timeout=30,
        )
        assert answer.status_code == 202, answer.status_code

    def settled(self) -> bool:
        """Nothing is on its way: every message and every delivery came to its end."""
        messages = {each["state"] for each in self.lines("messages", "list")}
        return messages <= {"processed"} and {each["state"] for each in self.deliveries()} <= {"delivered"}

    def deliveries(self) -> list[Node]:
        """To the EHR."""
        return self.lines("deliveries", "list")

    def delivered(self, count: int) -> bool:
        """Whether so many came there; one that waits for a human is a failure at once."""
        states = [(each["state"], each["reason"]) for each in self.deliveries()]
        assert "parked" not in dict(states), states
        return [("delivered", None)] * count == states

    def workers(self) -> list[int]:
        """Processes of the role that does the work, in the order in which they were started."""
        lines = self.wardwire.log.read_text(errors="replace").splitlines()
        started = [json.loads(each) for each in lines if '"role.started"' in each]
        return [each["pid"] for each in started if each["role"] == "work"]


def _typed(code: str, value: str) -> Node:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}
    return {"type": {"coding": [coding]}, "system": ORDERS, "value": value}


def _settings(base: str, key: Path, answers: Path) -> dict[str, str]:
    server = {
        "FHIR__BASE": base,
        "FHIR__AUTH__KIND": "smart",
        "FHIR__AUTH__CLIENT_ID": "wardwire",
        "FHIR__AUTH__KEYS": json.dumps([str(key)]),
    }
    return {
        **{f"WARDWIRE_CHANNELS__EHR__{name}": value for name, value in server.items()},
        **{f"WARDWIRE_DESTINATIONS__EHR__{name}": value for name, value in server.items()},
        "WARDWIRE_CHANNELS__EHR__FHIR__AUTH__SCOPE": READ_SCOPE,
        "WARDWIRE_CHANNELS__EHR__FHIR__CATCH_UP_SECONDS": "2",
        "WARDWIRE_CHANNELS__EHR__FHIR__SUBSCRIPTION__KINDS": '["ImagingStudy"]',
        "WARDWIRE_CHANNELS__EHR__FHIR__SUBSCRIPTION__CHECK_SECONDS": "1",
        "WARDWIRE_CHANNELS__EHR__HOOK__KIND": "header",
        "WARDWIRE_CHANNELS__EHR__HOOK__SECRET": HOOK,
        "WARDWIRE_CHANNELS__EHR__PATIENT_ASSIGNERS": json.dumps([MRN]),
        "WARDWIRE_CHANNELS__EHR__DESTINATIONS": '["ehr"]',
        "WARDWIRE_CHANNELS__EHR__DICOMWEB__BASE": orthanc.DICOMWEB,
        "WARDWIRE_CHANNELS__EHR__DICOMWEB__SETTLE_SECONDS": "1",
        "WARDWIRE_DESTINATIONS__EHR__KIND": "fhir",
        "WARDWIRE_DESTINATIONS__EHR__STYLE": "writes",
        "WARDWIRE_DESTINATIONS__EHR__PATIENT_ASSIGNERS": json.dumps([MRN]),
        "WARDWIRE_DESTINATIONS__EHR__ORDER_ASSIGNERS": json.dumps([ORDERS]),
        "WARDWIRE_MODELS__MEDGEMMA__BACKEND": "scripted",
        "WARDWIRE_MODELS__MEDGEMMA__MODEL": str(answers),
        "WARDWIRE_REVIEW__SIGNERS__ADA__NAME": "Dr Ada Rossi",
        "WARDWIRE_REVIEW__SIGNERS__ADA__NUMBER": "4711",
        "WARDWIRE_REVIEW__SIGNERS__ADA__NUMBER_SYSTEM": "https://hospital.example/staff",
    }


@contextmanager
def told(folder: Path) -> Iterator[Story]:
    """Both servers run, Wardwire not yet."""
    for name in ("ehr", "pacs"):
        (folder / name).mkdir()
    key = folder / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    client = {"client_id": "wardwire", "jwks": jwks([read_key(key)]), "scopes": f"{READ_SCOPE} {WRITE_SCOPE}"}
    auth = {"types": ["smart", "bearer"], "smart_clients": [client], "tokens": ["of-the-hospital"]}
    notifying = {"notify_method": "put-resource", "retries": 1}
    ehr = Sekmet(folder / "ehr", server_auth={**auth, "token_lifetime": 60}, subscriptions=notifying)
    with orthanc.running(folder / "pacs"), cutting_proxy(ehr.port) as proxy:
        ehr.settings["base_url"] = proxy.url("/fhir")  # as behind a gateway: one address for all
        story = Story(folder, ehr, proxy, key)
        try:
            ehr.start()
            yield story
        finally:
            if story.wardwire.process is not None:
                story.wardwire.stop(kill=True)
            if ehr.process is not None:
                ehr.stop()


def draft(story: Story) -> Node:
    """Subscribed; an order and a study there; images from the PACS; a draft here, and nothing there."""
    assert c_store(pydicom.dcmread(CHEST)) == 0
    story.wardwire.start()
    (registered,) = json.loads(story.command("subscribe", "ehr", "--json"))["subscriptions"]
    within(lambda: story.hospital.all("Subscription")[0]["status"] == "active", "the Subscription")
    story.lap("start and subscribe")
    entered = story.order_and_study()
    (report,) = within(lambda: found(story.wardwire, "DiagnosticReport?status=preliminary"), "a draft")
    within(story.settled, "the end of the reading")
    story.lap("study to draft")
    return {
        "subscription": registered["id"],
        "subscriptions": [each["id"] for each in story.hospital.all("Subscription")],
        "entered": entered,
        "report": report,
        "observations": found(story.wardwire, "Observation?status=preliminary"),
        "studies": found(story.wardwire, "ImagingStudy"),
        "case": story.case(),
        "deliveries": story.deliveries(),
        "there": story.hospital.written(),
    }


def signature(story: Story) -> Node:
    """Signed; the worker is killed when the report was written and before it hears so; another one ends it."""
    killed: list[int] = []

    def kills(_: int, method: str, path: str) -> bool:
        if killed or (method, path.partition("?")[0]) != ("POST", "/fhir/DiagnosticReport"):
            return False
        killed.append(story.workers()[-1])
        os.kill(killed[0], signal.SIGKILL)
        return True

    story.proxy.loses = kills
    shown = story.decide("sign", "--meaning", MEANING)
    within(lambda: story.delivered(1), "the signed report at the EHR")
    story.lap("signature to EHR, worker killed")
    return {
        "shown": shown,
        "killed": killed,
        "workers": story.workers(),
        "writes": story.proxy.writes,
        "there": story.hospital.written(),
    }


def again(story: Story) -> Node:
    """The same notification; all of Wardwire is killed after it took it, and started again."""
    writes = len(story.proxy.writes)
    study = json.dumps(story.hospital.read(story.study)).encode()
    story.notify_again(study)
    story.wardwire.stop(kill=True)
    story.wardwire.start()
    within(story.settled, "the end of the notification")
    for content in (study, b""):
        story.notify_again(content)
    within(story.settled, "the end of the other ones")
    story.lap("kill, start, three repeats")
    return {
        "writes": [each for each in story.proxy.writes[writes:] if "/fhir/" in each],
        "reports": len(found(story.wardwire, "DiagnosticReport")),
        "waiting": story.lines("review", "list"),
        "there": story.hospital.written(),
    }


def withdrawal(story: Story) -> Node:
    """The study is entered in error there: a person is asked, and takes the report back."""
    story.hospital.update(story.study, status="entered-in-error")
    asked = within(lambda: story.lines("review", "list"), "the question about what was signed")
    within(story.settled, "the end of the notification")
    story.lap("study in error to question")
    untouched = story.hospital.written()
    shown = story.decide("reject", "--reason", "the study was of another patient", "--confirm")
    within(lambda: story.delivered(2), "what was taken back at the EHR")
    story.lap("taken back to EHR")
    return {
        "asked": asked,
        "untouched": untouched,
        "shown": shown,
        "there": story.hospital.written(),
        "waiting": story.lines("review", "list"),
        "audit": json.loads(story.command("audit", "verify", "--json")),
        "log": story.wardwire.log.read_text(errors="replace"),
    }


def main(folder: Path) -> Node:
    """The story."""
    with told(folder) as story:
        acts = {act.__name__: act(story) for act in (draft, signature, again, withdrawal)}
        return {**acts, "seconds": story.seconds}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
