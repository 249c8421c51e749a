"""Pieces of one word that a change of size tore apart are joined again; raised digits keep their sign.

"10" with a raised "9" is a unit's power, "13.5" with a raised "1" a footnote: both are written with `^`, so
that no reader can take 13.5¹ for 13.51. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

_NEAR = 0.2
_SMALLER = 0.86
_RAISED = 0.12

Piece = dict[str, Any]


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Words in the order of pdfplumber's, pieces of the same word joined.

    Args:
        pieces: words of pdfplumber with `size` and `chars`.
    """
    ends: dict[int, list[Piece]] = defaultdict(list)
    words: list[Piece] = []
    for piece in sorted(pieces, key=lambda word: float(word["x0"])):
        x0 = piece["x0"]
        near = (word for bucket in (int(x0) - 1, int(x0), int(x0) + 1) for word in ends[bucket])
        word = next((word for word in near if _touches(word, piece)), None)
        if word is None:
            word = {
                **piece,
                "base": (piece["size"], piece["bottom"]),
                "last": piece,
                "chars": [*piece["chars"]],
            }
            words.append(word)
        else:
            ends[int(word["x1"])].remove(word)
            _append(word, piece)
        ends[int(word["x1"])].append(word)
    return sorted(words, key=lambda word: (word["top"], word["x0"]))


def _touches(word: Piece, piece: Piece) -> bool:
    size, baseline = word["base"]
    if abs(piece["x0"] - word["x1"]) > _NEAR * min(size, piece["size"]):
        return False
    if piece["size"] == word["last"]["size"] and piece["bottom"] == word["last"]["bottom"]:
        return False  # pdfplumber saw both and kept them apart
    if piece["size"] < _SMALLER * size:
        return bool(word["top"] - size * 0.5 < piece["top"] and piece["bottom"] < baseline + size * 0.5)
    return bool(abs(piece["bottom"] - baseline) < _RAISED * size and piece["size"] <= size * 1.1)


def _append(word: Piece, piece: Piece) -> None:
    size, baseline = word["base"]
    raised = piece["size"] < _SMALLER * size and piece["bottom"] < baseline - _RAISED * size
    if raised and word["last"]["bottom"] >= baseline - _RAISED * size:
        word["text"] += "^"
        first = piece["chars"][0]
        word["chars"].append({**first, "text": "^", "x1": first["x0"]})
    word["text"] += piece["text"]
    word["chars"] += piece["chars"]
    word["x1"] = piece["x1"]
    word["last"] = piece
