"""Who may go to a model now: as many images at once as its host bears, and a bounded number that waits.

An image costs as much as a page of text, so a study of 85 counts as 85 radiographs. What comes when the line
is full is told to come again, instead of waiting where nobody sees it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from inference.errors import BackendUnavailable, InputRefused, Refusal
from inference.ports import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a model's host bears.

    Attributes:
        images: of one prompt.
        at_once: images of all prompts that are with the model; a prompt without images counts as one.
        waiting: prompts in line behind those.
    """

    images: int = 16
    at_once: int = 16
    waiting: int = 32


@dataclass(frozen=True, slots=True)
class Load:
    """What goes on: prompts with the model, their images, prompts in line."""

    running: int
    images: int
    waiting: int


FREE: Final = Load(0, 0, 0)


class Admission:
    """The door of one model; first come, first served, so that a large prompt is not overtaken for ever."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._changed = threading.Condition()
        self._line: list[object] = []
        self._load = FREE

    @property
    def load(self) -> Load:
        """What goes on now."""
        with self._changed:
            return self._load

    @contextmanager
    def admitted(self, prompt: Prompt, *, seconds: float) -> Iterator[None]:
        """Hold a place while the model works.

        Args:
            prompt: with its images.
            seconds: longest wait in line.

        Raises:
            InputRefused: the prompt has more images than the model is given at once.
            BackendUnavailable: the line is full, or did not move for so long.
        """
        images = len(prompt.pictures)
        if images > self._bounds.images:
            raise InputRefused(Refusal.TOO_LARGE, f"more than {self._bounds.images} images in one prompt")
        weight = min(max(1, images), self._bounds.at_once)
        self._enter(weight, seconds)
        try:
            yield
        finally:
            with self._changed:
                self._load = Load(self._load.running - 1, self._load.images - weight, self._load.waiting)
                self._changed.notify_all()

    def _enter(self, weight: int, seconds: float) -> None:
        with self._changed:
            if self._line and len(self._line) >= self._bounds.waiting:
                raise BackendUnavailable("the model is busy and its line is full")
            ticket = object()
            self._line.append(ticket)
            self._count()
            try:
                free = self._changed.wait_for(lambda: self._may_go(ticket, weight), timeout=seconds)
            finally:
                self._line.remove(ticket)
                self._count()
                self._changed.notify_all()
            if not free:
                raise BackendUnavailable("the model has been busy for too long")
            self._load = Load(self._load.running + 1, self._load.images + weight, self._load.waiting)

    def _may_go(self, ticket: object, weight: int) -> bool:
        return self._line[0] is ticket and self._load.images + weight <= self._bounds.at_once

    def _count(self) -> None:
        self._load = Load(self._load.running, self._load.images, len(self._line))
