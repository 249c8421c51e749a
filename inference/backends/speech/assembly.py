"""Answers about pieces of a recording, put together to the transcript of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from inference.backends.speech.pieces import SoundPiece, cut
from inference.ports import Parameters, Sound, SpokenWord, Transcript, TranscriptSegment
from mappers.domain.issues import Issue, IssueCode, Severity

#: What recognisers call the language that MedASR and Wardwire's rules for words know.
_ENGLISH = frozenset({"", "en", "english", "en-us", "en-gb"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was recognised in one piece; its times count from its own beginning.

    Attributes:
        language: as the model says; "" where it does not.
    """

    text: str
    words: tuple[SpokenWord, ...] = field(default=())
    segments: tuple[TranscriptSegment, ...] = field(default=())
    language: str = ""


def transcript(
    sound: Sound,
    ask: Callable[[SoundPiece], Heard],
    *,
    seconds: float,
    parameters: Parameters,
) -> Transcript:
    """Ask about every piece of a recording.

    Args:
        sound: the recording.
        ask: sends one piece.
        seconds: longest piece.
        parameters: what it is decoded with.
    """
    words: list[SpokenWord] = []
    segments: list[TranscriptSegment] = []
    texts, languages, blind = [], set(), 0
    for piece in cut(sound.blocks(), seconds=seconds):
        heard = ask(piece)
        blind += piece.cut_in_speech
        languages.add(heard.language.lower())
        if heard.text.strip():
            texts.append(heard.text.strip())
            words += _moved_words(heard.words, piece)
            whole = TranscriptSegment(0.0, piece.seconds, heard.text.strip())
            segments += _moved_segments(heard.segments or (whole,), piece)
    return Transcript(
        text=" ".join(texts),
        words=tuple(words),
        segments=tuple(segments),
        duration=sound.seconds,
        language=next(iter(sorted(languages - {""})), None),
        issues=tuple(_issues(blind, languages)),
        parameters=parameters,
    )


def _moved_words(words: Iterable[SpokenWord], piece: SoundPiece) -> Iterator[SpokenWord]:
    for word in words:
        start, end = _moved(word.start, word.end, piece)
        yield SpokenWord(text=word.text.strip(), start=start, end=end, posterior=word.posterior)


def _moved_segments(segments: Iterable[TranscriptSegment], piece: SoundPiece) -> Iterator[TranscriptSegment]:
    for segment in segments:
        start, end = _moved(segment.start, segment.end, piece)
        yield TranscriptSegment(start, end, segment.text.strip())


def _moved(start: float, end: float, piece: SoundPiece) -> tuple[float, float]:
    """Times of the recording; what a model puts outside its piece is put to the nearer end."""
    first, last = sorted(min(max(time, 0.0), piece.seconds) for time in (start, end))
    return round(piece.start + first, 3), round(piece.start + last, 3)


def _issues(blind: int, languages: set[str]) -> Iterator[Issue]:
    if blind:
        text = f"the recording was cut at {blind} places without a pause: a word may be lost or broken there"
        yield Issue(Severity.WARNING, IssueCode.INCOMPLETE, "recording", text)
    if languages - _ENGLISH:
        text = "the model takes the language for another than English"
        yield Issue(Severity.WARNING, IssueCode.NOT_SUPPORTED, "recording", text)
