r"""Escape sequences of HL7 v2 text (chapter 2, "Use of escape sequences in text fields"), both ways.

Text is unescaped after it was split, once. Formatting commands (`\.br\` …) are read in every text type, not
in FT alone: senders put them into TX and ST too, and no sender means the letters. Knows nothing of
segments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from mappers.hl7v2.delimiters import Delimiters

#: Blank lines or blanks of one command: a page has 66 lines. More are a fault, or an attack on memory.
MAX_SPACING: Final = 66
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: Formatting commands without a number that end a line, and those that only change the layout.
_BREAKS: Final = frozenset({"br", "ce"})
_LAYOUT: Final = frozenset({"fi", "nf", "in", "ti"})

UNKNOWN: Final = "an escape sequence that is not known was left in the text as it is"
SWITCH: Final = "a character set switch or local escape (C, M, Z) was left in the text as it is"
HEX: Final = "hexadecimal data does not decode in the message's character set and was left as it is"


def unescape(text: str, delimiters: Delimiters, *, codec: str = "ascii") -> str:
    r"""The text that was meant. Sequences that cannot be read stay as they are (see `leftovers`).

    Args:
        text: a field, component or subcomponent, already split off.
        delimiters: of the message.
        codec: Python codec of the message, for `\Xdd..\`.
    """
    escape = delimiters.escape
    if not escape or escape not in text:
        return text
    return _pattern(escape).sub(lambda match: _meaning(match, delimiters, codec)[0], text)


def leftovers(text: str, delimiters: Delimiters, *, codec: str = "ascii") -> Iterator[tuple[int, str]]:
    """Where `unescape` leaves an escape character as it is: positions in `text` in order, with the reason."""
    escape = delimiters.escape
    if not escape or escape not in text:
        return
    at = 0
    for match in _pattern(escape).finditer(text):
        yield from _strays(text, at, match.start(), escape)
        problem = _meaning(match, delimiters, codec)[1]
        if problem:
            yield match.start(), problem
        at = match.end()
    yield from _strays(text, at, len(text), escape)


def _strays(text: str, start: int, end: int, escape: str) -> Iterator[tuple[int, str]]:
    at = text.find(escape, start, end)
    while at >= 0:
        yield at, UNKNOWN
        at = text.find(escape, at + 1, end)


def escape(text: str, delimiters: Delimiters) -> str:
    r"""Text made safe for a field: `unescape(escape(text, d), d) == text`.

    Line ends become `\.br\` and `\X0D\`. The other control characters, which would break the frame or the
    segment, become hexadecimal; `unescape` refuses to bring those back.

    Raises:
        ValueError: the text holds a delimiter or control character and the message has no escape character.
    """
    if not (_unsafe(delimiters).search(text)):
        return text
    if not delimiters.escape:
        raise ValueError("text needs an escape, and the message has no escape character")
    return _unsafe(delimiters).sub(lambda match: _sequence(match[0], delimiters), text)


@lru_cache(maxsize=64)
def _pattern(escape: str) -> re.Pattern[str]:
    e = re.escape(escape)
    return re.compile(
        rf"(?P<hex>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)"
        rf"|{e}(?P<one>[FSTREPHN]){e}"
        rf"|{e}\.(?P<command>[A-Za-z]{{2}}) ?(?P<number>[+-]?[0-9]{{0,6}}){e}"
        rf"|{e}(?P<local>C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4,6}}|Z[^{e}\r\n]*){e}"
    )


def _meaning(match: re.Match[str], delimiters: Delimiters, codec: str) -> tuple[str, str]:
    """What a sequence stands for, and what is wrong with it."""
    if match["one"]:
        return _single(match, delimiters)
    if match["hex"]:
        return _hexadecimal(match[0], delimiters.escape, codec)
    if match["command"]:
        return _command(match)
    return match[0], SWITCH


def _single(match: re.Match[str], delimiters: Delimiters) -> tuple[str, str]:
    letter = match["one"]
    if letter in "HN":
        return "", ""
    meant = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": delimiters.truncation,
    }[letter]
    return (meant, "") if meant else (match[0], UNKNOWN)


def _hexadecimal(run: str, escape: str, codec: str) -> tuple[str, str]:
    # Adjacent sequences are one run of bytes: senders escape a multi-byte character byte by byte.
    digits = "".join(part[1:] for part in run.split(escape) if part)
    try:
        text = bytes.fromhex(digits).decode(codec)
    except UnicodeDecodeError:
        return run, HEX
    return (run, HEX) if _CONTROL.search(text) else (text, "")


def _command(match: re.Match[str]) -> tuple[str, str]:
    command, number = match["command"].lower(), match["number"]
    if command in _LAYOUT:
        return "", ""
    if command in _BREAKS and not number:
        return "\n", ""
    if command in {"sp", "sk"} and not number.startswith(("+", "-")):
        count = int(number or "1")
        if count <= MAX_SPACING:
            return ("\n" if command == "sp" else " ") * count, ""
    return match[0], UNKNOWN


@lru_cache(maxsize=64)
def _unsafe(delimiters: Delimiters) -> re.Pattern[str]:
    characters = delimiters.field + delimiters.encoding_characters
    return re.compile(rf"[{re.escape(characters)}\x00-\x08\x0a-\x1f\x7f]")


def _sequence(character: str, delimiters: Delimiters) -> str:
    e = delimiters.escape
    for letter, delimiter in zip(
        "EFSRTP",
        (e, delimiters.field, delimiters.component, delimiters.repetition, delimiters.subcomponent,
         delimiters.truncation),
        strict=True,
    ):  # fmt: skip
        if character == delimiter:
            return f"{e}{letter}{e}"
    if character == "\n" and "." not in delimiters.field + delimiters.encoding_characters:
        return f"{e}.br{e}"
    return f"{e}X{ord(character):02X}{e}"
