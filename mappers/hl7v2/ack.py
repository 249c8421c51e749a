"""Acknowledgements: MSH, MSA and ERR in the sender's delimiters, version and character set.

Written by hand, because it stands on the path of every message, and it never raises, whatever MSH looks
like. Only names and numbers are echoed (MSH-3 to 6, 10), byte for byte but for control characters; MSH-11,
12 and 18 are echoed where they are codes. Issue texts hold no values of the message, so neither do answers.
Which answer is owed when is the affair of `ack_mode`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from mappers.domain.acknowledgement import Ack, Level, Verdict
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.times import Moment
from mappers.hl7v2 import tables
from mappers.hl7v2.delimiters import DEFAULT, Delimiters
from mappers.hl7v2.envelope import Peek
from mappers.hl7v2.escapes import escape

#: What an answer says where the message says nothing usable. P, for an answer marked T could be ignored.
PROCESSING_ID: Final = "P"
VERSION: Final = "2.5.1"

#: Longest echoed field: HD may hold 227 characters, MSH-10 199.
_ECHO_LIMIT: Final = 256
#: ERR-8 is 250 characters long.
_TEXT_LIMIT: Final = 250
#: All but the tab, which ends nothing.
_CONTROLS: Final = dict.fromkeys([*range(0x09), *range(0x0A, 0x20), 0x7F])
#: Table 0008, enhanced mode.
_ACCEPT: Final = {Verdict.ACCEPTED: "CA", Verdict.ERROR: "CE", Verdict.REJECTED: "CR"}
#: MSH-7 and 8, and MSH-13 to 17, say nothing that an answer repeats.
_NOT_ECHOED: Final = (7, 8, 13, 14, 15, 16, 17)
_LAST_ECHOED: Final = 18
#: What an answer repeats in its header: to whom as from whom, from whom as to whom, MSH-9, 11, 12, 18.
_ECHOED: Final = (5, 6, 3, 4, 9, 11, 12, 18)
_SPARE: Final = "^~\\&!$*%:;"
_VERSION: Final = re.compile(r"2(?:\.[0-9A-Za-z]{1,3}){0,3}")
_PROCESSING: Final = re.compile(r"[PTD]([^A-Za-z0-9][ARITN])?")
_TRIGGER: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_LOCATION: Final = re.compile(r"([A-Z][A-Z0-9]{2})\[(\d+)\](?:-(\d+)(?:\((\d+)\))?(?:\.(\d+)(?:\.(\d+))?)?)?")
#: Table 0516.
_SEVERITY: Final = {
    Severity.FATAL: "E",
    Severity.ERROR: "E",
    Severity.WARNING: "W",
    Severity.INFORMATION: "I",
}
#: Application errors that have a code in table 0533 (ERR-5) and, up to v2.6, one of their own in 0357.
_APPLICATION: Final = {
    IssueCode.NOT_FOUND: ("101", "Unknown Key Identifier", "204"),
    IssueCode.DUPLICATE: ("102", "Duplicate Key Identifier", "205"),
}


def write(peek: Peek | None, ack: Ack, *, now: Moment) -> bytes:
    """The answer to a message.

    Args:
        peek: the envelope of the message; None when it has none.
        ack: what was decided; its issues become ERR segments (one ERR-1 before v2.5).
        now: MSH-7.
    """
    if peek is None:
        return _write(_NOBODY, ack, now)
    return _write(peek, ack, now)


def address(peek: Peek) -> str:
    """The MSH of a message as far as an answer echoes it, to be kept and peeked at again."""
    delimiters = complete(peek.delimiters)
    fields = [echo(peek.header(n)) for n in range(3, _LAST_ECHOED + 1)]
    for n in _NOT_ECHOED:
        fields[n - 3] = ""
    return delimiters.field.join(("MSH", delimiters.encoding_characters, *fields))


def _write(peek: Peek, ack: Ack, now: Moment) -> bytes:
    delimiters = complete(peek.delimiters)
    bar = delimiters.field
    echoed = tuple([peek.header(n)[:_ECHO_LIMIT] for n in _ECHOED])
    version, before, behind = _header(delimiters, echoed, now.text, original=ack.level is Level.ORIGINAL)
    code = _ACCEPT[ack.verdict] if ack.level is Level.ACCEPT else ack.verdict.value
    answer = f"{before}{ack.control_id}{behind}\rMSA{bar}{code}{bar}{echo(peek.control_id)}"
    end = _errors(ack.issues, version, delimiters) if ack.issues else ""
    if ack.expected_sequence_number is not None:
        end = _numbered(end, ack.expected_sequence_number, bar)
    return f"{answer}{end}\r".encode("latin-1", "replace")


@lru_cache(maxsize=256)
def _header(
    delimiters: Delimiters, echoed: tuple[str, ...], now: str, *, original: bool
) -> tuple[str, str, str]:
    """MSH-12, and MSH before and behind MSH-10: one sender's answers within a second have it in common."""
    bar, component = delimiters.field, delimiters.component
    *names, message_type, processing_id, sent_version, sent_character_set = echoed
    version = _version(sent_version, component)
    character_set = _character_set(sent_character_set, delimiters.repetition)
    before = ("MSH", delimiters.encoding_characters, *map(echo, names), date_time(Moment(now)), "")
    behind = f"{bar}{_processing_id(processing_id)}{bar}{version}"
    if not original:
        # MSH-15 and 16 of an answer in enhanced mode: nobody acknowledges an acknowledgement.
        behind += f"{bar * 3}NE{bar}NE"
    if character_set:
        behind += bar * (6 if original else 2) + character_set
    return version, bar.join((*before, _message_type(message_type, version, component), "")), behind


def _numbered(end: str, expected: int, bar: str) -> str:
    """The end of an answer with MSA-4 in it; MSA-3 before it may be filled, ERR segments may follow."""
    text, separator, errors = end.partition("\r")
    return f"{text or bar}{bar}{expected}{separator}{errors}"


def echo(text: str) -> str:
    """A field of the sender's, with nothing in it that could end a segment or a frame."""
    if text.isprintable() and len(text) <= _ECHO_LIMIT:
        return text
    return text[:_ECHO_LIMIT].translate(_CONTROLS)


@lru_cache(maxsize=256)
def complete(delimiters: Delimiters) -> Delimiters:
    """The sender's delimiters, with those that it lacks chosen from the usual ones that it does not use."""
    used = {delimiters.field, *delimiters.encoding_characters}
    found: dict[str, str] = {}
    for role in ("component", "repetition", "escape", "subcomponent"):
        own: str = getattr(delimiters, role)
        found[role] = own or next(one for one in (getattr(DEFAULT, role), *_SPARE) if one not in used)
        used.add(found[role])
    return replace(delimiters, **found)


def _version(text: str, component: str) -> str:
    """MSH-12.1 where it looks like a version, known or not."""
    version = text.split(component, 1)[0].strip()
    return version if _VERSION.fullmatch(version) else VERSION


def _processing_id(text: str) -> str:
    return text if _PROCESSING.fullmatch(text) else PROCESSING_ID


def _character_set(text: str, repetition: str) -> str:
    """MSH-18 as sent, for what is echoed is in it and the rest is ASCII; empty where it is no known set."""
    names = text.split(repetition)
    return text if all(not name.strip() or tables.codec(name) for name in names) else ""


def _message_type(text: str, version: str, component: str) -> str:
    """MSH-9 in the form of the version: `ACK`, from 2.3 with the trigger, from 2.3.1 with the structure."""
    parts = text.split(component)
    trigger = parts[1].strip() if len(parts) > 1 else ""
    if version < "2.3" or not _TRIGGER.fullmatch(trigger):
        return "ACK"
    return f"ACK{component}{trigger}" + ("" if version == "2.3" else f"{component}ACK")


def date_time(now: Moment) -> str:
    """A moment as DTM, `20261122101112.123+0100`, with what precision it has (chapter 2A, DTM)."""
    text = now.text
    date, time, rest = text[:10].replace("-", ""), text[11:19].replace(":", ""), text[19:]
    if rest.endswith("Z"):
        rest = rest[:-1] + "+00:00"
    fraction, offset = rest[:-6], rest[-6:].replace(":", "")
    # DTM has four digits of a second.
    return f"{date}{time}{fraction[:5]}{offset}"


def _errors(issues: tuple[Issue, ...], version: str, delimiters: Delimiters) -> str:
    """ERR for each issue; before v2.5 one ERR that repeats ERR-1, and the first text in MSA-3."""
    if version < "2.5":
        old = delimiters.repetition.join(_error_1(issue, delimiters) for issue in issues)
        return f"{delimiters.field}{_text(issues[0].text, delimiters)}\rERR{delimiters.field}{old}"
    return "".join(f"\rERR{delimiters.field}{_error(issue, version, delimiters)}" for issue in issues)


def _error(issue: Issue, version: str, delimiters: Delimiters) -> str:
    """ERR-1 to ERR-8 from v2.5 on."""
    code = _code(issue, old=version < "2.7")
    own = ""
    if issue.code in _APPLICATION:
        own = _coded(*_APPLICATION[issue.code][:2], "HL70533", separator=delimiters.component)
    return delimiters.field.join(
        (
            "",
            delimiters.component.join(_place(issue.location)),
            _coded(code, tables.display("0357", code) or "", "HL70357", separator=delimiters.component),
            _SEVERITY[issue.severity],
            own,
            "",
            "",
            _text(issue.text, delimiters),
        )
    )


def _error_1(issue: Issue, delimiters: Delimiters) -> str:
    """ELD: segment, sequence, field, and the error as a CE of subcomponents."""
    segment, ordinal, field, *_ = (*_place(issue.location), "", "", "")
    code = _code(issue, old=True)
    error = _coded(code, tables.display("0357", code) or "", "HL70357", separator=delimiters.subcomponent)
    return delimiters.component.join((segment, ordinal, field, error))


def _code(issue: Issue, *, old: bool) -> str:
    """Table 0357; 0 for what did not hinder acceptance."""
    application = _APPLICATION.get(issue.code)
    if application and old and issue.hl7_error in {None, "207"}:
        return application[2]
    if issue.hl7_error:
        return issue.hl7_error
    return "207" if issue.severity in {Severity.FATAL, Severity.ERROR} else "0"


def _place(location: str) -> tuple[str, ...]:
    """ERL: segment, sequence, field, repetition, component, subcomponent, as far as known."""
    match = _LOCATION.fullmatch(location)
    if match is None:
        return ()
    segment, ordinal, field, repetition, component, subcomponent = match.groups()
    place = [segment, ordinal]
    if field:
        place.append(field)
    if repetition or component:
        place.append(repetition or "1")
    place += [part for part in (component, subcomponent) if part]
    return tuple(place)


def _coded(code: str, text: str, system: str, *, separator: str) -> str:
    return separator.join((code, text, system))


def _text(text: str, delimiters: Delimiters) -> str:
    return escape(text[:_TEXT_LIMIT].encode("ascii", "replace").decode("ascii"), delimiters)


#: Stands for a sender that could not be read.
_NOBODY: Final = Peek(b"", start=0, fields=[], delimiters=DEFAULT)
