"""What a model is asked about sentences without a heading, and what of its answer is taken.

| the answer | then |
|---|---|
| puts a sentence that was spoken into a section, in the same words | taken |
| in other words | the section is taken, the spoken words stay, and the guard says what was changed |
| has a sentence of no number, or of a number that was not asked about | dropped, and reported |
| has a sentence twice | the first one counts, and it is reported |
| leaves a sentence out | it stays "as dictated", and it is reported |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from inference.ports import Completion, Prompt
from inference.tasks import answers, prompting
from inference.tasks.dictation import fidelity
from inference.tasks.dictation.fidelity import Changes
from inference.tasks.dictation.headings import DICTATED, HEADINGS
from inference.tasks.dictation.sentences import Utterance
from inference.tasks.prompting import PromptFile

#: Sentences of one question: more, and a small model begins to skip.
MOST: Final = 40
_TOKENS_A_SENTENCE: Final = 120
_SECTIONS: Final = (*(heading.key for heading in HEADINGS), DICTATED.key)


@dataclass(frozen=True, slots=True)
class Arranged:
    """Where sentences belong.

    Attributes:
        sections: number of a sentence -> key of its section.
        texts: number of a sentence -> its text, where the model's may be taken.
        changes: what the model changed in sentences whose words were kept as spoken.
        changed: how many those are.
        invented: entries that are no sentence that was asked about.
        doubled: entries about a sentence that had one already.
        left_out: sentences that the answer does not speak of.
    """

    sections: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    changes: Changes = field(default=Changes())
    changed: int = 0
    invented: int = 0
    doubled: int = 0
    left_out: int = 0

    def __add__(self, other: Arranged) -> Arranged:
        return Arranged(
            {**self.sections, **other.sections},
            {**self.texts, **other.texts},
            self.changes | other.changes,
            self.changed + other.changed,
            self.invented + other.invented,
            self.doubled + other.doubled,
            self.left_out + other.left_out,
        )


def schema(count: int) -> Mapping[str, Any]:
    """Of an answer about so many sentences; bounded, so that no loop can break it."""
    return {
        "type": "object",
        "properties": {
            "sentences": {
                "type": "array",
                "maxItems": count,
                "items": {
                    "type": "object",
                    "properties": {
                        "number": {"type": "integer", "minimum": 0, "maximum": 99_999},
                        "section": {"enum": list(_SECTIONS)},
                        "text": {"type": "string", "minLength": 1, "maxLength": 600},
                    },
                    "required": ["number", "section", "text"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["sentences"],
        "additionalProperties": False,
    }


def groups(utterances: Sequence[Utterance]) -> Iterator[tuple[Utterance, ...]]:
    """Sentences of one question each."""
    for at in range(0, len(utterances), MOST):
        yield tuple(utterances[at : at + MOST])


def prompt(utterances: Sequence[Utterance], *, file: PromptFile | None = None) -> Prompt:
    """The question about some sentences.

    Args:
        utterances: that were spoken under no heading.
        file: a site's prompt in the place of the shipped one.
    """
    chosen = file or prompting.shipped(__package__)
    lines = "\n".join(f"{each.number}: {' '.join(each.text.split())}" for each in utterances)
    return chosen.prompt(
        (prompting.material(lines),),
        values={"sections": ", ".join(f'"{key}"' for key in _SECTIONS)},
        schema=schema(len(utterances)),
        max_new_tokens=100 + _TOKENS_A_SENTENCE * len(utterances),
    )


def arranged(completion: Completion, utterances: Sequence[Utterance]) -> Arranged:
    """Read an answer.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or does not fit the schema.
    """
    answer = answers.structured(completion, schema(len(utterances)))
    spoken = {each.number: each.text for each in utterances}
    sections: dict[int, str] = {}
    texts: dict[int, str] = {}
    found, changed, invented, doubled = Changes(), 0, 0, 0
    for item in answer["sentences"]:
        number = item["number"]
        if number not in spoken:
            invented += 1
        elif number in sections:
            doubled += 1
        else:
            sections[number] = item["section"]
            different = fidelity.changes(spoken[number], item["text"])
            if different:
                found, changed = found | different, changed + 1
            else:
                texts[number] = item["text"].strip()
    return Arranged(sections, texts, found, changed, invented, doubled, len(spoken) - len(sections))
