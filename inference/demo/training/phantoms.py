"""Drawn pictures that stand for kinds of medical images: shapes and noise from a seed, nobody's picture.

A chest phantom knows where everything is. Left is the patient's left, which is the right of the picture.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFilter

Plane = np.ndarray[Any, np.dtype[np.float64]]
#: y0, x0, y1, x1 in pixels; the far edges are outside.
Box = tuple[int, int, int, int]

NONE, LEFT, RIGHT = "none", "left", "right"


@dataclass(frozen=True, slots=True)
class Phantom:
    """A picture and what is drawn in it.

    Attributes:
        kind: which kind of image it stands for: a key of `KINDS`.
        side: of the opacity of a chest, "none" where there is none.
        boxes: of what a chest shows, by name.
    """

    kind: str
    image: Image.Image
    side: str = NONE
    boxes: Mapping[str, Box] = field(default_factory=dict)


class Canvas:
    """Coordinates from -1 to 1 over a picture, moved and turned a little, and the randomness to draw with."""

    def __init__(self, dice: random.Random, width: int, height: int, *, scale: float = 1.0) -> None:
        self.dice = dice
        self.noise = np.random.default_rng(dice.getrandbits(32))
        rows, columns = np.mgrid[0:height, 0:width]
        x = (columns + 0.5) / width * 2 - 1 + dice.uniform(-0.06, 0.06)
        y = (rows + 0.5) / height * 2 - 1 + dice.uniform(-0.06, 0.06)
        turn, zoom = dice.uniform(-0.07, 0.07), dice.uniform(0.94, 1.1) / scale
        self.x: Plane = (x * np.cos(turn) + y * np.sin(turn)) * zoom
        self.y: Plane = (y * np.cos(turn) - x * np.sin(turn)) * zoom
        self.shape = (height, width)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, *, soft: float = 0.04) -> Plane:
        """1 inside, 0 outside, 0.5 on the edge."""
        distance = np.sqrt(((self.x - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2)
        return _step((1 - distance) * min(rx, ry) / soft)

    def bar(self, start: tuple[float, float], end: tuple[float, float], wide: float) -> Plane:
        """A rounded bar from one point to another."""
        (x0, y0), (x1, y1) = start, end
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((self.x - x0) * dx + (self.y - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
        distance = np.hypot(self.x - x0 - along * dx, self.y - y0 - along * dy)
        return _step((wide - distance) / 0.02)

    def grain(self, coarse: int) -> Plane:
        """Smooth noise from 0 to 1 with blobs of about `coarse` pixels of 224."""
        small = self.noise.random((max(224 // coarse, 2), max(224 // coarse, 2)))
        picture = Image.fromarray((small * 255).astype(np.uint8)).resize(
            (self.shape[1], self.shape[0]), Image.Resampling.BICUBIC
        )
        return np.asarray(picture, dtype=np.float64) / 255

    def grey(self, plane: Plane) -> Image.Image:
        """A radiograph of densities: another exposure and blur each time, and noise."""
        plane = np.clip(plane, 0, 1.3) / 1.3
        plane = plane ** self.dice.uniform(0.75, 1.3)
        plane = plane + self.noise.normal(0, self.dice.uniform(0.01, 0.035), self.shape)
        low, high = plane.min(), np.quantile(plane, 0.999)
        levels = np.clip((plane - low) / max(high - low, 1e-6), 0, 1) * 255
        picture = Image.fromarray(levels.astype(np.uint8))
        return picture.filter(ImageFilter.GaussianBlur(self.dice.uniform(0, 0.004) * self.shape[1]))

    def coloured(self, red: Plane, green: Plane, blue: Plane) -> Image.Image:
        """A colour photograph with a little noise."""
        planes = [plane + self.noise.normal(0, 0.015, self.shape) for plane in (red, green, blue)]
        return Image.fromarray((np.clip(np.stack(planes, axis=-1), 0, 1) * 255).astype(np.uint8), "RGB")


def _step(plane: Plane) -> Plane:
    return 1 / (1 + np.exp(-np.clip(plane * 2, -40, 40)))


def _box(mask: Plane) -> Box | None:
    """The rectangle around what is more than half inside; None when nothing is."""
    rows, columns = np.nonzero(mask > 0.5)
    if not len(rows):
        return None
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def chest(dice: random.Random, width: int = 224, height: int = 224, *, side: str | None = None) -> Phantom:
    """A frontal chest: lungs, heart, ribs, spine, and an opacity in one lung or none."""
    chosen = dice.choice((NONE, LEFT, RIGHT)) if side is None else side
    canvas = Canvas(dice, width, height)
    rx, ry, cy = dice.uniform(0.29, 0.36), dice.uniform(0.56, 0.68), dice.uniform(-0.12, 0.0)
    lungs = {
        RIGHT: canvas.ellipse(-dice.uniform(0.42, 0.46), cy, rx, ry),
        LEFT: canvas.ellipse(dice.uniform(0.42, 0.46), cy, rx * dice.uniform(0.92, 1), ry),
    }
    heart_at = (dice.uniform(0.12, 0.2), cy + dice.uniform(0.3, 0.38))
    heart = canvas.ellipse(*heart_at, dice.uniform(0.27, 0.36), dice.uniform(0.22, 0.28))
    diaphragm = _step((canvas.y - (cy + ry * 0.72) + 0.12 * np.cos(3.4 * canvas.x) ** 2) / 0.03)
    density = 0.62 * canvas.ellipse(0, 0.25, dice.uniform(0.92, 1.05), 1.3)
    density *= 1 - dice.uniform(0.62, 0.75) * np.maximum(lungs[LEFT], lungs[RIGHT]) * (1 - diaphragm)
    waves = np.cos((canvas.y - 0.28 * np.abs(canvas.x) ** 1.5) * dice.uniform(19, 24))
    density += dice.uniform(0.05, 0.11) * np.clip(waves, 0, 1) * canvas.ellipse(0, 0, 0.85, 0.85)
    density += dice.uniform(0.3, 0.4) * canvas.bar((0, -1.2), (0, 1.2), 0.1)
    density += dice.uniform(0.3, 0.4) * heart * (1 - 0.5 * canvas.bar((0, -1.2), (0, 1.2), 0.1))
    density += 0.12 * diaphragm + 0.05 * canvas.grain(24)
    for sign in (-1, 1):
        density += 0.12 * canvas.bar((sign * 0.08, cy - ry * 0.7), (sign * 0.8, cy - ry * 0.92), 0.03)
    masks = {"left lung": lungs[LEFT], "right lung": lungs[RIGHT], "heart": heart}
    if chosen != NONE:
        masks["opacity"] = _opacity(canvas, chosen, cy, rx, ry)
        density += dice.uniform(0.28, 0.45) * masks["opacity"] * (0.85 + 0.3 * canvas.grain(12))
    boxes = {name: box for name, mask in masks.items() if (box := _box(mask)) is not None}
    return Phantom("chest", canvas.grey(density), chosen, boxes)


def _opacity(canvas: Canvas, side: str, cy: float, rx: float, ry: float) -> Plane:
    """A rounded shadow inside one lung, clear of the heart."""
    dice = canvas.dice
    across = dice.uniform(-0.35, 0.45) if side == RIGHT else dice.uniform(0.05, 0.5)
    sign = -1 if side == RIGHT else 1
    centre = sign * (0.44 + across * rx * 0.8)
    return canvas.ellipse(
        centre,
        cy + dice.uniform(-0.62, 0.45) * ry,
        dice.uniform(0.11, 0.2),
        dice.uniform(0.11, 0.22),
        soft=0.05,
    )


def lateral(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """A chest from the side: one lung field, the spine behind, the heart before."""
    canvas = Canvas(dice, width, height)
    sign = dice.choice((-1, 1))
    density = 0.65 * canvas.ellipse(0, 0.2, dice.uniform(0.7, 0.8), 1.3)
    density *= 1 - 0.65 * canvas.ellipse(0, -0.05, dice.uniform(0.48, 0.56), dice.uniform(0.7, 0.8))
    density += 0.35 * canvas.ellipse(-0.3 * sign, 0.3, 0.3, 0.26)
    for step in range(10):
        density += 0.3 * canvas.ellipse((0.5 + 0.05 * np.sin(step)) * sign, -0.95 + step * 0.2, 0.1, 0.075)
    density += (
        0.1 * np.clip(np.cos((canvas.y + 0.5 * sign * canvas.x) * 20), 0, 1) * canvas.ellipse(0, 0, 0.6, 0.8)
    )
    density += 0.12 * _step((canvas.y - 0.55) / 0.03)
    return Phantom("lateral", canvas.grey(density))


def knee(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """Two long bones that meet at a joint."""
    canvas = Canvas(dice, width, height)
    density = 0.3 * canvas.bar((0, -1.5), (0, 1.5), dice.uniform(0.45, 0.6))
    gap, lean = dice.uniform(0.03, 0.07), dice.uniform(-0.08, 0.08)
    density += 0.5 * canvas.bar((lean, -1.5), (0, -0.3), dice.uniform(0.16, 0.22))
    density += 0.5 * canvas.ellipse(0, -0.22 - gap, dice.uniform(0.36, 0.42), 0.22)
    density += 0.5 * canvas.ellipse(0, 0.2 + gap, dice.uniform(0.36, 0.42), 0.17)
    density += 0.5 * canvas.bar((0, 0.3), (lean, 1.5), dice.uniform(0.14, 0.2))
    density += 0.35 * canvas.bar((0.33, 0.35), (0.3, 1.5), 0.06)
    density += 0.2 * canvas.ellipse(0, -0.3, 0.17, 0.17)
    return Phantom("knee", canvas.grey(density))


def hand(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """Five rays of bones over a wrist."""
    canvas = Canvas(dice, width, height)
    sign = dice.choice((-1, 1))
    density = 0.28 * canvas.ellipse(0, 0.35, 0.5, 0.5)
    for finger in range(5):
        angle = (-0.42 + finger * 0.21) * sign + dice.uniform(-0.03, 0.03)
        reach = (0.75, 1.1, 1.2, 1.12, 0.9)[finger]
        start = np.array((np.sin(angle) * 0.35, 0.62 - np.cos(angle) * 0.35))
        way = np.array((np.sin(angle), -np.cos(angle)))
        density += 0.28 * canvas.bar(tuple(start), tuple(start + way * reach), 0.1)
        for near, far in ((0.0, 0.38), (0.43, 0.68), (0.72, 0.86), (0.89, 0.98)):
            density += 0.45 * canvas.bar(
                tuple(start + way * reach * near), tuple(start + way * reach * far), 0.04
            )
    for index in range(7):
        density += 0.35 * canvas.ellipse(-0.2 + 0.13 * (index % 4), 0.62 + 0.12 * (index // 4), 0.07, 0.06)
    density += 0.45 * canvas.bar((-0.12, 0.86), (-0.14, 1.5), 0.1) + 0.45 * canvas.bar(
        (0.14, 0.86), (0.16, 1.5), 0.08
    )
    return Phantom("hand", canvas.grey(density))


def ct(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """An axial slice: a body on black, organs, and the spine as a bright ring."""
    canvas = Canvas(dice, width, height)
    wide, tall = dice.uniform(0.78, 0.9), dice.uniform(0.55, 0.68)
    body = canvas.ellipse(0, 0, wide, tall, soft=0.015)
    density = 0.5 * body + 0.1 * body * canvas.grain(10)
    density -= 0.2 * (body - canvas.ellipse(0, 0, wide - 0.09, tall - 0.08, soft=0.015))
    density += 0.16 * canvas.ellipse(-0.35, -0.08, 0.32, 0.3, soft=0.02)
    density += 0.1 * canvas.ellipse(0.42, 0.0, 0.16, 0.2, soft=0.02)
    for side in (-1, 1):
        density += 0.18 * canvas.ellipse(side * 0.34, 0.26, 0.1, 0.13, soft=0.02)
    density += 0.6 * canvas.ellipse(0, 0.34, 0.13, 0.11, soft=0.02) - 0.4 * canvas.ellipse(
        0, 0.47, 0.05, 0.045, soft=0.02
    )
    for _ in range(dice.randint(1, 4)):
        spot = (dice.uniform(-0.2, 0.3), dice.uniform(-0.4, 0.05))
        density -= 0.45 * canvas.ellipse(
            *spot, dice.uniform(0.04, 0.09), dice.uniform(0.04, 0.08), soft=0.015
        )
    return Phantom("ct", canvas.grey(density))


def fundus(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """An orange disc on black, the bright optic disc, and vessels that leave it."""
    canvas = Canvas(dice, width, height)
    eye = canvas.ellipse(0, 0, 0.92, 0.92, soft=0.02)
    sign = dice.choice((-1, 1))
    at = (sign * dice.uniform(0.38, 0.5), dice.uniform(-0.08, 0.08))
    disc = canvas.ellipse(*at, 0.13, 0.15)
    vessels = np.zeros(canvas.shape)
    for index in range(8):
        angle = index * np.pi / 4 + dice.uniform(-0.25, 0.25)
        point, way = np.array(at), angle
        for _ in range(6):
            after = point + 0.17 * np.array((np.cos(way), np.sin(way)))
            vessels = np.maximum(vessels, canvas.bar(tuple(point), tuple(after), 0.012))
            point, way = after, way + dice.uniform(-0.4, 0.4)
    macula = canvas.ellipse(-sign * 0.15, 0.03, 0.16, 0.16, soft=0.15)
    shade = eye * (0.85 + 0.2 * canvas.grain(30)) * (1 - 0.35 * macula) * (1 - 0.45 * vessels)
    red = shade * dice.uniform(0.7, 0.85) + 0.2 * disc
    return Phantom(
        "fundus",
        canvas.coloured(red, shade * dice.uniform(0.3, 0.42) + 0.45 * disc, 0.14 * shade + 0.3 * disc),
    )


def skin(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """Skin of any tone with a darker spot and some hairs."""
    canvas = Canvas(dice, width, height)
    light, warm = dice.uniform(0.35, 0.9), dice.uniform(0.65, 0.8)
    texture = 0.88 + 0.1 * canvas.grain(6) + 0.1 * canvas.grain(40)
    wobble = 0.12 * (canvas.grain(28) - 0.5)
    distance = np.hypot(canvas.x / dice.uniform(0.2, 0.45), canvas.y / dice.uniform(0.2, 0.45)) + wobble * 3
    spot = _step((1 - distance) * 6)
    hairs = np.zeros(canvas.shape)
    for _ in range(dice.randint(0, 8)):
        start = (dice.uniform(-1, 1), dice.uniform(-1, 1))
        end = (start[0] + dice.uniform(-0.5, 0.5), start[1] + dice.uniform(-0.5, 0.5))
        hairs = np.maximum(hairs, canvas.bar(start, end, 0.006))
    shade = light * texture * (1 - 0.6 * hairs)
    dark = dice.uniform(0.45, 0.75)
    return Phantom(
        "skin",
        canvas.coloured(
            shade * (1 - dark * 0.7 * spot),
            shade * warm * (1 - dark * spot),
            shade * warm * 0.82 * (1 - dark * spot),
        ),
    )


def histology(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """Pink tissue with violet nuclei."""
    canvas = Canvas(dice, width, height)
    tissue = 0.75 + 0.25 * canvas.grain(14)
    gaps = _step((canvas.grain(32) - dice.uniform(0.62, 0.75)) * 25)
    nuclei = np.zeros(canvas.shape)
    for _ in range(dice.randint(60, 130)):
        spot = (dice.uniform(-1.1, 1.1), dice.uniform(-1.1, 1.1))
        near = (np.abs(canvas.x - spot[0]) < 0.1) & (np.abs(canvas.y - spot[1]) < 0.1)
        size = dice.uniform(0.025, 0.05)
        distance = np.hypot(canvas.x - spot[0], (canvas.y - spot[1]) * dice.uniform(0.8, 1.25))
        nuclei = np.maximum(nuclei, np.where(near, _step((size - distance) / 0.012), 0))
    red = tissue * (0.92 - 0.5 * nuclei)
    green = tissue * (dice.uniform(0.55, 0.72) - 0.38 * nuclei)
    blue = tissue * (0.82 - 0.22 * nuclei)
    planes = [plane * (1 - gaps) + 0.95 * gaps for plane in (red, green, blue)]
    return Phantom("histology", canvas.coloured(*planes))


def document(dice: random.Random, width: int = 224, height: int = 224) -> Phantom:
    """A white page with dark lines of words that cannot be read."""
    canvas = Canvas(dice, width, height)
    ink = np.zeros(canvas.shape)
    lines, margin = dice.randint(8, 20), dice.uniform(0.6, 0.85)
    for line in range(lines):
        if dice.random() < 0.12:
            continue
        y, x, end = -0.85 + 1.7 * line / lines, -margin, dice.uniform(-0.2, margin)
        while x < end:
            word = dice.uniform(0.06, 0.25)
            ink = np.maximum(ink, canvas.bar((x, y), (x + word, y), dice.uniform(0.012, 0.022)))
            x += word + 0.08
    paper = dice.uniform(0.85, 1.0) * (1 - dice.uniform(0.6, 0.9) * ink)
    return Phantom("document", canvas.coloured(paper, paper, paper * dice.uniform(0.92, 1.0)))


#: What each kind is drawn by.
KINDS: Final[Mapping[str, Callable[[random.Random, int, int], Phantom]]] = {
    "chest": chest,
    "lateral": lateral,
    "knee": knee,
    "hand": hand,
    "ct": ct,
    "fundus": fundus,
    "skin": skin,
    "histology": histology,
    "document": document,
}
