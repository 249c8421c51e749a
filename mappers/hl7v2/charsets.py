"""Character sets of MSH-18 (table 0211): which Python codec reads a message, and in which order to try.

Decoding is always strict: a byte that does not decode refuses the message. Knows the channel's agreements,
not how a message is cut into lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.hl7v2 import tables

MSH_18: Final = "MSH[1]-18"
_ESCAPE_BYTE: Final = b"\x1b"
_C1: Final = re.compile(rb"[\x80-\x9f]")
_WITHDRAWN: Final = frozenset({"utf-16", "utf-32"})
_JAPANESE: Final = frozenset({"iso2022_jp", "iso2022_jp_1", "iso2022_jp_ext", "shift_jis"})


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """A character set in use: its name in table 0211 (or as configured) and its Python codec."""

    name: str
    codec: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A character set to try, and what its use says about the message."""

    character_set: CharacterSet
    issues: tuple[Issue, ...] = ()


ASCII: Final = CharacterSet("ASCII", "ascii")
UTF_8: Final = CharacterSet("UNICODE UTF-8", "utf-8")


def named(name: str) -> CharacterSet | None:
    """The character set of a table 0211 code or a spelling seen in feeds; None when no codec reads it."""
    codec = tables.codec(name)
    return CharacterSet(name.strip(), codec) if codec and codec not in _WITHDRAWN else None


def candidates(raw: bytes, declared: tuple[str, ...], channel: Channel) -> tuple[Candidate, ...]:
    """Character sets to try for a message, best first.

    Args:
        raw: the message.
        declared: repeats of MSH-18, blanks stripped; the first is the default set, the others are reached by
            ISO 2022 escape sequences only.
        channel: its `character_set_override` is final; its `character_set` serves where MSH-18 is empty or
        wrong.

    Raises:
        Refused: UTF-16/32, or a name that no codec reads and the channel has no set of its own.
    """
    if channel.character_set_override:
        return (Candidate(_configured(channel.character_set_override)),)
    own = _configured(channel.character_set) if channel.character_set else None
    first = declared[0] if declared else ""
    if _ESCAPE_BYTE in raw:
        switched = _iso_2022(declared) or (own if own and not first and _switches(own) else None)
        if switched:
            return (Candidate(switched),)
    if not first:
        return _undeclared(raw, own)
    if tables.codec(first) in _WITHDRAWN:
        raise Refused(_fatal("UTF-16 and UTF-32 are not allowed in HL7 v2; send UNICODE UTF-8", "102"))
    character_set = named(first)
    if character_set is None:
        return _unknown(raw, own)
    fallback = (
        (Candidate(own, (_warning("does not decode as MSH-18 says; read as configured"),)),) if own else ()
    )
    return (_declared(raw, character_set), *fallback)


def _configured(name: str) -> CharacterSet:
    character_set = named(name)
    if character_set is None:
        raise Refused(_fatal("the character set configured for this channel is not known", "207"))
    return character_set


def _undeclared(raw: bytes, own: CharacterSet | None) -> tuple[Candidate, ...]:
    """MSH-18 empty: ASCII by the standard, UTF-8 in practice, else what the channel says."""
    if raw.isascii():
        return (Candidate(ASCII),)
    utf_8 = Candidate(UTF_8, (_warning("is empty and the message is not ASCII; read as UTF-8"),))
    return (utf_8, Candidate(own)) if own else (utf_8,)


def _unknown(raw: bytes, own: CharacterSet | None) -> tuple[Candidate, ...]:
    """A name that no codec reads: harmless when every byte is ASCII, else the channel decides."""
    if raw.isascii() and _ESCAPE_BYTE not in raw:
        return (
            Candidate(ASCII, (_warning("names a character set that is not known; all bytes are ASCII"),)),
        )
    if own:
        return (Candidate(own, (_warning("names a character set that is not known; read as configured"),)),)
    raise Refused(_fatal("the character set is not known or not supported", "103"))


def _declared(raw: bytes, character_set: CharacterSet) -> Candidate:
    # 0x80-0x9F are control characters in 8859/1: whoever sends them means Windows-1252.
    if character_set.codec == "iso8859-1" and _C1.search(raw):
        windows = CharacterSet(character_set.name, "cp1252")
        return Candidate(windows, (_warning("says 8859/1, but the bytes are Windows-1252; read as that"),))
    return Candidate(character_set)


def _iso_2022(declared: tuple[str, ...]) -> CharacterSet | None:
    """The codec that follows the escape sequences between the declared sets."""
    codecs = {tables.codec(name) for name in declared if name}
    if codecs & _JAPANESE:
        plain = codecs <= {"iso2022_jp", "ascii"}
        return CharacterSet("~".join(declared), "iso2022_jp" if plain else "iso2022_jp_ext")
    if "euc_kr" in codecs:
        return CharacterSet("~".join(declared), "iso2022_kr")
    return None


def _switches(character_set: CharacterSet) -> bool:
    return character_set.codec.startswith("iso2022")


def _warning(text: str) -> Issue:
    return Issue(Severity.WARNING, IssueCode.VALUE, MSH_18, f"MSH-18 {text}")


def _fatal(text: str, hl7_error: str) -> Issue:
    return Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, MSH_18, text, hl7_error)
