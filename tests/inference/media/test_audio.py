"""Recordings in every usual coat give the same sound; what is none is refused with a reason."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from inference.errors import InputRefused, Refusal
from inference.media import audio, streams
from inference.media.audio import AudioLimits, Recording
from inference.media.audio_kinds import HEAD, kind
from inference.media.sandbox import Limits
from tests.support.recordings import (
    by_ffmpeg,
    encapsulated,
    encoded,
    in_dicom,
    lying_header,
    needs_ffmpeg,
    noise,
    voice,
)

WAVS = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"]


def heard(recording: Recording) -> np.ndarray:
    return np.frombuffer(b"".join(recording.blocks()), dtype="<f4")


def alike(expected: np.ndarray, samples: np.ndarray) -> float:
    """Correlation at the best of some shifts: codecs delay."""
    best = 0.0
    for shift in range(0, 4000, 4):
        length = min(len(expected), len(samples) - shift)
        if length > len(expected) // 2:
            best = max(best, float(np.corrcoef(expected[:length], samples[shift : shift + length])[0, 1]))
    return best


@pytest.mark.parametrize("coding", WAVS)
def test_wav_of_any_width(coding: str) -> None:
    """Eight bits or sixty-four, companded or not: the same sound."""
    samples = heard(audio.read(encoded(voice(), coding=coding)))

    assert 3.0 == pytest.approx(len(samples) / 16_000, abs=0.1)
    assert 0.97 < alike(voice(), samples)


@pytest.mark.parametrize(
    ("form", "coding"),
    [
        ("WAVEX", "PCM_24"),
        ("RF64", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("AU", "ULAW"),
        ("CAF", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_what_libsndfile_knows(form: str, coding: str) -> None:
    """Extensible and 64-bit WAV, AIFF, AU, CAF, FLAC, Vorbis, Opus, MP3."""
    recording = audio.read(encoded(voice(), form=form, coding=coding))

    assert 0.95 < alike(voice(), heard(recording))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("m4a", ["-c:a", "aac"]),
        ("mp4", ["-c:a", "aac", "-movflags", "faststart"]),
        ("aac", ["-c:a", "aac"]),
        ("webm", ["-c:a", "libopus"]),
        ("mka", ["-c:a", "flac"]),
    ],
)
def test_what_ffmpeg_knows(ending: str, options: list[str], tmp_path: Path) -> None:
    """m4a with its index at either end, raw aac, webm, matroska."""
    recording = audio.read(by_ffmpeg(encoded(voice()), tmp_path, *options, ending=ending))

    assert 0.95 < alike(voice(), heard(recording))


@needs_ffmpeg
def test_amr_of_telephones(tmp_path: Path) -> None:
    """No encoder for it is free everywhere: a stream of silent frames is built by hand, and is heard as silent."""
    silent_frame = bytes([0x04]) + bytes(12)
    recording = audio.read(b"#!AMR\n" + silent_frame * 100)

    assert ("audio/amr", 8_000, False) == (recording.media_type, recording.rate, recording.has_voice)
    assert 2.0 == pytest.approx(recording.seconds, abs=0.1)


@pytest.mark.parametrize("interpretation", ["SS", "UB", "MB", "AB"])
def test_a_waveform_inside_dicom(interpretation: str) -> None:
    """Basic Voice Audio with every sample interpretation that it allows, and 16 bits."""
    recording = audio.read(in_dicom(voice(rate=8_000), interpretation=interpretation))

    assert 8_000 == recording.rate
    assert 0.95 < alike(voice(), heard(recording))


def test_a_recording_encapsulated_in_dicom() -> None:
    """The document inside is opened as any other recording."""
    assert 0.99 < alike(voice(), heard(audio.read(encapsulated(encoded(voice())))))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_gives_what_librosa_gives(rate: int) -> None:
    """The loader that the model's card uses, over the same file."""
    content = encoded(voice(rate=rate), rate=rate, coding="PCM_24")

    expected, _ = librosa.load(io.BytesIO(content), sr=16_000, mono=True)
    samples = heard(audio.read(content))

    length = min(len(expected), len(samples))
    assert abs(len(expected) - len(samples)) <= 2
    # The first and the last milliseconds depend on how a filter is begun.
    assert np.abs(expected[400 : length - 400] - samples[400 : length - 400]).max() < 0.01


@pytest.mark.parametrize(
    "layout",
    [
        lambda one: np.stack([one, one], axis=1),
        lambda one: np.stack([one, np.zeros_like(one)], axis=1),
        lambda one: np.stack([np.zeros_like(one), one], axis=1),
        lambda one: np.stack([one, -one], axis=1),
        lambda one: np.stack([np.zeros_like(one)] * 2 + [one] + [np.zeros_like(one)] * 3, axis=1),
    ],
    ids=["twice", "left", "right", "opposed", "centre-of-six"],
)
def test_any_layout_of_channels_gives_the_same_sound(layout) -> None:
    """Not half as loud, and not silence where one side is wired the wrong way round."""
    samples = heard(audio.read(encoded(layout(voice()))))

    assert min(np.abs(voice() - samples).max(), np.abs(voice() + samples).max()) < 0.001


def test_two_microphones_are_both_heard() -> None:
    """Two people on two channels: neither is lost, and the recording says that its channels differ."""
    one, two = voice(4.0), np.roll(voice(4.0), 20_011)
    recording = audio.read(encoded(np.stack([one, two], axis=1)))

    assert recording.separate_channels
    assert np.abs(heard(recording) - (one + two) / 2).max() < 0.001
    assert not audio.read(encoded(np.stack([one, one * 0.4], axis=1))).separate_channels


def test_a_quiet_microphone_is_raised_and_a_float_beyond_scale_lowered() -> None:
    """The recogniser knows no level of its own; both are said."""
    quiet = audio.read(encoded(voice(level=0.01), coding="FLOAT"))
    beyond = audio.read(encoded(voice(level=0.9) * 30_000, coding="FLOAT"))

    assert (0.5, 1.0) == pytest.approx((np.abs(heard(quiet)).max(), np.abs(heard(beyond)).max()), abs=0.01)
    assert ["the recording is very quiet: its level was raised"] == [issue.text for issue in quiet.issues]
    assert ["the recording goes beyond full scale: its level was lowered"] == [
        issue.text for issue in beyond.issues
    ]


@pytest.mark.parametrize("sound", [np.zeros(48_000, dtype=np.float32), noise(), noise(level=0.02)])
def test_silence_and_noise_are_no_voice(sound: np.ndarray) -> None:
    """No model is asked what it hears in them."""
    assert not audio.read(encoded(sound)).has_voice


def test_a_voice_over_noise_is_a_voice() -> None:
    """A fan in the room does not make a dictation unheard."""
    assert audio.read(encoded(voice() + noise(level=0.05))).has_voice


def test_what_is_wrong_with_a_recording_is_said() -> None:
    """Clipping, a telephone's bandwidth, samples that are no numbers, an end that is missing."""
    clipped = np.clip(voice() * 6, -1, 1)
    broken = voice()
    broken[1000:1010] = np.nan
    texts = [
        [issue.text for issue in audio.read(content).issues]
        for content in (
            encoded(clipped),
            encoded(voice(rate=8_000), rate=8_000),
            encoded(broken, coding="FLOAT"),
            encoded(voice())[:-20_000],
        )
    ]

    assert "clipped" in texts[0][0]
    assert "telephone" in texts[1][0]
    assert "no numbers" in texts[2][0]
    assert "the end of the recording is missing" in texts[3][0]
    assert np.isfinite(heard(audio.read(encoded(broken, coding="FLOAT")))).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Refusal.CORRUPT),
        (b"The patient has no pneumothorax.", Refusal.UNSUPPORTED),
        (b"RIFF\xff\xff\xff\x7fWAVEtext called wav, but of no use", Refusal.CORRUPT),
        (encoded(voice())[:40], Refusal.CORRUPT),
        (encoded(np.zeros(0, dtype=np.float32)), Refusal.CORRUPT),
        (encoded(voice(), form="FLAC", coding="PCM_16")[:200], Refusal.CORRUPT),
        (b"OggS" + bytes(range(256)) * 20, Refusal.CORRUPT),
        (b"ID3\x04\0\0\0\0\0\0" + b"\0" * 500, Refusal.CORRUPT),
        (b"\0" * 128 + b"DICM" + b"\x02\0\0\0UL\x04\0\0\0\0\0", Refusal.UNSUPPORTED),
        (encoded(voice(rate=1_000), rate=1_000), Refusal.UNSUPPORTED),
        (b"%PDF-1.7\n1 0 obj", Refusal.UNSUPPORTED),
    ],
    ids=["empty", "text", "wav-of-text", "cut-header", "no-samples", "cut-flac", "ogg-noise", "id3-alone", "dicom", "1kHz", "pdf"],
)  # fmt: skip
def test_what_is_no_recording_is_refused(content: bytes, reason: Refusal) -> None:
    """With the reason, in words that quote nothing of it."""
    with pytest.raises(InputRefused) as refused:
        audio.read(content)

    assert reason is refused.value.reason
    assert "pneumothorax" not in str(refused.value)


@needs_ffmpeg
@pytest.mark.parametrize("head", [b"\0\0\0\x20ftypisom", b"\x1a\x45\xdf\xa3", b"#!AMR\n", b"\xff\xf1"])
def test_what_ffmpeg_cannot_decode_is_refused(head: bytes) -> None:
    """Nothing comes out of noise behind a known beginning."""
    with pytest.raises(InputRefused):
        audio.read(head + bytes(range(256)) * 40)


@needs_ffmpeg
def test_a_film_is_refused(tmp_path: Path) -> None:
    """Only its sound may be sent: pictures of a patient have no business here."""
    film = by_ffmpeg(
        encoded(voice()), tmp_path, "-f", "lavfi", "-i", "color=black:s=64x64:d=1", "-shortest", ending="mp4"
    )

    with pytest.raises(InputRefused) as refused:
        audio.read(film)

    assert "film" in str(refused.value)


@needs_ffmpeg
def test_ffmpeg_follows_no_list_to_other_files(tmp_path: Path) -> None:
    """A playlist behind the first bytes of an m4a is no m4a."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded(voice()))
    for content in (
        f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n".encode(),
        f"ffconcat version 1.0\nfile {secret}\n".encode(),
        b"\0\0\0\x14ftypM4A \0\0\0\0" + f"\n#EXTM3U\nfile://{secret}\n".encode(),
    ):
        with pytest.raises(InputRefused):
            audio.read(content)


def test_ten_hours_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    """By the header where it says so, by count where it does not."""
    hours = tmp_path / "hours.wav"
    with soundfile.SoundFile(hours, "w", 8_000, 1, "PCM_16") as file:
        for _ in range(100):
            file.write(np.zeros(8_000 * 360, dtype=np.int16))

    with pytest.raises(InputRefused) as refused:
        audio.read(hours)
    with pytest.raises(InputRefused) as counted:
        audio.read(encoded(voice(5.0), form="OGG", coding="VORBIS"), limits=AudioLimits(seconds=4.0))

    assert [Refusal.TOO_LARGE] * 2 == [refused.value.reason, counted.value.reason]


def test_a_header_that_promises_hours_is_not_believed() -> None:
    """What is there counts: one second, and the end is missing."""
    recording = audio.read(lying_header(7_200))

    assert 1.0 == pytest.approx(recording.seconds, abs=0.01)
    assert "the end of the recording is missing" in recording.issues[0].text


@pytest.mark.parametrize("script", ["while :; do :; done", "sleep 30", "exit 3"])
def test_a_decoder_that_works_or_waits_without_end_is_ended(script: str) -> None:
    """By its processor time, or by how long it was silent; one that fails gives nothing."""
    with pytest.raises(InputRefused):
        list(streams.program(["sh", "-c", script], b"sound", limits=Limits(seconds=1.0)))


def test_a_decoder_is_ended_with_its_reader() -> None:
    """Who stops listening leaves no process behind."""
    pieces = streams.program(["sh", "-c", "echo $$; cat /dev/zero"], b"", limits=Limits())
    number = int(next(pieces).split(b"\n")[0])
    pieces.close()

    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """One minute and twenty of them: the same peak, within a few megabytes."""
    peaks = []
    for minutes in (1, 20):
        file = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(file, "w", 44_100, 2, "PCM_16", format="FLAC") as writer:
            for _ in range(minutes):
                writer.write(np.repeat(voice(60.0, rate=44_100)[:, None], 2, axis=1))
        program = textwrap.dedent(f"""
            import resource
            from pathlib import Path
            from inference.media import audio, streams
            for block in audio.read(Path({str(file)!r})).blocks():
                pass
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))

    assert peaks[1] - peaks[0] < 8_192


def test_the_first_bytes_say_who_decodes() -> None:
    """An MP3 without a tag begins with a frame, as raw aac does; text and nothing are no kind."""
    mp3 = encoded(voice(), form="MP3", coding="MPEG_LAYER_III")

    assert "audio/mpeg" == kind(mp3[:HEAD]).media_type
    assert "audio/aac" == kind(b"\xff\xf1\x50\x80").media_type
    assert [None, None, None] == [kind(b""), kind(b"\xff"), kind(b"Findings: none.")]
