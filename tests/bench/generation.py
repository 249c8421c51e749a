"""Prompts to a local model: together against one by one, and the engine's price over bare `model.generate`.

A checkpoint of the real classes with random weights, in the geometry of the tests or larger: the engine's own work
(template, pictures, the line, the process, decoding to text) is the same as with real weights, the model's is a
thousandth of it. So a small overhead here is a bound for the real one.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.backends.local import LocalGenerator, LocalModel
from inference.backends.local.process import DeviceProcess, ProcessGenerator
from inference.ports import Prompt
from inference.tasks.localization import asking
from tests.support.stills import still
from tests.support.tiny_gemma import build

TOGETHER = 8
TOKENS = 32


def _prompts() -> list[Prompt]:
    made = [
        asking.prompt(still(512, 400, shade=20 * number).squared()[0], object_name="right clavicle")
        for number in range(TOGETHER)
    ]
    return [replace(each, max_new_tokens=TOKENS) for each in made]


def run(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Seconds for the same prompts, each way in turn."""
    model = LocalModel(model=str(build(folder / "tiny-medgemma", wide=True)))
    local, process = LocalGenerator(model), DeviceProcess()
    local.start()
    warm = ProcessGenerator(process, model)
    prompts = _prompts()
    ways: dict[str, Callable[[], object]] = {
        "bare model.generate": lambda: [_bare(local, each) for each in prompts],
        "one by one": lambda: [warm.generate(each) for each in prompts],
        "together": lambda: _together(warm, prompts),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for each in ways.values():
        each()
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - begun)
    process.close()
    middle = {name: statistics.median(some) for name, some in seconds.items()}
    figures = {
        "prompts": TOGETHER,
        "tokens": TOKENS,
        "seconds": middle,
        "overhead_percent": 100 * (middle["one by one"] / middle["bare model.generate"] - 1),
        "gain": middle["one by one"] / middle["together"],
    }
    print(f"generation, {TOGETHER} prompts of an image, {TOKENS} tokens each")
    for name, some in middle.items():
        print(f"  {name:20} {some:6.2f} s")
    print(f"  overhead {figures['overhead_percent']:.1f} %, together {figures['gain']:.1f} times as fast")
    return figures


def _bare(local: LocalGenerator, prompt: Prompt) -> str:
    """What a script would do: the processor, the model, the text."""
    import torch

    loaded = local._loaded
    assert loaded is not None
    inputs = local._inputs(loaded, (prompt,))
    with torch.inference_mode():
        made = loaded.model.generate(
            **inputs, max_new_tokens=prompt.max_new_tokens, do_sample=False, top_k=None, top_p=None
        )
    return str(loaded.processor.decode(made[0][inputs["input_ids"].shape[-1] :], skip_special_tokens=True))


def _together(warm: ProcessGenerator, prompts: list[Prompt]) -> None:
    threads = [threading.Thread(target=warm.generate, args=(each,)) for each in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
