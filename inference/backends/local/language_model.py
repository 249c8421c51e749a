"""Beam search with an n-gram model over the recogniser's own pieces, by pyctcdecode and kenlm.

As MedASR's authors run it: every piece is a word of the language model, with `#` for the mark of a word's
beginning; beam 8. Memory stays flat: what was decoded is cut in pauses, and the state of the language model
is carried over.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from inference.backends.local.ctc import WORD, Piece
from inference.backends.local.stitching import Frames
from inference.errors import BackendMisconfigured, BackendUnavailable

if TYPE_CHECKING:
    from inference.backends.local.speech import LanguageModel

_MARK: Final = "#"
#: Frames that are decoded at once, and how far back from their end a pause is looked for.
_CHUNK: Final = 750
_BACK: Final = 400
_REMEDY: Final = "a language model needs: pip install 'wardwire[lm]', then pip install --no-deps pyctcdecode"


def build(pieces: Sequence[str], chosen: LanguageModel) -> Any:
    """The searching machine for a vocabulary.

    Raises:
        BackendUnavailable: the libraries are not installed.
        BackendMisconfigured: there is no language model at the path.
    """
    try:
        import kenlm  # noqa: F401, PLC0415
        from pyctcdecode import build_ctcdecoder  # noqa: PLC0415
    except ImportError:
        raise BackendUnavailable(_REMEDY) from None
    # It warns of every vocabulary that is no alphabet, which this one is on purpose.
    logging.getLogger("pyctcdecode").setLevel(logging.ERROR)
    labels = ["", *(WORD + _unmarked(piece, at) for at, piece in enumerate(pieces[1:], 1))]
    try:
        return build_ctcdecoder(labels, str(chosen.path), alpha=chosen.alpha, beta=chosen.beta)
    except (OSError, RuntimeError, ValueError):
        raise BackendMisconfigured("models.*.language_model names no file of kenlm") from None


def _unmarked(piece: str, at: int) -> str:
    return piece.replace(WORD, _MARK) or f"<{at}>"


class Beam:
    """The best path by recogniser and language model together.

    Args:
        machine: of `build`.
        pieces: text of every token of the head; "" for those that are never written.
        beam_width: hypotheses that are kept.
        blank: id of the token for nothing.
    """

    def __init__(self, machine: Any, pieces: Sequence[str], *, beam_width: int, blank: int = 0) -> None:
        self._machine = machine
        self._ids = {_unmarked(piece, at): at for at, piece in enumerate(pieces) if at != blank}
        self._pieces = pieces
        self._width = beam_width
        self._blank = blank
        self._held: Any = None
        self._start = 0
        self._state: Any = None
        self._found: list[Piece] = []

    def add(self, frames: Frames) -> None:
        """Take the next frames; decode up to a pause when enough are there."""
        self._held = frames if self._held is None else np.concatenate((self._held, frames))
        while len(self._held) > _CHUNK:
            end = self._pause(self._held[:_CHUNK])
            self._decode(self._held[:end])
            self._held, self._start = self._held[end:], self._start + end

    def finish(self) -> tuple[Piece, ...]:
        """All pieces."""
        if self._held is not None and len(self._held):
            self._decode(self._held)
        self._held, self._state = None, None
        return tuple(self._found)

    def _pause(self, frames: Frames) -> int:
        """Where to cut: at the surest blank of the last frames."""
        tail = frames[len(frames) - _BACK :, self._blank]
        return len(frames) - _BACK + int(tail.argmax()) + 1

    def _decode(self, frames: Frames) -> None:
        beams = self._machine.decode_beams(frames, beam_width=self._width, lm_start_state=self._state)
        _, self._state, spoken, *_ = beams[0]
        for label, (first, last) in spoken:
            token = self._ids.get(label)
            text = label.replace(_MARK, WORD) if token is None else self._pieces[token]
            if not text:
                continue
            sure = np.exp(frames[first : max(last, first + 1), token]).mean() if token is not None else 0.0
            at = self._start + first
            self._found.append(Piece(text, at, max(at, self._start + last - 1), float(min(1.0, sure))))
