"""The warm process of a device: it answers together, survives nothing silently, and takes no worker with it."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.backends.local import LocalGenerator, LocalModel
from inference.backends.local.process import DeviceProcess, Patience, ProcessEncoder, ProcessGenerator
from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused
from inference.ports import Completion, Picture, Prompt
from tests.support.serving import wait_for
from tests.support.stills import png

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None or importlib.util.find_spec("torch") is None,
    reason="needs a model library: pip install torch==2.13.0, then pip install -e '.[models]'",
)


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    from tests.support.tiny_gemma import build

    return LocalModel(model=str(build(tmp_path_factory.mktemp("tiny-medgemma"))))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    from tests.support.tiny_siglip import build

    return LocalModel(model=str(build(tmp_path_factory.mktemp("tiny-medsiglip"))))


@pytest.fixture(scope="module")
def warm() -> Iterator[DeviceProcess]:
    process = DeviceProcess()
    yield process
    process.close()


@pytest.fixture
def process() -> Iterator[DeviceProcess]:
    started = DeviceProcess()
    yield started
    started.close()


def _prompt(words: str = "Find it.", *, shade: int = 90, tokens: int = 12, **more: object) -> Prompt:
    parts = (Picture(png(60, 40, shade)), words)
    return Prompt(instruction="", parts=parts, max_new_tokens=tokens, **more)  # type: ignore[arg-type]


def test_prompts_that_come_together_are_answered_together(warm: DeviceProcess, gemma: LocalModel) -> None:
    """Each gets the answer that it gets alone, whatever it was answered with."""
    generator = ProcessGenerator(warm, gemma)
    prompts = [
        _prompt("Find it. " * (number + 1), shade=40 * number, tokens=10 + number) for number in range(5)
    ]
    alone = [generator.generate(each) for each in prompts]
    answers: dict[int, Completion] = {}

    def ask(number: int) -> None:
        answers[number] = generator.generate(prompts[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [each.text for each in alone] == [answers[number].text for number in range(5)]
    assert any(int(answers[number].parameters["batch"]) > 1 for number in range(5))


def test_one_prompt_of_a_batch_cannot_spoil_another(gemma: LocalModel) -> None:
    """Free text, a schema, and other limits in one batch: each as alone; one too long is refused, the rest stand."""
    generator = LocalGenerator(LocalModel(model=gemma.model, longest_prompt=120))
    generator.start()
    schema = {"type": "object", "properties": {"a": {"enum": ["yes", "no"]}}, "required": ["a"],
              "additionalProperties": False}  # fmt: skip
    prompts = [
        _prompt(),
        _prompt("Say. ", tokens=30, schema=schema),
        _prompt("far too long " * 200),
        _prompt(tokens=3),
    ]

    answers = generator.generate_all(prompts)

    assert isinstance(answers[2], InputRefused)
    for number in (0, 1, 3):
        answer = answers[number]
        assert isinstance(answer, Completion)
        assert generator.generate(prompts[number]).text == answer.text


def test_generator_and_encoder_share_a_process(
    warm: DeviceProcess, gemma: LocalModel, siglip: LocalModel
) -> None:
    """One process for a device; scores of texts add up to one and come in their order."""
    generator, encoder = ProcessGenerator(warm, gemma), ProcessEncoder(warm, siglip)

    scores = encoder.scores(Picture(png()), ("a chest X-ray", "a photograph of skin", "an MRI slice"))
    swapped = encoder.scores(Picture(png()), ("an MRI slice", "a photograph of skin", "a chest X-ray"))

    assert 1 == pytest.approx(sum(scores))
    assert scores == pytest.approx(swapped[::-1], rel=1e-4)
    assert 64 == len(encoder.card.weights_digest) == len(generator.card.weights_digest)
    assert generator.health.running


def test_a_call_that_takes_too_long_is_given_up(process: DeviceProcess, gemma: LocalModel) -> None:
    """The process notices at the next token, and answers the next call."""
    generator = ProcessGenerator(process, gemma)
    generator.generate(_prompt(tokens=2))
    hurried = ProcessGenerator(process, gemma, patience=Patience(answer=1.0))

    with pytest.raises(BackendUnavailable, match="within"):
        hurried.generate(_prompt(tokens=100_000))

    assert generator.generate(_prompt(tokens=2)).parameters["batch"]
    assert 0 == generator.health.crashes


def test_a_crash_costs_one_call_and_no_worker(process: DeviceProcess, gemma: LocalModel) -> None:
    """What it worked on is unavailable; after a pause another process answers."""
    generator = ProcessGenerator(process, gemma)
    generator.generate(_prompt(tokens=2))
    pid = process._process.pid if process._process else 0
    failed: list[Exception] = []

    def ask() -> None:
        try:
            generator.generate(_prompt(tokens=100_000))
        except BackendUnavailable as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: process._calls, what="the call")
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    thread.join(timeout=30)

    assert "ended while it worked" in str(failed[0])
    with pytest.raises(BackendUnavailable, match="a moment ago"):
        generator.generate(_prompt(tokens=2))
    time.sleep(1.1)
    assert generator.generate(_prompt(tokens=2)).text is not None
    assert (True, 1) == (generator.health.running, generator.health.crashes)


def test_closing_ends_what_runs(gemma: LocalModel) -> None:
    """Nothing is left behind, and nothing starts again."""
    process = DeviceProcess()
    generator = ProcessGenerator(process, gemma)
    generator.generate(_prompt(tokens=2))
    pid = process._process.pid if process._process else 0

    process.close()

    assert not Path(f"/proc/{pid}/status").exists() or "Z" in Path(f"/proc/{pid}/status").read_text()
    with pytest.raises(BackendUnavailable):
        generator.generate(_prompt(tokens=2))


def test_a_model_that_is_none_is_a_setting_to_mend(warm: DeviceProcess, tmp_path: Path) -> None:
    """The process stays; the error comes through with its name."""
    with pytest.raises(BackendMisconfigured):
        ProcessGenerator(warm, LocalModel(model=str(tmp_path))).generate(_prompt())


def test_a_program_that_is_none_is_unavailable(gemma: LocalModel) -> None:
    """It ends before it answers."""
    process = DeviceProcess(command=(sys.executable, "-c", "pass"))

    with pytest.raises(BackendUnavailable):
        ProcessGenerator(process, gemma).generate(_prompt())


def test_the_process_does_not_see_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs paths and devices; keys stay with the worker."""
    monkeypatch.setenv("WARDWIRE_MODELS__MEDGEMMA__API_KEY", "secret")
    script = "import os, sys; sys.exit(7 if any(n.startswith('WARDWIRE_') for n in os.environ) else 5)"
    process = DeviceProcess(command=(sys.executable, "-c", script))
    started: list[int] = []

    with pytest.raises(BackendUnavailable):
        process.call({"job": "load"}, (), seconds=20)

    process._not_before = 0
    process._start()
    assert process._process is not None
    started.append(process._process.wait(timeout=20))
    assert [5] == started


def test_a_text_model_reads_no_pictures(tmp_path: Path) -> None:
    """MedGemma 27B text is of another class: texts are answered, a picture is refused."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GenerationConfig

    from tests.support.tiny_gemma import _tokenizer

    tokenizer = _tokenizer()
    stop = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer) + (-len(tokenizer)) % 64, hidden_size=64, intermediate_size=128,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        query_pre_attn_scalar=16, sliding_window=1024, sliding_window_pattern=2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Gemma3ForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=2, eos_token_id=[1, stop], pad_token_id=0)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    generator = LocalGenerator(LocalModel(model=str(tmp_path)))
    generator.start()
    texts = [
        Prompt(instruction="Be brief.", parts=(words,), max_new_tokens=6)
        for words in ("one", "one two three")
    ]

    answers = generator.generate_all([*texts, _prompt()])

    assert isinstance(answers[2], InputRefused)
    assert [generator.generate(each).text for each in texts] == [
        answer.text for answer in answers[:2] if isinstance(answer, Completion)
    ]


def test_the_published_prompt_reaches_the_model_as_published(gemma: LocalModel) -> None:
    """The image first, its markers around it, the question last, nothing between turns but the template's own."""
    from inference.tasks.localization import asking

    generator = LocalGenerator(gemma)
    generator.start()
    loaded = generator._loaded
    assert loaded is not None
    prompt = asking.prompt(Picture(png(50, 50)), object_name="right clavicle")

    ids = generator._inputs(loaded, (prompt,))["input_ids"][0]
    text = loaded.tokenizer.decode(ids, skip_special_tokens=False).replace("<image_soft_token>", "")

    question = str(prompt.parts[1])
    assert (
        "<bos><start_of_turn>user\n\n\n<start_of_image><end_of_image>\n\n"
        f"{question}<end_of_turn>\n<start_of_turn>model\n"
    ) == text
    assert 16 == (ids == loaded.model.config.image_token_index).sum()


def test_an_adapter_changes_the_model_and_its_name(gemma: LocalModel, tmp_path: Path) -> None:
    """LoRA weights are merged; the card and the digest say so."""
    peft = pytest.importorskip("peft", reason="needs peft: pip install --no-deps peft accelerate")
    from transformers import Gemma3ForConditionalGeneration

    base = Gemma3ForConditionalGeneration.from_pretrained(gemma.model)
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "site-adapter")
    plain, adapted = LocalGenerator(gemma), LocalGenerator(
        LocalModel(model=gemma.model, adapter=str(tmp_path / "site-adapter"))
    )  # fmt: skip
    plain.start()
    adapted.start()

    assert adapted.card.id.endswith("+site-adapter")
    assert plain.card.weights_digest != adapted.card.weights_digest
    assert adapted.generate(_prompt()).ending
