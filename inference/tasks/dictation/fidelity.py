"""Whether a sentence that was arranged still says what was spoken. Pure.

A model that arranges may add marks and capitals and leave out sounds of hesitation. Everything else is a
change, and the spoken words stay. What may never change unnoticed is named: "no pneumothorax" that lost its
"no" is the case to fear.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"[\w%°µ'./+<>=~-]*[\w%°µ]")
#: A dash before a word is a mark, before a digit a sign.
_MARK: Final = re.compile(r"\A['.,]+|\A[+-]+(?!\.?\d)|['.,-]+\Z")
_HESITATION: Final = frozenset({"um", "uh", "uhm", "er", "erm", "hm", "hmm", "mm"})
_NEGATION: Final = re.compile(
    r"no|not|non|none|nor|neither|never|without|absent|absence|denies|denied|deny|negative|free|clear|excluded"
    r"|cannot|resolved|unlikely|unremarkable|\w+n't"
)
_SIDE: Final = re.compile(r"left(ward)?|right(ward)?|(bi|uni)lateral(ly)?|both")
_NUMBER: Final = re.compile(
    r".*\d.*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(thir|four|fif|six|seven|eigh|nine)"
    r"teen|(twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|half|point|first|second|third"
)


@dataclass(frozen=True, slots=True)
class Changes:
    """How two texts differ; each is a reason not to take the second.

    Attributes:
        negation: a negation came or went.
        side: a side came or went.
        number: a number came or went, or its digits did.
        wording: other words came, went or changed places.
    """

    negation: bool = False
    side: bool = False
    number: bool = False
    wording: bool = False

    def __bool__(self) -> bool:
        return self.negation or self.side or self.number or self.wording

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.negation or other.negation,
            self.side or other.side,
            self.number or other.number,
            self.wording or other.wording,
        )


def changes(spoken: str, arranged: str) -> Changes:
    """What differs between what was spoken and what was made of it."""
    before, after = _words(spoken), _words(arranged)
    if before == after:
        return Changes()
    different = (Counter(before) - Counter(after)) + (Counter(after) - Counter(before))
    return Changes(
        negation=any(_NEGATION.fullmatch(word) for word in different),
        side=any(_SIDE.fullmatch(word) for word in different),
        number=any(_NUMBER.fullmatch(word) for word in different),
        wording=True,
    )


def _words(text: str) -> list[str]:
    found = (_MARK.sub("", word.casefold()) for word in _WORD.findall(text))
    return [word for word in found if word and word not in _HESITATION]
