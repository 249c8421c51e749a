"""The model process of one device, which alone holds torch: `python -m inference.backends.local.child`.

It answers prompts that wait together in one batch, and ends when its worker does. An error that has no name
ends it: the worker sees that and starts another.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from inference.backends.local.encoder import LocalEncoder
from inference.backends.local.generator import LocalGenerator
from inference.backends.local.loading import LocalModel
from inference.backends.local.wire import Frame, Line, received_prompt, sent_answer
from inference.errors import InferenceError
from inference.ports import Picture, Prompt

#: Prompts that come so soon after the first are answered with it.
_GATHER_SECONDS: Final = 0.005
_MOST_PROMPTS: Final = 16


class Host:
    """The models of one device and what they are asked."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: queue.Queue[Frame] = queue.Queue()
        self._cancelled: set[int] = set()
        self._generators: dict[str, LocalGenerator] = {}
        self._encoders: dict[str, LocalEncoder] = {}

    def listen(self) -> None:
        """Take what is sent; without a worker there is nobody to answer to."""
        while (frame := self._line.receive()) is not None:
            if frame.header["job"] == "cancel":
                self._cancelled.add(frame.header["id"])
            else:
                self._waiting.put(frame)
        os._exit(0)

    def work(self) -> None:
        """Answer for ever."""
        left: list[Frame] = []
        while True:
            first = left.pop(0) if left else self._waiting.get()
            if first.header["job"] == "generate":
                together, left = self._gathered(first, left)
                self._generate(together)
            else:
                self._one(first)

    def _gathered(self, first: Frame, left: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
        """What goes with the first, and what does not, in its order: same model, and pictures or none."""
        seen = list(left)
        pause = _GATHER_SECONDS
        while len(seen) < _MOST_PROMPTS:
            try:
                seen.append(self._waiting.get(timeout=pause))
            except queue.Empty:
                break
            pause = 0.001
        together: list[Frame] = [first]
        rest: list[Frame] = []
        images = len(first.blobs)
        for frame in seen:
            fits = (
                not rest
                and _kind(frame) == _kind(first)
                and images + len(frame.blobs) <= first.header["batch_images"]
                and len(together) < _MOST_PROMPTS
            )
            (together if fits else rest).append(frame)
            images += len(frame.blobs) if fits else 0
        return together, rest

    def _generate(self, frames: Sequence[Frame]) -> None:
        generator = self._generators[frames[0].header["model"]]
        ids = [frame.header["id"] for frame in frames]
        prompts: list[Prompt] = [received_prompt(frame.header, frame.blobs) for frame in frames]
        answers = generator.generate_all(prompts, cancelled=lambda row: ids[row] in self._cancelled)
        for number, answer in zip(ids, answers, strict=True):
            self._cancelled.discard(number)
            self._line.send({"id": number, **sent_answer(answer)})

    def _one(self, frame: Frame) -> None:
        header = frame.header
        try:
            answer = self._load(header) if header["job"] == "load" else self._scores(frame)
        except InferenceError as error:
            answer = sent_answer(error)
        self._line.send({"id": header["id"], **answer})

    def _load(self, header: Mapping[str, Any]) -> dict[str, Any]:
        chosen = LocalModel(**header["specification"])
        if header["kind"] == "encoder":
            encoder = LocalEncoder(chosen)
            encoder.start()
            self._encoders[header["model"]] = encoder
            return {"card": asdict(encoder.card)}
        generator = LocalGenerator(chosen)
        generator.start()
        self._generators[header["model"]] = generator
        return {"card": asdict(generator.card)}

    def _scores(self, frame: Frame) -> dict[str, Any]:
        encoder = self._encoders[frame.header["model"]]
        scores = encoder.scores(Picture(frame.blobs[0]), tuple(frame.header["texts"]))
        return {"scores": list(scores)}


def _kind(frame: Frame) -> tuple[Any, ...]:
    header = frame.header
    return header["job"], header.get("model"), bool(frame.blobs)


def main() -> None:
    """The command line; written for `inference.backends.local.process` alone."""
    # Libraries print: what they print must not get between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    host = Host(Line(sys.stdin.buffer, answers))
    threading.Thread(target=host.listen, daemon=True).start()
    host.work()


if __name__ == "__main__":
    main()
