"""Words that must not be overlooked: what is denied, and on which side. For the eye: it decides nothing.

A list of words in some languages, not an understanding of them: what is not marked may still be a denial.
"""

from __future__ import annotations

import re
from typing import Final

NEGATION, SIDE, PLAIN = "neg", "side", ""
_NEGATIONS: Final = """
no not without absent negative denies denied none never neither nor excluded unremarkable
kein keine keinen keinem keiner nicht ohne negativ weder unauffällig
non senza assente negativo negativa nessun nessuna sans pas absence négatif négative aucun aucune
sin ausente ningún ninguna sem ausência nenhum nenhuma geen niet zonder
"""
_SIDES: Final = """
left right bilateral bilaterally left-sided right-sided links rechts beidseits beidseitig
linke rechte linken rechten
destro destra sinistro sinistra bilaterale gauche droit droite bilatéral izquierdo izquierda derecho derecha
esquerdo esquerda direito direita linker rechter
"""
_KINDS: Final = dict.fromkeys(_NEGATIONS.split(), NEGATION) | dict.fromkeys(_SIDES.split(), SIDE)
_WORD: Final = re.compile(r"[\w-]+")


def marked(text: str) -> list[tuple[str, str]]:
    """The text in pieces, each with what it is: "neg", "side" or nothing. Together they are the text."""
    pieces: list[tuple[str, str]] = []
    at = 0
    for word in _WORD.finditer(text):
        kind = _KINDS.get(word[0].casefold())
        if kind:
            pieces += [(text[at : word.start()], PLAIN)] if word.start() > at else []
            pieces.append((word[0], kind))
            at = word.end()
    return [*pieces, (text[at:], PLAIN)] if at < len(text) else pieces


def quoted(text: str, quotes: list[str]) -> list[tuple[str, str]]:
    """The text in pieces, those that are quoted with "quote"; the longest quotes first."""
    wanted = sorted({quote for quote in quotes if quote}, key=len, reverse=True)
    if not wanted:
        return [(text, PLAIN)]
    pattern = re.compile("|".join(map(re.escape, wanted)))
    pieces: list[tuple[str, str]] = []
    at = 0
    for found in pattern.finditer(text):
        pieces += [(text[at : found.start()], PLAIN)] if found.start() > at else []
        pieces.append((found[0], "quote"))
        at = found.end()
    return [*pieces, (text[at:], PLAIN)] if at < len(text) else pieces
