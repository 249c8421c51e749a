"""Whether a recording is a dictation or a conversation. A simple rule that says its reasons.

MedASR was trained on dictation: of talk between doctor and patient it gets two words of three wrong. Such a
transcript is labelled, and never arranged to a report unless the route says so.

| sign | weight |
|---|---|
| the sender, the route or the user says so | enough |
| the channels of the recording carry different sounds | enough |
| two questions or more, and more than 4 % of at least 40 words are I, my, me, you or your | enough |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_PERSONS: Final = re.compile(r"(?i)\b(?:i|i'm|i've|my|me|you|your|you're|you've)\b")
_QUESTION: Final = re.compile(
    r"(?i)\?|\{question mark\}"
    r"|\b(?:do|did|are|were|have|can|could|would|will) you\b"
    r"|\bhow (?:long|often|much|are)\b|\bdoes it\b|\bis it\b"
)
_WORDS: Final = re.compile(r"[A-Za-z']+")
_SHARE: Final = 0.04
_FEWEST_WORDS: Final = 40
_FEWEST_QUESTIONS: Final = 2


def reasons(text: str, *, declared: bool = False, separate_channels: bool = False) -> tuple[str, ...]:
    """Why this is a conversation; empty when it is a dictation.

    Args:
        text: of the transcript.
        declared: whether somebody says so.
        separate_channels: whether the channels carry different sounds.
    """
    return tuple(_signs(text, declared=declared, separate_channels=separate_channels))


def _signs(text: str, *, declared: bool, separate_channels: bool) -> Iterator[str]:
    if declared:
        yield "it was declared to be a conversation"
    if separate_channels:
        yield "its channels carry different voices"
    words = len(_WORDS.findall(text))
    if words < _FEWEST_WORDS:
        return
    persons, questions = len(_PERSONS.findall(text)), len(_QUESTION.findall(text))
    if questions >= _FEWEST_QUESTIONS and persons > _SHARE * words:
        yield "people ask and answer in it"
