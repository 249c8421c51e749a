"""Recordings in messages: heard, filed as transcript and draft, or a question to a person; never a silent loss."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from inference import demo
from inference.backends.scripted import ScriptedGenerator
from inference.errors import BackendUnavailable
from integration import telemetry
from integration.flows.dictations import DictationAttachments, is_recording
from integration.flows.ports import Later
from integration.flows.reading import HL7_V2
from integration.settings import Settings
from integration.states import MessageState
from integration.store.migrations.upgrade import upgrade
from integration.wiring import extraction, hearing, stores, workers
from integration.wiring.models import build_models
from mappers.domain.documents import Document
from mappers.fhir import r4
from mappers.fhir.digests import source_uri
from mappers.fhir.places import EXTRACTED_FROM
from tests.integration.flows.test_documents import Bench
from tests.support.dictated import SPOKEN, is_transcript, message
from tests.support.recordings import by_ffmpeg as coated
from tests.support.recordings import encoded, needs_ffmpeg, needs_voice, noise, spoken, voice

RECORDING = encoded(voice(4.0))


class Booth(Bench):
    """A store of its own, with a recogniser that says what it is told, or none."""

    def __init__(
        self, folder: Path, *, says: list[str] | None = None, demo: bool = False, **channel: Any
    ) -> None:
        script = folder / "said.json"
        script.write_text(json.dumps(says or []))
        models = {"medasr": {"backend": "scripted", "model": str(script)}} if says is not None else {}
        settings = Settings(
            store={"url": f"sqlite:///{folder / 'store.sqlite'}"},
            models=models,
            channels={"default": channel},
            demo=demo,
        )
        self.store = stores.open_store(settings)
        upgrade(self.store.database)
        self.results = workers.build_flow(settings, self.store, telemetry.metrics(CollectorRegistry()))
        self.flow = replace(extraction.build_flow(settings, self.store), max_attempts=2)

    def dictated(self, content: bytes = RECORDING, **parts: Any) -> str:
        """Receive a message with a recording and read it."""
        message_id = self.receive(message(content, **parts), control_id=parts.get("control_id", "DICT-1"))
        assert self.flow.read(message_id) is None
        return message_id

    def with_reader(self, **changes: Any) -> None:
        """Change who helps the reader of recordings."""
        story = self.flow.stories[HL7_V2]
        readers = tuple(
            replace(each, reader=replace(each.reader, **changes))
            if isinstance(each, DictationAttachments)
            else each
            for each in story.readers
        )
        self.flow = replace(self.flow, stories={HL7_V2: replace(story, readers=readers)})

    def transcripts(self) -> list[Any]:
        """The documents that a model wrote."""
        return [each for each in self.all("DocumentReference") if is_transcript(each)]


@pytest.fixture
def open_booth(tmp_path: Path):
    """Makes one, and closes it."""
    made: list[Booth] = []

    def make(**options: Any) -> Booth:
        made.append(Booth(tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        each.store.database.close()


def text_of(document: Any) -> str:
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def test_a_dictation_becomes_a_transcript_and_a_draft(open_booth) -> None:
    """The words, labelled; the recording by reference and digest; sections; what ran; a Task for a person."""
    booth = open_booth(says=[SPOKEN])
    booth.dictated()

    (transcript,) = booth.transcripts()
    (report,) = booth.all("DiagnosticReport", "preliminary")
    related = transcript["context"]["related"][0]["reference"].partition("/")[2]
    (source,) = [each for each in booth.all("DocumentReference") if each["id"] == related]
    assert (
        "FINDINGS\nthe heart is normal. no pneumothorax.\n\nIMPRESSION\n5.50 mm nodule in the left upper lobe."
        == text_of(transcript)
    )
    assert "DICTAST" in {label["code"] for label in transcript["meta"]["security"]}
    assert {"AIAST"} <= {label["code"] for label in report["meta"]["security"]}
    reference = f"DocumentReference/{source['id']}"
    assert [("transforms", reference)] == [
        (each["code"], each["target"]["reference"]) for each in transcript["relatesTo"]
    ]
    assert RECORDING == base64.b64decode(source["content"][0]["attachment"]["data"])
    assert "audio/wav" == source["content"][0]["attachment"]["contentType"]
    (task,) = booth.all("Task", "requested")
    assert "nobody has compared it with the recording" in task["description"]
    digest = source_uri(hashlib.sha256(RECORDING).hexdigest())
    provenances = [each for each in booth.all("Provenance") if digest in r4.encode(each).decode()]
    said = r4.encode(provenances[0]).decode()
    assert provenances
    assert all(word in said for word in ("scripted-speech", "transcription"))


def test_each_sentence_of_the_draft_names_its_seconds(open_booth) -> None:
    """The places stand where readers of drafts look for them."""
    booth = open_booth(says=[SPOKEN])
    booth.dictated()

    (report,) = booth.all("DiagnosticReport", "preliminary")
    whole = r4.encode(report).decode() + "".join(r4.encode(each).decode() for each in booth.all("Provenance"))
    assert EXTRACTED_FROM in whole
    assert "no pneumothorax {period}" in whole


def test_without_a_model_it_is_not_read(open_booth) -> None:
    """And a Task says so; the recording is kept."""
    booth = open_booth()
    message_id = booth.dictated()

    assert (MessageState.PROCESSED, None) == booth.state(message_id)
    assert [] == booth.transcripts()
    assert "not read: no model" in booth.reasons()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encoded(noise(4.0)), "nothing was recognised"),
        (RECORDING[:60], "nothing was recognised"),
        (b"RIFF\0\0\0\0WAVE" + b"text called wav " * 9, "not read"),
    ],
)
def test_what_cannot_be_heard_is_a_question(open_booth, content: bytes, reason: str) -> None:
    """Noise, a stump, text behind the first bytes of a WAV: no words are made of them."""
    booth = open_booth(says=["invented words"])
    booth.dictated(content)

    assert [] == booth.transcripts() + booth.all("DiagnosticReport")
    assert reason in booth.reasons()


def test_a_conversation_gets_a_transcript_and_no_report(open_booth) -> None:
    """The channel said what its recordings are."""
    booth = open_booth(says=[SPOKEN], recordings="conversations")
    booth.dictated()

    (transcript,) = booth.transcripts()
    assert ("Transcript of a conversation", []) == (transcript["description"], booth.all("DiagnosticReport"))
    assert "declared" in booth.reasons()


def test_the_channel_s_word_arranges_a_conversation(open_booth) -> None:
    """It is labelled all the same."""
    booth = open_booth(says=[SPOKEN], recordings="conversations", arrange_conversations=True)
    booth.dictated()

    assert 1 == len(booth.all("DiagnosticReport", "preliminary"))
    assert "Transcript of a conversation" == booth.transcripts()[0]["description"]


def test_the_same_recording_sent_again_is_heard_once(open_booth) -> None:
    """The draft of the later message stands, in the same words: the model is not asked again."""
    booth = open_booth(says=[SPOKEN, "other words"])
    booth.dictated()
    booth.dictated(control_id="DICT-2")

    (current,) = booth.transcripts()
    assert "no pneumothorax" in text_of(current)
    assert 1 == len(booth.all("DiagnosticReport", "preliminary"))


class Absent:
    """A recogniser whose host does not answer."""

    @property
    def decoding(self):
        raise BackendUnavailable("its host does not answer")

    @property
    def card(self):
        raise BackendUnavailable("its host does not answer")

    transcribe = None


def test_a_model_that_does_not_run_is_tried_again_and_at_last_done_without(open_booth) -> None:
    """The message waits, then a Task says why nothing was read."""
    booth = open_booth(says=[SPOKEN])
    booth.with_reader(transcriber=Absent())
    message_id = booth.receive(message(RECORDING), control_id="DICT-1")

    assert isinstance(booth.flow.read(message_id), Later)
    assert isinstance(booth.flow.read(message_id), Later)
    assert booth.flow.read(message_id) is None
    assert "not read: the model does not run" in booth.reasons()


def test_an_arranger_that_does_not_run_does_not_stop_the_transcript(open_booth) -> None:
    """At the last attempt the words stand as dictated."""
    booth = open_booth(says=["the heart is normal {period}"])
    booth.with_reader(arranger=ScriptedGenerator(["never started"]))
    message_id = booth.receive(message(RECORDING), control_id="DICT-1")
    while booth.flow.read(message_id) is not None:
        pass

    assert "the heart is normal." == text_of(booth.transcripts()[0])
    assert 1 == len(booth.all("DiagnosticReport", "preliminary"))


@needs_voice
@pytest.mark.skipif(
    demo.folder("medasr") is None,
    reason="no demonstration checkpoint: python -m inference.demo.training.medasr",
)
def test_what_a_demonstration_hears_is_labelled(tmp_path: Path) -> None:
    """A real model of the real classes, from the bytes to the draft: HTEST on all of it, and a Task that says why."""
    booth = Booth(tmp_path, demo=True)
    recording = spoken("the heart is normal period. there is no pneumothorax period.", tmp_path, speed=150)
    booth.dictated(recording.read_bytes(), processing_id="T")

    (transcript,) = booth.transcripts()
    (report,) = booth.all("DiagnosticReport", "preliminary")
    assert "no pneumothorax." in text_of(transcript)
    for each in (transcript, report):
        assert "HTEST" in {label["code"] for label in each["meta"]["security"]}
    assert "demonstration" in booth.reasons()
    booth.store.database.close()


@needs_ffmpeg
def test_m4a_is_told_by_its_content(open_booth, tmp_path: Path) -> None:
    """Whatever the sender calls it."""
    booth = open_booth(says=[SPOKEN])
    booth.dictated(coated(RECORDING, tmp_path, "-c:a", "aac", ending="m4a"), subtype="octet-stream")

    assert 1 == len(booth.transcripts())


def test_what_is_a_recording_and_what_is_none() -> None:
    """By content; DICOM is for those who read images."""

    def recording(content: bytes) -> bool:
        return is_recording(Document(content, "application/octet-stream", ""))

    assert recording(RECORDING)
    assert not any(recording(each) for each in (b"", b"%PDF-1.7", b"findings", b"\0" * 128 + b"DICM"))


def test_settings_name_the_models_that_hear_and_arrange(tmp_path: Path) -> None:
    """`medasr` and `medgemma`; none is none."""
    reader = hearing.build_reader(Settings(), models=build_models(Settings()), memo=None, clock=stores.now)

    assert (False, None, "") == (reader.has_model, reader.arranger, reader.model)
