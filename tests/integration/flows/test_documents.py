"""The story of a message's documents, without the worker: a scripted reader, a real store."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused, Refusal
from integration import telemetry
from integration.errors import DocumentRefused, DocumentUnreachable, StoreUnavailable
from integration.flows.documents import LabAttachments
from integration.flows.ports import Later
from integration.flows.reading import HL7_V2
from integration.settings import Settings
from integration.states import MessageState
from integration.store import extractions, search_reader
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival
from integration.wiring import extraction, stores, workers
from mappers.domain.documents import Document
from mappers.domain.extraction import ExtractedReport, Method, PrintedKind
from mappers.domain.results import Standing
from mappers.fhir import r4
from mappers.fhir.result_bundle import Entry
from tests.mappers.domain.documents import fact, row, span
from tests.mappers.fhir.test_extracted_bundle import RUN
from tests.support.demo_document import message

PDF = b"%PDF-1.7 one"
OTHER = b"%PDF-1.7 another"
TSH, FERRITIN = row("TSH", "2.41", "m[IU]/L", loinc="3016-3"), row("Ferritin", "9", "ng/mL", loinc="2276-4")


class Reader:
    """Says of every document what it was told; a told exception is raised, the last answer for ever."""

    task = "lab_report@1"
    has_model = True

    def __init__(self) -> None:
        self.answers: list[Any] = [(TSH, FERRITIN)]
        self.more: dict[str, Any] = {}
        self.asked: list[tuple[bytes, bool]] = []

    def reads(self, document: Document, *, section: str) -> bool:
        return document.media_type == "application/pdf" and section == "CH"

    def read(self, document: Document, *, channel: str, with_model: bool) -> ExtractedReport:
        self.asked.append((document.content, with_model))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception) and with_model:
            raise answer
        rows = () if isinstance(answer, Exception) else answer
        return ExtractedReport(
            document=document, pages_read=(1,), pages_total=1, coverage="page 1 of 1", rows=rows, **self.more
        )


class Fetcher:
    """Gives one document, or raises."""

    answer: Any = Document(PDF, "application/pdf", "ab" * 32)

    def fetch(self, link, *, channel):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Bench:
    """Both flows on a store of their own."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(store={"url": f"sqlite:///{folder / 'store.sqlite'}"})
        self.store = stores.open_store(settings)
        upgrade(self.store.database)
        self.results = workers.build_flow(settings, self.store, telemetry.metrics(CollectorRegistry()))
        self.reader, self.fetcher = Reader(), Fetcher()
        flow = extraction.build_flow(settings, self.store)
        story = replace(flow.stories[HL7_V2], readers=(LabAttachments(self.reader),), fetcher=self.fetcher)
        self.flow = replace(flow, stories={HL7_V2: story}, max_attempts=3)

    def receive(self, raw: bytes = b"", **parts: Any) -> str:
        """Store a message and process it, as far as the sender's own results."""
        parts.setdefault("control_id", "M1")
        raw = raw or message(parts.pop("content", PDF), **parts)
        arrival = Arrival(
            channel="default", peer="10.1.2.3:1", raw=raw, received_at=stores.now(),
            control_id=parts["control_id"], order_key="lab",
        )  # fmt: skip
        message_id = self.store.inbox.submit(arrival).result(30).message_id
        assert self.results.process(message_id) is None
        return message_id

    def read(self, **parts: Any) -> str:
        """Receive a message and read its documents."""
        message_id = self.receive(**parts)
        assert self.flow.read(message_id) is None
        return message_id

    def state(self, message_id: str) -> tuple[MessageState, str | None]:
        """How far the reading is, and why."""
        with self.store.database.read() as connection:
            found = extractions.find(connection, message_id)
        return found.state, found.reason

    def all(self, kind: str, status: str | None = None) -> list[Any]:
        """Current resources of a type."""
        search = search_reader.read(kind, [("_count", "100")], base="http://x").value
        with self.store.database.read() as connection:
            page = self.store.results.search(connection, search)
        found = [r4.decode(each.content) for each in page.matches]
        return [each for each in found if status is None or each.get("status") == status]

    def written(self) -> dict[str, list[str]]:
        """Statuses by type of all drafts."""
        return {
            kind: sorted(each["status"] for each in self.all(kind))
            for kind in ("DiagnosticReport", "Observation", "Task")
        }

    def reasons(self) -> str:
        """What the only open Task says."""
        (task,) = self.all("Task", "requested")
        return task["description"]


@pytest.fixture
def bench(tmp_path: Path):
    """An empty one."""
    made = Bench(tmp_path)
    yield made
    made.store.database.close()


DRAFTED = {
    "DiagnosticReport": ["final", "preliminary"],
    "Observation": ["final", "preliminary", "preliminary"],
    "Task": ["requested"],
}
SENT_ONLY = {"DiagnosticReport": ["final"], "Observation": ["final"], "Task": ["requested"]}


def test_the_sender_s_results_do_not_wait(bench):
    """They are there before anything was read; the reading is asked for in the same commit."""
    message_id = bench.receive()
    assert {"DiagnosticReport": ["final"], "Observation": ["final"], "Task": []} == bench.written()
    assert ((MessageState.RECEIVED, None), []) == (bench.state(message_id), bench.reader.asked)


def test_what_was_read_is_a_draft(bench):
    """Beside what was sent, with a Task."""
    message_id = bench.read()
    assert (DRAFTED, (MessageState.PROCESSED, None)) == (bench.written(), bench.state(message_id))


def test_a_message_without_documents_asks_for_nothing(bench):
    """No reading, no row."""
    from integration.errors import NotFound

    raw = message(b"").rpartition(b"OBX|2")[0]
    message_id = bench.receive(raw=raw)
    with pytest.raises(NotFound):
        bench.flow.readings.begin(message_id)


def test_reading_twice_writes_once(bench):
    """A replay of message and reading makes no new version."""
    message_id = bench.read()
    before = sorted((each["id"], each["meta"]["versionId"]) for kind in DRAFTED for each in bench.all(kind))
    bench.store.inbox.move(message_id, MessageState.RECEIVED, actor="user:ada").result(30)
    assert bench.results.process(message_id) is None
    assert bench.flow.read(message_id) is None
    after = sorted((each["id"], each["meta"]["versionId"]) for kind in DRAFTED for each in bench.all(kind))
    assert (before, 2) == (after, len(bench.reader.asked))


def test_a_finished_reading_is_not_done_again(bench):
    """A run that the engine repeats finds nothing to do."""
    message_id = bench.read()
    assert bench.flow.read(message_id) is None
    assert 1 == len(bench.reader.asked)


@pytest.mark.parametrize(
    ("kind", "text"), [(PrintedKind.PATIENT_NAME, "Somebody Else"), (PrintedKind.ORDER_NUMBER, "FL-9999")]
)
def test_another_patient_or_order_stops_everything(bench, kind, text):
    """Only a Task, about the document."""
    bench.reader.more = {"printed": (fact(kind, text),)}
    bench.read()
    (task,) = bench.all("Task")
    assert SENT_ONLY == bench.written()
    assert task["focus"]["reference"].startswith("DocumentReference/")
    assert text not in str(task)


def test_what_cannot_be_read_is_a_question(bench):
    """The reason is on a Task, the reading is over."""
    bench.reader.read = lambda *_, **__: (_ for _ in ()).throw(
        InputRefused(Refusal.ENCRYPTED, "locked by a password")
    )
    message_id = bench.read()
    assert (SENT_ONLY, (MessageState.PROCESSED, None)) == (bench.written(), bench.state(message_id))
    assert "not read: locked by a password" == bench.reasons()


def test_a_model_that_is_away_is_waited_for_and_then_done_without(bench):
    """Three attempts ask it, the next one reads what rules can."""
    bench.reader.answers = [BackendUnavailable("loading")]
    bench.reader.more = {"unread": (span("x"),)}
    message_id = bench.receive()
    assert [Later, Later, Later, type(None)] == [type(bench.flow.read(message_id)) for _ in range(4)]
    assert [True, True, True, False] == [with_model for _, with_model in bench.reader.asked]
    assert "not read: no model: 1 place may hold results" in bench.reasons()


def test_a_model_that_is_misconfigured_is_a_question(bench):
    """It will not mend itself."""
    bench.reader.answers = [BackendMisconfigured("models.medgemma.model names no checkpoint")]
    bench.read()
    assert "not read: models.medgemma.model names no checkpoint" == bench.reasons()


def test_a_store_that_does_not_answer_is_waited_for(bench, monkeypatch):
    """Nothing is parked for that."""
    message_id = bench.receive()
    monkeypatch.setattr(
        type(bench.store.inbox), "load", lambda *_: (_ for _ in ()).throw(StoreUnavailable("down"))
    )
    assert isinstance(bench.flow.read(message_id), Later)
    assert (MessageState.RECEIVED, None) == bench.state(message_id)


def test_other_kinds_of_document_are_left_alone(bench):
    """A text in ED stays in its DocumentReference."""
    bench.read(content=b"just words")
    assert [] == bench.all("Task")
    assert 1 == len(bench.all("DocumentReference"))


def test_a_withdrawal_takes_back_what_was_read(bench):
    """Entered in error and cancelled; the sender's own result stays."""
    bench.read()
    bench.read(content=b"", control_id="M2", status="D", sent_at="20261122120000")
    assert {
        "DiagnosticReport": ["entered-in-error", "final"],
        "Observation": ["entered-in-error", "entered-in-error", "final"],
        "Task": ["cancelled"],
    } == bench.written()


def test_a_late_copy_of_what_was_withdrawn_writes_nothing(bench):
    """The older message is read after the withdrawal: the stored document decides."""
    first = bench.receive()
    bench.read(content=b"", control_id="M2", status="D", sent_at="20261122120000")
    assert bench.flow.read(first) is None
    assert {"DiagnosticReport": ["final"], "Observation": ["final"], "Task": []} == bench.written()


def test_an_older_document_is_not_read_over_a_newer_one(bench):
    """Readings out of order end with the document that is stored."""
    first = bench.receive()
    second = bench.receive(content=OTHER, control_id="M2", status="C", sent_at="20261122120000")
    assert bench.flow.read(second) is None
    newer = sorted(each["id"] for each in bench.all("Observation", "preliminary"))
    assert bench.flow.read(first) is None
    assert newer == sorted(each["id"] for each in bench.all("Observation", "preliminary"))


def test_new_content_replaces_the_draft_of_the_old(bench):
    """The old reading is entered in error, its Task cancelled."""
    bench.read()
    bench.reader.answers = [(row("Ferritin", "90", "ng/mL", loinc="2276-4"),)]
    bench.read(content=OTHER, control_id="M2", status="C", sent_at="20261122120000")
    assert {
        "DiagnosticReport": ["entered-in-error", "final", "preliminary"],
        "Observation": ["entered-in-error", "entered-in-error", "final", "preliminary"],
        "Task": ["cancelled", "requested"],
    } == bench.written()


def test_what_a_person_signed_stays(bench):
    """A withdrawal leaves it, and the audit trail says so; a new reading does not overwrite it."""
    bench.read()
    (first, *_) = bench.all("Observation", "preliminary")
    signed = Entry({**first, "status": "final"}, Standing(3, "2026-11-22T12:00:00.000000Z"))
    bench.store.database.write(
        lambda connection: bench.store.results.write(connection, [signed], message_id=None, now=stores.now())
    ).result(30)
    bench.read(content=b"", control_id="M2", status="D", sent_at="20261122120000")
    (kept,) = [each for each in bench.all("Observation", "final") if each["id"] == first["id"]]
    kinds = [(record.event.kind, record.event.resource) for record in bench.store.audit.records()]
    assert ("draft.signed_kept", f"Observation/{kept['id']}") in kinds


POINTER = (
    message(b"").rpartition(b"OBX|2")[0]
    + b"OBX|2|RP|11502-2^Laboratory report^LN||https://docs.example/r/1^^application^pdf||||||F|||20261122071000+0100\r"
)


def test_a_pointer_is_followed_by_the_fetcher(bench):
    """What it brings is read like what was sent."""
    bench.read(raw=POINTER)
    assert (DRAFTED, PDF) == (bench.written(), bench.reader.asked[0][0])


def test_a_pointer_that_may_not_be_followed_is_a_question(bench):
    """The reason is told, the place is not."""
    bench.fetcher.answer = DocumentRefused("the channel's document_hosts do not list its host")
    bench.read(raw=POINTER)
    assert "not fetched: the channel's document_hosts do not list its host" == bench.reasons()
    assert SENT_ONLY == bench.written()


def test_a_server_that_is_away_is_waited_for_and_then_asked_about(bench):
    """As with a model, but without it there is nothing to read."""
    bench.fetcher.answer = DocumentUnreachable("away")
    message_id = bench.receive(raw=POINTER)
    assert [Later, Later, Later, type(None)] == [type(bench.flow.read(message_id)) for _ in range(4)]
    assert "not fetched: its server did not answer" == bench.reasons()


def test_a_message_back_in_the_queue_is_read_when_it_is_processed_again(bench):
    """Until then there is nothing to file a draft beside."""
    message_id = bench.receive()
    bench.store.inbox.move(message_id, MessageState.RECEIVED, actor="user:ada").result(30)
    assert bench.flow.read(message_id) is None
    assert ((MessageState.PROCESSED, "superseded"), []) == (bench.state(message_id), bench.reader.asked)
    assert bench.results.process(message_id) is None
    assert bench.flow.read(message_id) is None
    assert DRAFTED == bench.written()


def test_a_channel_may_decline(tmp_path):
    """extract_documents = false: nothing is asked for."""
    made = Bench(tmp_path)
    made.results = replace(made.results, extracting=frozenset())
    message_id = made.receive()
    with made.store.database.read() as connection:
        assert extractions.find(connection, message_id) is None
    made.store.database.close()


def test_the_model_that_spoke_is_named(bench):
    """Its Device and its run are stored with the draft."""
    bench.reader.more = {"model_run": RUN}
    bench.reader.answers = [(TSH, row("Ferritin", "9", "ng/mL", method=Method.MODEL))]
    bench.read()
    assert 2 == len(bench.all("Device"))
    labels = [each["meta"]["security"] for each in bench.all("Observation", "preliminary")]
    assert 1 == sum(any(label["code"] == "AIAST" for label in one) for one in labels)


def test_every_reading_is_in_the_audit_trail(bench):
    """The end of the reading and each resource of the draft, and the chain is whole."""
    bench.read()
    kinds = [record.event.kind for record in bench.store.audit.records()]
    assert "extraction.processed" == kinds[-1]
    assert 8 <= kinds.count("result.created")
    assert bench.store.audit.verify().whole


MDM = (
    "MSH|^~\\&|DMS|WARDHOSP|W|HOSP|2026112209{minute}00+0100||MDM^{event}|{id}|P|2.5.1\r"
    "PID|1||17^^^WARDHOSP^MR||Rossi^Giulia||19800402|F\r"
    "TXA|1|LR|AP|20261122083000+0100||||||||{number}^DMS|{parent}||||LA|U|AV\r"
    "OBX|1|ED|11502-2^Laboratory report^LN||^application^pdf^Base64^{data}||||||F\r"
)


def mdm(content: bytes, **parts: str) -> bytes:
    """A document notification with a PDF."""
    return MDM.format(data=base64.b64encode(content).decode(), **parts).encode()


def test_a_document_notification_is_read_and_its_replacement_replaces_the_draft(bench):
    """MDM^T02, then MDM^T10 of another document in its place."""
    bench.reader.reads = lambda document, *, section: document.media_type == "application/pdf"
    bench.read(raw=mdm(PDF, id="D1", event="T02", number="DOC-1", parent="", minute="00"), control_id="D1")
    assert ["preliminary"] == [each["status"] for each in bench.all("DiagnosticReport")]
    raw = mdm(OTHER, id="D2", event="T10", number="DOC-2", parent="DOC-1^DMS", minute="10")
    bench.read(raw=raw, control_id="D2")
    assert ["entered-in-error", "preliminary"] == bench.written()["DiagnosticReport"]
    assert ["cancelled", "requested"] == bench.written()["Task"]


def test_a_page_without_results_of_unknown_kind_asks_nobody(bench):
    """A letter as PDF is the sender's document, no failed reading; a laboratory's page is asked about."""
    bench.reader.reads = lambda document, *, section: True
    bench.reader.answers = [()]
    raw = mdm(PDF, id="D1", event="T02", number="DOC-1", parent="", minute="00")
    bench.read(raw=raw.replace(b"11502-2^Laboratory report^LN", b"L^Letter^L"), control_id="D1")
    assert [] == bench.all("Task")
    bench.read()
    assert bench.reasons().startswith("no result was read off the document")
