"""MedGemma in this process, by transformers.

Loads in `start()`, never on import. Greedy and seeded, in float32 or bfloat16: float16 overflows in this
family and gives nothing or the same word for ever. With a schema the answer is decoded under a grammar, so it
is valid JSON or cut off. Prompts that go together are answered together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from inference.backends.local import loading
from inference.backends.local.loading import Loaded, LocalModel
from inference.backends.pictures import opened
from inference.backends.thinking import without_thinking
from inference.errors import BackendUnavailable, InferenceError, InputRefused, Refusal
from inference.ports import Completion, Ending, ModelCard, Picture, Prompt

_SEED: Final = 0

Answer = Completion | InferenceError


def _never(_number: int) -> bool:
    return False


class LocalGenerator:
    """A warm model of the Gemma 3 family; used by one thread at a time."""

    def __init__(self, settings: LocalModel) -> None:
        self._settings = settings
        self._card: ModelCard | None = None
        self._loaded: Loaded | None = None
        self._grammar: Any = None

    def start(self) -> None:
        """Load the weights and keep them.

        Raises:
            BackendMisconfigured: no checkpoint is there, or it is none of this family.
            BackendUnavailable: the libraries are not installed, or memory does not suffice.
        """
        self._loaded = loading.load(self._settings)
        self._card = self._loaded.card

    def close(self) -> None:
        """Let the weights go."""
        self._loaded = self._grammar = None

    @property
    def card(self) -> ModelCard:
        """The model as it was loaded.

        Raises:
            BackendUnavailable: before `start`.
        """
        if self._card is None:
            raise BackendUnavailable("the model has not been started")
        return self._card

    def generate(self, prompt: Prompt) -> Completion:
        """Answer a prompt greedily.

        Raises:
            BackendUnavailable: before `start`, after `close`, or out of memory.
            InputRefused: the prompt is longer than the limit, or has pictures and the model reads none.
        """
        (answer,) = self.generate_all((prompt,))
        if isinstance(answer, InferenceError):
            raise answer
        return answer

    def generate_all(
        self, prompts: Sequence[Prompt], *, cancelled: Callable[[int], bool] = _never
    ) -> list[Answer]:
        """Answer prompts together; what cannot be answered has its error in its place and costs no other.

        Args:
            prompts: all with pictures, or all without.
            cancelled: whether the prompt of a number is no longer waited for; asked after each token.

        Raises:
            BackendUnavailable: before `start` or after `close`.
        """
        loaded = self._loaded
        if loaded is None:
            raise BackendUnavailable("the model has not been started")
        refused = {number: error for number, each in enumerate(prompts) if (error := self._refusal(each))}
        taken = [number for number in range(len(prompts)) if number not in refused]
        answers: dict[int, Answer] = dict(refused)
        if taken:
            asked = [prompts[number] for number in taken]
            given = self._together(loaded, asked, lambda row: cancelled(taken[row]))
            answers.update(zip(taken, given, strict=True))
        return [answers[number] for number in range(len(prompts))]

    def _refusal(self, prompt: Prompt) -> InputRefused | None:
        loaded = self._loaded
        if loaded is None or not prompt.pictures:
            return None
        if not loaded.sees:
            return InputRefused(Refusal.UNSUPPORTED, "this model reads no pictures")
        return None

    def _together(
        self, loaded: Loaded, prompts: Sequence[Prompt], cancelled: Callable[[int], bool]
    ) -> list[Answer]:
        import torch  # noqa: PLC0415

        inputs = self._inputs(loaded, prompts)
        length = inputs["input_ids"].shape[-1]
        if length > self._settings.longest_prompt:
            return self._one_by_one(prompts, cancelled)
        try:
            torch.manual_seed(_SEED)
            with torch.inference_mode():
                made = loaded.model.generate(
                    **inputs,
                    max_new_tokens=max(each.max_new_tokens for each in prompts),
                    do_sample=False,
                    # The checkpoint's own settings are for sampling; greedy decoding must not carry them.
                    top_k=None,
                    top_p=None,
                    logits_processor=self._constraints(loaded, prompts),
                    stopping_criteria=[_Enough(prompts, length, cancelled)],
                )
        except torch.OutOfMemoryError:
            return self._one_by_one(prompts, cancelled)
        return [
            self._completion(loaded, made[row][length:], each, len(prompts))
            for row, each in enumerate(prompts)
        ]

    def _one_by_one(self, prompts: Sequence[Prompt], cancelled: Callable[[int], bool]) -> list[Answer]:
        """What was too much together may go alone; what is too much alone is said so."""
        assert self._loaded is not None
        if len(prompts) == 1:
            length = self._inputs(self._loaded, prompts)["input_ids"].shape[-1]
            if length > self._settings.longest_prompt:
                return [InputRefused(Refusal.TOO_LARGE, "the prompt is longer than the model's limit")]
            return [BackendUnavailable("the device has too little memory for this prompt")]
        answers: list[Answer] = []
        for row, each in enumerate(prompts):
            answers += self._together(self._loaded, (each,), lambda _, row=row: cancelled(row))  # type: ignore[misc]
        return answers

    def _completion(self, loaded: Loaded, tokens: Any, prompt: Prompt, batch: int) -> Completion:
        made = tokens[: prompt.max_new_tokens].tolist()
        end = next((place for place, token in enumerate(made) if token in loaded.stops), None)
        text = loaded.processor.decode(made if end is None else made[: end + 1], skip_special_tokens=True)
        return without_thinking(
            text,
            Ending.LENGTH if end is None else Ending.STOP,
            {
                "max_new_tokens": prompt.max_new_tokens,
                "do_sample": False,
                "seed": _SEED,
                "dtype": self._settings.dtype,
                "constrained": prompt.schema is not None,
                "batch": batch,
            },
        )

    def _inputs(self, loaded: Loaded, prompts: Sequence[Prompt]) -> Any:
        import torch  # noqa: PLC0415

        inputs = loaded.processor.apply_chat_template(
            [_conversation(each, sees=loaded.sees) for each in prompts],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            **({"processor_kwargs": {"padding": True}} if loaded.sees else {"padding": True}),
        )
        inputs = inputs.to(self._settings.device)
        if "pixel_values" in inputs:
            inputs["pixel_values"] = inputs["pixel_values"].to(getattr(torch, self._settings.dtype))
        return inputs

    def _constraints(self, loaded: Loaded, prompts: Sequence[Prompt]) -> list[Any]:
        """Fresh matchers for these answers; the tokenizer's table is made once."""
        if all(each.schema is None for each in prompts):
            return []
        from inference.backends.local.constraint import Constraint, Constraints, table  # noqa: PLC0415

        if self._grammar is None:
            self._grammar = table(loaded.tokenizer, size=loaded.vocabulary, stops=loaded.stops)
        stop = min(loaded.stops)

        def constraint(schema: Mapping[str, Any] | None) -> Constraint | None:
            return None if schema is None else Constraint(self._grammar, json.dumps(schema), stop=stop)

        return [Constraints([constraint(each.schema) for each in prompts])]


class _Enough:
    """Ends a row of a batch when its own tokens are used up, or nobody waits for it; a stopping criterion."""

    def __init__(self, prompts: Sequence[Prompt], length: int, cancelled: Callable[[int], bool]) -> None:
        self._most = [length + each.max_new_tokens for each in prompts]
        self._cancelled = cancelled

    def __call__(self, input_ids: Any, _scores: Any, **_: Any) -> Any:
        import torch  # noqa: PLC0415

        size = input_ids.shape[-1]
        done = [size >= most or self._cancelled(row) for row, most in enumerate(self._most)]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)


def _conversation(prompt: Prompt, *, sees: bool) -> list[dict[str, Any]]:
    """One user turn: the template has no system turn, the instruction becomes the beginning of the user's."""
    content: list[dict[str, Any]] = [
        {"type": "image", "image": opened(part.png)}
        if isinstance(part, Picture)
        else {"type": "text", "text": part}
        for part in prompt.parts
    ]
    if not sees:  # a tokenizer alone knows no items
        text = "\n\n".join(part for part in prompt.parts if isinstance(part, str))
        content = [{"type": "text", "text": text}]
    system = [{"role": "system", "content": [{"type": "text", "text": prompt.instruction}]}]
    return [*(system if prompt.instruction else []), {"role": "user", "content": content}]
