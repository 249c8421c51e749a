"""Delimiters of one message, from MSH-1 and MSH-2 (also FHS, BHS), tolerantly.

Knows how the six characters are found and which cannot be used. Must not know segments or the domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

#: Characters of MSH-2 in their order.
_ROLES: Final = ("component", "repetition", "escape", "subcomponent", "truncation")


#: Characters of MSH-2 that are looked at: five, and some to see that there are too many.
ENCODING_LIMIT: Final = 8


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The characters that structure one message; an empty text stands for one that it does not have."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding_characters(self) -> str:
        """MSH-2 as Wardwire writes it for these delimiters."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation


DEFAULT: Final = Delimiters()


def usable(character: str) -> bool:
    """Whether a character can delimit: printable ASCII, neither letter, digit nor blank."""
    return len(character) == 1 and "!" <= character <= "~" and not character.isalnum()


@lru_cache(maxsize=256)
def read_delimiters(field: str, encoding_characters: str) -> tuple[Delimiters, tuple[str, ...]]:
    """Delimiters from MSH-1 (which the caller has found usable) and MSH-2, with what was forgiven.

    A missing delimiter is absent from the message, not replaced by the usual one: text may hold that
    character. Two faults of senders are mended because they are unambiguous: a doubled character (a
    backslash escaped twice by a programming language) counts once, and `^~&` lost its backslash.
    """
    problems: list[str] = []
    characters = "".join(dict.fromkeys(encoding_characters))
    if characters != encoding_characters:
        problems.append("MSH-2 repeats a delimiter; the repeat was ignored")
    if characters == "^~&":
        problems.append("MSH-2 lacks the escape character; escapes are read as text")
        return Delimiters(field, "^", "~", "", "&"), tuple(problems)
    if len(characters) > len(_ROLES):
        problems.append("MSH-2 has more than five characters; the rest was ignored")
    found: dict[str, str] = {}
    for role, character in zip(_ROLES, characters, strict=False):
        if usable(character) and character != field:
            found[role] = character
        else:
            problems.append(f"the {role} delimiter in MSH-2 cannot delimit; the message is read without one")
            found[role] = ""
    missing = _ROLES[len(characters) : -1]
    if missing:
        problems.append(f"MSH-2 is short: no {', '.join(missing)} delimiter")
        found.update(dict.fromkeys(missing, ""))
    return Delimiters(field, **found), tuple(problems)
