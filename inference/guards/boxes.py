"""Whether a box can be what it is said to be: not the whole picture, not a speck, on the side that was named.

In a frontal view the patient faces the reader: the patient's left is on the right of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mappers.domain.findings import GuardOutcome, GuardVerdict, ImageRegion, Side

SANITY: Final = "box-sanity"
SIDE: Final = "box-side"
#: DICOM ViewPosition values in which left and right of the patient are right and left of the image.
FRONTAL: Final = frozenset({"AP", "PA"})
#: A box of more than this part of the picture points at nothing.
_WHOLE: Final = 0.9
#: Less than this part is smaller than a patch of the vision model at its usual 896 pixels (14 / 896 squared).
_SPECK: Final = (14 / 896) ** 2


def sanity(regions: Sequence[ImageRegion]) -> GuardVerdict:
    """Fails when a box covers nearly the whole picture or next to nothing of it."""
    for region in regions:
        x0, y0, x1, y1 = region.box
        part = (x1 - x0) * (y1 - y0) / (region.columns * region.rows)
        if part > _WHOLE:
            return _verdict(SANITY, "a box covers the whole picture")
        if part < _SPECK:
            return _verdict(SANITY, "a box is smaller than the model can see")
    return _verdict(SANITY, "")


def on_its_side(regions: Sequence[ImageRegion], side: Side | None, *, view: str) -> GuardVerdict:
    """Fails when a box of a one-sided finding lies wholly in the other half of a frontal image."""
    if view.upper() not in FRONTAL or side not in {Side.LEFT, Side.RIGHT}:
        return _verdict(SIDE, "")
    for region in regions:
        middle = region.columns / 2
        x0, _, x1, _ = region.box
        if (side is Side.LEFT and x1 < middle) or (side is Side.RIGHT and x0 > middle):
            return _verdict(SIDE, f"a box of a finding on the patient's {side.value} lies on the other side")
    return _verdict(SIDE, "")


def _verdict(guard: str, reason: str) -> GuardVerdict:
    outcome = GuardOutcome.FAILED if reason else GuardOutcome.PASSED
    return GuardVerdict(guard=guard, outcome=outcome, reason=reason)
