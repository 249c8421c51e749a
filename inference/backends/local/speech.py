"""Which recogniser runs in this process, and how: values alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Which n-gram model is asked and how much it weighs.

    Attributes:
        path: an ARPA or binary file of kenlm.
        alpha: weight of the language model.
        beta: what each piece is worth.
        beam_width: hypotheses that are kept.
    """

    path: Path
    alpha: float = 0.5
    beta: float = 1.5
    beam_width: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSpeech:
    """Which recogniser runs and how.

    Attributes:
        model: folder with the checkpoint, or the id of one that is already in the local cache.
        name: on its card, in the place of `model`.
        demonstration: whether it is a demonstration checkpoint: whatever it says is labelled as such.
        revision: commit of the checkpoint, where `model` is an id.
        dtype: "float32" or "bfloat16".
        device: "cpu", "cuda", "cuda:1".
        window: seconds that are heard at once.
        overlap: seconds that two windows share.
        batch: windows that run together.
        language_model: n-gram model for a beam search; None decodes greedily.
    """

    model: str
    name: str = ""
    demonstration: bool = False
    revision: str = "main"
    dtype: str = "float32"
    device: str = "cpu"
    window: float = 20.0
    overlap: float = 4.0
    batch: int = 4
    language_model: LanguageModel | None = None
