"""The recipient's delimiters and character set are obeyed to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappers.domain.issues import Refused
from mappers.hl7v2 import tokens
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.outbound import oru_r01
from mappers.hl7v2.outbound.recipient import Recipient
from tests.mappers.hl7v2.outbound.facts import CHANNEL, NOW, facts, fixture, read


def named(family: str):
    (report,) = fixture("demo/2-final.hl7")
    name = replace(report.patient.names[0], family=family)
    return replace(report, patient=replace(report.patient, names=(name,)))


def write(report, **more) -> bytes:
    return oru_r01.write(report, recipient=Recipient(**more), now=NOW).named("W1")


@pytest.mark.parametrize(
    ("character_set", "family"),
    [
        ("UNICODE UTF-8", "Łukaszewicz-Ñíguez"),
        ("8859/1", "Muñoz"),
        ("8859/2", "Łukaszewicz"),
        ("8859/5", "Иванова"),
        ("8859/7", "Παπαδοπούλου"),
        ("8859/15", "Œuvré €"),
        ("GB 18030-2000", "诸葛"),
        ("BIG-5", "諸葛"),
        ("KS X 1001", "김철수"),
        ("ISO IR87", "山田"),
        ("ASCII", "Munoz"),
    ],
)
def test_each_character_set_comes_back(character_set: str, family: str) -> None:
    """What is written in a character set is read in it."""
    (again,) = read(write(named(family), character_set=character_set))

    assert family == again.patient.names[0].family


@pytest.mark.parametrize("character_set", ["ASCII", "8859/5", "BIG-5", "ISO IR87"])
def test_a_character_that_cannot_be_said_is_refused_with_its_place(character_set: str) -> None:
    """No question mark ever stands for a letter; the issue does not repeat it."""
    with pytest.raises(Refused) as refused:
        write(named("Muñoz"), character_set=character_set)

    assert "PID[1]-5" == refused.value.issue.location
    assert "ñ" not in str(refused.value)


def test_or_it_is_escaped_where_that_was_agreed() -> None:
    """The hexadecimal bytes of its UTF-8 form, as the recipient agreed to."""
    raw = write(named("Muñoz"), character_set="ASCII", escape_unencodable=True)

    assert raw.isascii()
    assert rb"Mu\XC3B1\oz^" in raw
    assert b"?" not in raw


def test_other_delimiters() -> None:
    """All of them are the recipient's, and what was text stays text."""
    marks = Delimiters("!", "@", "*", "?", "%", "#")
    report = named("A!B@C*D?E%F#G|^~\\&")
    (again,) = read(write(report, delimiters=marks, version="2.8.2"))

    assert dict(facts(report)) == dict(facts(again))
    assert write(report, delimiters=marks).startswith(b"MSH!@*?%#!WARDWIRE!")


def test_a_message_has_no_byte_of_the_frame() -> None:
    """Control characters of a value never become bytes on the wire."""
    raw = write(named("A\x0bB\x1cC\rMSH|D"))

    assert not {0x0B, 0x1C} & set(raw)
    assert 1 == raw.count(b"MSH|")
    assert 1 == len(tokens.parse(raw, channel=CHANNEL).value.named("PID"))


def test_two_quotation_marks_delete_nothing() -> None:
    """A value that is two quotation marks is not HL7 null."""
    (again,) = read(write(named('""')))

    assert '""' == again.patient.names[0].family


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "2.2"},
        {"version": "3.0"},
        {"delimiters": Delimiters(escape="")},
        {"delimiters": Delimiters(subcomponent="^")},
    ],
)
def test_a_recipient_that_cannot_be_written_for(wrong: dict[str, object]) -> None:
    """Old versions and short delimiters are refused when they are agreed, not when a result waits."""
    with pytest.raises(ValueError):
        Recipient(**wrong)
