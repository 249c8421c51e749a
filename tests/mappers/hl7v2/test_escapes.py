"""Escape sequences: each is read once, what cannot be read stays and is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from mappers.hl7v2.delimiters import DEFAULT, Delimiters
from mappers.hl7v2.escapes import HEX, MAX_SPACING, SWITCH, UNKNOWN, escape, leftovers, unescape
from tests.mappers.hl7v2.strategies import delimiter_sets, texts

TRUNCATING = Delimiters(truncation="#")


@pytest.mark.parametrize(
    ("meant", "sent"),
    [
        ("|", r"\F\ "),
        ("^", r"\S\ "),
        ("&", r"\T\ "),
        ("~", r"\R\ "),
        ("\\", r"\E\ "),
        ("#", r"\P\ "),
        ("\n", r"\.br\ "),
        ("\n", r"\.BR\ "),
        ("\n", r"\.sp\ "),
        ("\n\n\n", r"\.sp3\ "),
        ("\n\n", r"\.sp 2\ "),
        ("  ", r"\.sk2\ "),
        ("\n", r"\.ce\ "),
        ("", r"\.fi\ "),
        ("", r"\.nf\ "),
        ("", r"\.in+4\ "),
        ("", r"\.ti-4\ "),
        ("", r"\H\ "),
        ("", r"\N\ "),
        ("\r\n", r"\X0D0A\ "),
        ("!", r"\X21\ "),
        ("\t", r"\X09\ "),
    ],
)
def test_each_sequence_has_its_meaning(meant: str, sent: str) -> None:
    """Delimiters, formatting, highlighting and hexadecimal data stand for what chapter 2 says."""
    assert meant + " " == unescape(sent, TRUNCATING)
    assert [] == list(leftovers(sent, TRUNCATING))


def test_text_is_unescaped_once() -> None:
    r"""What an escaped backslash brings to light is text: `\E\F\E\` is a written `\F\`."""
    assert r"\F\ and |" == unescape(r"\E\F\E\ and \F\ ".rstrip(), DEFAULT)


def test_hexadecimal_data_is_in_the_character_set_of_the_message() -> None:
    r"""A micro sign escaped byte by byte in UTF-8, or as one byte of 8859/1."""
    assert "µg" == unescape(r"\XC2B5\g", DEFAULT, codec="utf-8")
    assert "µg" == unescape(r"\XC2\\XB5\g", DEFAULT, codec="utf-8")
    assert "µg" == unescape(r"\XB5\g", DEFAULT, codec="iso8859-1")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (r"a \Q\ b", UNKNOWN),
        (r"a \.xx\ b", UNKNOWN),
        (rf"a \.sp{MAX_SPACING + 1}\ b", UNKNOWN),
        (r"a \.br4\ b", UNKNOWN),
        (r"a \P\ b", UNKNOWN),
        (r"C:\Labor", UNKNOWN),
        (r"\X0\ ", UNKNOWN),
        (r"\XFF\ ", HEX),
        (r"\X0B\ ", HEX),
        (r"\X1C0D\ ", HEX),
        (r"\C2842\ ", SWITCH),
        (r"\M2442\ ", SWITCH),
        (r"\Z12\ ", SWITCH),
    ],
)
def test_what_cannot_be_read_stays_and_is_named(sent: str, reason: str) -> None:
    """Unknown sequences, bytes that do not decode, control characters and switches are never dropped."""
    assert sent == unescape(sent, DEFAULT)
    assert {reason} == {found for _, found in leftovers(sent, DEFAULT)}


def test_a_leftover_has_its_position() -> None:
    """The reader of the message turns the position into a field."""
    assert [(2, UNKNOWN), (8, SWITCH), (14, UNKNOWN)] == list(leftovers("a \\ b\\F\\\\Zx\\  \\", DEFAULT))


def test_without_an_escape_character_text_is_text() -> None:
    """A message whose MSH-2 names no escape character has no escapes."""
    plain = Delimiters(escape="")

    assert r"\F\ " == unescape(r"\F\ ", plain)
    assert [] == list(leftovers(r"\F\ ", plain))
    with pytest.raises(ValueError, match="no escape character"):
        escape("a|b", plain)


def test_line_ends_are_written_as_receivers_expect_them() -> None:
    r"""A line feed becomes `\.br\`; where the point delimits, hexadecimal data."""
    assert r"a\.br\b" == escape("a\nb", DEFAULT)
    assert "a\\X0A\\b" == escape("a\nb", Delimiters(subcomponent="."))


def test_nothing_that_frames_gets_out() -> None:
    """The bytes that end a segment or a frame leave as hexadecimal digits."""
    assert r"\X0B\\X1C\\X0D\ " == escape("\x0b\x1c\r ", DEFAULT)


@settings(deadline=None)
@given(texts, delimiter_sets())
def test_unescape_undoes_escape(text: str, delimiters: Delimiters) -> None:
    """For any text and any delimiters."""
    assert text == unescape(escape(text, delimiters), delimiters)


@settings(deadline=None)
@given(texts, delimiter_sets())
def test_escaped_text_holds_no_delimiter(text: str, delimiters: Delimiters) -> None:
    """Nothing in it can be taken for structure, but the escape character itself."""
    structural = set(delimiters.field + delimiters.encoding_characters + "\r\n") - {delimiters.escape}

    assert set() == structural & set(escape(text, delimiters))


@settings(deadline=None)
@given(texts, delimiter_sets())
def test_reading_any_text_never_fails(text: str, delimiters: Delimiters) -> None:
    """Whatever stands between escape characters."""
    messy = text.replace("a", delimiters.escape)

    unescape(messy, delimiters)
    assert all(0 <= position < len(messy) for position, _ in leftovers(messy, delimiters))
