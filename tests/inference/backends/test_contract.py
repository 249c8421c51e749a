"""What every text generator promises, asked of the scripted one and of a tiny checkpoint of the real classes."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from inference.backends.local import LocalGenerator, LocalModel
from inference.backends.scripted import ScriptedGenerator
from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused
from inference.ports import Ending, Picture, Prompt
from inference.tasks.lab_report import asking

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


@pytest.fixture(params=["scripted", pytest.param("local", marks=needs_torch)])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "scripted":
        generator: Any = _scripted()
    else:
        generator = LocalGenerator(LocalModel(model=request.getfixturevalue("checkpoint")))
    yield generator
    generator.close()


def _prompt(**changes: Any) -> Prompt:
    chosen = {"instruction": "Copy every result.", "parts": ("PAGE 1", Picture(_png())), "max_new_tokens": 24}
    return Prompt(**{**chosen, **changes})


def test_nothing_runs_before_it_is_started(backend: Any) -> None:
    """A model that was not started, or was closed, is unavailable; it is not loaded in passing."""
    with pytest.raises(BackendUnavailable):
        backend.generate(_prompt())
    backend.start()
    backend.close()
    with pytest.raises(BackendUnavailable):
        backend.generate(_prompt())


def test_the_same_prompt_gives_the_same_answer(backend: Any) -> None:
    """Decoding is greedy, whatever the checkpoint's own settings say."""
    backend.start()

    first, second = backend.generate(_prompt()), backend.generate(_prompt())

    assert first == second
    assert False is first.parameters["do_sample"]


def test_the_card_names_what_ran(backend: Any) -> None:
    """Id, revision, a digest of the weights, and the backend."""
    backend.start()

    assert all((backend.card.id, backend.card.revision, backend.card.backend))
    assert 64 == len(backend.card.weights_digest)


def test_an_answer_under_a_schema_fits_it_or_was_cut_off(backend: Any) -> None:
    """Constrained decoding gives valid JSON; an answer that did not end says so."""
    from jsonschema import Draft202012Validator

    backend.start()

    completion = backend.generate(_prompt(schema=SCHEMA, max_new_tokens=400))

    if completion.ending is Ending.STOP:
        assert Draft202012Validator(dict(SCHEMA)).is_valid(json.loads(completion.text))
    else:
        assert "{" == completion.text[:1]


def test_an_answer_that_is_cut_off_says_so(backend: Any) -> None:
    """One token is never a whole answer to a schema."""
    backend.start()

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
