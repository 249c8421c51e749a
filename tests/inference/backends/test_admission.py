"""The door of a model: images at once, a line with an end, first come first served."""

from __future__ import annotations

import threading
import time

import pytest

from inference.backends.admission import Admission, Bounds, Load
from inference.errors import BackendUnavailable, InputRefused
from inference.ports import Picture, Prompt
from tests.support.serving import wait_for


def _prompt(images: int) -> Prompt:
    return Prompt(instruction="", parts=tuple(Picture(b"%d" % number) for number in range(images)))


def test_images_are_counted() -> None:
    """Two prompts of two images fill a door of four; the next one waits until one leaves."""
    door = Admission(Bounds(images=4, at_once=4, waiting=5))
    entered: list[str] = []

    def enter() -> None:
        with door.admitted(_prompt(1), seconds=10):
            entered.append("third")

    with door.admitted(_prompt(2), seconds=1):
        with door.admitted(_prompt(2), seconds=1):
            thread = threading.Thread(target=enter)
            thread.start()
            wait_for(lambda: door.load == Load(2, 4, 1), what="a line")
            assert [] == entered
        thread.join(timeout=5)
        assert ["third"] == entered
    assert Load(0, 0, 0) == door.load


def test_a_large_prompt_is_not_overtaken() -> None:
    """What came later waits behind it, though there would be room."""
    door = Admission(Bounds(images=4, at_once=4, waiting=5))
    order: list[int] = []

    def enter(images: int) -> None:
        with door.admitted(_prompt(images), seconds=10):
            order.append(images)

    with door.admitted(_prompt(2), seconds=1):
        threads = []
        for place, images in enumerate((4, 1), start=1):
            threads.append(threading.Thread(target=enter, args=(images,)))
            threads[-1].start()
            wait_for(lambda place=place: door.load.waiting == place, what="the line")
        time.sleep(0.05)
        assert [] == order
    for thread in threads:
        thread.join(timeout=5)
    assert [4, 1] == order


def test_a_full_line_turns_away() -> None:
    """At once, so that the queue keeps what it holds."""
    door = Admission(Bounds(images=1, at_once=1, waiting=1))
    with door.admitted(_prompt(1), seconds=1):
        thread = threading.Thread(target=_turned_away, args=(door,))
        thread.start()
        wait_for(lambda: door.load.waiting == 1, what="the line")
        with pytest.raises(BackendUnavailable, match="full"):
            _enter(door)
        thread.join(timeout=5)


def _turned_away(door: Admission) -> None:
    with pytest.raises(BackendUnavailable, match="too long"):
        _enter(door)


def _enter(door: Admission) -> None:
    with door.admitted(_prompt(1), seconds=0.3):
        pass


def test_too_many_images_are_refused() -> None:
    """They would never fit."""
    with pytest.raises(InputRefused):
        _enter_many(Admission(Bounds(images=3, at_once=16)))


def _enter_many(door: Admission) -> None:
    with door.admitted(_prompt(4), seconds=1):
        pass
