"""The story of a written report, without the worker: a scripted reader, a real store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from inference.errors import BackendUnavailable, OutputInvalid
from integration import telemetry
from integration.flows.narratives import NarrativeStory, Together
from integration.flows.reading import HL7_V2
from integration.settings import Settings
from integration.states import MessageState
from integration.store import extractions
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival
from integration.wiring import extraction, stores, workers
from integration.wiring.terms import build_terms
from mappers.domain.findings import Finding, JudgedReport, Presence, Source, SourceKind, TextQuote
from tests.mappers.fhir import judged
from tests.support.search import current

TEXT = "Small left pleural effusion. No pneumothorax."


def message(control_id: str, text: str, status: str = "F", *, at: str = "20261122110000+0100") -> bytes:
    lines = (
        f"MSH|^~\\&|RIS|WARDRAD|WARDWIRE|WARDHOSP|{at}||ORU^R01^ORU_R01|{control_id}|P|2.5.1|||NE|NE||UNICODE UTF-8",
        "PID|1||WW-100418^^^WARDHOSP^MR||Bruni^Marco",
        f"OBR|1|PL-9^EHR|FL-9^RIS|36643-5^Chest X-ray^LN|||20261122071000+0100|||||||||||||||{at}||RAD|{status}",
        f"OBX|1|FT|59776-5^Findings^LN||{text}||||||{status}",
    )
    return "\r".join(lines).encode() + b"\r"


class Reader:
    """Finds the words "pneumothorax", says that they are absent; a told exception is raised."""

    task = "report_text@1"
    has_model = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: Exception | None = None

    def read(self, text: str, *, reference: str, sha256: str) -> JudgedReport:
        self.asked.append(text)
        if self.fails:
            raise self.fails
        start = text.index("pneumothorax")
        place = TextQuote(sha256=sha256, start=start, end=start + 12, quote=text[start : start + 12])
        finding = Finding(
            name="Pneumothorax", presence=Presence.ABSENT, code=judged.PNEUMOTHORAX, places=(place,)
        )
        return replace(self._blank(reference, sha256), findings=(finding,), runs=(judged.run("report_text"),))

    def unread(self, text: str, reason: str, *, reference: str, sha256: str) -> JudgedReport:
        return replace(self._blank(reference, sha256), not_read=reason)

    def _blank(self, reference: str, sha256: str) -> JudgedReport:
        source = Source(kind=SourceKind.TEXT, sha256=sha256, media_type="text/plain", reference=reference)
        return JudgedReport(
            task=self.task, title="Findings of a written report", code=judged.IMAGING, category=judged.RADIOLOGY,
            sources=(source,), coverage="the whole text",
        )  # fmt: skip


class Bench:
    """Both flows on a store of their own."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(store={"url": f"sqlite:///{folder / 'store.sqlite'}"})
        self.store = stores.open_store(settings)
        upgrade(self.store.database)
        results = workers.build_flow(settings, self.store, telemetry.metrics(CollectorRegistry()))
        self.results = replace(results, reading_texts=frozenset({"default"}))
        self.reader = Reader()
        story = NarrativeStory(self.reader, build_terms(settings), stores.software(), stores.now)
        flow = extraction.build_flow(settings, self.store)
        self.flow = replace(
            flow, stories={HL7_V2: Together(((frozenset({"default"}), story),))}, max_attempts=2
        )

    def take(self, control_id: str, *args, **more) -> str:
        """Receive a message and process it, as far as the sender's own results."""
        arrival = Arrival(
            channel="default", peer="10.1.2.3:1", raw=message(control_id, *args, **more), received_at=stores.now(),
            control_id=control_id, order_key="rad",
        )  # fmt: skip
        message_id = self.store.inbox.submit(arrival).result(30).message_id
        assert self.results.process(message_id) is None
        return message_id

    def state(self, message_id: str) -> tuple[MessageState, str | None] | None:
        """How far the reading is, and why; None when nothing was to be read."""
        with self.store.database.read() as connection:
            found = extractions.find(connection, message_id)
        return found and (found.state, found.reason)

    def all(self, kind: str) -> list:
        """Current resources of a type."""
        return current(self.store, kind)


@pytest.fixture
def bench(tmp_path: Path):
    made = Bench(tmp_path)
    yield made
    made.store.database.close()


def drafts(bench: Bench) -> list[tuple[str, str]]:
    """Status of each report that is ours, and of each of its findings."""
    return sorted(
        (each["resourceType"], each["status"])
        for kind in ("DiagnosticReport", "Observation")
        for each in bench.all(kind)
        if any(label["code"] == "AIAST" for label in each.get("meta", {}).get("security", []))
    )


def test_a_final_report_gets_a_draft_of_its_findings(bench):
    """The sender's report stays as it is, the list of findings stands beside it, with a Task."""
    message_id = bench.take("N1", TEXT)
    assert bench.flow.read(message_id) is None
    assert (MessageState.PROCESSED, None) == bench.state(message_id)
    assert [("DiagnosticReport", "preliminary"), ("Observation", "preliminary")] == drafts(bench)
    sent = [each for each in bench.all("DiagnosticReport") if each["status"] == "final"]
    (task,) = bench.all("Task")
    assert (1, "requested", [TEXT]) == (len(sent), task["status"], bench.reader.asked)


def test_a_preliminary_report_is_not_read(bench):
    """What the sender does not stand by yet is nothing to list findings of."""
    message_id = bench.take("N1", TEXT, "P")
    assert bench.flow.read(message_id) is None
    assert ([], []) == (bench.reader.asked, drafts(bench))


def test_a_correction_replaces_the_draft(bench):
    """The list of the earlier words is taken back with a reason."""
    for control_id, text, status, at in (
        ("N1", TEXT, "F", "20261122110000+0100"),
        ("N2", "Large effusion. No pneumothorax. Seen again.", "C", "20261122120000+0100"),
    ):
        assert bench.flow.read(bench.take(control_id, text, status, at=at)) is None
    assert [
        ("DiagnosticReport", "entered-in-error"), ("DiagnosticReport", "preliminary"),
        ("Observation", "entered-in-error"), ("Observation", "preliminary"),
    ] == drafts(bench)  # fmt: skip


def test_a_model_that_does_not_answer_is_waited_for_and_then_said(bench):
    """Two attempts are put off; the last one leaves a question to a person."""
    message_id = bench.take("N1", TEXT)
    bench.reader.fails = BackendUnavailable("loading")
    waited = [bench.flow.read(message_id) for _ in range(3)]
    assert [True, True, False] == [each is not None for each in waited]
    (task,) = bench.all("Task")
    assert "not read: the model did not answer" in task["description"]
    assert [] == drafts(bench)


def test_an_answer_that_is_none_becomes_a_question(bench):
    """Nothing of a broken answer is written."""
    message_id = bench.take("N1", TEXT)
    bench.reader.fails = OutputInvalid("the answer was cut off")
    assert bench.flow.read(message_id) is None
    (task,) = bench.all("Task")
    assert "not read: the answer was cut off" in task["description"]


def test_without_a_model_nothing_is_asked(bench):
    """The sender's own words are complete: no Task for each report."""
    bench.reader.has_model = False
    message_id = bench.take("N1", TEXT)
    assert bench.flow.read(message_id) is None
    assert ([], []) == (bench.all("Task"), bench.reader.asked)
