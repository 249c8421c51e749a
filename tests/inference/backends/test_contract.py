"""What every text generator promises: the scripted one, a tiny checkpoint of the real classes in this process and in
one of its own, a server with OpenAI's interface that we play, and llama.cpp, which we did not write."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from inference.backends.local import LocalGenerator, LocalModel
from inference.backends.local.process import DeviceProcess, ProcessGenerator
from inference.backends.openai import OpenAIGenerator
from inference.backends.scripted import ScriptedGenerator
from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused
from inference.ports import Completion, Ending, ModelCard, Picture, Prompt
from inference.tasks.lab_report import asking
from tests.support import chat_server, llama_server
from tests.support.chat_server import host

SCHEMA = asking.schema([1, 2])

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None or importlib.util.find_spec("torch") is None,
    reason="needs a model library: pip install torch==2.13.0, then pip install -e '.[models]'",
)


def _png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (200, 120), (240, 240, 240)).save(stream, "PNG")
    return stream.getvalue()


def _scripted() -> ScriptedGenerator:
    return ScriptedGenerator(lambda prompt: {"results": []} if prompt.schema else "nothing to say")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tests.support.tiny_gemma import build

    return str(build(tmp_path_factory.mktemp("tiny-medgemma")))


@pytest.fixture(scope="module")
def process() -> Iterator[DeviceProcess]:
    started = DeviceProcess()
    yield started
    started.close()


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    with llama_server.running() as base:
        yield base


@pytest.fixture(
    params=[
        "scripted",
        pytest.param("local", marks=needs_torch),
        pytest.param("process", marks=needs_torch),
        "openai",
        pytest.param("llama.cpp", marks=llama_server.needed),
    ]
)
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    match request.param:
        case "scripted":
            generator: Any = _scripted()
            yield generator
            generator.close()
        case "local":
            generator = LocalGenerator(LocalModel(model=request.getfixturevalue("checkpoint")))
            yield generator
            generator.close()
        case "process":
            model = LocalModel(model=request.getfixturevalue("checkpoint"))
            yield ProcessGenerator(request.getfixturevalue("process"), model)
        case "openai":
            with chat_server.running(chat_server.answering(_scripted())) as server:
                yield OpenAIGenerator(host(server.base), model="tiny", revision="7")
        case "llama.cpp":
            base = request.getfixturevalue("llama")
            yield _TextOnly(OpenAIGenerator(host(base), model="smollm2", revision="q4_1"))


def _start(backend: Any) -> None:
    """Some have to be told; a server runs already."""
    getattr(backend, "start", lambda: None)()


class _TextOnly:
    """A model that reads no pictures, asked without them."""

    def __init__(self, generator: OpenAIGenerator) -> None:
        self._generator = generator

    @property
    def card(self) -> ModelCard:
        return self._generator.card

    def generate(self, prompt: Prompt) -> Completion:
        texts = tuple(part for part in prompt.parts if isinstance(part, str))
        return self._generator.generate(replace(prompt, parts=texts))


def _prompt(**changes: Any) -> Prompt:
    chosen = {"instruction": "Copy every result.", "parts": ("PAGE 1", Picture(_png())), "max_new_tokens": 24}
    return Prompt(**{**chosen, **changes})


@pytest.mark.parametrize("backend", ["scripted", pytest.param("local", marks=needs_torch)], indirect=True)
def test_nothing_runs_before_it_is_started(backend: Any) -> None:
    """A model of this process that was not started, or was closed, is unavailable."""
    with pytest.raises(BackendUnavailable):
        backend.generate(_prompt())
    backend.start()
    backend.close()
    with pytest.raises(BackendUnavailable):
        backend.generate(_prompt())


def test_the_same_prompt_gives_the_same_answer(backend: Any) -> None:
    """Decoding is greedy, whatever the checkpoint's own settings say."""
    _start(backend)

    first, second = backend.generate(_prompt()), backend.generate(_prompt())

    assert first == second
    assert False is first.parameters["do_sample"]


def test_the_card_names_what_ran(backend: Any) -> None:
    """Id, revision, the backend, and a digest of the weights where they are at hand."""
    _start(backend)

    assert all((backend.card.id, backend.card.revision, backend.card.backend))
    assert (0 if backend.card.backend == "openai" else 64) == len(backend.card.weights_digest)


def test_an_answer_under_a_schema_fits_it_or_was_cut_off(backend: Any) -> None:
    """Constrained decoding gives valid JSON; an answer that did not end says so."""
    from jsonschema import Draft202012Validator

    _start(backend)

    completion = backend.generate(_prompt(schema=SCHEMA, max_new_tokens=200))

    if completion.ending is Ending.STOP:
        assert Draft202012Validator(dict(SCHEMA)).is_valid(json.loads(completion.text))
    else:
        assert "{" == completion.text[:1]
    assert True is completion.parameters.get("constrained", True)


def test_an_answer_that_is_cut_off_says_so(backend: Any) -> None:
    """One token is never a whole answer to a schema."""
    _start(backend)

    assert Ending.LENGTH is backend.generate(_prompt(schema=SCHEMA, max_new_tokens=1)).ending


@needs_torch
def test_a_schema_of_one_answer_ends_by_itself(checkpoint: str) -> None:
    """When the grammar is through, the model stops, though its weights are random."""
    generator = LocalGenerator(LocalModel(model=checkpoint))
    generator.start()
    schema = {
        "type": "object",
        "properties": {"a": {"enum": ["yes"]}},
        "required": ["a"],
        "additionalProperties": False,
    }

    completion = generator.generate(_prompt(schema=schema, max_new_tokens=40))

    assert ({"a": "yes"}, Ending.STOP) == (json.loads(completion.text), completion.ending)


@needs_torch
def test_bfloat16_runs(checkpoint: str) -> None:
    """The other number format that this family bears."""
    generator = LocalGenerator(LocalModel(model=checkpoint, dtype="bfloat16"))
    generator.start()

    assert "bfloat16" == generator.generate(_prompt()).parameters["dtype"]


@needs_torch
def test_a_prompt_that_is_too_long_is_refused(checkpoint: str) -> None:
    """The limit is in tokens, and is looked at before the model is."""
    generator = LocalGenerator(LocalModel(model=checkpoint, longest_prompt=30))
    generator.start()

    with pytest.raises(InputRefused):
        generator.generate(_prompt())


def test_float16_is_not_an_option() -> None:
    """It overflows in this family."""
    with pytest.raises(BackendMisconfigured):
        LocalGenerator(LocalModel(model="anything", dtype="float16"))


@needs_torch
def test_a_folder_without_a_checkpoint_is_a_setting_to_mend(tmp_path: Any) -> None:
    """Nothing is downloaded in its place."""
    with pytest.raises(BackendMisconfigured):
        LocalGenerator(LocalModel(model=str(tmp_path))).start()


@pytest.mark.parametrize(
    ("said", "answer", "ending"),
    [
        ("<unused94>thought\nhm<unused95>13.5", "13.5", Ending.STOP),
        ("<unused94>thought\nhm", "", Ending.LENGTH),
        ("hm<unused95>13.5", "13.5", Ending.STOP),
        ("13.5", "13.5", Ending.STOP),
        ("<unused94>a<unused95>x<unused94>b<unused95>13.5", "x13.5", Ending.STOP),
        ("13.5<unused94>b", "13.5", Ending.LENGTH),
    ],
)
def test_thinking_is_no_answer(said: str, answer: str, ending: Ending) -> None:
    """What stands between the marks is dropped; without a closing mark all of it is thinking, cut off."""
    generator = ScriptedGenerator([said])
    generator.start()

    completion = generator.generate(_prompt())

    assert (answer, ending) == (completion.text, completion.ending)
