"""Original or enhanced mode, and which acknowledgement of a message is sent when.

MSH-15 (accept) and MSH-16 (application) hold a condition of table 0155: AL always, NE never, ER on error or
reject, SU on success. Both empty: original mode. Either valued: enhanced mode, in which the other one, where
empty, is NE. A value that is not of the table is a slip of the sender's: it does not choose the mode, and
where the other field does, it counts as AL, since an answer too many hurts less than one too few.

| mode     | MSH-15       | MSH-16       | the door says | at once, after the commit | later, of its own  |
|----------|--------------|--------------|---------------|---------------------------|--------------------|
| original | empty        | empty        | anything      | AA, AE or AR              |                    |
| enhanced | AL, SU       | any          | accepted      | CA                        | as MSH-16 says     |
| enhanced | NE, ER       | any          | accepted      | nothing                   | as MSH-16 says     |
| enhanced | AL, ER       | any          | error, reject | CE or CR                  | nothing            |
| enhanced | NE, SU       | AL, ER       | error, reject | AE or AR                  | nothing            |
| enhanced | NE, SU       | NE, SU       | error, reject | nothing                   | nothing            |

"As MSH-16 says", once the message was processed: AL: AA or AE. SU: AA on success only. ER: AE on failure
only. NE: nothing. A message that the door refused is never processed, so nothing is owed later; who wanted to
hear of errors from the application alone hears of this one at once.

An acknowledgement (MSH-9 is ACK, or there is an MSA) is never acknowledged, whatever its MSH-15 and 16 say:
two systems that acknowledge acknowledgements never stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from mappers.domain.acknowledgement import Level, Verdict
from mappers.hl7v2.envelope import Peek


class Condition(StrEnum):
    """Table 0155."""

    ALWAYS = "AL"
    NEVER = "NE"
    ERROR = "ER"
    SUCCESS = "SU"


class Answering(NamedTuple):
    """What a sender is owed for one message.

    Attributes:
        now: the level at which it is answered once it is committed; None is silence.
        later: when the application acknowledges it in a message of its own.
    """

    now: Level | None
    later: Condition


_C = Condition
#: Both fields of original mode and all sixteen of enhanced mode: (MSH-15, MSH-16) -> accepted, refused.
_ENHANCED: Final[Mapping[tuple[Condition, Condition], tuple[Answering, Answering]]] = MappingProxyType(
    {
        (accept, application): (
            Answering(Level.ACCEPT if accept in {_C.ALWAYS, _C.SUCCESS} else None, application),
            Answering(
                Level.ACCEPT
                if accept in {_C.ALWAYS, _C.ERROR}
                else Level.APPLICATION
                if application in {_C.ALWAYS, _C.ERROR}
                else None,
                _C.NEVER,
            ),
        )
        for accept in _C
        for application in _C
    }
)
_ORIGINAL: Final = Answering(Level.ORIGINAL, Condition.NEVER)
_SILENCE: Final = Answering(None, Condition.NEVER)
_NULL: Final = '""'
_ACKNOWLEDGEMENT: Final = "ACK"


def answering(peek: Peek | None, verdict: Verdict) -> Answering:
    """What is owed for a message of this envelope: the table above.

    Args:
        peek: the envelope; None for bytes without one, which are answered as in original mode.
        verdict: what the door said.
    """
    if peek is None:
        return _ORIGINAL
    if is_acknowledgement(peek):
        return _SILENCE
    accept, application = peek.accept_acknowledgement, peek.application_acknowledgement
    if not (accept or application):
        return _ORIGINAL
    return owed(accept, application, verdict)


@lru_cache(maxsize=256)
def owed(accept: str, application: str, verdict: Verdict) -> Answering:
    """The same for a message that is no acknowledgement, from MSH-15 and MSH-16 as sent."""
    first, second = _condition(accept[:8]), _condition(application[:8])
    if not (first.valid or second.valid):
        return _ORIGINAL
    accepted, refused = _ENHANCED[first.condition, second.condition]
    return accepted if verdict is Verdict.ACCEPTED else refused


def is_acknowledgement(peek: Peek) -> bool:
    """Whether a message answers another one: its type is ACK, or it holds an MSA."""
    component = peek.delimiters.component or "^"
    name = peek.message_type.split(component, 1)[0].strip().upper()
    return name == _ACKNOWLEDGEMENT or peek.has_acknowledgement


class _Field(NamedTuple):
    """One of the two fields: what it counts as, and whether it chooses enhanced mode."""

    condition: Condition
    valid: bool


def _condition(sent: str) -> _Field:
    text = sent.strip().upper()
    if not text or text == _NULL:
        return _Field(Condition.NEVER, valid=False)
    if text in _CODES:
        return _Field(Condition(text), valid=True)
    return _Field(Condition.ALWAYS, valid=False)


_CODES: Final = frozenset(condition.value for condition in Condition)
