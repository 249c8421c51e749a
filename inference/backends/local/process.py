"""A warm process for each device: the worker stays light, and a crash of torch costs no worker.

| the process | then |
|---|---|
| is not there | is started, and the models that are asked for are loaded |
| ends while it works | all that it worked on is unavailable; the next call starts another, after a pause |
| takes longer than a call may | the call is cancelled and unavailable |
| does not even notice that it was cancelled | is ended |
| is closed | nothing runs any more |
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLong
from dataclasses import asdict, dataclass
from typing import Any, Final

from inference.backends.admission import FREE, Admission, Bounds, Load
from inference.backends.local import wire
from inference.backends.local.loading import LocalModel
from inference.backends.local.wire import Line
from inference.errors import BackendUnavailable
from inference.ports import Completion, ModelCard, Picture, Prompt

#: Seconds to notice a cancellation: one token of the largest model on the slowest device.
_GRACE: Final = 30.0
_LONGEST_PAUSE: Final = 60.0
_SECRETS: Final = "WARDWIRE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call may take.

    Attributes:
        load: seconds to load a model.
        answer: seconds from a call to its answer, time in line included.
    """

    load: float = 900.0
    answer: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a model does.

    Attributes:
        running: whether its process is there.
        crashes: of that process since the worker began.
        load: what goes on.
    """

    running: bool
    crashes: int
    load: Load = FREE


class DeviceProcess:
    """The process of one device, started when it is first needed."""

    def __init__(
        self,
        *,
        command: Sequence[str] = (sys.executable, "-I", "-m", "inference.backends.local.child"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = tuple(command)
        self._clock = clock
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None
        self._calls: dict[int, Future[wire.Frame]] = {}
        self._cards: dict[str, ModelCard] = {}
        self._last = 0
        self._crashes = 0
        self._not_before = 0.0
        self._closed = False
        self._loading = threading.Lock()

    @property
    def health(self) -> Health:
        """Whether it runs, and how often it did not."""
        with self._guard:
            running = self._process is not None and self._process.poll() is None
            return Health(running=running, crashes=self._crashes)

    def card(self, kind: str, model: LocalModel, *, seconds: float) -> tuple[str, ModelCard]:
        """Load a model if this process has not yet, and say what it is; the name is for `call`.

        Raises:
            BackendMisconfigured, BackendUnavailable: it does not load.
        """
        specification = asdict(model)
        name = wire.key_of({"kind": kind, **specification})
        with self._loading:
            known = self._cards.get(name)
            if known is None or not self.health.running:
                header = {"job": "load", "kind": kind, "model": name, "specification": specification}
                answer = self.call(header, (), seconds=seconds)
                known = ModelCard(**answer["card"])
                self._cards[name] = known
            return name, known

    def call(self, header: Mapping[str, Any], blobs: Sequence[bytes], *, seconds: float) -> Mapping[str, Any]:
        """Ask, and wait for the answer.

        Raises:
            BackendUnavailable: the process ended, does not start, or took too long.
            InferenceError: what the model says instead of an answer.
        """
        number, line, future = self._begin()
        try:
            line.send({**header, "id": number}, blobs)
        except (OSError, ValueError):
            self._ended(line)
        try:
            return wire.received(future.result(timeout=seconds).header)
        except TooLong:
            self._cancel(number, line, future)
            raise BackendUnavailable(f"the model did not answer within {seconds:g} seconds") from None
        finally:
            with self._guard:
                self._calls.pop(number, None)

    def close(self) -> None:
        """End the process; calls under way are unavailable."""
        with self._guard:
            self._closed = True
            process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _begin(self) -> tuple[int, Line, Future[wire.Frame]]:
        with self._guard:
            if self._closed:
                raise BackendUnavailable("the models have been closed")
            if self._line is None:
                self._start()
            assert self._line is not None
            self._last += 1
            future: Future[wire.Frame] = Future()
            self._calls[self._last] = future
            return self._last, self._line, future

    def _start(self) -> None:
        if self._clock() < self._not_before:
            raise BackendUnavailable("the model process ended a moment ago and is not started again yet")
        # A model needs the paths and devices of the environment, and none of Wardwire's secrets.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
        process = subprocess.Popen(  # noqa: S603
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries print what they are given
            env=environment,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._line = process, Line(process.stdout, process.stdin)
        self._cards.clear()
        threading.Thread(target=self._listen, args=(self._line,), daemon=True).start()

    def _listen(self, line: Line) -> None:
        while (frame := line.receive()) is not None:
            with self._guard:
                future = self._calls.pop(frame.header["id"], None)
            if future is not None:
                future.set_result(frame)
        self._ended(line)

    def _ended(self, line: Line) -> None:
        """Give up what this process worked on; the next call starts another."""
        with self._guard:
            if self._line is not line:
                return
            process, self._process, self._line = self._process, None, None
            self._cards.clear()
            left, self._calls = list(self._calls.values()), {}
            if not self._closed:
                self._crashes += 1
                pause = min(_LONGEST_PAUSE, 2.0 ** min(self._crashes - 1, 6))
                self._not_before = self._clock() + pause
        if process is not None:
            process.kill()
            process.wait()
        for future in left:
            if not future.done():
                future.set_exception(BackendUnavailable("the model process ended while it worked"))

    def _cancel(self, number: int, line: Line, future: Future[wire.Frame]) -> None:
        """Tell the process that nobody waits; end it when it does not take notice."""
        try:
            line.send({"job": "cancel", "id": number})
        except (OSError, ValueError):
            self._ended(line)
            return
        with self._guard:
            self._calls[number] = future

        def watch() -> None:
            try:
                future.exception(timeout=_GRACE)
            except TooLong:
                self._ended(line)

        threading.Thread(target=watch, daemon=True).start()


class ProcessGenerator:
    """MedGemma in the process of its device; any number of threads may ask, and are answered together."""

    def __init__(
        self,
        process: DeviceProcess,
        model: LocalModel,
        *,
        bounds: Bounds = Bounds(),  # noqa: B008  (frozen)
        patience: Patience = Patience(),
    ) -> None:
        self._process = process
        self._model = model
        self._bounds = bounds
        self._patience = patience
        self._door = Admission(bounds)

    @property
    def health(self) -> Health:
        """How the process does and what waits for this model."""
        health = self._process.health
        return Health(running=health.running, crashes=health.crashes, load=self._door.load)

    @property
    def card(self) -> ModelCard:
        """The model as it runs; loads it.

        Raises:
            BackendMisconfigured, BackendUnavailable: it does not load.
        """
        return self._process.card("generator", self._model, seconds=self._patience.load)[1]

    def generate(self, prompt: Prompt) -> Completion:
        """Answer a prompt (`TextGenerator.generate`); raises as `card` too."""
        begun = time.monotonic()
        with self._door.admitted(prompt, seconds=self._patience.answer):
            name, _ = self._process.card("generator", self._model, seconds=self._patience.load)
            header, blobs = wire.sent_prompt(prompt)
            asked = {"job": "generate", "model": name, "batch_images": self._bounds.at_once, **header}
            left = max(1.0, self._patience.answer - (time.monotonic() - begun))
            return wire.received_completion(self._process.call(asked, blobs, seconds=left))


class ProcessEncoder:
    """MedSigLIP in the process of its device."""

    def __init__(
        self,
        process: DeviceProcess,
        model: LocalModel,
        *,
        patience: Patience = Patience(),
    ) -> None:
        self._process = process
        self._model = model
        self._patience = patience

    @property
    def card(self) -> ModelCard:
        """The model as it runs; loads it.

        Raises:
            BackendMisconfigured, BackendUnavailable: it does not load.
        """
        return self._process.card("encoder", self._model, seconds=self._patience.load)[1]

    def scores(self, picture: Picture, texts: tuple[str, ...]) -> tuple[float, ...]:
        """One score for each text (`ImageEncoder.scores`); raises as `card` too."""
        name, _ = self._process.card("encoder", self._model, seconds=self._patience.load)
        asked = {"job": "scores", "model": name, "texts": list(texts)}
        answer = self._process.call(asked, (picture.png,), seconds=self._patience.answer)
        return tuple(answer["scores"])
