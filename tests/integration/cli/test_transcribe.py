"""`wardwire transcribe` and `wardwire evaluate dictation`, as their users call them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from integration.cli.main import wardwire
from mappers.fhir import r4
from tests.support.dictated import SPOKEN
from tests.support.recordings import encoded, noise, voice


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a command with a recogniser that says what it is told."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any, says: list[str] | None = None) -> Result:
        if says is not None:
            (tmp_path / "said.json").write_text(json.dumps(says))
            monkeypatch.setenv("WARDWIRE_MODELS__MEDASR__BACKEND", "scripted")
            monkeypatch.setenv("WARDWIRE_MODELS__MEDASR__MODEL", str(tmp_path / "said.json"))
        return CliRunner().invoke(wardwire, [str(each) for each in arguments])

    return run


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    file = tmp_path / "dictation.wav"
    file.write_bytes(encoded(voice(4.0), coding="PCM_24"))
    return file


def test_the_contract_s_keys_and_the_words(call, wav: Path) -> None:
    """Text, segments, model, sample rate, duration; and what else is known of every word."""
    done = call("transcribe", wav, says=[SPOKEN])
    told = json.loads(done.stdout)

    assert (0, "") == (done.exit_code, done.stderr)
    assert ["text", "segments", "model", "sample_rate", "duration"] == list(told)[:5]
    assert told["text"].startswith("FINDINGS\nthe heart is normal. no pneumothorax.")
    assert (SPOKEN, "scripted-speech", 16_000, 4.0) == (
        told["raw"],
        told["model"],
        told["sample_rate"],
        told["duration"],
    )
    assert [{"start": 0.0, "end": 4.0, "text": SPOKEN}] == told["segments"]
    assert SPOKEN.split() == [word["text"] for word in told["words"]]
    assert ["findings", "impression"] == [section["section"] for section in told["sections"]]
    assert {"text", "start", "end", "quote"} == set(told["sections"][0]["sentences"][0])
    assert 1 == call("transcribe", "--json", wav, says=[SPOKEN]).stdout.count("\n")


def test_fhir_is_a_valid_bundle(call, wav: Path) -> None:
    """The recording byte for byte, the transcript, the draft; every reference leads somewhere."""
    done = call("transcribe", "--fhir", wav, says=[SPOKEN])
    bundle = r4.decode(done.stdout_bytes)
    resources = [entry["resource"] for entry in bundle["entry"]]

    assert [] == list(r4.validate(bundle))
    documents = [each for each in resources if each["resourceType"] == "DocumentReference"]
    contents = [base64.b64decode(each["content"][0]["attachment"]["data"]) for each in documents]
    assert wav.read_bytes() in contents
    assert 2 == len(documents)
    assert {"DiagnosticReport", "Provenance", "Device", "Task"} <= {
        each["resourceType"] for each in resources
    }


def test_noise_gives_no_words(call, tmp_path: Path) -> None:
    """Nothing recognised is an answer, not a failure; why is said without a word of it."""
    file = tmp_path / "noise.wav"
    file.write_bytes(encoded(noise()))
    done = call("transcribe", file, says=["invented words"])
    told = json.loads(done.stdout)

    assert (0, "", [], "nothing was recognised") == (
        done.exit_code,
        told["text"],
        told["words"],
        told["not_read"],
    )
    assert "no voice" in done.stderr


def test_a_conversation_is_labelled(call, wav: Path) -> None:
    """Declared by whoever calls."""
    told = json.loads(call("transcribe", "--conversation", wav, says=[SPOKEN]).stdout)

    assert (True, []) == (told["conversation"], told["sections"])


def test_refusals_are_one_line_and_exit_one(call, tmp_path: Path, wav: Path) -> None:
    """Text called .wav, nothing at all, and no model: a reason, no traceback, and no content."""
    text = tmp_path / "secret.wav"
    text.write_text("Giulia Rossi has no pneumothorax")
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    for file in (text, empty):
        done = call("transcribe", file, says=[SPOKEN])
        assert (1, "") == (done.exit_code, done.stdout)
        assert done.stderr.startswith("wardwire transcribe: refused:")
        assert "Rossi" not in done.stderr
    assert 2 == call("transcribe", tmp_path / "missing.wav").exit_code


def test_without_a_model_it_says_how_to_name_one(call, wav: Path) -> None:
    """Exit code 1 and the setting."""
    done = call("transcribe", wav)

    assert (1, "") == (done.exit_code, done.stdout)
    assert "WARDWIRE_MODELS__MEDASR__MODEL" in done.stderr


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        (folder / name).write_bytes(encoded(voice(2.0)))
    (folder / "c.wav").write_text("no sound")
    rows = ["audio,text", "a.wav,no pneumothorax", "b.wav,left <lung> clear", "c.wav,one word"]
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def test_evaluation_counts_what_changes_a_report_apart(call, dataset: Path, tmp_path: Path) -> None:
    """Figures on the terminal, texts only where they were asked for; the recording that is none counts as lost."""
    page = tmp_path / "report.html"
    done = call("evaluate", "dictation", dataset, "--html", page, says=["pneumothorax", "right lung clear"])

    assert 0 == done.exit_code
    assert "57.1%" in done.stdout  # 4 of 7 words
    assert "a negation 1, a side 1, a number 1" in done.stdout
    assert "1 could not be read" in done.stdout
    assert "pneumothorax" not in done.stdout + done.stderr
    html = page.read_text()
    assert "no pneumothorax" in html
    assert "<lung>" not in html
    told = json.loads(
        call("evaluate", "dictation", dataset, "--json", says=["pneumothorax", "right lung clear"]).stdout
    )
    assert (3, 4 / 7, 1) == (told["cases"], pytest.approx(told["wer"]["value"]), told["failed"])
    assert ["a.wav", "b.wav", "c.wav"] == [case["name"] for case in told["each"]]


def test_an_evaluation_that_cannot_be_made_exits_one(call, tmp_path: Path, dataset: Path) -> None:
    """No manifest, no model."""
    assert 1 == call("evaluate", "dictation", tmp_path, says=["a"]).exit_code
    assert (
        1
        == CliRunner().invoke(wardwire, ["evaluate", "dictation", str(dataset), "--model", "none"]).exit_code
    )


def test_a_question_about_a_picture_is_answered(call, wav: Path, tmp_path: Path, monkeypatch) -> None:
    """The recording is the question, the picture the evidence, the answer a draft."""
    picture = tmp_path / "chest.png"
    Image.new("L", (64, 48), 90).save(picture)
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([json.dumps({"answerable": True, "answer": "No effusion is seen."})]))
    monkeypatch.setenv("WARDWIRE_MODELS__MEDGEMMA__BACKEND", "scripted")
    monkeypatch.setenv("WARDWIRE_MODELS__MEDGEMMA__MODEL", str(answers))
    done = call("transcribe", wav, "--about", picture, says=["is there an effusion {question mark}"])
    told = json.loads(done.stdout)

    assert 0 == done.exit_code
    assert [("question", "is there an effusion?"), ("answer", "No effusion is seen.")] == [
        (section["section"], section["sentences"][0]["text"]) for section in told["sections"]
    ]
    bundle = r4.decode(call("transcribe", wav, "--about", picture, "--fhir", says=["is it"]).stdout_bytes)
    assert [] == list(r4.validate(bundle))


def test_check_says_whether_recordings_can_be_decoded(call, monkeypatch) -> None:
    """Where a model hears; a missing ffmpeg is a warning, as most kinds need none."""
    told = json.loads(call("check", "--json", says=["a"]).stdout)["checks"]
    monkeypatch.setattr("integration.wiring.hearing.shutil.which", lambda _: None)
    without = json.loads(call("check", "--json", says=["a"]).stdout)["checks"]

    found = [next(each for each in checks if each["name"] == "recordings") for checks in (told, without)]
    assert [True, True] == [each["passed"] for each in found]
    assert (True, "ffmpeg" in found[1]["reason"]) == (found[1]["warned"], True)
