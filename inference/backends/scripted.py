"""A model that says what it was told to say: for tests, demonstrations and dry runs. Deterministic.

It keeps the same promises as the real ones: answers fit the schema or are reported as cut off, thinking is
stripped, and its card names it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference.backends.thinking import without_thinking
from inference.errors import BackendUnavailable
from inference.ports import Completion, Ending, ModelCard, Prompt

#: What it says to a prompt with a schema when nothing was told: an answer without content.
Answer = str | Mapping[str, Any]


class ScriptedGenerator:
    """Answers by a script.

    Args:
        script: answers in the order of the calls, the last one for ever, or a function of the prompt.
            Texts may hold thinking, as a model's would.
        name: id on its card.
    """

    def __init__(
        self, script: Sequence[Answer] | Callable[[Prompt], Answer], *, name: str = "scripted"
    ) -> None:
        self._script = script
        self._started = False
        self.calls: list[Prompt] = []
        told = (
            repr(list(script))
            if isinstance(script, Sequence)
            else getattr(script, "__qualname__", "function")
        )
        digest = hashlib.sha256(told.encode()).hexdigest()
        self._card = ModelCard(id=name, revision="1", weights_digest=digest, backend="scripted")

    @property
    def card(self) -> ModelCard:
        """Names the script."""
        return self._card

    def start(self) -> None:
        """Be ready."""
        self._started = True

    def close(self) -> None:
        """Be ready no more."""
        self._started = False

    def generate(self, prompt: Prompt) -> Completion:
        """The next answer, cut off where it is longer than the prompt allows (four letters a token).

        Raises:
            BackendUnavailable: before `start` or after `close`.
        """
        if not self._started:
            raise BackendUnavailable("the model has not been started")
        answer = self._script(prompt) if callable(self._script) else self._next()
        self.calls.append(prompt)
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        most = prompt.max_new_tokens * 4
        ending = Ending.LENGTH if len(text) > most else Ending.STOP
        return without_thinking(
            text[:most], ending, {"max_new_tokens": prompt.max_new_tokens, "do_sample": False}
        )

    def _next(self) -> Answer:
        assert not callable(self._script)
        return self._script[min(len(self.calls), len(self._script) - 1)]
