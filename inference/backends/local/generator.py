"""MedGemma in this process, by transformers.

Loads in `start()`, never on import. Greedy, in float32 or bfloat16: float16 overflows in this family and
gives nothing or the same word for ever. With a schema the answer is decoded under a grammar, so it is
valid JSON or cut off.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from inference.backends.local.weights import digest
from inference.backends.thinking import without_thinking
from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused, Refusal
from inference.ports import Completion, Ending, ModelCard, Picture, Prompt

_DTYPES: Final = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """Which model runs and how.

    Attributes:
        model: folder with the checkpoint, or the id of one that is already in the local cache.
        revision: commit of the checkpoint, where `model` is an id.
        dtype: "float32" or "bfloat16".
        device: "cpu", "cuda", "cuda:1".
        longest_prompt: in tokens, pictures included (256 each).
    """

    model: str
    revision: str = "main"
    dtype: str = "float32"
    device: str = "cpu"
    longest_prompt: int = 32_768


class LocalGenerator:
    """A warm model of the Gemma 3 family.

    Raises:
        BackendMisconfigured: the settings name a number format that this family cannot run in.
    """

    def __init__(self, settings: LocalModel) -> None:
        if settings.dtype not in _DTYPES:
            raise BackendMisconfigured(
                f"dtype must be one of {', '.join(_DTYPES)}: float16 overflows in this family"
            )
        self._settings = settings
        self._card: ModelCard | None = None
        self._model: Any = None
        self._processor: Any = None
        self._grammar: Any = None

    def start(self) -> None:
        """Load the weights and keep them.

        Raises:
            BackendMisconfigured: no checkpoint is there, or it is none of this family.
            BackendUnavailable: the libraries are not installed, or memory does not suffice.
        """
        try:
            import torch  # noqa: PLC0415
            from transformers import AutoProcessor, Gemma3ForConditionalGeneration  # noqa: PLC0415
        except ImportError:
            raise BackendUnavailable(
                "torch and transformers are missing: pip install 'wardwire[models]'"
            ) from None
        chosen = self._settings
        where = {"revision": chosen.revision, "local_files_only": True}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._processor = AutoProcessor.from_pretrained(chosen.model, **where)
                model = Gemma3ForConditionalGeneration.from_pretrained(
                    chosen.model, dtype=getattr(torch, chosen.dtype), **where
                )
            self._model = model.to(chosen.device).eval()
        except (OSError, ValueError, KeyError) as error:
            raise BackendMisconfigured(f"no checkpoint of the Gemma 3 family at {chosen.model}") from error
        except torch.OutOfMemoryError:
            raise BackendUnavailable("the device has too little memory for the weights") from None
        self._card = ModelCard(
            id=chosen.model,
            revision=getattr(model.config, "_commit_hash", None) or chosen.revision,
            weights_digest=digest(chosen.model, model),
            backend="transformers",
        )

    def close(self) -> None:
        """Let the weights go."""
        self._model = self._processor = self._grammar = None

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
            InputRefused: the prompt is longer than the limit.
        """
        if self._model is None:
            raise BackendUnavailable("the model has not been started")
        import torch  # noqa: PLC0415

        inputs = self._inputs(prompt)
        length = inputs["input_ids"].shape[-1]
        if length > self._settings.longest_prompt:
            raise InputRefused(Refusal.TOO_LARGE, "the prompt is longer than the model's limit")
        processors = [] if prompt.schema is None else [self._constraint(prompt.schema)]
        try:
            with torch.inference_mode():
                made = self._model.generate(
                    **inputs,
                    max_new_tokens=prompt.max_new_tokens,
                    do_sample=False,
                    # The checkpoint's own settings are for sampling; greedy decoding must not carry them.
                    top_k=None,
                    top_p=None,
                    logits_processor=processors,
                )
        except torch.OutOfMemoryError:
            raise BackendUnavailable("the device has too little memory for this prompt") from None
        return self._completion(made[0][length:], prompt)

    def _completion(self, tokens: Any, prompt: Prompt) -> Completion:
        text = self._processor.decode(tokens, skip_special_tokens=True)
        stopped = len(tokens) > 0 and int(tokens[-1]) in self._stops()
        return without_thinking(
            text,
            Ending.STOP if stopped else Ending.LENGTH,
            {
                "max_new_tokens": prompt.max_new_tokens,
                "do_sample": False,
                "dtype": self._settings.dtype,
                "constrained": prompt.schema is not None,
            },
        )

    def _inputs(self, prompt: Prompt) -> Any:
        import torch  # noqa: PLC0415

        content: list[dict[str, Any]] = []
        for part in prompt.parts:
            if isinstance(part, Picture):
                content.append({"type": "image", "image": _opened(part.png)})
            else:
                content.append({"type": "text", "text": part})
        # The template has no system turn: the instruction becomes the beginning of the user's.
        system = [{"role": "system", "content": [{"type": "text", "text": prompt.instruction}]}]
        messages = [*(system if prompt.instruction else []), {"role": "user", "content": content}]
        inputs = self._processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        return inputs.to(self._settings.device, dtype=getattr(torch, self._settings.dtype))

    def _stops(self) -> set[int]:
        stop = self._model.generation_config.eos_token_id
        return {stop} if isinstance(stop, int) else set(stop)

    def _constraint(self, schema: Mapping[str, Any]) -> Any:
        """A fresh matcher for one answer; the tokenizer's table is made once."""
        from inference.backends.local.constraint import Constraint, table  # noqa: PLC0415

        if self._grammar is None:
            size = self._model.config.text_config.vocab_size
            self._grammar = table(self._processor.tokenizer, size=size, stops=sorted(self._stops()))
        return Constraint(self._grammar, json.dumps(schema), stop=min(self._stops()))


def _opened(png: bytes) -> Any:
    from PIL import Image, ImageOps  # noqa: PLC0415

    image = Image.open(io.BytesIO(png)).convert("RGB")
    # The processor squeezes every picture into a square: pad it first, so that letters keep their shape.
    side = max(image.size)
    return ImageOps.pad(image, (side, side), color="white", centering=(0, 0))
