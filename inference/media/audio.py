"""Recordings of any usual kind to 16 kHz mono samples in [-1, 1], in constant memory.

A recording is decoded twice: once to be measured, once to be heard. Both times piece by piece in the parsing
process. Owns limits, level and mix. Knows nothing of words.

| the recording | then |
|---|---|
| empty, damaged, text, a film, of a kind that nobody decodes | refused |
| longer than the limit, by its header or by count | refused |
| of more channels or an odder rate than a voice is recorded with | refused |
| silent, or as loud everywhere (noise, hum) | `has_voice` is false: no model is asked |
| too quiet, or beyond full scale | scaled, and said |
| clipped, sampled below 16 kHz, cut off, with samples that are no numbers | read, and said |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from inference.errors import InputRefused, ReaderMissing, Refusal
from inference.media import audio_ffmpeg, audio_kinds, streams
from inference.media.audio_kinds import Decoder, Kind
from inference.media.sandbox import Limits
from inference.media.streams import Source
from inference.ports import SAMPLE_RATE
from mappers.domain.issues import Issue, IssueCode, Severity

if TYPE_CHECKING:
    from inference.media.audio_levels import Levels, Samples

_CHANNELS: Final = 16
_RATES: Final = range(4_000, 384_001)
_TELEPHONE: Final = 16_000
_CLIPPED: Final = 0.001
_BLOCK: Final = 1 << 16
_HASHED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """How much is heard.

    Attributes:
        seconds: of sound.
        source_bytes: of the file.
        process: what the parsing process may use, for each of the two passes.
    """

    seconds: float = 3 * 3600.0
    source_bytes: int = 4 * 2**30
    process: Limits = field(default=Limits(seconds=300.0))


DEFAULT = AudioLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that was measured and can be heard (`inference.ports.Sound`).

    Attributes:
        media_type: by content.
        coding: how it is coded, in the decoder's word: "PCM_24", "aac".
        rate: of the source.
        channels: of the source.
        sha256: of its bytes.
        levels: as measured.
        issues: what a listener should know.
    """

    media_type: str
    coding: str
    rate: int
    channels: int
    sha256: str
    levels: Levels
    issues: tuple[Issue, ...]
    _source: Source = field(repr=False)
    _kind: Kind = field(repr=False)
    _limits: AudioLimits = field(repr=False)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.levels.frames / self.rate

    @property
    def has_voice(self) -> bool:
        """Whether anything in it can be a voice."""
        return not (self.levels.silent or self.levels.steady)

    @property
    def separate_channels(self) -> bool:
        """Whether its channels carry different sounds, as with a microphone for each of several people."""
        return self.levels.separate

    def blocks(self) -> Iterator[bytes]:
        """16 kHz mono 32-bit floats, little endian; at most some seconds at a time.

        Raises:
            InputRefused: the second pass did not see what the first one saw.
        """
        import soxr  # noqa: PLC0415

        from inference.media.audio_levels import mixed  # noqa: PLC0415

        resampler = None
        if self.rate != SAMPLE_RATE:
            resampler = soxr.ResampleStream(self.rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        _, pieces = _decoded(self._source, self._kind, self._limits)
        for block in _framed(pieces, self.channels):
            mix = mixed(block, self.levels)
            yield _bytes(mix if resampler is None else resampler.resample_chunk(mix))
        if resampler is not None:
            import numpy as np  # noqa: PLC0415

            yield _bytes(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))


def read(source: Source, *, limits: AudioLimits = DEFAULT) -> Recording:
    """Measure a recording.

    Args:
        source: its bytes, or a file.
        limits: how much is heard.

    Raises:
        InputRefused: as the table says.
        ReaderMissing: a library or program is not installed.
    """
    kind = _kind(source, limits)
    try:
        from inference.media.audio_levels import Meter  # noqa: PLC0415
    except ImportError:
        raise ReaderMissing("recordings need libraries: pip install 'wardwire[audio]'") from None
    facts, pieces = _decoded(source, kind, limits)
    rate, channels = facts["rate"], facts["channels"]
    meter, most = Meter(rate, channels), limits.seconds * rate
    heard = 0
    for block in _framed(pieces, channels):
        heard += len(block)
        if heard > most:
            raise _too_long(limits)
        meter.add(block)
    levels = meter.levels()
    if not levels.frames:
        raise InputRefused(Refusal.CORRUPT, "the recording holds no sound at all")
    return Recording(
        media_type=kind.media_type,
        coding=facts["coding"],
        rate=rate,
        channels=channels,
        sha256=_digest(source),
        levels=levels,
        issues=tuple(_issues(levels, rate, truncated=facts["truncated"])),
        _source=source,
        _kind=kind,
        _limits=limits,
    )


def _kind(source: Source, limits: AudioLimits) -> Kind:
    size = streams.size(source)
    if not size:
        raise InputRefused(Refusal.CORRUPT, "the recording is empty")
    if size > limits.source_bytes:
        raise InputRefused(Refusal.TOO_LARGE, "the recording has more bytes than the limit")
    kind = audio_kinds.kind(streams.head(source, audio_kinds.HEAD))
    if kind is None:
        raise InputRefused(Refusal.UNSUPPORTED, "this is no recording of a kind that can be decoded")
    return kind


def _decoded(source: Source, kind: Kind, limits: AudioLimits) -> tuple[dict[str, Any], Iterator[bytes]]:
    """The facts of a recording and its samples, channels interleaved; refused where the facts forbid it."""
    if kind.decoder is Decoder.FFMPEG:
        facts = audio_ffmpeg.facts(source, kind, limits=limits.process)
        _check(facts, limits)
        return facts, audio_ffmpeg.samples(source, kind, limits=limits.process)
    arguments = {"dicom": kind.decoder is Decoder.DICOM}
    answers = streams.call("audio", source, arguments=arguments, limits=limits.process)
    first = next(answers)
    assert isinstance(first, dict)
    _check(first, limits)
    return first, (piece for piece in answers if isinstance(piece, bytes))


def _check(facts: dict[str, Any], limits: AudioLimits) -> None:
    if facts["rate"] not in _RATES or not 1 <= facts["channels"] <= _CHANNELS:
        raise InputRefused(Refusal.UNSUPPORTED, "no voice is recorded with this rate or number of channels")
    if (facts["frames"] or 0) > limits.seconds * facts["rate"]:
        raise _too_long(limits)


def _too_long(limits: AudioLimits) -> InputRefused:
    return InputRefused(
        Refusal.TOO_LARGE, f"the recording is longer than the limit of {limits.seconds / 60:.0f} minutes"
    )


def _framed(pieces: Iterator[bytes], channels: int) -> Iterator[Samples]:
    """Pieces cut at any byte to blocks of whole frames."""
    import numpy as np  # noqa: PLC0415

    width, left = 4 * channels, b""
    for piece in pieces:
        joined = left + piece
        whole = len(joined) // width * width
        left = joined[whole:]
        if whole:
            yield np.frombuffer(joined[:whole], dtype="<f4").reshape(-1, channels).copy()


def _bytes(samples: Samples) -> bytes:
    return samples.astype("<f4", copy=False).tobytes()


def _issues(levels: Levels, rate: int, *, truncated: bool) -> Iterator[Issue]:
    if truncated:
        yield _warning("the file ends before its header says: the end of the recording is missing")
    if levels.damaged:
        yield _warning("some samples are no numbers and were taken for silence")
    if levels.silent:
        yield _warning("the recording is silent")
    elif levels.steady:
        yield _warning("the recording is as loud everywhere: noise or hum, and no voice")
    # Beyond full scale nothing was cut off: floats have room there.
    if levels.clipped > _CLIPPED and levels.gain >= 1:
        yield _warning("the recording is clipped: words may be misheard")
    if levels.gain > 1 and not levels.silent:
        yield _note("the recording is very quiet: its level was raised")
    if levels.gain < 1:
        yield _note("the recording goes beyond full scale: its level was lowered")
    if rate < _TELEPHONE:
        yield _warning("the recording has the bandwidth of a telephone: words may be misheard")


def _warning(text: str) -> Issue:
    return Issue(Severity.WARNING, IssueCode.INCOMPLETE, "recording", text)


def _note(text: str) -> Issue:
    return Issue(Severity.INFORMATION, IssueCode.INFORMATIONAL, "recording", text)


def _digest(source: Source) -> str:
    digest = hashlib.sha256()
    if isinstance(source, Path):
        with source.open("rb") as file:
            while block := file.read(_HASHED):
                digest.update(block)
    else:
        digest.update(source)
    return digest.hexdigest()
