"""Confidence intervals of a ratio over cases, by drawing cases again. Deterministic: the seed is fixed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_DRAWS: Final = 2_000
_SEED: Final = 20_260_101
_LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the interval that holds it at 95 %; both ends None where there are too few cases."""

    value: float
    low: float | None
    high: float | None


def ratio(parts: Sequence[int], wholes: Sequence[int]) -> Interval | None:
    """The sum of parts over the sum of wholes, a pair for each case; None where the wholes are nothing.

    Cases, not words, are drawn: the errors of one speaker or one bad microphone go together.
    """
    total = sum(wholes)
    if not total:
        return None
    value = sum(parts) / total
    if len(parts) < 2:  # noqa: PLR2004 - one case says nothing about the next
        return Interval(value, None, None)
    drawn = random.Random(_SEED)  # noqa: S311 - sampling, no secret
    found = []
    for _ in range(_DRAWS):
        chosen = drawn.choices(range(len(parts)), k=len(parts))
        whole = sum(wholes[at] for at in chosen)
        if whole:
            found.append(sum(parts[at] for at in chosen) / whole)
    found.sort()
    tail = (1 - _LEVEL) / 2
    low, high = found[int(tail * len(found))], found[min(len(found) - 1, int((1 - tail) * len(found)))]
    return Interval(value, low, high)
