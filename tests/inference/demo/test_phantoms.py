"""Drawn pictures: the same from the same seed, and what is said of them is true of their pixels."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("torch", reason="pip install 'wardwire[models]'")

from inference.demo.training import phantoms
from inference.demo.training.pictures import framed

SIDES = (phantoms.NONE, phantoms.LEFT, phantoms.RIGHT)


@pytest.mark.parametrize("kind", phantoms.KINDS)
def test_a_seed_is_a_picture(kind):
    """Twice the same, and another seed another one."""
    one, same, other = (phantoms.KINDS[kind](random.Random(seed), 96, 80) for seed in (1, 1, 2))

    assert (96, 80) == one.image.size
    assert one.image.tobytes() == same.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("side", [phantoms.LEFT, phantoms.RIGHT])
def test_left_is_the_patients(side):
    """The opacity lies in the lung of its side, and the left lung on the right of the picture."""
    for seed in range(12):
        boxes = phantoms.chest(random.Random(seed), 200, 240, side=side).boxes
        y0, x0, y1, x1 = boxes["opacity"]
        top, near, bottom, far = boxes[f"{side} lung"]

        assert top < (y0 + y1) / 2 < bottom
        assert near < (x0 + x1) / 2 < far
        assert boxes["right lung"][1] < boxes["left lung"][1]


def test_the_opacity_is_brighter_than_the_same_lung_without_it():
    """What the box encloses is in the picture."""
    for seed in range(12):
        phantom = phantoms.chest(random.Random(seed), side=phantoms.LEFT)
        y0, x0, y1, x1 = phantom.boxes["opacity"]
        plane = np.asarray(phantom.image, dtype=float)
        middle = plane[(3 * y0 + y1) // 4 : (y0 + 3 * y1) // 4, (3 * x0 + x1) // 4 : (x0 + 3 * x1) // 4]
        top, left, bottom, right = phantom.boxes["left lung"]
        lung = plane[top:bottom, left:right]

        assert middle.mean() > np.quantile(lung, 0.35)


@pytest.mark.parametrize("size", [(100, 100), (160, 90), (90, 161)])
def test_boxes_move_with_the_frame(size):
    """On the square, a box encloses the same pixels."""
    phantom = phantoms.chest(random.Random(5), *size, side=phantoms.RIGHT)
    square, boxes = framed(phantom)
    y0, x0, y1, x1 = (round(edge * square.width) for edge in boxes["opacity"])
    top, left, bottom, right = phantom.boxes["opacity"]

    assert square.width == square.height == max(size)
    assert square.crop((x0, y0, x1, y1)).tobytes() == phantom.image.crop((left, top, right, bottom)).tobytes()
