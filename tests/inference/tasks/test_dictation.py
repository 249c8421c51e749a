"""Dictations: formatted without a change, arranged without a loss, and never believed when a "no" goes missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.scripted import ScriptedGenerator
from inference.backends.speech import ScriptedTranscriber
from inference.ports import SpokenWord, Transcript, TranscriptSegment
from inference.runs import Help, MemoryMemo
from inference.tasks import dictation
from inference.tasks.dictation import conversation, fidelity, sentences, tokens
from inference.tasks.dictation.fidelity import Changes
from inference.tasks.question import Text
from inference.tasks.reading import Aids
from mappers.domain.findings import GuardOutcome, JudgedReport
from mappers.domain.issues import Issue
from mappers.domain.times import Moment

SHA = "ab" * 32
SPOKEN = (
    "chest x-ray today {period} [FINDINGS] the heart is normal {period} no pneumothorax {period} {new paragraph} "
    "impression {colon} 5.50 mm nodule in the left upper lobe {comma} stable {period}"
)


@dataclass(frozen=True)
class Sound:
    sha256: str = SHA
    seconds: float = 20.0
    media_type: str = "audio/wav"
    issues: tuple[Issue, ...] = ()
    has_voice: bool = True
    separate_channels: bool = False

    def blocks(self):
        yield b"\0\0\0\0"


def now() -> Moment:
    return Moment("2026-11-29T10:00:00Z")


def staff(said: str, answer: Any = None, *, memo: MemoryMemo | None = None) -> dictation.Staff:
    transcriber = ScriptedTranscriber([said])
    transcriber.start()
    arranger = None
    if answer is not None:
        arranger = ScriptedGenerator(answer if callable(answer) else [answer])
        arranger.start()
    return dictation.Staff(transcriber=transcriber, arranger=arranger, memo=memo or MemoryMemo(), now=now)


def placed(report: JudgedReport) -> dict[str, list[str]]:
    return {section.key: [each.text for each in section.sentences] for section in report.sections}


def formatted(text: str) -> str:
    words = tuple(SpokenWord(text=word, start=at, end=at + 1) for at, word in enumerate(text.split()))
    return sentences.dictated(Transcript(text=text, segments=(), duration=60.0, words=words)).text


def test_tokens_become_marks_paragraphs_and_headings() -> None:
    """And every word, number and unit stands as it was recognised."""
    assert (
        "chest x-ray today.\n\nFINDINGS\nthe heart is normal. no pneumothorax.\n\nIMPRESSION\n"
        "5.50 mm nodule in the left upper lobe, stable."
    ) == formatted(SPOKEN)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("t2 {hyphen} weighted", "t2-weighted"),
        ("120 {slash} 80", "120/80"),
        ("mass {open parenthesis} benign {close parenthesis} {period}", "mass (benign)."),
        ("clear{period} next{comma} one", "clear. next, one"),
        ("one {next line} two {new paragraph} three", "one\ntwo\n\nthree"),
        ("{PERIOD} {New  Paragraph} a", ".\n\na"),
        ("weight {kilograms} [DR NAME] {", "weight {kilograms} [DR NAME] {"),
        ("Findings: heart normal. Impression: none.", "FINDINGS\nheart normal.\n\nIMPRESSION\nnone."),
        ("the impression {colon} is a mark", "the impression: is a mark"),
        ("1.5 cm and 0.50 mg/dL on 03/04/2026", "1.5 cm and 0.50 mg/dL on 03/04/2026"),
    ],
)
def test_what_is_formatted_and_what_is_left(said: str, written: str) -> None:
    """Known tokens are joined as print joins them; unknown ones stay verbatim."""
    assert written == formatted(said)


def test_unknown_tokens_are_reported() -> None:
    """By their number, not by what they say."""
    report = dictation.read(Sound(), staff("weight {kilograms} [DR NAME] {period}"))

    assert ["2 formatting tokens are not known and stand in the text as they are"] == [
        issue.text for issue in report.issues
    ]
    assert "weight {kilograms} [DR NAME] {period}" == report.transcription.raw


WORDS = st.lists(
    st.sampled_from(
        [
            "no", "5.50", "{period}", "{comma}", "[FINDINGS]", "{odd}", "left", "{new", "paragraph}", "a{period}b",
            "impression", "{colon}", "mm.", "findings:", "-3", "{hyphen}", "(x)", "[", "}",
        ]
    ),
    max_size=30,
)  # fmt: skip


@given(words=WORDS)
def test_every_word_is_in_some_element_once_and_in_order(words: list[str]) -> None:
    """Whatever is said: nothing is lost, nothing is doubled, and nothing but tokens of the table is rewritten."""
    spoken = [SpokenWord(text=word, start=at, end=at + 1) for at, word in enumerate(words)]
    parts = tokens.elements(spoken)

    covered = [number for part in parts for number in range(part.first, part.last + 1)]
    assert list(range(len(words))) == sorted(set(covered))
    assert sorted(covered) == covered
    for part in parts:
        if part.role in {tokens.Role.WORD, tokens.Role.UNKNOWN}:
            assert part.text in " ".join(words[part.first : part.last + 1])


def test_sections_by_spoken_headings_need_no_model() -> None:
    """Every sentence has the seconds in which it was spoken."""
    report = dictation.read(Sound(), staff(SPOKEN))

    assert {
        "dictated": ["chest x-ray today."],
        "findings": ["the heart is normal.", "no pneumothorax."],
        "impression": ["5.50 mm nodule in the left upper lobe, stable."],
    } == placed(report)
    places = [each.places[0] for section in report.sections for each in section.sentences]
    assert [SHA] * 4 == [place.sha256 for place in places]
    assert "no pneumothorax {period}" == places[2].quote
    words = SPOKEN.split()
    at = words.index("no") * 20 / len(words)
    assert (at, at + 3 * 20 / len(words)) == pytest.approx((places[2].start, places[2].end), abs=0.01)
    assert ["transcription"] == [run.task for run in report.runs]


def arranger(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Any], Any]:
    """Puts all into findings, in the words that were spoken, but for a change."""

    def answer(prompt: Any) -> Any:
        lines = prompt.parts[-1].split("<<<\n")[1].split("\n>>>")[0].splitlines()
        pairs = [line.partition(": ") for line in lines]
        entries = [
            {"number": int(number), "section": "findings", "text": text.capitalize()}
            for number, _, text in pairs
        ]
        return {"sentences": change(entries)}

    return answer


LOOSE = "the heart is normal {period} no pneumothorax {period} 5 mm nodule on the left {period}"


def test_a_model_arranges_what_has_no_heading() -> None:
    """Its capitals and marks are taken, and its guards have passed."""
    report = dictation.read(Sound(), staff(LOOSE, arranger(lambda entries: entries)))

    assert {"findings": ["The heart is normal.", "No pneumothorax.", "5 mm nodule on the left."]} == placed(
        report
    )
    assert {GuardOutcome.PASSED} == {verdict.outcome for verdict in report.verdicts}
    assert ["transcription", "dictation"] == [run.task for run in report.runs]


@pytest.mark.parametrize(
    ("number", "text", "guard"),
    [
        (2, "Pneumothorax.", "negations-kept"),
        (1, "The heart is not normal.", "negations-kept"),
        (3, "5 mm nodule on the right.", "sides-kept"),
        (3, "5 mm nodule.", "sides-kept"),
        (3, "6 mm nodule on the left.", "numbers-kept"),
        (3, "5.0 mm nodule on the left.", "numbers-kept"),
        (1, "The heart is enlarged.", "words-kept"),
    ],
)
def test_a_change_fails_its_guard_and_the_spoken_words_stay(number: int, text: str, guard: str) -> None:
    """ "No pneumothorax" that lost its "no" is the case to fear."""

    def change(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**entry, "text": text} if entry["number"] == number else entry for entry in entries]

    report = dictation.read(Sound(), staff(LOOSE, arranger(change)))

    failed = {verdict.guard for verdict in report.verdicts if verdict.outcome is GuardOutcome.FAILED}
    assert {guard, "words-kept"} == failed
    spoken = ["the heart is normal.", "no pneumothorax.", "5 mm nodule on the left."]
    assert spoken[number - 1] == placed(report)["findings"][number - 1]
    assert any("1 sentences were changed" in issue.text for issue in report.issues)


def test_a_sentence_that_nobody_spoke_is_dropped_and_one_left_out_is_kept() -> None:
    """Nothing is invented, nothing is lost; both are said."""

    def change(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        made_up = {"number": 77, "section": "impression", "text": "Cardiomegaly."}
        return [entries[0], entries[0], made_up]

    report = dictation.read(Sound(), staff(LOOSE, arranger(change)))

    assert {
        "findings": ["The heart is normal."],
        "dictated": ["no pneumothorax.", "5 mm nodule on the left."],
    } == placed(report)
    texts = " ".join(issue.text for issue in report.issues)
    assert "1 sentences of the model that arranged them were never spoken" in texts
    assert "1 sentences were arranged twice" in texts
    assert "2 sentences were left out" in texts


@pytest.mark.parametrize("answer", ["no JSON", "{}", "<unused94>thought", json.dumps({"sentences": [{}]})])
def test_an_answer_that_is_none_leaves_the_words_as_dictated(answer: str) -> None:
    """The transcript never depends on the model that arranges."""
    report = dictation.read(Sound(), staff(LOOSE, answer))

    assert ["dictated"] == list(placed(report))
    assert any("could not be read" in issue.text for issue in report.issues)


def test_many_sentences_are_asked_in_groups() -> None:
    """An hour of dictation is more than one question."""
    said = " ".join(f"sentence {number} is here {{period}}" for number in range(90))
    report = dictation.read(Sound(), staff(said, arranger(lambda entries: entries)))

    assert 1 + 3 == len(report.runs)
    assert 90 == len(placed(report)["findings"])


def test_a_recording_is_heard_once() -> None:
    """The same recording, model and decoding: the first transcript, with its run."""
    memo = MemoryMemo()
    first, second = staff(SPOKEN, memo=memo), staff(SPOKEN, memo=memo)

    one, other = dictation.read(Sound(), first), dictation.read(Sound(), second)

    assert one == other
    assert (1, 0) == (len(first.transcriber.calls), len(second.transcriber.calls))
    assert 2 == len([dictation.read(Sound(sha256=sha), second) for sha in ("cd" * 32, "ef" * 32)])
    assert 2 == len(second.transcriber.calls)


@pytest.mark.parametrize("sound", [Sound(has_voice=False), Sound()])
def test_nothing_recognised_is_no_words(sound: Sound) -> None:
    """Noise is not asked about; a model that hears nothing says nothing."""
    report = dictation.read(sound, staff("" if sound.has_voice else "invented words"))

    assert ("nothing was recognised", None, ()) == (report.not_read, report.transcription, report.sections)


TALK = (
    "good morning how are you feeling today? I have had this pain in my chest for two days. do you have any "
    "trouble breathing? no but I get tired when I walk. have you taken anything for it? I took my aspirin. "
    "can you show me where it hurts? it hurts me here on my left side."
)


def test_a_conversation_is_labelled_and_not_arranged() -> None:
    """Unless the route says so; declared, heard on two channels, or in the words."""
    for sound, said, told in (
        (Sound(), TALK, None),
        (Sound(separate_channels=True), SPOKEN, None),
        (Sound(), SPOKEN, dictation.Told(conversation=True)),
    ):
        report = dictation.read(sound, staff(said, arranger(lambda entries: entries)), told)

        assert ((), (), True) == (report.sections, report.runs, report.transcription.conversation)
        assert report.reasons
    allowed = dictation.read(Sound(), staff(TALK), dictation.Told(arrange_conversations=True))
    assert (True, True) == (bool(allowed.sections), allowed.transcription.conversation)


def test_a_dictation_is_no_conversation() -> None:
    """Dictating persons say I and ask the reader; that alone is no talk."""
    assert () == conversation.reasons(SPOKEN * 5)
    assert () == conversation.reasons("I discussed this with my colleague. " * 10)
    assert () == conversation.reasons("is it a nodule? is it a vessel? the lung is clear on both sides " * 6)


def test_words_without_times_get_those_of_their_segment() -> None:
    """No time is made up where a backend gives none."""
    transcript = Transcript(
        text="No effusion. Heart normal.",
        segments=(TranscriptSegment(0.0, 2.0, "No effusion."), TranscriptSegment(2.0, 5.0, "Heart normal.")),
        duration=5.0,
    )

    utterances = sentences.dictated(transcript).utterances

    assert [("No effusion.", 0.0, 2.0), ("Heart normal.", 2.0, 5.0)] == [
        (each.text, each.start, each.end) for each in utterances
    ]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("no pneumothorax", "No pneumothorax.", Changes()),
        ("um no uh pneumothorax", "No pneumothorax", Changes()),
        ("no pneumothorax", "pneumothorax", Changes(negation=True, wording=True)),
        ("isn't seen", "is seen", Changes(negation=True, wording=True)),
        ("left lung", "right lung", Changes(side=True, wording=True)),
        ("two nodules", "three nodules", Changes(number=True, wording=True)),
        ("5.5 mg", "55 mg", Changes(number=True, wording=True)),
        ("mild edema", "edema", Changes(wording=True)),
        ("edema left", "left edema", Changes(wording=True)),
        ("10 % of it", "10 of it", Changes(wording=True)),
        ("-3 mm", "3 mm", Changes(number=True, wording=True)),
    ],
)
def test_what_counts_as_a_change(before: str, after: str, changes: Changes) -> None:
    """Marks, capitals and hesitation may differ; words may not."""
    assert changes == fidelity.changes(before, after)


def spoken_question(sound: Sound, said: str, answer: Any, told: dictation.Told | None = None) -> JudgedReport:
    model = ScriptedGenerator([answer])
    model.start()
    aids = Aids(help_=Help(model, MemoryMemo(), now))
    letter = Text("Letter", "The scan shows an effusion on the left.")
    return dictation.ask(sound, staff(said), aids, texts=(letter,), told=told)


def test_a_spoken_question_is_asked_as_a_written_one() -> None:
    """The words that were recognised are the question; the recording is among the evidence."""
    answer = {"answerable": True, "answer": "There is an effusion on the left."}
    report = spoken_question(Sound(), "is there an effusion {question mark}", answer)

    assert {
        "question": ["is there an effusion?"],
        "answer": ["There is an effusion on the left."],
    } == placed(report)
    assert ("is there an effusion {question mark}", "question@1") == (report.transcription.raw, report.task)
    assert ["text", "recording"] == [source.kind.value for source in report.sources]


@pytest.mark.parametrize(
    ("sound", "said", "told", "reason"),
    [
        (Sound(has_voice=False), "invented", None, "nothing was recognised"),
        (Sound(), "", None, "nothing was recognised"),
        (Sound(), "is it clear", dictation.Told(conversation=True), "several people speak"),
    ],
)
def test_what_is_no_question_is_not_asked(
    sound: Sound, said: str, told: dictation.Told | None, reason: str
) -> None:
    """No model answers noise, silence or a conversation."""
    report = spoken_question(sound, said, {"answerable": True, "answer": "Yes."}, told)

    assert reason in report.not_read
    assert ((), ()) == (report.sections, report.runs)
