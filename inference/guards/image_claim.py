"""Whether an image is what it is said to be, by MedSigLIP without training: which sentence fits it best.

| the site has | the check |
|---|---|
| no encoder | is not made |
| an encoder, no threshold | records its scores; nothing depends on them |
| an encoder and a threshold of its own evaluation | fails when the claim's score is below it |

A threshold that nobody evaluated on the site's own images is a guess: so there is none by default.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from inference.ports import ImageEncoder, Picture
from mappers.domain.attribution import ModelRun
from mappers.domain.findings import GuardOutcome, GuardVerdict
from mappers.domain.times import Moment

GUARD: Final = "image-matches-claim"
VERSION: Final = "1"

#: What an image may be said to be, and the sentence that stands for it. At most 64 tokens each.
CLAIMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chest radiograph": "a chest X-ray",
        "abdominal radiograph": "an X-ray of the abdomen",
        "limb radiograph": "an X-ray of an arm, a hand, a leg or a foot",
        "knee radiograph": "an X-ray of a knee",
        "spine radiograph": "an X-ray of the spine",
        "pelvis radiograph": "an X-ray of the pelvis and hips",
        "skull radiograph": "an X-ray of the skull",
        "mammogram": "a mammogram",
        "ct": "an axial CT slice",
        "mr": "an MRI slice",
        "ultrasound": "an ultrasound image",
        "skin photograph": "a photograph of skin",
        "fundus photograph": "a fundus photograph of the retina",
        "histopathology": "a histopathology slide with H&E stain",
        "document": "a scanned page of text",
        "other photograph": "an everyday photograph",
    }
)
_LIMB: Final = frozenset({
    "HAND", "WRIST", "FOREARM", "ELBOW", "HUMERUS", "FINGER", "FOOT", "ANKLE", "FEMUR", "TIBIAFIBULA", "TOE",
    "SHOULDER", "CLAVICLE",
})  # fmt: skip
_PARTS: Final = {
    "CHEST": "chest radiograph", "RIB": "chest radiograph", "ABDOMEN": "abdominal radiograph",
    "KNEE": "knee radiograph", "CSPINE": "spine radiograph", "TSPINE": "spine radiograph",
    "LSPINE": "spine radiograph", "SPINE": "spine radiograph", "PELVIS": "pelvis radiograph",
    "HIP": "pelvis radiograph", "SKULL": "skull radiograph",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks at images before they are read.

    Attributes:
        encoder: of images and texts.
        now: the clock.
        threshold: least score of the claim, from the site's own evaluation; None records only.
    """

    encoder: ImageEncoder
    now: Callable[[], Moment]
    threshold: float | None = None


def radiograph_claim(body_part: str) -> str:
    """What a radiograph of a DICOM body part is said to be; "" where no sentence stands for it."""
    part = body_part.upper().replace(" ", "")
    return "limb radiograph" if part in _LIMB else _PARTS.get(part, "")


def check(pictures: Sequence[Picture], claim: str, watch: Watch | None) -> tuple[GuardVerdict, ...]:
    """A verdict for each picture; none without an encoder or without a claim that a sentence stands for."""
    if watch is None or claim not in CLAIMS:
        return ()
    return tuple(_checked(picture, claim, watch) for picture in pictures)


def _checked(picture: Picture, claim: str, watch: Watch) -> GuardVerdict:
    texts = tuple(CLAIMS.values())
    started = watch.now()
    scores = watch.encoder.scores(picture, texts)
    written = {name: f"{score:.4f}" for name, score in zip(CLAIMS, scores, strict=True)}
    run = ModelRun(
        task=GUARD,
        task_version=VERSION,
        card=watch.encoder.card,
        prompt_digest=_digest(texts),
        input_digest=_digest([hashlib.sha256(picture.png).hexdigest(), *texts]),
        output_digest=_digest(written),
        started=started,
        ended=watch.now(),
    )
    best = max(zip(scores, CLAIMS, strict=True))[1]
    score = dict(zip(CLAIMS, scores, strict=True))[claim]
    if watch.threshold is None:
        outcome, reason = GuardOutcome.RECORDED, f"looks most like: {best}"
    elif score >= watch.threshold:
        outcome, reason = GuardOutcome.PASSED, ""
    else:
        outcome, reason = GuardOutcome.FAILED, f"the image does not look like a {claim}, but like: {best}"
    return GuardVerdict(guard=GUARD, outcome=outcome, reason=reason, scores=written, run=run)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()
