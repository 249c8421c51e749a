"""What every recogniser promises, asked of the scripted one, of a tiny checkpoint of the real classes, and of remote ones."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from inference.backends.local import LanguageModel, LocalSpeech, LocalTranscriber
from inference.backends.speech import GoogleTranscriber, OpenAITranscriber, ScriptedTranscriber
from inference.errors import BackendMisconfigured, BackendUnavailable, OutputInvalid
from inference.media import audio
from tests.inference.backends.test_contract import needs_torch
from tests.support import tiny_lasr
from tests.support.recordings import encoded, voice

needs_lm = pytest.mark.skipif(
    importlib.util.find_spec("kenlm") is None or importlib.util.find_spec("pyctcdecode") is None,
    reason="needs a language model's library: pip install -e '.[lm]', then pip install --no-deps pyctcdecode",
)


class Host:
    """A server that gives the same answer, and keeps what it was sent."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.sent: list[tuple[str, bytes, str]] = []

    def post(self, path: str, body: bytes, *, media_type: str) -> bytes:
        self.sent.append((path, body, media_type))
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


WHISPER = {
    "text": " No effusion.",
    "language": "english",
    "duration": 2.0,
    "segments": [{"start": 0.1, "end": 1.2, "text": " No effusion."}],
    "words": [{"word": "No", "start": 0.1, "end": 0.4}, {"word": "effusion.", "start": 0.5, "end": 1.2}],
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_lasr.build(tmp_path_factory.mktemp("tiny-medasr"))


@pytest.fixture(params=["scripted", "openai", "google", pytest.param("local", marks=needs_torch)])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "scripted":
        made: Any = ScriptedTranscriber(["no effusion {period}"])
        made.start()
    elif request.param == "openai":
        made = OpenAITranscriber(Host(WHISPER), model="whisper-1")
    elif request.param == "google":
        made = GoogleTranscriber(Host({"text": "no effusion {period}</s>"}))
    else:
        made = started(request.getfixturevalue("checkpoint"))
    return made


def sound(seconds: float = 3.0, **options: Any):
    return audio.read(encoded(voice(seconds), **options))


def test_the_same_recording_gives_the_same_transcript(backend: Any) -> None:
    """Nothing is drawn by lot."""
    assert backend.transcribe(sound()) == backend.transcribe(sound())


@pytest.mark.parametrize("seconds", [0.05, 25.0])
def test_words_lie_in_the_recording_and_in_order(backend: Any, seconds: float) -> None:
    """From the shortest sound to one of several windows; segments too."""
    recording = sound(seconds)
    transcript = backend.transcribe(recording)

    for each in (*transcript.words, *transcript.segments):
        assert 0 <= each.start <= each.end <= recording.seconds + 1e-6
    starts = [word.start for word in transcript.words]
    assert sorted(starts) == starts
    assert recording.seconds == transcript.duration


def test_words_are_the_text(backend: Any) -> None:
    """Where a backend gives words, they are all of the text and nothing else."""
    transcript = backend.transcribe(sound())

    assert transcript.text
    if transcript.words:
        assert transcript.text.split() == " ".join(word.text for word in transcript.words).split()


def test_posteriors_are_numbers_between_nothing_and_one(backend: Any) -> None:
    """Or not given at all."""
    posteriors = [word.posterior for word in backend.transcribe(sound()).words]

    assert all(each is None or 0 <= each <= 1 for each in posteriors)


def test_the_card_and_the_parameters_name_what_ran(backend: Any) -> None:
    """Enough to ask again."""
    transcript = backend.transcribe(sound())

    assert backend.card.id
    assert backend.card.backend in {"scripted", "openai", "vertex", "transformers"}
    assert transcript.parameters


def test_nothing_runs_before_it_is_started(checkpoint: Path) -> None:
    """A model that was not started, or was closed, is unavailable; it is not loaded in passing."""
    for made in (ScriptedTranscriber(["a"]), LocalTranscriber(LocalSpeech(model=str(checkpoint)))):
        with pytest.raises(BackendUnavailable):
            made.transcribe(sound())
        made.close()


# --- the local one ------------------------------------------------------------------------------------


@cache
def started(checkpoint: Path, **options: Any) -> LocalTranscriber:
    made = LocalTranscriber(LocalSpeech(model=str(checkpoint), **options))
    made.start()
    return made


@needs_torch
def test_one_window_is_what_transformers_itself_gives(checkpoint: Path) -> None:
    """The documented way, class by class, over the same samples."""
    from transformers import LasrFeatureExtractor, LasrForCTC, LasrProcessor, LasrTokenizer

    recording = sound(15.0)
    samples = np.frombuffer(b"".join(recording.blocks()), dtype="<f4")
    processor = LasrProcessor(
        LasrFeatureExtractor.from_pretrained(checkpoint), LasrTokenizer.from_pretrained(checkpoint)
    )
    model = LasrForCTC.from_pretrained(checkpoint).eval()
    made = model.generate(**processor(samples, sampling_rate=16_000))

    expected = processor.batch_decode(made, skip_special_tokens=True)[0]

    assert expected.split()
    assert expected.split() == started(checkpoint).transcribe(recording).text.split()


@needs_torch
def test_a_batch_of_windows_says_what_single_windows_say(checkpoint: Path) -> None:
    """Also the last and shorter one, which is filled up."""
    recording = sound(45.0)

    assert (
        started(checkpoint, batch=1).transcribe(recording).words
        == started(checkpoint, batch=4).transcribe(recording).words
    )


@needs_torch
@pytest.mark.parametrize("spoil", [tiny_lasr.in_upper_case, tiny_lasr.with_another_tokenizer])
def test_checkpoints_with_other_names_are_read(spoil: Any, checkpoint: Path, tmp_path: Path) -> None:
    """Early ones call their classes in capitals or name a tokenizer that collapses nothing."""
    folder = spoil(Path(shutil.copytree(checkpoint, tmp_path / "spoilt")))

    transcript = started(folder).transcribe(sound())

    assert started(checkpoint).transcribe(sound()).text == transcript.text
    assert not any(mark in transcript.text for mark in ("<epsilon>", "</s>", "<s>"))


@needs_torch
def test_bfloat16_runs_and_float16_is_no_option(checkpoint: Path) -> None:
    """The half format overflows in this family."""
    assert "bfloat16" == started(checkpoint, dtype="bfloat16").transcribe(sound()).parameters["dtype"]
    with pytest.raises(BackendMisconfigured):
        LocalTranscriber(LocalSpeech(model="anything", dtype="float16"))


@needs_torch
def test_a_folder_without_a_checkpoint_is_a_setting_to_mend(tmp_path: Path) -> None:
    """Nothing is downloaded in its place."""
    with pytest.raises(BackendMisconfigured):
        LocalTranscriber(LocalSpeech(model=str(tmp_path))).start()


@needs_torch
@pytest.mark.parametrize("width", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_width_and_layout_gives_the_same_words(checkpoint: Path, width: str, channels: int) -> None:
    """A sharpened head of random weights magnifies the least difference: there is none to magnify.

    Other rates are heard in `test_demonstration_speech`: a resampler rounds, and nonsense bears no rounding.
    """
    samples = np.rint(voice(4.0) * 32_767).astype(np.float32) / 32_768
    expected = started(checkpoint).transcribe(audio.read(encoded(samples, coding="FLOAT"))).text.split()
    layout = np.stack([samples] * channels, axis=1) if channels > 1 else samples
    got = started(checkpoint).transcribe(audio.read(encoded(layout, coding=width))).text.split()

    assert expected == got


def said(machine: Any, pieces: list[str], frames: list[dict[str, float]], *, part: int = 1000) -> list[Any]:
    """What a beam makes of frames, each a share for some pieces and the rest for nothing."""
    from inference.backends.local.language_model import Beam

    scores = np.full((len(frames), len(pieces)), 1e-6, dtype=np.float32)
    for at, shares in enumerate(frames):
        for piece, share in shares.items():
            scores[at, pieces.index(piece)] = share
        scores[at, 0] = 1 - sum(shares.values())
    beam = Beam(machine, pieces, beam_width=8)
    for at in range(0, len(frames), part):
        beam.add(np.log(scores[at : at + part]))
    return list(beam.finish())


@needs_lm
def test_a_language_model_decides_what_the_sound_leaves_open(tmp_path: Path) -> None:
    """Two pieces sound alike; the one that the n-gram model expects is written, with its own posterior."""
    from inference.backends.local.language_model import build

    pieces = tiny_lasr.pieces()
    frames = [{}, {"\u2581normal": 0.45, "\u2581the": 0.5}, {}, {"\u2581lung": 0.9}, {"s": 0.9}, {}]
    texts = []
    for favourite, other in (("\u2581normal", "\u2581the"), ("\u2581the", "\u2581normal")):
        path = tiny_lasr.arpa(tmp_path / "lm.arpa", favourite=favourite, other=other)
        found = said(build(pieces, LanguageModel(path)), pieces, frames)
        texts.append([(piece.text, piece.first, round(piece.posterior, 2)) for piece in found])

    tail = [("\u2581lung", 3, 0.9), ("s", 4, 0.9)]
    assert [[("\u2581normal", 1, 0.45), *tail], [("\u2581the", 1, 0.5), *tail]] == texts


@needs_lm
def test_a_beam_over_an_hour_holds_one_part_of_it_at_a_time(tmp_path: Path) -> None:
    """Cut in pauses, with the state of the n-gram model carried over: every piece once, at its frame."""
    from inference.backends.local.language_model import build

    pieces = tiny_lasr.pieces()
    path = tiny_lasr.arpa(tmp_path / "lm.arpa", favourite="\u2581no", other="b")
    spoken = ["\u2581no", "\u2581effusion", "\u2581heart", "\u2581clear"] * 200
    frames = [share for piece in spoken for share in ({}, {piece: 0.97}, {})]

    found = said(build(pieces, LanguageModel(path)), pieces, frames, part=97)

    assert spoken == [piece.text for piece in found]
    assert [3 * at + 1 for at in range(len(spoken))] == [piece.first for piece in found]


@needs_torch
@needs_lm
def test_a_checkpoint_runs_with_a_language_model(checkpoint: Path, tmp_path: Path) -> None:
    """What it was decoded with is said; times lie in the recording."""
    path = tiny_lasr.arpa(tmp_path / "lm.arpa", favourite="\u2581no", other="b")
    recording = sound(8.0)
    made = LocalTranscriber(LocalSpeech(model=str(checkpoint), language_model=LanguageModel(path)))
    made.start()
    transcript = made.transcribe(recording)

    assert transcript.words
    assert ("beam", 8, "lm.arpa") == tuple(
        transcript.parameters[name] for name in ("decoding", "beam_width", "language_model")
    )
    assert all(0 <= word.start <= word.end <= recording.seconds for word in transcript.words)


@needs_torch
@needs_lm
def test_a_missing_language_model_is_a_setting_to_mend(checkpoint: Path, tmp_path: Path) -> None:
    """It is never left out silently."""
    with pytest.raises(BackendMisconfigured):
        started(checkpoint, language_model=LanguageModel(tmp_path / "none.kenlm"))


# --- remote ones --------------------------------------------------------------------------------------


def test_long_recordings_are_sent_in_pieces_that_do_not_overlap() -> None:
    """Together they are the recording, sample by sample, cut in pauses."""
    host = Host({"text": "one"})
    recording = sound(100.0)

    transcript = GoogleTranscriber(host).transcribe(recording)

    pieces = [base64.b64decode(json.loads(body)["file"]) for _, body, _ in host.sent]
    read = [soundfile.read(io.BytesIO(piece), dtype="float32") for piece in pieces]
    whole = np.frombuffer(b"".join(recording.blocks()), dtype="<f4")
    assert {16_000} == {rate for _, rate in read}
    assert np.abs(whole - np.concatenate([samples for samples, _ in read])).max() < 0.001
    assert all(len(samples) <= 30 * 16_000 for samples, _ in read)
    assert " ".join(["one"] * len(pieces)) == transcript.text
    assert () == transcript.issues


def test_a_cut_without_a_pause_is_said() -> None:
    """A tone without end has no place to be cut."""
    tone = (0.3 * np.sin(np.arange(70 * 16_000) / 5)).astype(np.float32)
    transcript = GoogleTranscriber(Host({"text": "one"})).transcribe(audio.read(encoded(tone)))

    assert "cut at 3 places without a pause" in transcript.issues[0].text


def test_the_multipart_form_is_read_by_a_server(checkpoint: Path) -> None:
    """Flask's parser finds the fields and a WAV that opens."""
    from werkzeug.test import EnvironBuilder
    from werkzeug.wrappers import Request

    host = Host(WHISPER)
    OpenAITranscriber(host, model="whisper-1").transcribe(sound())
    path, body, media_type = host.sent[0]
    form = Request(EnvironBuilder(method="POST", data=body, content_type=media_type).get_environ())

    assert ("audio/transcriptions", "whisper-1", "verbose_json", "en") == (
        path,
        form.form["model"],
        form.form["response_format"],
        form.form["language"],
    )
    assert ["word", "segment"] == form.form.getlist("timestamp_granularities[]")
    assert 3.0 == soundfile.info(io.BytesIO(form.files["file"].read())).duration


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        {"error": {"message": "no"}},
        {"text": None},
        {"text": "a", "words": [{"word": "a"}]},
        [],
    ],
)
def test_what_is_no_transcript_is_an_error(answer: Any) -> None:
    """Whatever came, no word of it is taken."""
    for made in (OpenAITranscriber(Host(answer), model="m"), GoogleTranscriber(Host(answer))):
        if isinstance(answer, dict) and answer.get("text") == "a" and isinstance(made, GoogleTranscriber):
            continue
        with pytest.raises(OutputInvalid):
            made.transcribe(sound())


def test_another_language_is_said() -> None:
    """The rules for negation and sides know English alone."""
    transcript = OpenAITranscriber(Host({**WHISPER, "language": "german"}), model="m").transcribe(sound())

    assert "german" == transcript.language
    assert any("another than English" in issue.text for issue in transcript.issues)
