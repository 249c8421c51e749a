"""Memoised runs: what makes two runs the same, and what is not kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference import runs
from inference.backends.scripted import ScriptedGenerator
from inference.ports import Ending, Prompt
from inference.runs import MemoryMemo
from mappers.domain.attribution import ModelCard, run_key
from mappers.domain.times import Moment

NOW = Moment("2026-10-05T08:00:00Z")
PROMPT = Prompt(instruction="Read.", parts=("page",))
CARD = ModelCard(id="m", revision="1", weights_digest="w", backend="b")


def _run(memo: MemoryMemo, generator: ScriptedGenerator, prompt: Prompt = PROMPT, version: str = "1"):
    return runs.run(prompt, generator, task="t", version=version, memo=memo, now=lambda: NOW)


def _generator(*script: str) -> ScriptedGenerator:
    generator = ScriptedGenerator(script)
    generator.start()
    return generator


def test_the_same_question_is_asked_once() -> None:
    """The second answer comes from the memo, with the run that made it."""
    memo, generator = MemoryMemo(), _generator("first", "second")

    (made, answer), again = _run(memo, generator), _run(memo, generator)

    assert "first" == answer.text == again[1].text
    assert made == again[0]
    assert 1 == len(generator.calls)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PROMPT, parts=("other",)),
        replace(PROMPT, instruction="Read!"),
        replace(PROMPT, max_new_tokens=9),
    ],
    ids=["input", "prompt", "parameters"],
)
def test_another_question_is_asked(changed: Prompt) -> None:
    """All that is sent belongs to the key."""
    memo, generator = MemoryMemo(), _generator("first", "second")
    _run(memo, generator)

    assert "second" == _run(memo, generator, changed)[1].text


def test_a_new_version_of_the_task_asks_again() -> None:
    """So does a task that reads its answers in a new way."""
    memo, generator = MemoryMemo(), _generator("first", "second")
    _run(memo, generator)

    assert "second" == _run(memo, generator, version="2")[1].text


@pytest.mark.parametrize("field", ["id", "revision", "weights_digest", "backend"])
def test_other_weights_are_another_model(field: str) -> None:
    """Every part of the card belongs to the key."""
    other = replace(CARD, **{field: "other"})

    assert run_key("t@1", card=CARD, input_digest="i") != run_key("t@1", card=other, input_digest="i")


def test_a_run_that_was_cut_off_is_not_kept() -> None:
    """An answer without an end is not finished: the next attempt asks again."""
    memo, generator = MemoryMemo(), _generator("far too long", "ok")
    short = replace(PROMPT, max_new_tokens=1)

    assert Ending.LENGTH is _run(memo, generator, short)[1].ending
    assert "ok" == _run(memo, generator, short)[1].text
