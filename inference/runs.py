"""One model run, remembered: the same task, model, weights and input never run twice.

The memo is a port. The store keeps it across crashes, so that a killed worker does not repeat a finished run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inference.ports import Completion, Ending, Prompt, TextGenerator
from mappers.domain.attribution import ModelRun, run_key
from mappers.domain.times import Moment


class RunMemo(Protocol):
    """Finished runs by their key."""

    def find(self, key: str) -> tuple[ModelRun, str] | None:
        """The run and its answer, None when it has not been finished."""

    def keep(self, key: str, run: ModelRun, answer: str) -> None:
        """Remember a finished run; the same key again is the same run."""


@dataclass(frozen=True, slots=True)
class Help:
    """A model that may be asked.

    Attributes:
        generator: the model.
        memo: of its finished runs.
        now: the clock.
    """

    generator: TextGenerator
    memo: RunMemo
    now: Callable[[], Moment]


class MemoryMemo:
    """Remembers for the life of a process: commands, tests, evaluation."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[ModelRun, str]] = {}

    def find(self, key: str) -> tuple[ModelRun, str] | None:
        """The run and its answer."""
        return self._runs.get(key)

    def keep(self, key: str, run: ModelRun, answer: str) -> None:
        """Remember a finished run."""
        self._runs.setdefault(key, (run, answer))


def run(  # noqa: PLR0913  (each makes the run what it is)
    prompt: Prompt,
    generator: TextGenerator,
    *,
    task: str,
    version: str,
    memo: RunMemo,
    now: Callable[[], Moment],
) -> tuple[ModelRun, Completion]:
    """Ask a model, or the memo if it was asked before.

    Args:
        prompt: what is asked.
        generator: the model.
        task: id of the task.
        version: of the task; a new one asks again.
        memo: of finished runs. An answer that was cut off is not finished and is not kept.
        now: the clock.

    Raises:
        BackendUnavailable: the model does not run now.
        InputRefused: the prompt is too long for it.
    """
    key = run_key(f"{task}@{version}", card=generator.card, input_digest=prompt.digest)
    known = memo.find(key)
    if known is not None:
        made, answer = known
        return made, Completion(text=answer, ending=Ending.STOP, parameters=made.parameters)
    started = now()
    completion = generator.generate(prompt)
    made = ModelRun(
        task=task,
        task_version=version,
        card=generator.card,
        prompt_digest=prompt.instruction_digest,
        input_digest=prompt.digest,
        output_digest=hashlib.sha256(completion.text.encode()).hexdigest(),
        started=started,
        ended=now(),
        parameters=completion.parameters,
    )
    if completion.ending is Ending.STOP:
        memo.keep(key, made, completion.text)
    return made, completion
