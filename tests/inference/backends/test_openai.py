"""Chat completions: what is sent, what is taken for an answer, and what a server's refusals mean."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from inference.backends.openai import OpenAIGenerator
from inference.errors import (
    BackendMisconfigured,
    BackendUnavailable,
    InferenceError,
    InputRefused,
    OutputInvalid,
)
from inference.ports import Completion, Ending, Picture, Prompt
from tests.support import chat_server
from tests.support.chat_server import completion, host
from tests.support.stills import png

SCHEMA = {
    "type": "object",
    "properties": {"a": {"enum": ["yes"]}},
    "required": ["a"],
    "additionalProperties": False,
}
PROMPT = Prompt(
    instruction="Be brief.", parts=(Picture(png(60, 40)), "Where is it?"), schema=SCHEMA, max_new_tokens=50
)


def _asked(
    status: int, said: Any, *, prompt: Prompt = PROMPT, attempts: int = 1
) -> tuple[Completion, list[dict[str, Any]]]:
    with chat_server.running(lambda _: (status, said)) as server:
        generator = OpenAIGenerator(host(server.base, attempts=attempts), model="medgemma", revision="1.5")
        return generator.generate(prompt), server.asked


def test_a_prompt_is_sent_as_the_interface_says() -> None:
    """System, parts in their order, data URIs of square PNG, greedy, seeded, under the schema."""
    answer, (body,) = _asked(200, completion('{"a": "yes"}'))

    system, user = body["messages"]
    assert {"role": "system", "content": "Be brief."} == system
    picture, text = user["content"]
    assert {"type": "text", "text": "Where is it?"} == text
    header, _, data = picture["image_url"]["url"].partition(",")
    assert "data:image/png;base64" == header
    assert (60, 60) == Image.open(io.BytesIO(base64.b64decode(data))).size
    assert ("medgemma", 50, 0, 0, False) == tuple(
        body[key] for key in ("model", "max_tokens", "temperature", "seed", "stream")
    )
    assert {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    } == body["response_format"]
    assert ('{"a": "yes"}', Ending.STOP, "fp") == (
        answer.text,
        answer.ending,
        answer.parameters["fingerprint"],
    )


def test_a_text_alone_is_a_string() -> None:
    """Servers of text models take nothing else."""
    _, (body,) = _asked(200, completion("yes"), prompt=Prompt(instruction="", parts=("hello",)))

    assert [{"role": "user", "content": "hello"}] == body["messages"]
    assert "response_format" not in body


@pytest.mark.parametrize(
    ("said", "why", "text", "ending"),
    [
        ("<unused94>thought\nhm<unused95>yes", "stop", "yes", Ending.STOP),
        ("<unused94>thought\nhm", "length", "", Ending.LENGTH),
        ("ye", "length", "ye", Ending.LENGTH),
    ],
)
def test_thinking_is_stripped_here(said: str, why: str, text: str, ending: Ending) -> None:
    """No server has a parser for it."""
    answer, _ = _asked(200, completion(said, why=why))

    assert (text, ending) == (answer.text, answer.ending)


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (500, {}, BackendUnavailable),
        (503, {}, BackendUnavailable),
        (429, {}, BackendUnavailable),
        (401, {}, BackendMisconfigured),
        (404, {"error": {"message": "no such model"}}, BackendMisconfigured),
        (413, {}, InputRefused),
        (400, {"error": {"message": "the prompt says: SECRET"}}, InputRefused),
        (418, {}, OutputInvalid),
        (200, {"error": {"message": "out of memory"}}, BackendUnavailable),
        (200, {"choices": []}, OutputInvalid),
        (200, {"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}, OutputInvalid),
        (200, completion("x", why="content_filter"), OutputInvalid),
        (200, b"<html>", OutputInvalid),
        (200, b"[" * 100_000, OutputInvalid),
    ],
)
def test_what_a_server_says_instead(status: int, said: Any, error: type[InferenceError]) -> None:
    """Each has its name, and none repeats the server's words."""
    with pytest.raises(error) as caught:
        _asked(status, said)

    assert "SECRET" not in str(caught.value)


def test_a_busy_server_is_asked_again() -> None:
    """Asking twice changes nothing."""
    answers = iter([(503, {}), (200, completion("yes"))])
    with chat_server.running(lambda _: next(answers)) as server:
        generator = OpenAIGenerator(host(server.base, attempts=3), model="m")

        assert "yes" == generator.generate(PROMPT).text
        assert 2 == len(server.asked)


def test_nobody_there_is_unavailable() -> None:
    """A later attempt may find it."""
    with pytest.raises(BackendUnavailable):
        OpenAIGenerator(host("http://127.0.0.1:9/v1"), model="m").generate(PROMPT)
