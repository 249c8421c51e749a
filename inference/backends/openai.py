"""MedGemma behind OpenAI's chat completions: vLLM, llama.cpp and whoever else speaks them.

| of the prompt | becomes |
|---|---|
| instruction | a message of the role system; the server's template puts it before the user's words |
| texts and pictures | parts of one user message in their order; pictures as data URIs of square PNG |
| schema | response_format json_schema: vLLM and llama.cpp decode under it |
| longest answer | max_tokens, at temperature 0 and a fixed seed |

A server that ignores the schema answers in another form, which the task notices. What it thinks is stripped
here: these servers have no parser for this family's thinking.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from inference.backends.admission import Admission, Bounds
from inference.backends.calling import ModelHost
from inference.backends.pictures import squared
from inference.backends.thinking import without_thinking
from inference.errors import BackendUnavailable, OutputInvalid
from inference.ports import Completion, Ending, ModelCard, Picture, Prompt

_PATH: Final = "chat/completions"
_SEED: Final = 0
_ENDINGS: Final = {"stop": Ending.STOP, "length": Ending.LENGTH}
_NO_WAIT: Final = 600.0


class OpenAIGenerator:
    """A model on a server.

    Args:
        host: the server; its address ends in `/v1`.
        model: its name there.
        revision: as the operator names it: such servers do not say.
        region: where the server stands, when it is not in the house.
        bounds: what it is given at once.
    """

    def __init__(
        self,
        host: ModelHost,
        *,
        model: str,
        revision: str = "",
        region: str = "",
        bounds: Bounds = Bounds(),  # noqa: B008  (frozen)
    ) -> None:
        self._host = host
        self._door = Admission(bounds)
        self._card = ModelCard(
            id=model, revision=revision, weights_digest="", backend="openai", region=region
        )

    @property
    def card(self) -> ModelCard:
        """The model as it was asked for."""
        return self._card

    def generate(self, prompt: Prompt) -> Completion:
        """Answer a prompt (`TextGenerator.generate`).

        Raises:
            BackendUnavailable: the server does not answer now, or its line is full.
            BackendMisconfigured: it knows no such model, or refuses who asks.
            InputRefused: the prompt is too large for it.
            OutputInvalid: what it answers is no completion.
        """
        body = json.dumps(self._body(prompt), ensure_ascii=False).encode()
        with self._door.admitted(prompt, seconds=_NO_WAIT):
            answer = self._host.post(_PATH, body, media_type="application/json")
        return _completion(answer, prompt)

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        system = [{"role": "system", "content": prompt.instruction}] if prompt.instruction else []
        body: dict[str, Any] = {
            "model": self._card.id,
            "messages": [*system, {"role": "user", "content": _content(prompt)}],
            "max_tokens": prompt.max_new_tokens,
            "temperature": 0,
            "seed": _SEED,
            "stream": False,
        }
        if prompt.schema is not None:
            form = {"name": "answer", "strict": True, "schema": prompt.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body


def _content(prompt: Prompt) -> str | list[dict[str, Any]]:
    if len(prompt.parts) == 1 and isinstance(prompt.parts[0], str):
        return prompt.parts[0]
    return [
        {"type": "image_url", "image_url": {"url": _data_uri(part.png)}}
        if isinstance(part, Picture)
        else {"type": "text", "text": part}
        for part in prompt.parts
    ]


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(squared(png)).decode()


def _completion(body: bytes, prompt: Prompt) -> Completion:
    try:
        answer = json.loads(body)
        if "error" in answer:  # some gateways say so with status 200
            raise BackendUnavailable("the model's server answered with an error")
        choice = answer["choices"][0]
        text = (choice["message"].get("content") or "") + ""
        why = choice.get("finish_reason")
        fingerprint = answer.get("system_fingerprint")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise OutputInvalid("the answer is no chat completion") from None
    if why not in _ENDINGS:
        raise OutputInvalid("the server stopped the answer for a reason of its own")
    parameters: dict[str, str | int | float | bool] = {
        "max_new_tokens": prompt.max_new_tokens,
        "do_sample": False,
        "temperature": 0,
        "seed": _SEED,
        "constrained": prompt.schema is not None,
    }
    if isinstance(fingerprint, str) and fingerprint:
        parameters["fingerprint"] = fingerprint[:80]
    return without_thinking(text, _ENDINGS[why], parameters)
